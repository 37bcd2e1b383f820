"""The MIT annotation format (WFDB Applications Guide, annot(5))."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

BEAT = 13
"""``Q``, a beat that is not classified."""
QUALITY = 14
"""``~``, signal quality changes here."""
NOTE = 22
"""``"``, a comment."""
SYMBOLS = dict(enumerate(' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'))
"""Code to symbol (ecgcodes.h); codes without one are a blank."""
CODES = {symbol: code for code, symbol in SYMBOLS.items() if symbol != " "}
"""Symbol to code."""
LARGEST_CODE = 49
"""ACMAX: codes up to here may be given a meaning."""
END = b"\0\0"

_SKIP, _SUB, _CHAN, _AUX = 59, 61, 62, 63


class Annotation(NamedTuple):
    """One annotation: where, what (a key of `SYMBOLS`), and its ``subtyp`` (unsigned) and ``aux``."""

    sample: int
    code: int
    subtype: int = 0
    text: str = ""

    @property
    def symbol(self) -> str:
        """The symbol of its code; a blank for codes that have none."""
        return SYMBOLS.get(self.code, " ")


def encode(interval: int, code: int, subtype: int = 0, channel: int | None = None, text: str = "") -> bytes:
    """Return one annotation, ``interval`` samples after the one before (32 bits, may be negative).

    ``channel`` holds for all later annotations too, until it is given again. ``text`` is cut to 255 bytes
    of Latin-1, the format's limit.
    """
    data = b""
    if not 0 <= interval < 1024:
        high, low = (interval & 0xFFFFFFFF) >> 16, interval & 0xFFFF
        data += _word(_SKIP, 0) + high.to_bytes(2, "little") + low.to_bytes(2, "little")
        interval = 0
    data += _word(code, interval)
    if subtype:
        data += _word(_SUB, subtype & 0xFF)
    if channel is not None:
        data += _word(_CHAN, channel & 0xFF)
    if text:
        raw = text.encode("latin-1", "replace")[:255]
        data += _word(_AUX, len(raw)) + raw + b"\0" * (len(raw) % 2)
    return data


def decode(data: bytes) -> Iterator[Annotation]:
    """Yield each annotation; of a file that was cut (power cut), those that are whole."""
    sample = at = 0
    found: Annotation | None = None
    while at + 2 <= len(data) and data[at : at + 2] != END:
        word = int.from_bytes(data[at : at + 2], "little")
        code, low = word >> 10, word & 0x3FF
        size = {_SKIP: 4, _AUX: low + low % 2}.get(code, 0)
        rest = data[at + 2 : at + 2 + size]
        if len(rest) < size:
            found = None if code == _AUX else found
            break
        at += 2 + size
        if code == _AUX and found:
            found = found._replace(text=rest[:low].decode("latin-1"))
        elif code == _SUB and found:
            found = found._replace(subtype=low & 0xFF)
        elif code == _SKIP:
            sample += int.from_bytes(rest[1::-1] + rest[:1:-1], "big", signed=True)
        elif code < _SKIP:
            if found:
                yield found
            sample += low
            found = Annotation(sample, code)
    if found:
        yield found


def _word(code: int, low: int) -> bytes:
    return (code << 10 | low & 0x3FF).to_bytes(2, "little")
