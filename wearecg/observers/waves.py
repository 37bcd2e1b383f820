"""``waves``: where the waves of every beat begin, peak and end, and every ten seconds the intervals between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from wearecg.block import Beat, Event, Quality, SignalBlock, Waves
from wearecg.ecg import beat_shape as shape
from wearecg.ecg.intervals import Measured, measures
from wearecg.ecg.leads import is_ecg
from wearecg.models.delineator import LAST_RR, as_waves, doubt
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Events, Observer, Samples

if TYPE_CHECKING:
    from wearecg.block import Samples as Array
    from wearecg.models.delineator import Delineator

OPTIONS = ("runtime", "precision")
EVERY_S = 10.0
"""Seconds over which intervals are measured."""
BEFORE_S, AFTER_S = shape.BEFORE / shape.FS, shape.AFTER / shape.FS
WHOLE_S = AFTER_S + 0.01
"""So long after its R peak all samples of a beat are there: it lies between samples."""
WAIT_S = 1.35
"""So long after its R peak a beat is told at the latest: two together cost little more than one."""
KEEP_S = 6.0
"""Samples are kept for so long: a beat is told at most five seconds after its R peak."""


def open_waves(options: Mapping[str, str]) -> Observer:
    """Return the observer ``waves``; its options are those of the model.

    In fp32 by default: a network of so few sums is faster in it than in int8, and says the same of a beat whatever
    beats stand beside it.
    """
    from wearecg.models import load_model

    known_options("waves", options, OPTIONS)
    return of(load_model("waves", options.get("precision", "fp32"), options.get("runtime", "onnx")), options)


def of(model: Delineator, options: Mapping[str, str]) -> Observer:
    """Return the observer that finds waves with ``model``, which was loaded with ``options``."""
    known_options(model.card.source, options, OPTIONS)
    return WavesObserver(model)


class WavesObserver(Observer):
    """Finds the waves of each beat on the lead of that beat, or on the first that can be used.

    Parameters
    ----------
    model : Delineator
    """

    def __init__(self, model: Delineator) -> None:
        self.source = model.card.source
        self.wants = (Events((Beat, Quality)), Samples(shape.FS))
        self._model = model

    def begin(self, about: About) -> Observer:
        """Return what looks at this stream, at its own rate."""
        return _Stream(self._model, about)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Nothing comes here: what `begin` returns is fed."""
        raise AssertionError(item, about)


class _Stream(WavesObserver):
    def __init__(self, model: Delineator, about: About) -> None:
        super().__init__(model)
        info = about.info
        self._fs, self._stream = info.fs, info.stream
        self.wants = (Events((Beat, Quality)), Samples(info.fs))
        self._column = {lead: column for column, lead in enumerate(info.leads) if is_ecg(lead)}
        self._sized = {lead: column for lead, column in self._column.items() if lead not in info.uncalibrated}
        self._blocks: deque[Array] = deque()
        self._first = self._end = 0
        self._due: deque[Beat] = deque()
        self._good: dict[int, frozenset[str]] = {}
        """By second, the leads that can be used."""
        self._means = {lead: shape.MeanBeat() for lead in self._column}
        self._usual: list[Measured] = []
        self._turn = 0
        self._rr: deque[float] = deque(maxlen=LAST_RR)
        self._find = model.find
        self._reach = round((BEFORE_S + AFTER_S) * info.fs)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take a beat, a verdict, or samples."""
        if isinstance(item, Beat):
            self._due.append(item)
            return ()
        if isinstance(item, Quality):
            self._judge(item)
            return ()
        assert isinstance(item, SignalBlock)
        said: list[Event] = []
        first = round(item.start * self._fs)
        if first != self._end:  # behind a long gap
            said += self._say(sum(beat.time * self._fs <= self._end for beat in self._due))
            self._blocks.clear()
            self._first = first
        self._blocks.append(item.samples)
        self._end = first + len(item)
        end = self._end / self._fs
        if self._due and self._due[0].time <= end - WAIT_S:
            said += self._say(sum(beat.time <= end - WHOLE_S for beat in self._due))
        oldest = int(end - 2 * KEEP_S)
        while self._good and (second := next(iter(self._good))) < oldest:
            del self._good[second]
        while self._end - self._first - len(self._blocks[0]) > KEEP_S * self._fs:
            self._first += len(self._blocks.popleft())
        return said

    def flush(self) -> Iterable[Event]:
        """Return the waves of the last beats, and the intervals of the last seconds."""
        return [*self._say(len(self._due)), *self._measures(self._turn + 1)]

    def _judge(self, quality: Quality) -> None:
        self._good[round(quality.start)] = frozenset(
            lead.lead for lead in quality.leads if lead.verdict != "unusable" and lead.lead in self._column
        )

    def _say(self, count: int) -> list[Event]:
        """Return the waves of the next beats, and the intervals of each stretch that they end."""
        seen, doubts = [], []
        for _ in range(count):
            beat = self._due.popleft()
            if beat.rr is None:
                self._rr.clear()
            else:
                self._rr.append(beat.rr)
            if lead := self._lead(beat):
                seen.append((beat, lead))
                doubts.append(doubt(self._rr))
        if not seen:
            return []
        samples, start = np.concatenate(self._blocks), self._first / self._fs
        cut = self._cut(samples, [(beat.time - start, lead) for beat, lead in seen])
        pairs, usual = shape.seen(cut, [self._means[lead] for _, lead in seen])
        said: list[Event] = []
        for (beat, lead), borders, like in zip(seen, self._find(pairs, cut, doubts), usual, strict=True):
            turn = int(beat.time // EVERY_S)
            if turn > self._turn:
                said += self._measures(turn)
            if borders:
                waves = as_waves(beat.time, borders, lead, self.source, self._stream)
                said.append(waves)
                if like:
                    self._usual.append(self._measured(waves, beat, samples))
        return said

    def _cut(self, samples: Array, beats: list[tuple[float, str]]) -> Array:
        """Return each beat, at seconds behind the first of ``samples`` [n, leads], on its lead."""
        leads = {lead for _, lead in beats}
        if len(leads) == 1:
            column = samples[:, self._column[leads.pop()]]
            return shape.cut(column, self._fs, [time for time, _ in beats])
        return np.concatenate([self._cut(samples, [one]) for one in beats])

    def _lead(self, beat: Beat) -> str:
        """Return the lead on which the waves of a beat are looked for; empty if none can be used.

        Judged by whole seconds that are over, as far as the beat reaches: whatever the pieces, they have been judged.
        """
        over = int(beat.time + AFTER_S)
        first = min(int(beat.time - BEFORE_S), over - 1)
        seconds = [self._good[second] for second in range(max(first, 0), over) if second in self._good]
        if not seconds:
            return ""
        good = seconds[0].intersection(*seconds[1:])
        if beat.lead in good:
            return beat.lead
        return next((lead for lead in self._column if lead in good), "")

    def _measured(self, waves: Waves, beat: Beat, samples: Array) -> Measured:
        first = max(int((beat.time - BEFORE_S) * self._fs) - self._first, 0)
        around = samples[first : first + self._reach]
        return Measured(waves, beat.rr, around, (self._first + first) / self._fs)

    def _measures(self, turn: int) -> list[Event]:
        """Return the intervals of the stretch that is over, if ``turn`` is the next."""
        start, self._turn = EVERY_S * self._turn, turn
        beats, self._usual = self._usual, []
        return [*measures(beats, start, start + EVERY_S, self._fs, self._sized, self.source, self._stream)]
