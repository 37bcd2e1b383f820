"""A recording whose signals have several rates, as one sensor with a stream for each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from wearecg.block import SignalBlock, StreamId
from wearecg.ecg.beats import FASTEST_HZ, SLOWEST_HZ
from wearecg.ecg.leads import is_ecg
from wearecg.formats import Stored
from wearecg.transports.base import Source
from wearecg.transports.pacing import LONGEST_S
from wearecg.transports.replay import ReplaySource


def is_played(stored: Stored) -> bool:
    """Whether signals beside those of the main rate are a stream of their own: an ECG, or a pulse."""
    recording = stored.recording
    ecg = any(map(is_ecg, recording.leads)) and SLOWEST_HZ <= recording.fs <= FASTEST_HZ
    return ecg or "PPG" in recording.leads


class RatesReplaySource(ReplaySource):
    """Play a recording and those of its `Stored.others` that are an ECG or a pulse, each at its own rate.

    The leads of the highest rate are the stream ``ecg``; other ECG leads are ``ecg-2`` and so on, a pulse is ``ppg``.
    What else there is, is told.

    Parameters
    ----------
    stored : Stored
    speed : float
    longest_s : float
        Seconds of the longest block.
    """

    def __init__(self, stored: Stored, speed: float = 1.0, longest_s: float = LONGEST_S) -> None:
        played = [one for one in stored.others if is_played(one)]
        silent = replace(stored, others=tuple(one for one in stored.others if not is_played(one)))
        super().__init__(silent, speed, longest_s=longest_s)
        self._others: list[tuple[StreamId, ReplaySource]] = []
        count = Counter({"ecg": 1})
        for one in played:
            kind = "ecg" if any(map(is_ecg, one.recording.leads)) else "ppg"
            count[kind] += 1
            source = ReplaySource(one, speed, longest_s=longest_s)
            self._others.append((StreamId(kind, count[kind]), source))
            self.remarks += source.remarks

    @property
    def sensors(self) -> Sequence[Source]:
        """One for each number that a stream has."""
        numbered = {stream.sensor: source for stream, source in self._others if stream.sensor > 1}
        return [self, *(numbered[number] for number in sorted(numbered))]

    def _next(self, n: int) -> tuple[list[SignalBlock], int]:
        blocks, taken = super()._next(n)
        until = self._position / self.fs if taken == n else math.inf
        for stream, source in self._others:
            blocks += [replace(block, stream=stream) for block in source.play_until(until)]
        return blocks, taken
