"""OpenSignals in HDF5, through the ``h5py`` package: a group for a device, its signals below ``raw``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.errors import MissingExtraError, SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, recording_of
from wearecg.formats.opensignals import COUNTER, LSB
from wearecg.formats.recording import Stored
from wearecg.rates import as_rate
from wearecg.text import one_line


class OpenSignalsH5(Format):
    """OpenSignals in HDF5."""

    name: ClassVar[str] = "opensignals-h5"
    title: ClassVar[str] = "OpenSignals HDF5 (BITalino, biosignalsplux)"
    suffixes: ClassVar[tuple[str, ...]] = (".h5", ".hdf5")
    package: ClassVar[tuple[str, str]] = ("h5py", "hdf5")

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the signature of HDF5."""
        return head.startswith(b"\x89HDF\r\n\x1a\n")

    def open(self, path: Path, told: Told) -> Stored:
        """Open the file at ``path``."""
        try:
            import h5py
        except ImportError:
            raise MissingExtraError("h5py", "hdf5", "reading HDF5 files") from None
        try:
            file = h5py.File(path, "r")
            devices = [node for node in file.values() if isinstance(node, h5py.Group) and "raw" in node]
            if not devices:
                raise SignalError(f"{path} is no recording of OpenSignals: no group of it has raw signals")
            if len(devices) > 1:
                raise SourceError(f"{path} is of {len(devices)} devices; export each by itself")
            return _open(path, devices[0], told)
        except (SourceError, SignalError):
            raise
        except Exception as error:  # the package raises whatever it stumbles over
            raise SourceError(f"{path} cannot be read as HDF5: {one_line(error)}") from error


def _open(path: Path, device: Any, told: Told) -> Stored:
    said, fs = device.attrs, as_rate(_one(device.attrs["sampling rate"]))
    sets = {name: node for name, node in device["raw"].items() if name.startswith("channel")}
    bits = [int(bit) for bit in np.ravel(said["resolution"])][-len(sets) :]
    sensors = [_text(node.attrs.get("sensor", name)) for name, node in sets.items()]
    channels = []
    for sensor, bit, node in zip(sensors, bits, sets.values(), strict=True):
        unit = "mV" if bit in LSB else f"counts of {bit} bits"
        channels.append(Channel(sensor, fs, len(node), unit, LSB.get(bit, 0.0)))
    nodes = list(sets.values())
    if COUNTER in device["raw"] and (np.diff(np.ravel(device["raw"][COUNTER][:]).astype(np.int64)) > 1).any():
        raise SourceError(f"{path} lacks rows, by its {COUNTER}; export it as text, of which gaps are read")

    def read(columns: Sequence[int], first: int, last: int) -> Floats:
        found = np.full((last - first, len(columns)), np.nan)
        for place, column in enumerate(columns):
            counts = np.ravel(nodes[column][first:last])
            found[: len(counts), place] = (counts - 2.0 ** (bits[column] - 1)) * LSB.get(bits[column], 1.0)
        return found

    epoch = None
    with suppress(KeyError, ValueError):
        when = f"{_text(said['date'])} {_text(said['time'])}".partition(".")[0]
        epoch = datetime.strptime(when, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    return recording_of(path, channels, read, told, epoch=epoch)


def _one(value: Any) -> Any:
    return np.ravel(value)[0].item()


def _text(value: Any) -> str:
    value = np.ravel(value)[0] if np.ndim(value) else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
