"""Arrays without a recording around them: NumPy's NPZ, and MATLAB's version 4, as CinC 2017 to 2021 have it.

A MATLAB file beside its WFDB header is a WFDB record.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import ClassVar
from zipfile import BadZipFile

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, of_arrays, read_bytes, recording_of
from wearecg.formats.recording import Stored
from wearecg.rates import as_rate
from wearecg.text import one_line, visible

LARGEST = 1 << 30
_HEADER = struct.Struct("<5i")
_TYPES = {0: "<f8", 10: "<f4", 20: "<i4", 30: "<i2", 40: "<u2", 50: "u1"}
_RATES = ("fs", "sampling_rate", "sfreq")
_SAMPLES = ("samples", "ecg", "signal", "val")


class Mat(Format):
    """MATLAB 4."""

    name: ClassVar[str] = "mat"
    title: ClassVar[str] = "MATLAB 4 (val, as of CinC), with --fs and --leads; beside a header it is WFDB"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its header; of later versions by their text."""
        if path.suffix.lower() != ".mat":
            return False
        return len(head) >= _HEADER.size

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        data = read_bytes(path, 0, LARGEST)
        kind, rows, columns, imaginary, length = _HEADER.unpack(data[: _HEADER.size])
        if kind not in _TYPES or imaginary or not 0 < length < 64 or rows < 1 or columns < 1:
            raise SourceError(f"{path} is no MATLAB file of version 4; save it as that, or as CSV")
        dtype = np.dtype(_TYPES[kind])
        raw = data[_HEADER.size + length :]
        if len(raw) < rows * columns * dtype.itemsize:
            there = len(raw) // dtype.itemsize // rows
            raise SourceError(f"{path} has {there} samples of {columns}: it was cut short")
        values = np.frombuffer(raw, dtype, rows * columns).reshape(columns, rows).astype(np.float64)
        return _recording(path, values, told.fs, (), told)


class Npz(Format):
    """NumPy."""

    name: ClassVar[str] = "npz"
    title: ClassVar[str] = "NumPy NPZ: samples [n, leads] in mV or, with unit, others; fs, leads"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its name, and that it is an archive."""
        return path.suffix.lower() == ".npz" and head.startswith(b"PK")

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        try:
            with np.load(path, allow_pickle=False) as file:
                name = next((name for name in _SAMPLES if name in file), None)
                if name is None:
                    raise SignalError(
                        f"{path} holds no samples: it has {', '.join(map(visible, file)) or 'nothing'}"
                    )
                values = np.asarray(file[name], np.float64)
                rate = next((float(file[key]) for key in _RATES if key in file), told.fs)
                leads = tuple(map(str, np.ravel(file["leads"]))) if "leads" in file else ()
                unit = str(file["unit"]) if "unit" in file else "mV"
        except (OSError, ValueError, TypeError, BadZipFile, EOFError) as error:
            if isinstance(error, SignalError):
                raise
            raise SourceError(f"{path} cannot be read as NPZ: {one_line(error)}") from error
        if values.ndim == 1:
            values = values[:, None]
        return _recording(path, values, rate, leads, told, unit)


def _recording(
    path: Path, values: Floats, fs: float | None, names: tuple[str, ...], told: Told, unit: str = ""
) -> Stored:
    if values.ndim != 2:
        raise SourceError(f"{path} has an array of {values.ndim} dimensions; two are samples and leads")
    if fs is None:
        raise SourceError(f"{path} does not say its rate: give it (--fs HZ)")
    names = names or tuple(f"channel {k + 1}" for k in range(values.shape[1]))
    if len(names) != values.shape[1]:
        raise SourceError(f"{path} names {len(names)} leads and has {values.shape[1]}")
    channels = [Channel(name, as_rate(fs), len(values), unit) for name in names]
    return recording_of(path, channels, of_arrays(list(values.T)), told)
