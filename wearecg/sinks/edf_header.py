"""The header of an EDF+ or BDF+ file: ASCII only, in fields of a fixed width.

By the specifications (Kemp 1992; Kemp and Olivan 2003) and what EDFbrowser refuses: eight characters for a physical
limit, a start of whole seconds (what is behind the point is the onset of the first record), a date without its century
where that is not 1985 to 2084, with the year in full beside it, and an empty unit where a signal is not calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from wearecg.ecg.leads import TWELVE
from wearecg.formats.edf_notes import EQUIPMENT

FIXED = 256
"""Bytes of the fixed part, and of the header of each signal."""
COUNT_AT = 236
"""Where the number of records is, in eight characters."""
LONGEST_S = 0.5
"""A live record at most: what a kill loses is one that is not whole."""
NOTES = {16: "EDF Annotations", 24: "BDF Annotations"}
LARGEST, LEAST_TOP = 9_999_999, 100
"""Of a physical limit and of a digital one."""
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_MILLIVOLTS = (("uV", 1000.0), ("mV", 1.0))
"""What mV may be written in, with its size; the first one of as good ones."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of a signal: the counts from ``-top`` to ``top`` are ``-limit`` to ``limit`` of ``unit``."""

    top: int
    limit: str
    unit: str

    @classmethod
    def choose(cls, step: float, unit: str, bits: int) -> Scale:
        """Choose the range in which eight characters say the ``step`` (of ``unit``; ``""`` for none) best.

        >>> Scale.choose(0.001, "mV", 16), Scale.choose(0.0005, "mV", 16)
        (Scale(top=32767, limit='32767', unit='uV'), Scale(top=32767, limit='16383.5', unit='uV'))
        """
        largest = 2 ** (bits - 1) - 1
        best: tuple[float, Scale] | None = None
        for name, factor in _MILLIVOLTS if unit == "mV" else ((unit, 1.0),):
            top = min(largest, math.floor(LARGEST / (step * factor)))
            if top < LEAST_TOP:
                continue
            tops = np.arange(top, top - min(top // 10, 1 << 16), -1)
            limits = tops * (step * factor)
            # Seven characters beside the sign; one of them is the point.
            digits = np.clip(6 - np.ceil(np.log10(np.maximum(limits, 1.0))), 0, 5)
            wrong = np.abs(np.round(limits * 10**digits) / 10**digits / limits - 1)
            # As good as exact is exact: then the largest range.
            wrong[wrong < 1e-13] = 0.0
            at = int(np.argmin(wrong))
            limit = f"{limits[at]:.{int(digits[at])}f}"
            limit = limit.rstrip("0").rstrip(".") if "." in limit else limit
            if float(limit) > 0 and (best is None or wrong[at] < best[0]):
                best = float(wrong[at]), cls(int(tops[at]), limit, name)
        # Numbers of no unit that are too large to be written are kept as counts.
        return best[1] if best else cls(largest, str(largest), "")


@dataclass(frozen=True, slots=True)
class EdfSignal:
    """A signal as its header has it; ``samples`` are in each record."""

    label: str
    scale: Scale
    samples: int
    transducer: str = ""


def record_length(fs: float, longest: float = LONGEST_S) -> tuple[int, int]:
    """Return samples and microseconds of a record: eight characters must say its length, as well as they can.

    >>> record_length(250), record_length(130), record_length(125), record_length(51.2)
    ((125, 500000), (65, 500000), (50, 400000), (24, 468750))
    """
    samples = np.arange(1, max(1, math.floor(longest * fs + 1e-9)) + 1)
    exact = samples / fs * 1e6
    micros = np.rint(exact)
    wrong = np.abs(micros / exact - 1)
    wrong[wrong < 1e-12] = 0.0
    # Of as good ones a round one, and then the longest.
    best = np.lexsort((-samples, micros % 100_000 != 0, wrong))[0]
    return int(samples[best]), int(micros[best])


def label_of(lead: str) -> str:
    """Return the label of a lead as EDF+ has it.

    >>> label_of("V2"), label_of("ECG"), label_of("RESP")
    ('ECG V2', 'ECG', 'RESP')
    """
    return f"ECG {lead}" if lead in TWELVE else lead


def decimal(micros: int) -> str:
    """Return microseconds as seconds.

    >>> decimal(500000), decimal(2_000_000), decimal(-1_250_000)
    ('0.5', '2', '-1.25')
    """
    whole, part = divmod(abs(micros), 1_000_000)
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole}.{part:06d}".rstrip("0") if part else f"{sign}{whole}"


def ascii_only(text: str, length: int) -> str:
    """Return a text for a field of the header."""
    plain = text.encode("ascii", "replace").decode()
    return "".join(char if " " <= char <= "~" else "?" for char in plain)[:length]


def start_of(epoch: float) -> tuple[float, int]:
    """Return the whole second of a start and the microseconds behind it; of an unknown start NaN and 0."""
    if not math.isfinite(epoch):
        return epoch, 0
    micros = round((epoch - math.floor(epoch)) * 1e6)
    return math.floor(epoch) + micros // 1_000_000, micros % 1_000_000


def header(
    signals: Sequence[EdfSignal], bits: int, area: int, micros: int, second: float, kind: str, version: str
) -> bytes:
    """Return the header of a file whose number of records is not known (-1, as while it is written).

    Parameters
    ----------
    signals : sequence of EdfSignal
    bits : {16, 24}
    area : int
        Bytes of annotations in a record.
    micros : int
        Length of a record.
    second : float
        Unix time of the start; not finite where it is not known.
    kind : {"C", "D"}
    version : str
        Of wearecg.
    """
    date, clock, stated = "01.01.85", "00.00.00", "X"
    if math.isfinite(second):
        start = datetime.fromtimestamp(second, UTC)
        stated = f"{start.day:02d}-{_MONTHS[start.month - 1]}-{start.year:04d}"
        year = f"{start.year % 100:02d}" if 1985 <= start.year <= 2084 else "yy"
        date, clock = f"{start.day:02d}.{start.month:02d}.{year}", f"{start:%H.%M.%S}"
    top = 2 ** (bits - 1)
    recording = f"Startdate {stated} X X {EQUIPMENT}-{version}"
    fields: Iterable[tuple[list[str], int]] = (
        ([ascii_only(one.label, 16) for one in signals] + [NOTES[bits]], 16),
        ([ascii_only(one.transducer, 80) for one in signals] + [""], 80),
        ([one.scale.unit for one in signals] + [""], 8),
        ([f"-{one.scale.limit}" for one in signals] + ["-1"], 8),
        ([one.scale.limit for one in signals] + ["1"], 8),
        ([str(-one.scale.top) for one in signals] + [str(-top)], 8),
        ([str(one.scale.top) for one in signals] + [str(top - 1)], 8),
        ([""] * (len(signals) + 1), 80),
        ([str(one.samples) for one in signals] + [str(area // (bits // 8))], 8),
        ([""] * (len(signals) + 1), 32),
    )
    version_field, family = ("\xffBIOSEMI", "BDF") if bits == 24 else ("0", "EDF")
    head = f"{version_field:8}{'X X X X':80}{ascii_only(recording, 80):80}{date:8}{clock:8}"
    head += f"{FIXED * (len(signals) + 2):<8}{f'{family}+{kind}':44}"
    head += f"{'-1':8}{decimal(micros):8}{len(signals) + 1:<4}"
    head += "".join(f"{text:{width}}" for texts, width in fields for text in texts)
    return head.encode("latin-1")
