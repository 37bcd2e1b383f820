"""Boards that print numbers, one line a sample, like the usual Arduino sketch for the AD8232."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.arrival import ESTIMATE_OVER, estimate_rate
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.devices.text_lines import OFF, Line, Row, has_decimal_commas, judge, parse
from wearecg.ecg.leads import UNKNOWN, canonical, is_ecg
from wearecg.errors import SourceError

AD8232_LSB = 5000 / 1024 / 1100
"""mV at the electrodes of one count: 10-bit ADC at 5 V (ATmega328P data sheet) behind the gain of 1100 of
the AD8232's heart rate monitor circuits (AD8232 data sheet, Application Circuits: 100 x 11)."""
FAR = 10.0
"""A number so many times the usual ones is two of them, whose line end was lost, or another scale."""
MOST_COUNT = 1023
"""Of 10 bits."""

WRONG_RATE = 0.02
"""A rate that was given and is off by more than this share is told."""
MAX_LINE = 512
MAX_HELD = 20_000
"""Lines held back until the rate is known: more than any serial line brings in `ESTIMATE_OVER`."""
AGREE = 3
"""Lines from which the number of columns is taken when all else is given."""
JUDGED, JUDGED_S = 50, 1.0
"""Lines, and seconds of them, by which columns and scale are judged when only the rate is given."""


