"""A recording: its samples, in memory or still in its file, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples
from wearecg.ecg.leads import is_ecg
from wearecg.errors import SignalError
from wearecg.text import visible

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""The WFDB annotation symbols that mark a beat."""
RR_UNKNOWN = "RR unknown"
"""The note of a beat in a recording without samples, if the interval before it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """What an expert, or a program, wrote on a recording; of our own recordings beats, gaps, quality and findings.

    ``times`` [k] are seconds from its first sample, ``symbols`` WFDB symbols (``N``, ``V``, ``+``), ``notes``
    the text beside them (rhythm changes: ``(AFIB``), empty where there is none.
    """

    times: NDArray[np.float64]
    symbols: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RRSeries:
    """Beats of a recording without samples, as a heart rate strap gives them.

    Attributes
    ----------
    times : float64 [k]
        Seconds from the beginning of the recording, of each beat; rising.
    rr : float64 [k]
        Seconds from the beat before; NaN where that is not known, as after a gap. A recording of ours begins with a
        beat that is not counted.
    """

    times: NDArray[np.float64]
    rr: NDArray[np.float64]

    @classmethod
    def between(cls, annotations: Annotations | None, ours: bool) -> RRSeries:
        """Return the intervals between annotated beats: unknown where a gap begins between two, or where it is noted.

        The first one of a recording of ours begins with it.
        """
        if annotations is None:
            return cls(np.empty(0), np.empty(0))
        rows = sorted(zip(annotations.times.tolist(), annotations.symbols, annotations.notes, strict=True))
        beats = [(time, note) for time, symbol, note in rows if symbol in BEAT_SYMBOLS]
        times = np.array([time for time, _ in beats], np.float64)
        rr = np.diff(times, prepend=0.0 if ours else np.nan)
        rr[[number for number, (_, note) in enumerate(beats) if note == RR_UNKNOWN]] = np.nan
        gaps = [
            time
            for time, symbol, note in rows
            if symbol == "~" and note.startswith("gap ") and note != "gap ends"
        ]
        behind = np.searchsorted(times, gaps, side="right")
        rr[behind[behind < len(rr)]] = np.nan
        return cls(times, rr)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording as it lies in its file.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV for ECG leads, the file's own unit for others; NaN where the file has no measurement. Without a column in a
        recording of RR intervals.
    fs : float
        Samples per second.
    leads : tuple of str
        House spelling (``MLII`` is ``II``).
    name : str
    lsb : tuple of float
        For each lead, units of one ADC step; 0 where unknown.
    annotations : Annotations or None
    comments : tuple of str
    epoch : float or None
        Unix time of the first sample. Files give the wall clock without a zone; it is read as UTC.
    intervals : RRSeries or None
        Of a recording without samples; otherwise None.
    uncalibrated : tuple of str
        Those of ``leads`` whose unit is not known: their samples are what the file has, counts mostly.
    remarks : tuple of str
        What the user should be told: what is missing, left out, or had to be assumed.
    derived : tuple of str
        Those of ``leads`` that were computed from others, by the file or as it was read.
    units : tuple of str
        Of each lead: ``mV`` of a calibrated ECG, of other signals what the file says; empty where it is not known.
    """

    samples: Samples
    fs: float
    leads: tuple[str, ...]
    name: str
    lsb: tuple[float, ...] = ()
    annotations: Annotations | None = None
    comments: tuple[str, ...] = ()
    epoch: float | None = None
    intervals: RRSeries | None = None
    uncalibrated: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lsb:
            object.__setattr__(self, "lsb", (0.0,) * len(self.leads))
        if not self.units:
            units = ("mV" if is_ecg(lead) and lead not in self.uncalibrated else "" for lead in self.leads)
            object.__setattr__(self, "units", tuple(units))
        object.__setattr__(self, "name", visible(self.name))
        object.__setattr__(self, "comments", tuple(map(visible, self.comments)))
        object.__setattr__(self, "remarks", tuple(map(visible, self.remarks)))

    def __len__(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self) / self.fs


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A recording whose samples stay in their file until they are asked for.

    Attributes
    ----------
    recording : Recording
        All but its samples; they may be there, too.
    length : int
        Samples.
    read : callable
        Takes the numbers of the first sample and of the one behind the last, returns float32 [n, leads].
    piece : int
        Samples that are best read at a time.
    others : tuple of Stored
        The signals of other rates that the file has, which begin at the same time.
    """

    recording: Recording
    length: int
    read: Callable[[int, int], Samples]
    piece: int
    others: tuple[Stored, ...] = ()

    @classmethod
    def of(cls, recording: Recording) -> Stored:
        """Return a recording that is in memory as one that is stored there."""
        samples = recording.samples
        return cls(recording, len(samples), lambda first, last: samples[first:last], max(1, len(samples)))

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is to be told where `others` are not looked at."""
        own = self.recording
        return tuple(
            f"{lead} is left out: it has {other.recording.fs:g} Hz, {own.leads[0]} has {own.fs:g} Hz"
            for other in self.others
            for lead in other.recording.leads
        )

    def whole(self) -> Recording:
        """Return the recording with all of its samples, without `others`."""
        remarks = (*self.recording.remarks, *self.left_out)
        if len(self.recording) == self.length:
            return replace(self.recording, remarks=remarks) if self.others else self.recording
        samples = np.empty((self.length, len(self.recording.leads)), np.float32)
        for first, last in self._pieces():
            samples[first:last] = self.read(first, last)
        return replace(self.recording, samples=samples, remarks=remarks)

    def check(self, name: str) -> None:
        """Raise `SignalError` if there is nothing to look at: no sample, none that was measured, nor any beat."""
        intervals = self.recording.intervals
        if intervals is not None:
            if len(intervals.times) == 0:
                raise SignalError(f"{name} has neither samples nor beats")
            return
        if self.length == 0:
            raise SignalError(f"{name} has no samples: the recording is 0 s long")
        if not any(np.isfinite(self.read(first, last)).any() for first, last in self._pieces()):
            raise SignalError(f"{name} has no measurement: all {self.length} samples are marked as missing")

    def _pieces(self) -> Iterator[tuple[int, int]]:
        return ((first, min(first + self.piece, self.length)) for first in range(0, self.length, self.piece))
