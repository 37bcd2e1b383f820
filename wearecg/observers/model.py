"""Observers that score with a model: any whose card has statements, and ``auto``, which chooses one by the leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from wearecg.block import Beat, Event, Statement, Window
from wearecg.ecg.rhythm import rr_measures
from wearecg.models.card import Card, load_card
from wearecg.models.runner import ENGINES
from wearecg.models.runtimes import check_runtime
from wearecg.observers import telling
from wearecg.observers.options import known_options
from wearecg.observers.telling import Telling
from wearecg.pipeline.observer import About, Observer, Segments, Windows
from wearecg.statement import NOTHING, not_scored

if TYPE_CHECKING:
    from wearecg.models.model import Model

OPTIONS = ("runtime", "precision", *telling.OPTIONS)
STANDARD: Final = "encoder"
ANY_LEAD: Final = "rhythm1"
"""What ``auto`` chooses: for leads of known position, and for one of unknown position."""
RR_SOURCE = "rr@1"


def of(model: Model, options: Mapping[str, str]) -> Observer:
    """Return the observer that scores with ``model``, which was loaded with ``options``."""
    known_options(model.card.source, options, OPTIONS)
    return ModelObserver(model, Telling.of(options, model.card))


def open_auto(options: Mapping[str, str]) -> Observer:
    """Return the observer ``auto``; its options are those of the models."""
    known_options("auto", options, OPTIONS)
    return AutoObserver(options)


class ModelObserver(Observer):
    """Scores each window, or each beat. Keeps no state, so that one model serves several streams."""

    slow = True

    def __init__(self, model: Model, telling: Telling) -> None:
        self._model = type(model)(telling.applied(model.card), model.runner)
        self._telling = telling
        self.source = model.card.source
        self.wants = wants_of(model.card)

    def begin(self, about: About) -> Observer:
        """Return itself."""
        del about
        return self

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take a window; return its statements, with the rate and irregularity of the beats in it as evidence."""
        (said,) = self.feed_together([item], [about])
        return said

    def feed_together(self, items: Sequence[object], abouts: Sequence[About]) -> Sequence[Iterable[Event]]:
        """Take windows; the network runs once for those that have the same leads."""
        windows = [item for item in items if isinstance(item, Window)]
        beats = [about.beats(item.start, item.end) for item, about in zip(windows, abouts, strict=True)]
        scored = iter(
            self._model.score_windows([item for item, found in zip(windows, beats, strict=True) if found])
        )
        return [
            self._told(item, about, found, next(scored)) if found else [self._no_beat(item, about)]
            for item, about, found in zip(windows, abouts, beats, strict=True)
        ]

    def _no_beat(self, item: Window, about: About) -> Event:
        """Whatever a network says of it: without a beat there is no rhythm, and no complex to judge."""
        reason = f"no beat in {item.end - item.start:g} s"
        return not_scored(self.source, about.info, item.start, item.end, "unusable", reason)

    def _told(
        self, item: Window, about: About, beats: Sequence[Beat], said: Sequence[Statement]
    ) -> Sequence[Event]:
        rr = [beat.rr for beat in beats if beat.rr is not None]
        evidence = rr_measures(rr, RR_SOURCE, item.start, item.end, item.stream)
        sizeless = bool(about.info.uncalibrated) or any(
            lead.reason == "amplitude" for lead in item.quality.leads
        )
        return self._telling.kept(said, evidence, sizeless) or [
            Statement(NOTHING, "", item.start, item.end, None, self.source, stream=item.stream)
        ]


class AutoObserver(Observer):
    """The encoder if a lead has a known position, else the one-lead rhythm model; loaded when a stream begins."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = dict(options)
        # Here, and not when a stream begins: the caller can still go on without a model.
        for package in ENGINES.get(self._options.get("runtime", "onnx"), ()):
            check_runtime(package)
        self._card = load_card(STANDARD)
        self.source = self._card.source
        self.wants = wants_of(self._card)
        self._loaded: dict[str, Observer] = {}

    def begin(self, about: About) -> Observer:
        """Return the model for these leads."""
        from wearecg.models import load_model

        standard = set(about.info.leads) & set(self._card.input.leads)
        name: Literal["encoder", "rhythm1"] = STANDARD if standard else ANY_LEAD
        if name not in self._loaded:
            form = {key: value for key, value in self._options.items() if key not in telling.OPTIONS}
            model = load_model(name, **form)
            self._loaded[name] = of(model, self._options)
        return self._loaded[name]

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Nothing comes here: what `begin` returns is fed."""
        raise AssertionError(item, about)


def wants_of(card: Card) -> tuple[Windows | Segments, ...]:
    """Return what a model looks at: a window every second, or a stretch around each beat."""
    spec = card.input
    if spec.around == "beat":
        return (Segments(spec.fs, spec.seconds / 2, spec.seconds / 2),)
    return (Windows(spec.fs, spec.seconds),)