class Ascii(Device):
    """Lines of numbers: separated by commas, semicolons, blanks or tabs, as ``name:value``, or JSON; ``!`` means off.

    A line ends with CR, LF or both. The first line after connecting may be a part of one and is left
    out; lines with anything but numbers (boot messages, comments) are left out and counted bad. The
    sensor has no clock and no numbering, so that ``start`` is NaN and losses cannot be seen. The first lines are held
    back until it is known how they are written and what their columns are: one that only rises is a clock and left
    out, one that stays the same is no ECG.

    Parameters
    ----------
    fs : float, optional
        Hz. If not given it is estimated from the arrival of the lines of the first 5 s; these are held back
        and then handed out in full. It is not rounded to a usual rate.
    lsb : float, optional
        mV of one count (a board that prints mV: 1). Default: AD8232 at 10 bit and 5 V, `AD8232_LSB`, if the numbers
        are 10-bit counts, else it is unknown: decimals are taken for mV, counts for microvolts, and that is told.
        A board at 3.3 V and 12 bit has 3300 / 4096 / 1100. Columns that are not ECG keep their counts.
    leads : tuple of str, optional
        One for each column, an empty one leaves it out. Default: the names in the lines, else ``ECG``, ``ECG_2`` ...
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
        if leads is not None and not any(leads):
            raise SourceError("no column is named: give --leads a name for each that is wanted")
        self._fs = fs
        self._given_lsb = lsb
        self._lsb, self._scale = (AD8232_LSB,) * 2 if lsb is None else (lsb,) * 2
        self._given = None if leads is None else tuple(canonical(lead) for lead in leads)
        self._leads = self._given or (UNKNOWN,)
        """One for each column; empty for one that is left out."""
        self._detects = False
        self._columns = 0
        self._names: tuple[str, ...] = ()
        self._commas = False
        self._beyond_told = lsb is not None
        self._usual = (-np.inf, np.inf)
        """What the numbers lie between, with room."""
        self._far_before = False
        self._line = bytearray()
        self._skipping = True
        self._held: list[bytes] = []
        self.holding = True
        self._arrivals: list[tuple[float, int]] = []
        self._doubtful = fs is not None
        self._seen: list[tuple[float, int]] = []
        self.rate_note = "given by the user" if fs else "not known yet: estimating from arrival times"

    def connected(self, now: float) -> None:  # noqa: ARG002
        """Start over; lines held back are given up, and counted as lost."""
        self._line.clear()
        self._skipping = True
        self._seen.clear()
        self._give_up()

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode whole lines; nothing comes out before rate and columns are known."""
        self.counters.bytes += len(data)
        blocks: list[SignalBlock] = []
        rows: list[Row] = []
        before = self.counters.frames
        for line in self._lines(data):
            if not self.holding:
                rows += self._rows([line])
            elif self._hold(line) and self._fs is not None and len(self._held) >= self._needed(self._fs):
                blocks += self._release()
        lines = self.counters.frames - before
        if self._doubtful and lines:
            self._check_rate(arrival, lines)
        if self.holding and self._fs is None and lines:
            self._arrivals.append((arrival, len(self._held)))
            if self._rate_is_known(arrival):
                blocks += self._release()
        return blocks + self._blocks(rows)

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        count = self.counters
        if not count.frames and not count.bad_frames:
            return (
                f"{count.bytes} bytes at {self.baud} baud but no line end: wrong baud rate? try --baud 9600"
            )
        if self._columns and self._given and self._columns != len(self._given):
            leads = ", ".join(self._given)
            return (
                f"lines of {self._columns} numbers, but leads {leads}: name one for each (an empty name leaves a "
                "column out)"
            )
        if count.frames <= count.bad_frames // 10:
            what = f"{count.bad_frames} of {count.frames + count.bad_frames} lines at {self.baud} baud are not numbers"
            if self.refusal.isascii() and "\\x" not in self.refusal and "\ufffd" not in self.refusal:
                return f"{what}: not a board that prints one sample a line"
            return f"{what}: wrong baud rate (try --baud 9600) or not a board that prints one sample a line"
        if self.holding:
            return (
                f"{len(self._held)} lines so far; waiting for enough to tell rate and columns (or give --fs)"
            )
        if not any(self._leads):
            return "all its columns only rise: they are clocks or counters, and no signal"
        return "no new lines of numbers: reset the board"

    def _lines(self, data: bytes) -> list[bytes]:
        """Whole lines without their ends; empty and over-long ones are left out."""
        *ends, tail = data.replace(b"\r", b"\n").split(b"\n")
        lines: list[bytes] = []
        for end in ends:
            line = bytes(self._line) + end
            if len(line) > MAX_LINE:
                self._refuse(f"more than {MAX_LINE} bytes without a line end", not self._skipping)
            elif line and not self._skipping:
                lines.append(line)
            self._line.clear()
            self._skipping = False
        if not self._skipping:
            self._line += tail
            if len(self._line) > MAX_LINE:
                self._refuse(f"more than {MAX_LINE} bytes without a line end")
                self._line.clear()
                self._skipping = True
        return lines

    def _refuse(self, why: str, lines: int = 1) -> None:
        self.counters.bad_frames += lines
        self.refusal = why if lines else self.refusal

    def _needed(self, fs: float) -> int:
        """Lines that must be held until columns and scale are judged."""
        return AGREE if self._given and self._given_lsb else max(JUDGED, round(JUDGED_S * fs))

    def _hold(self, line: bytes) -> bool:
        """Hold a line back, if it is one of numbers in any way of writing."""
        if not line.strip(_BLANK):
            return False
        try:
            parse(line)
        except ValueError as error:
            try:
                parse(line, decimal_commas=True)
            except ValueError:
                self._refuse(str(error))
                return False
        self.counters.frames += 1
        self._held.append(line)
        return True

    def _rows(self, lines: list[bytes]) -> list[Row]:
        """The rows of lines that are like those that were judged; others are counted bad."""
        rows: list[Row] = []
        for line in lines:
            if not line.strip(_BLANK):
                continue
            try:
                found = parse(line, self._commas)
            except ValueError as error:
                self._refuse(str(error))
                continue
            if found.cells == OFF or self._fits(found):
                self.counters.frames += 1
                rows.append(found.cells)
            else:
                self._columns = len(found.cells)
                self._refuse(f"a line of {self._columns} numbers among those of {len(self._leads)}")
        return rows

    def _fits(self, line: Line) -> bool:
        return len(line.cells) == len(self._leads) and line.names == self._names

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

    def _rate_is_known(self, now: float) -> bool:
        """Whether the rate can be told from the lines held back; settles it."""
        count = len(self._held)
        if count < MAX_HELD and now - self._arrivals[0][0] < ESTIMATE_OVER:
            return False
        rate = estimate_rate(*np.array(self._arrivals, np.float64).T)
        if rate is None or rate.fs <= 0:
            if count >= MAX_HELD:
                self.notes.append(f"{count} lines came at once, no rate can be told from them: give --fs")
                self._give_up()
            return False
        self._fs = rate.fs
        self.rate_note = f"estimated from arrival times: {rate.fs:.1f} Hz ± {rate.error:.1f}"
        self.notes.append(f"sampling rate {self.rate_note}; give --fs if you know it")
        return True

    def _give_up(self) -> None:
        self.counters.link_lost_samples += len(self._held)
        self._held.clear()
        self._arrivals.clear()

    def _release(self) -> list[SignalBlock]:
        """Settle how lines are written and what their columns are, and hand out those held back."""
        held, self._held, self._arrivals = self._held, [], []
        self.counters.frames -= len(held)  # they are counted again, by what they turn out to be
        self._commas = has_decimal_commas(held)
        lines = []
        for line in held:
            try:
                lines.append(parse(line, self._commas))
            except ValueError:
                continue
        numbers = [line for line in lines if line.cells != OFF]
        if numbers:
            self.holding = False
            shapes = Counter((len(line.cells), line.names) for line in numbers)
            (self._columns, self._names), _ = shapes.most_common(1)[0]
            self._settle(
                np.array(
                    [
                        [np.nan if cell is None else cell for cell in line.cells]
                        for line in numbers
                        if (len(line.cells), line.names) == (self._columns, self._names)
                    ]
                )
            )
        return self._blocks(self._rows(held))

    def _settle(self, table: NDArray[np.float64]) -> None:
        """Name the columns and find their scale."""
        leads, notes = judge(table, self._names)
        if self._given is None:
            self._leads = leads
            self.notes += notes
        elif len(self._given) == len(leads):
            clocks = [not lead and bool(name) for lead, name in zip(leads, self._given, strict=True)]
            self._leads = tuple(
                "" if clock else name for clock, name in zip(clocks, self._given, strict=True)
            )
            self.notes += [note for note in notes if "only rises" in note] if any(clocks) else []
        if self._commas:
            self.notes.append("commas in the numbers are taken for decimal points")
        ecg = [column for column, lead in enumerate(self._leads) if is_ecg(lead) and column < table.shape[1]]
        values = table[:, ecg][np.isfinite(table[:, ecg])]
        if len(values):
            usual = values[np.abs(values) <= FAR * max(float(np.quantile(np.abs(values), 0.95)), MOST_COUNT)]
            room = float(np.ptp(usual))
            self._usual = (float(usual.min()) - room, float(usual.max()) + room)
            values = usual
        if self._given_lsb is None and (values != np.rint(values)).any():
            self._lsb, self._scale, self._beyond_told = 0.0, 1.0, True
            self.notes.append(
                f"numbers such as {values[values != np.rint(values)][0]:g} are no counts of an ADC: they are taken for "
                "mV; give --lsb, the mV of 1, if they are not"
            )
        elif self._given_lsb is None and self._is_beyond(values):
            self._lsb, self._scale = 0.0, 0.001
            self._tell_beyond(values)

    def _leave_out_joined(self, counts: NDArray[np.float64], ecg: list[bool]) -> None:
        """Make missing what is two numbers whose line end was lost; two such in a row are numbers of their own."""
        low, high = self._usual
        limit = FAR * max(-low, high, MOST_COUNT)
        for row in counts:
            far = [k for k, one in enumerate(ecg) if one and np.isfinite(row[k]) and abs(row[k]) > limit]
            if far and self._far_before:
                self._usual = (-np.inf, np.inf)
                return
            self._far_before = bool(far)
            for k in far:
                if _joined(row[k], low, high):
                    row[k] = np.nan

    def _is_beyond(self, values: NDArray[np.float64]) -> bool:
        return bool(len(values)) and float(np.abs(values).max()) > MOST_COUNT

    def _tell_beyond(self, values: NDArray[np.float64]) -> None:
        self._beyond_told = True
        self.notes.append(
            f"counts such as {values[np.abs(values).argmax()]:.0f} are more than 10 bits hold: what one of them is in "
            "mV is not known, and amplitudes are wrong; give --lsb (for an AD8232 at 12 bits and 3.3 V: 0.000732)"
        )

    def _blocks(self, rows: list[Row]) -> list[SignalBlock]:
        """Blocks of equal lead-off state."""
        kept = [column for column, lead in enumerate(self._leads) if lead]
        if not rows or self._fs is None or not kept:
            return []
        leads = tuple(self._leads[column] for column in kept)
        full = [row * len(self._leads) if row == OFF else row for row in rows]
        off = np.array([[row[column] is None for column in kept] for row in full])
        counts = np.array([[np.nan if row[k] is None else row[k] for k in kept] for row in full], np.float64)
        ecg = [is_ecg(lead) for lead in leads]
        self._leave_out_joined(counts, ecg)
        if not self._beyond_told:
            found = counts[:, ecg][np.isfinite(counts[:, ecg])]
            if self._is_beyond(found):
                self._tell_beyond(found)
        lsb = tuple(self._lsb if one else 1.0 for one in ecg)
        values = (counts * np.array([self._scale if one else 1.0 for one in ecg])).astype(np.float32)
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


_BLANK = b" ,;\t\0"


def _joined(value: float, low: float, high: float) -> bool:
    """Whether the digits of a number are those of two that are both usual."""
    digits = f"{value:.0f}"
    pairs = (
        (digits[:k], digits[k:]) for k in range(1, len(digits)) if digits[k] != "0" or k == len(digits) - 1
    )
    return any(
        first != "-" and low <= float(first) <= high and low <= float(last) <= high for first, last in pairs
    )


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
