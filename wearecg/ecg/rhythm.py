"""Whether a series of RR intervals is regular."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import fsum

from wearecg.block import Measure, Statement, StreamId
from wearecg.statement import NOT_SCORED

WINDOW_RR, MIN_RR = 64, 24
"""The rhythm is judged on the last ``WINDOW_RR`` intervals, and at least ``MIN_RR``."""
EVERY_S = 5.0
"""Seconds from one judgement to the next."""
IRREGULAR = 0.1
"""RMSSD over mean RR from which a rhythm is called irregular. On MIT-BIH all verdicts in fibrillation are, and 2 % of
those in normal rhythm."""
PLAUSIBLE_S = (0.2, 3.0)
MIN_MEASURED = 4
"""RR intervals needed to measure their irregularity."""


def rr_measures(
    rr: Sequence[float], source: str, start: float, end: float, stream: StreamId
) -> tuple[Measure, ...]:
    """Return irregularity (RMSSD over mean) and heart rate from RR intervals (s); nothing from fewer than four."""
    if len(rr) < MIN_MEASURED:
        return ()
    # As `statistics.fmean` and `median` have it, which take five times as long.
    n = len(rr)
    ordered = sorted(rr)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    irregularity = (fsum([(b - a) ** 2 for a, b in pairwise(rr)]) / (n - 1)) ** 0.5 / (fsum(rr) / n)
    return (
        Measure("rr_irregularity", round(irregularity, 3), "", source, start, end, stream=stream),
        Measure("heart_rate", round(60 / middle, 1), "bpm", source, start, end, stream=stream),
    )


class Rhythm:
    """Judges the last RR intervals of a stream.

    Parameters
    ----------
    source : str
        ``rule@version``.
    lead : str
        The lead that the intervals were measured on.
    stream : StreamId
    """

    def __init__(self, source: str, lead: str, stream: StreamId) -> None:
        self._source, self._lead, self._stream = source, lead, stream
        self._rr: deque[float] = deque(maxlen=WINDOW_RR)

    def add(self, interval: float) -> None:
        """Take the next interval, s; an implausible one starts over."""
        self._rr.append(interval)
        if not PLAUSIBLE_S[0] <= interval <= PLAUSIBLE_S[1]:
            self._rr.clear()

    def gap(self) -> None:
        """Forget the intervals before a gap."""
        self._rr.clear()

    def judge(self, end: float, trouble: str = "") -> Statement:
        """Judge the intervals up to ``end`` (s); a ``trouble`` is why they cannot be judged."""
        rr = [] if trouble else list(self._rr)
        start = end - sum(rr)
        said = Statement("", "", start, end, None, self._source, leads=(self._lead,), stream=self._stream)
        if len(rr) < MIN_RR:
            reason = f"{len(rr)} intervals without a break; the rhythm needs {MIN_RR} or more"
            return replace(
                said,
                code=NOT_SCORED,
                text="rhythm not judged",
                why="unusable" if trouble else "short",
                reason=trouble or reason,
            )
        evidence = rr_measures(rr, self._source, start, end, self._stream)
        intervals = Measure("intervals", float(len(rr)), "", self._source, start, end, stream=self._stream)
        irregular = evidence[0].value >= IRREGULAR
        return replace(
            said,
            code="RR_IRREGULAR" if irregular else "RR_REGULAR",
            text="irregular pulse" if irregular else "regular pulse",
            evidence=(*evidence, intervals),
        )
