"""AliveCor's ATC files (specification 1.7): blocks with a name, a length, their data and a sum of all their bytes."""

from __future__ import annotations

import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.ecg.leads import TWELVE
from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, read_bytes, recording_of, whole
from wearecg.formats.recording import Stored

SIGNATURE = b"ALIVE\0\0\0"
LARGEST = 64 << 20
_LEADS = dict(zip((b"ecg ", *(b"ecg%c" % digit for digit in b"23456789abc")), TWELVE, strict=True))
_FORMAT = struct.Struct("<BHHB")
_COMPUTED = ("III", "aVR", "aVL", "aVF")


class Atc(Format):
    """AliveCor Kardia."""

    name: ClassVar[str] = "atc"
    title: ClassVar[str] = "AliveCor ATC 1.4 to 1.7: one, six or twelve leads"
    suffixes: ClassVar[tuple[str, ...]] = (".atc",)

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its signature."""
        return head.startswith(SIGNATURE)

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        blocks, remarks = _blocks(path)
        if len(blocks.get(b"fmt ", b"")) < _FORMAT.size:
            raise SourceError(f"{path} has no block that tells its format")
        kind, fs, nanovolts, _ = _FORMAT.unpack(blocks[b"fmt "][: _FORMAT.size])
        if kind != 1 or not fs:
            raise SourceError(f"{path}: format {kind} at {fs} Hz is not known; known is format 1, of 16 bits")
        channels, arrays = [], []
        for block, lead in _LEADS.items():
            if block in blocks:
                counts = np.frombuffer(blocks[block][: len(blocks[block]) // 2 * 2], "<i2").astype(np.float64)
                derived = lead in _COMPUTED and b"ecg2" in blocks
                unit = "nV" if nanovolts else ""
                channels.append(Channel(lead, float(fs), len(counts), unit, nanovolts, derived))
                arrays.append(counts * (nanovolts or 1))
        if not channels:
            raise SignalError(f"{path} holds no ECG: it has no block of a lead")
        epoch = _epoch(blocks.get(b"info", b"")[:32])
        return whole(recording_of(path, channels, of_arrays(arrays), told, epoch=epoch, remarks=remarks))


def _blocks(path: Path) -> tuple[dict[bytes, bytes], list[str]]:
    """Return the data of each block by its name, and what is wrong."""
    data = read_bytes(path, 0, LARGEST)
    blocks: dict[bytes, bytes] = {}
    at = len(SIGNATURE) + 4
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body, end = data[at + 8 : at + 8 + length], at + 8 + length
        # The specification says CRC; the maker's own programs add up the bytes.
        total = sum(data[at:end]) & 0xFFFFFFFF
        text = name.decode("latin-1").strip()
        if end + 4 > len(data):
            blocks.setdefault(name, body)
            return blocks, [f"{path.name} was cut short in its block {text!r}"]
        if total != int.from_bytes(data[end : end + 4], "little"):
            raise SourceError(f"{path}: the checksum of its block {text!r} does not fit: it is damaged")
        blocks.setdefault(name, body)
        at = end + 4
    return blocks, []


def _epoch(said: bytes) -> float | None:
    """Return the Unix time of the recording; without a zone the clock is read as UTC."""
    with suppress(ValueError):
        when = datetime.fromisoformat(said.split(b"\0")[0].decode("ascii", "replace").strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None
