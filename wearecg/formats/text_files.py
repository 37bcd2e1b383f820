"""Text as people have it: in UTF-8, UTF-16 or what spreadsheets of the west write."""

from __future__ import annotations

from pathlib import Path

from wearecg.errors import SourceError
from wearecg.formats.base import read_bytes

LARGEST = 1 << 30
"""Bytes of a file that is held in memory as text."""


def decoded(raw: bytes) -> str:
    """Return the text that bytes stand for; none is refused.

    >>> decoded("II".encode("utf-16"))
    'II'
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The beginning of a file may end within a character.
        if error.start >= len(raw) - 3:
            return raw[: error.start].decode("utf-8-sig", "replace")
        return raw.decode("latin-1")


def text_of(path: Path) -> str:
    """Return the text of a file. Raises `SourceError` if it cannot be read, or is too large."""
    raw = read_bytes(path, 0, LARGEST + 1)
    if len(raw) > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST >> 20} MiB of text")
    return decoded(raw)
