"""``waves``: where the waves of every beat begin, peak and end, and every ten seconds the intervals between them.

Beats are looked at in turns of five seconds: what they have in common is seen better in all of them, and several cost
little more than one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from wearecg.block import Beat, Event, Quality, Waves
from wearecg.ecg import beat_shape as shape
from wearecg.ecg.intervals import Measured, measures
from wearecg.ecg.leads import is_ecg
from wearecg.models.delineator import LAST_RR, as_waves, doubt
from wearecg.observers.of_beats import HEARD, OPTIONS, BeatsObserver
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Observer

if TYPE_CHECKING:
    from wearecg.models.delineator import Delineator

EVERY_S = 10.0
"""Seconds over which intervals are measured."""
BEFORE_S, AFTER_S = shape.BEFORE / shape.FS, shape.AFTER / shape.FS
WAIT_S = 5.0
"""So long after a turn no beat of it is waited for, if none has come since."""

Seen: TypeAlias = tuple[Waves, Beat, bool]
"""The waves of a beat, and whether it is of the usual shape."""


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
    return BeatsObserver(model.card.source, partial(_Stream, model))


class _Stream(Observer):
    """Finds the waves of each beat on the lead of that beat, or on the first that can be used."""

    wants = HEARD

    def __init__(self, model: Delineator, about: About) -> None:
        self.source, self._model = model.card.source, model
        info = about.info
        self._fs, self._stream, self._samples = info.fs, info.stream, about.samples
        self._column = {lead: column for column, lead in enumerate(info.leads) if is_ecg(lead)}
        self._sized = {lead: column for lead, column in self._column.items() if lead not in info.uncalibrated}
        self._due: deque[Beat] = deque()
        self._good: dict[int, frozenset[str]] = {}
        """By second, the leads that can be used."""
        self._means = {lead: shape.MeanBeat() for lead in self._column}
        self._usual: list[Measured] = []
        self._stretch = 0
        self._rr: deque[float] = deque(maxlen=LAST_RR)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take a beat, or a verdict."""
        if isinstance(item, Beat):
            self._due.append(item)
            return ()
        assert isinstance(item, Quality)
        self._good[round(item.start)] = frozenset(
            lead.lead for lead in item.leads if lead.verdict != "unusable" and lead.lead in self._column
        )
        return self._look(item.end)

    def flush(self) -> Iterable[Event]:
        """Return the waves of the last beats, and the intervals of the last seconds."""
        return [*self._look(inf), *self._measures(self._stretch + 1)]

    def _look(self, now: float) -> list[Event]:
        """Return what is found in the turns that are over: of which all beats have come, and all of their samples."""
        due, said = self._due, []
        while due:
            turn = due[0].time // shape.TURN_S
            end = (turn + 1) * shape.TURN_S
            if now < end + AFTER_S or (due[-1].time < end and now < end + WAIT_S):
                break
            beats = []
            while due and due[0].time < end:
                beats.append(due.popleft())
            said += self._say(beats)
            for second in [second for second in self._good if second < beats[0].time - EVERY_S]:
                del self._good[second]
        return said

    def _say(self, beats: Sequence[Beat]) -> list[Event]:
        """Return the waves of the beats of a turn, and the intervals of the stretch that it ends."""
        said: list[Event] = []
        stretch = int(beats[0].time // EVERY_S)
        if stretch > self._stretch:
            said += self._measures(stretch)
        on: dict[str, list[Beat]] = {}
        for beat in beats:
            if beat.rr is None:
                self._rr.clear()
            else:
                self._rr.append(beat.rr)
            if lead := self._lead(beat):
                on.setdefault(lead, []).append(beat)
        found = [one for lead, some in on.items() for one in self._found(lead, some)]
        if len(on) > 1:
            found.sort(key=lambda one: one[0].time)
        self._usual += [Measured(waves, beat.rr) for waves, beat, usual in found if usual]
        said += [waves for waves, _, _ in found]
        return said

    def _found(self, lead: str, beats: Sequence[Beat]) -> list[Seen]:
        """Return the waves of some beats of a turn, which are looked for on one lead."""
        start = round((beats[0].time - BEFORE_S) * self._fs - 1) / self._fs
        samples = self._samples(start, beats[-1].time + AFTER_S + 1 / self._fs)[:, self._column[lead]]
        cut = shape.cut(samples, self._fs, [beat.time - start for beat in beats])
        pairs, usual = shape.seen(cut, self._means[lead])
        found = self._model.find(pairs, usual, cut, doubt(self._rr))
        return [
            (as_waves(beat.time, borders, lead, self.source, self._stream), beat, like)
            for beat, borders, like in zip(beats, found, usual.tolist(), strict=True)
            if borders
        ]

    def _lead(self, beat: Beat) -> str:
        """Return the lead on which the waves of a beat are looked for; empty if none can be used.

        Judged by whole seconds that are over, as far as the beat reaches.
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

    def _measures(self, stretch: int) -> list[Event]:
        """Return the intervals of the stretch that is over, if ``stretch`` is the next."""
        start, self._stretch = EVERY_S * self._stretch, stretch
        beats, self._usual = self._usual, []
        return [
            *measures(
                beats,
                start,
                start + EVERY_S,
                self._fs,
                self._samples,
                self._sized,
                self.source,
                self._stream,
            )
        ]
