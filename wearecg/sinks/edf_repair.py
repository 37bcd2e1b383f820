"""Puts EDF+ files right that were not closed."""

from __future__ import annotations

from pathlib import Path

from wearecg.block import Notice
from wearecg.formats.edf_notes import is_ours
from wearecg.sinks.edf_header import COUNT_AT, FIXED
from wearecg.sinks.upkeep import in_use


def repair(directory: Path) -> list[Notice]:
    """Cut our files off behind the last whole record and count their records in the header; tell of each.

    A power cut may leave a part of a record, or zeros in place of what did not reach the disk. Files of others, files
    that are being written, and files that are whole are not touched.
    """
    told: list[Notice] = []
    for path in sorted([*directory.glob("wearecg_*.edf"), *directory.glob("wearecg_*.bdf")]):
        try:
            if path.is_file() and not in_use(path) and _repair(path):
                told.append(Notice(f"{path} had lost its end (power cut?); its header is put right"))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            told.append(Notice(f"{path} is left alone, as it cannot be put right: {why}", "warning"))
    return told


def _repair(path: Path) -> bool:
    with path.open("r+b") as file:
        head = file.read(FIXED)
        if not is_ours(head):
            return False
        start, signals = int(head[184:192]), int(head[252:256])
        fields = file.read(start - FIXED)[216 * signals : 224 * signals]
        width = 3 if head[:1] == b"\xff" else 2
        sizes = [width * int(fields[8 * k : 8 * k + 8]) for k in range(signals)]
        size = file.seek(0, 2)
        records = (size - start) // sum(sizes)
        # Its annotations come last, and begin with when the record does.
        while records > 0:
            file.seek(start + records * sum(sizes) - sizes[-1])
            if file.read(1) in (b"+", b"-"):
                break
            records -= 1
        if records <= 0:
            raise ValueError("it holds no record")
        end = start + records * sum(sizes)
        if size == end and int(head[COUNT_AT : COUNT_AT + 8]) == records:
            return False
        file.truncate(end)
        file.seek(COUNT_AT)
        file.write(f"{records:<8}".encode())
    return True
