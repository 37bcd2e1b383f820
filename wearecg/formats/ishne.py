"""ISHNE Holter files (Badilini 1998): a header of 522 bytes and a block of text, then the leads, interleaved."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.ecg.leads import TWELVE, UNKNOWN
from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, read_bytes, recording_of
from wearecg.formats.recording import Stored

MAGIC = b"ISHNE1.0"
HEADER = 522
_HASHED = 10
"""Where the bytes of which there is a checksum begin."""
LEADS = dict(enumerate(TWELVE, 5))
"""Other codes (bipolar, X, Y, Z, ES, AS, AI) name no lead of the twelve."""
_FIELDS = struct.Struct("<8sHiiiih40s40s20shh3h3h3h3hh12h12h12hh40sh")
_MISSING = -32768


class Ishne(Format):
    """ISHNE Holter."""

    name: ClassVar[str] = "ishne"
    title: ClassVar[str] = "ISHNE Holter (1.0); not its annotation files"
    suffixes: ClassVar[tuple[str, ...]] = (".ecg",)

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its first eight bytes."""
        return head.startswith(MAGIC)

    def open(self, path: Path, told: Told) -> Stored:
        """Open the file at ``path``."""
        head = read_bytes(path, 0, HEADER)
        if len(head) < HEADER:
            raise SourceError(f"{path}: its header is cut short")
        fields = _FIELDS.unpack(head[: _FIELDS.size])
        said, at = fields[3], fields[5]
        day, month, year = fields[15:18]
        hour, minute, second = fields[21:24]
        count, codes, resolutions, fs = fields[24], fields[25:37], fields[49:61], fields[63]
        if not 0 < count <= len(codes):
            raise SignalError(f"{path} has {count} leads")
        if fs <= 0 or at < HEADER:
            raise SourceError(f"{path}: a rate of {fs} Hz, or leads from byte {at} on, are none")
        held = max(0, path.stat().st_size - at) // (2 * count)
        remarks = []
        # Some recorders count the samples of all leads together.
        length = said if said <= held else said // count
        if length > held:
            remarks.append(
                f"{path.name}: the last {(length - held) / fs:.1f} s are missing, the file was cut short"
            )
            length = held
        if not _is_whole(path, head, at):
            remarks.append(
                f"{path.name}: the checksum of its header does not fit: it is damaged, or was edited"
            )
        channels = [
            Channel(LEADS.get(code, UNKNOWN), float(fs), length, "nV" if step > 0 else "", max(0, step))
            for code, step in zip(codes[:count], resolutions[:count], strict=True)
        ]

        def read(columns: Sequence[int], first: int, last: int) -> Floats:
            raw = read_bytes(path, at + 2 * count * first, 2 * count * (last - first))
            rows = np.frombuffer(raw[: len(raw) // (2 * count) * 2 * count], "<i2").reshape(-1, count)
            found = np.full((last - first, len(columns)), np.nan)
            for place, column in enumerate(columns):
                counts = rows[:, column].astype(np.float64)
                counts[counts == _MISSING] = np.nan
                found[: len(rows), place] = counts * (channels[column].lsb or 1.0)
            return found

        epoch = None
        with suppress(ValueError):
            epoch = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        return recording_of(path, channels, read, told, epoch=epoch, remarks=remarks)


def _is_whole(path: Path, head: bytes, at: int) -> bool:
    """Whether the checksum of the header, in either order of its bytes, fits."""
    found = crc_hqx(read_bytes(path, _HASHED, min(at, 1 << 20) - _HASHED), 0xFFFF)
    return head[8:10] in (found.to_bytes(2, "little"), found.to_bytes(2, "big"))
