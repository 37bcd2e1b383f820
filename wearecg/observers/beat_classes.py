"""``beats``: the class of every beat by AAMI, at most a second and a half after its R peak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from wearecg.block import Beat, Event, Quality
from wearecg.ecg import beat_context as context
from wearecg.ecg.leads import is_ecg
from wearecg.models.beat_classifier import AGE_S
from wearecg.observers.of_beats import HEARD, OPTIONS, BeatsObserver
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Observer

if TYPE_CHECKING:
    from wearecg.models.beat_classifier import BeatClassifier

REACH_S = 0.1
"""A beat is found at least so long after its R peak: the samples up to there have come."""


def open_beats(options: Mapping[str, str]) -> Observer:
    """Return the observer ``beats``; its options are those of the model."""
    from wearecg.models import load_model

    known_options("beats", options, OPTIONS)
    return of(load_model("beats", options.get("precision", "int8"), options.get("runtime", "onnx")), options)


def of(model: BeatClassifier, options: Mapping[str, str]) -> Observer:
    """Return the observer that tells classes with ``model``, which was loaded with ``options``."""
    known_options(model.card.source, options, OPTIONS)
    return BeatsObserver(model.card.source, partial(_Stream, model))


class _Stream(Observer):
    """Tells the class of each beat when the next has come, or after a second to a half."""

    wants = HEARD

    def __init__(self, model: BeatClassifier, about: About) -> None:
        self.source, self._model = model.card.source, model
        info = about.info
        self._fs, self._stream, self._samples = info.fs, info.stream, about.samples
        self._columns = [column for column, lead in enumerate(info.leads) if is_ecg(lead)]
        self._names = [info.leads[column] for column in self._columns]
        self._leads = context.Leads(len(self._columns))
        self._unusable: frozenset[str] = frozenset()
        self._due: Beat | None = None

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take a beat, or a verdict, by which time is told."""
        if isinstance(item, Beat):
            said = self._tell(item.time - self._due.time, True, item.time + REACH_S) if self._due else []
            self._due = item
            return said
        assert isinstance(item, Quality)
        self._unusable = frozenset(lead.lead for lead in item.leads if lead.verdict == "unusable")
        if self._due and item.end - self._due.time >= AGE_S:
            return self._tell(item.end - self._due.time, False, item.end)
        return ()

    def flush(self) -> Iterable[Event]:
        """Return the class of the last beat."""
        return self._tell(AGE_S, False, self._due.time + REACH_S) if self._due else []

    def _tell(self, behind: float, whole: bool, now: float) -> list[Event]:
        """Tell the class of the beat that is due: the next came ``behind`` s later, or has not until then."""
        assert self._due
        beat, self._due = self._due, None
        start = round((beat.time - context.BEFORE_S) * self._fs - 1) / self._fs
        end = min(beat.time + context.AFTER_S, now)
        samples = self._samples(start, end)[:, self._columns]
        given = self._leads.see(context.cut(samples, self._fs, beat.time - start), beat.rr, behind, whole)
        usable = [row for row, name in enumerate(self._names) if name not in self._unusable]
        if not usable:
            return []
        return [replace(self._model.tell(beat.time, given[usable]), stream=self._stream)]
