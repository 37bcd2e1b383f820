"""A trace in the likeness of lead II, drawn from a pulse wave: the network ``ppg2ecg``.

What it can know is when the heart beats. The shape between the beats is what hearts mostly do, and the amplitude
is a convention. So the card has no statements, and only rate and rhythm are made of its output.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wearecg.block import Samples
from wearecg.errors import ModelError, SignalError
from wearecg.models.card import PPG, Card, card_path, load_card
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner
from wearecg.pipeline.pulse import Drawn

THRESHOLD = 0.38
"""Probability from which a maximum is a beat: that of the best F1 on recordings kept for choosing."""


class PulseModel:
    """A card and a runner: a window of a pulse wave in, a trace and its beats out.

    Raises `ModelError` if the card is not that of a model that draws from a pulse.
    """

    def __init__(self, card: Card, runner: Runner) -> None:
        check_card(card)
        self.label, self.input = card.source, card.input
        self.fs, self.length, self.threshold = card.input.fs, card.input.length, THRESHOLD
        self._runner = runner

    def check(self, fs: float) -> None:
        """Raise `SignalError` if a pulse wave at this rate (Hz) is too coarse for the model."""
        if fs < self.input.min_fs:
            raise SignalError(
                f"a pulse at {fs:g} Hz is too slow: {self.label} needs at least {self.input.min_fs:g} Hz; "
                "set the sensor to a higher rate"
            )

    def draw(self, window: Samples) -> Drawn | None:
        """Look at a window [length] in any unit at the model's rate, NaN where missing; None if it shows no pulse."""
        signal, mask = condition(window[None, None], self.fs, self.input.preprocessing)
        if not mask.any():
            return None
        out = self._runner.run(signal, mask)
        return Drawn(out["ecg"][0], 1 / (1 + np.exp(-out["beats"][0])), float(out["lag"][0, 0]))


def check_card(card: Card) -> None:
    """Raise `ModelError` unless this is the card of a model that draws from a pulse."""
    found = [(signal.name, signal.shape, signal.units) for signal in card.outputs.signals]
    n = card.input.length
    wanted = [("ecg", (n,), "mV"), ("beats", (n,), "logit"), ("lag", (2,), "s, log s^2")]
    if card.input.leads != PPG or found != wanted:
        raise ModelError(
            f"{card.source} does not draw from a pulse: it sees {', '.join(card.input.leads)} and gives {found}, "
            f"not {wanted}; `wearecg models` lists what does"
        )


def load_pulse_model(
    name: str | Path = "ppg2ecg", precision: str = "int8", runtime: str = "onnx"
) -> PulseModel:
    """Load ``ppg2ecg``, or a model of its kind by the path of a card.

    Raises
    ------
    ModelError
        No such model or form, a file or card that must not be run, or one that does something else.
    MissingExtraError
        The runtime is not installed.
    """
    path = card_path(name)
    card = load_card(path)
    check_card(card)
    return PulseModel(card, Runner(card, path.parent, precision, runtime))
