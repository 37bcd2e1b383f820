"""Boards that print numbers, one line a sample, like the usual Arduino sketch for the AD8232."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.arrival import ESTIMATE_OVER, estimate_rate
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.ecg.leads import UNKNOWN, canonical, is_ecg
from wearecg.errors import SourceError

AD8232_LSB = 5000 / 1024 / 1100
"""mV at the electrodes of one count: 10-bit ADC at 5 V (ATmega328P data sheet) behind the gain of 1100 of
the AD8232's heart rate monitor circuits (AD8232 data sheet, Application Circuits: 100 x 11)."""

WRONG_RATE = 0.02
"""A rate that was given and is off by more than this share is told."""
MAX_LINE = 512
MAX_HELD = 20_000
"""Lines held back until the rate is known: more than any serial line brings in `ESTIMATE_OVER`."""
AGREE = 3
"""Lines from which the number of columns is taken when the rate is given."""

Row: TypeAlias = tuple[float | None, ...]
"""The cells of a line; None is ``!``, electrode off."""


class Ascii(Device):
    """Lines of numbers, separated by commas, semicolons, blanks or tabs; ``!`` means electrodes off.

    A line ends with CR, LF or both. The first line after connecting may be a part of one and is left
    out; lines with anything but numbers (boot messages, comments) are left out and counted bad. The
    sensor has no clock and no numbering, so that ``start`` is NaN and losses cannot be seen.

    Parameters
    ----------
    fs : float, optional
        Hz. If not given it is estimated from the arrival of the lines of the first 5 s; these are held back
        and then handed out in full. It is not rounded to a usual rate.
    lsb : float, optional
        mV of one count (a board that prints mV: 1). Default: AD8232 at 10 bit and 5 V, `AD8232_LSB`;
        a board at 3.3 V and 12 bit has 3300 / 4096 / 1100. Columns that are not ECG keep their counts.
    leads : tuple of str, optional
        One for each column. Default ``ECG``, ``ECG_2`` ...
    """

    name = "ascii"
    title = "lines of numbers (AD8232 and Arduino sketches)"
    baud: ClassVar[int] = 115200
    other_bauds: ClassVar[tuple[int, ...]] = (9600,)
    names_leads: ClassVar[bool] = False

    def __init__(
        self, fs: float | None = None, leads: tuple[str, ...] | None = None, lsb: float | None = None
    ) -> None:
        super().__init__()
        if fs is not None and not 0 < fs < 100_000:
            raise SourceError(f"a rate of {fs} Hz is not possible: give the lines per second")
        if lsb is not None and not 0 < lsb < float("inf"):
            raise SourceError(f"one count cannot be {lsb} mV: give the mV of one ADC step")
        self._fs = fs
        self._lsb = AD8232_LSB if lsb is None else lsb
        self._leads = None if leads is None else tuple(canonical(lead) for lead in leads)
        self._detects = False
        self._columns = 0
        self._line = bytearray()
        self._skipping = True
        self._held: list[Row] = []
        self.holding = True
        self._arrivals: list[tuple[float, int]] = []
        self._doubtful = fs is not None
        self._seen: list[tuple[float, int]] = []
        self.rate_note = "given by the user" if fs else "not known yet: estimating from arrival times"

    def connected(self, now: float) -> None:  # noqa: ARG002
        """Start over; lines held back for want of a rate are given up, and counted as lost."""
        self._line.clear()
        self._skipping = True
        self._seen.clear()
        if self._fs is None:
            self.counters.link_lost_samples += len(self._held)
            self._held.clear()
            self._arrivals.clear()

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode whole lines; nothing comes out before rate and columns are known."""
        self.counters.bytes += len(data)
        rows = [row for line in self._lines(data) if (row := self._row(line)) is not None]
        if not rows:
            return []
        if self._doubtful:
            self._check_rate(arrival, len(rows))
        if not self.holding:
            return self._blocks(rows)
        self._held += rows
        self._arrivals.append((arrival, len(self._held)))
        if not self._ready(arrival):
            return []
        return self._blocks(self._release())

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        count = self.counters
        if not count.frames and not count.bad_frames:
            return (
                f"{count.bytes} bytes at {self.baud} baud but no line end: wrong baud rate? try --baud 9600"
            )
        if self._columns and self._leads and self._columns != len(self._leads):
            return f"lines of {self._columns} numbers, but leads {', '.join(self._leads)}: name one for each"
        if count.frames <= count.bad_frames // 10:
            return (
                f"{count.bad_frames} of {count.frames + count.bad_frames} lines at {self.baud} baud are not "
                "numbers: wrong baud rate (try --baud 9600) or not a board that prints one sample a line"
            )
        if self.holding:
            return f"{len(self._held)} lines so far; waiting for enough to estimate the rate (or give --fs)"
        return "no new lines of numbers: reset the board"

    def _lines(self, data: bytes) -> list[bytes]:
        """Whole lines without their ends; empty and over-long ones are left out."""
        *ends, tail = data.replace(b"\r", b"\n").split(b"\n")
        lines: list[bytes] = []
        for end in ends:
            line = bytes(self._line) + end
            if len(line) > MAX_LINE:
                self.counters.bad_frames += not self._skipping
            elif line and not self._skipping:
                lines.append(line)
            self._line.clear()
            self._skipping = False
        if not self._skipping:
            self._line += tail
            if len(self._line) > MAX_LINE:
                self.counters.bad_frames += 1
                self._line.clear()
                self._skipping = True
        return lines

    def _row(self, line: bytes) -> Row | None:
        cells = line.translate(_SEPARATORS).split()
        try:
            row = tuple(None if cell == b"!" else _number(cell) for cell in cells)
        except ValueError:
            row = ()
        if row and row != _OFF and not self.holding and self._leads is None:
            self._leads = _default_leads(len(row))
        if row and (self.holding or self._fits(row)):
            self.counters.frames += 1
            return row
        self.counters.bad_frames += bool(cells)
        if row:
            self._columns = len(row)
        return None

    def _fits(self, row: Row) -> bool:
        return row == _OFF or len(row) == len(self._leads or _OFF)

    def _check_rate(self, arrival: float, lines: int) -> None:
        """Compare the rate that was given with the arrival of the lines of the first seconds, once."""
        self._seen.append((arrival, lines + (self._seen[-1][1] if self._seen else 0)))
        if arrival - self._seen[0][0] < 2 * ESTIMATE_OVER or self._fs is None:
            return
        self._doubtful = False
        rate = estimate_rate(*np.array(self._seen, np.float64).T)
        self._seen.clear()
        if rate and abs(rate.fs - self._fs) > max(WRONG_RATE * self._fs, 3 * rate.error):
            self.notes.append(
                f"lines arrive at {rate.fs:.1f} Hz ± {rate.error:.1f}, not at the {self._fs:g} Hz given: "
                "times and heart rate are wrong by as much, and gaps may be told that are none; correct --fs"
            )

    def _ready(self, now: float) -> bool:
        """Whether rate and columns can be told from the lines held back; settles them."""
        count = len(self._held)
        telling = self._held if self._fs is None else self._held[:AGREE]
        if self._fs is None:
            if count < MAX_HELD and now - self._arrivals[0][0] < ESTIMATE_OVER:
                return False
            rate = estimate_rate(*np.array(self._arrivals, np.float64).T)
            if rate is None or rate.fs <= 0:
                if count >= MAX_HELD:
                    self.notes.append(f"{count} lines came at once, no rate can be told from them: give --fs")
                    self.counters.link_lost_samples += count
                    self._held.clear()
                    self._arrivals.clear()
                return False
            self._fs = rate.fs
            self.rate_note = f"estimated from arrival times: {rate.fs:.1f} Hz ± {rate.error:.1f}"
            self.notes.append(f"sampling rate {self.rate_note}; give --fs if you know it")
        elif count < AGREE:
            return False
        numbers = [row for row in telling if row != _OFF] or [row for row in self._held if row != _OFF][:1]
        if numbers:
            self._columns = Counter(map(len, numbers)).most_common(1)[0][0]
            self._leads = self._leads or _default_leads(self._columns)
        return True

    def _release(self) -> list[Row]:
        rows = [row for row in self._held if self._fits(row)]
        misfits = len(self._held) - len(rows)
        self.counters.frames -= misfits
        self.counters.bad_frames += misfits
        self._held = []
        self._arrivals = []
        self.holding = False
        return rows

    def _blocks(self, rows: list[Row]) -> list[SignalBlock]:
        """Blocks of equal lead-off state."""
        if not rows or self._fs is None:
            return []
        leads = self._leads or _default_leads(1)
        full = [row * len(leads) if row == _OFF else row for row in rows]
        off = np.array([[cell is None for cell in row] for row in full])
        counts = np.array([[np.nan if cell is None else cell for cell in row] for row in full])
        lsb = tuple(self._lsb if lead.startswith(UNKNOWN) or is_ecg(lead) else 1.0 for lead in leads)
        values = (counts * np.array(lsb)).astype(np.float32)
        values[np.isinf(values)] = np.nan
        edges = [0, *(1 + np.flatnonzero((off[1:] != off[:-1]).any(axis=1))).tolist(), len(off)]
        blocks = []
        for first, last in pairwise(edges):
            state = off[first].tolist()
            self._detects = self._detects or any(state)
            # A sketch that has never said "electrode off" may not be able to.
            lead_off = tuple(state) if self._detects else (None,) * len(leads)
            blocks.append(SignalBlock(values[first:last], self._fs, leads, lead_off=lead_off, lsb=lsb))
        return blocks


_OFF: Row = (None,)
# 0x00 is what a break on the line reads as.
_SEPARATORS = bytes.maketrans(b",;\t\0", b"    ")


def _number(cell: bytes) -> float:
    value = float(cell)
    if b"_" in cell or value in (float("inf"), -float("inf")):
        raise ValueError(cell)
    return value


def _default_leads(columns: int) -> tuple[str, ...]:
    return (UNKNOWN, *(f"{UNKNOWN}_{i}" for i in range(2, columns + 1)))


class SimulatedAscii(SimulatedDevice):
    """A board that prints from the start, one line a sample: counts for ECG, plain values otherwise."""

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = AD8232_LSB) -> None:  # noqa: ARG002
        self._scale = np.array([lsb if lead.startswith(UNKNOWN) or is_ecg(lead) else 1.0 for lead in leads])
        self._whole = self._scale != 1.0

    @property
    def running(self) -> bool:
        """Always."""
        return True

    def receive(self, data: bytes) -> list[bytes]:  # noqa: ARG002
        """Nothing: the board does not listen."""
        return []

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,  # noqa: ARG002
        lead_off: tuple[bool, ...],
    ) -> list[bytes]:
        """One line for each sample; ``!`` in place of a lead that is off, alone if all are."""
        if all(lead_off):
            return [b"!\r\n"] * len(samples)
        values = samples / self._scale
        values[:, self._whole] = np.rint(values[:, self._whole]) + 0.0  # no minus zero
        return [
            ",".join(
                "!" if off else f"{value:.10g}" for value, off in zip(row, lead_off, strict=True)
            ).encode()
            + b"\r\n"
            for row in values.tolist()
        ]
