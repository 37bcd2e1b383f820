"""A synthetic lead II, drawn from a pulse wave: the network ``ppg2ecg``.

A pulse shows when the heart beats. The shape between the beats is an average one, and the amplitude is a convention.
So the card has no statements, and only heart rate and regularity are derived from its output.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.arguments import typed
from wearecg.block import Samples
from wearecg.ecg.pulse import REFRACTORY_S, PeakPicker
from wearecg.errors import ModelError, SignalError
from wearecg.models.card import PPG, Card, card_path, load_card
from wearecg.models.inputs import as_samples, check_length
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner
from wearecg.pipeline.pulse import Drawn, PulseStage
from wearecg.pipeline.resample import resample
from wearecg.rates import as_rate
from wearecg.runs import runs

BEATS = "beats"
"""The output with the probability of an R peak at each sample, and the name of its operating point."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLead:
    """What is drawn from a recording of a pulse. It is no ECG: only its beats and their rhythm are known.

    Attributes
    ----------
    ecg : float32 [n]
        mV by convention, in the shape of lead II, in time with the pulse: each R wave lies on the steepest point
        of an upslope. NaN where nothing could be drawn.
    fs : float
        Of ``ecg``, Hz: the model's.
    beats : float64 [beats]
        Seconds from the first sample, of each R wave in ``ecg``.
    rr : float64 [beats]
        Seconds from the previous beat; NaN for the first, and for the first after a stretch that is not drawn.
    lag : float64 [beats]
        The model's estimate of the seconds from the R wave of an ECG to the pulse: the R wave was at ``beats - lag``.
    skipped : tuple of (float, str)
        Start (s) and reason of each ten-second window without a reliable pulse; windows start every second.
    source : str
        ``model@version``.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=125)
    >>> pulse = person.samples(125 * 20)[:, person.leads.index("PPG")]
    >>> drawn = wearecg.load_model("ppg2ecg")(pulse, 125)
    >>> len(drawn.beats) == len(drawn.rr) == len(drawn.lag), drawn.skipped
    (True, ())
    """

    ecg: Samples
    fs: float
    beats: NDArray[np.float64]
    rr: NDArray[np.float64]
    lag: NDArray[np.float64]
    skipped: tuple[tuple[float, str], ...]
    source: str


class PulseModel:
    """Draws a lead ``II*`` and its beats from a pulse wave (PPG): ``model(samples, fs)``.

    Parameters
    ----------
    card : Card
    runner : Runner
        The file that is run, checked against the card. `wearecg.load_model` makes both.

    Attributes
    ----------
    label : str
        ``model@version``.
    input : Input
    fs : float
        Samples per second of its input and its output.
    length : int
        Samples in a window.
    threshold : float
        Probability from which a peak is a beat.

    Raises
    ------
    ModelError
        The card is not that of a model that draws from a pulse.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=125)
    >>> pulse = person.samples(125 * 20)[:, person.leads.index("PPG")]
    >>> drawn = wearecg.load_model("ppg2ecg")(pulse, 125)
    >>> drawn.ecg.shape, drawn.fs, bool((drawn.rr[1:] > 0.5).all())
    ((2000,), 100.0, True)
    """

    def __init__(self, card: Card, runner: Runner) -> None:
        check_card(card)
        self.label, self.input = card.source, card.input
        self.fs, self.length, self.threshold = card.input.fs, card.input.length, card.outputs.points[BEATS]
        self._runner = runner

    @typed
    def __call__(self, samples: ArrayLike, fs: float) -> DrawnLead:
        """Draw from a whole recording, as the live stream does.

        Parameters
        ----------
        samples : [n] or [n, 1]
            The pulse wave in any unit, upright (more blood, larger value); NaN where a sample is missing. At least
            one window (10 s) long.
        fs : float
            Samples per second, at least the model's ``min_fs``.

        Returns
        -------
        DrawnLead

        Raises
        ------
        SignalError
            Rate, shape or length cannot be used, or no ten seconds show a reliable pulse.
        """
        fs = as_rate(fs)
        self.check(fs)
        x = as_samples(samples)
        if x.ndim == 0 or x.shape[1:] not in ((), (1,)):
            raise SignalError(f"samples have shape {x.shape}: give one pulse wave, [n] or [n, 1]")
        check_length(len(x), fs, self.input, self.label)
        x = x.reshape(-1, 1)
        pulse = (x if fs == self.fs else resample(x, fs, self.fs))[:, 0]
        stage = PulseStage(self)
        verdicts, pieces = stage.feed(0, pulse)
        last_verdicts, last_pieces = stage.flush()
        verdicts, pieces = verdicts + last_verdicts, pieces + last_pieces
        ecg, chance, lag = (np.full(len(pulse), np.nan, np.float32) for _ in range(3))
        for piece in pieces:
            rows = slice(piece.first, piece.first + len(piece))
            ecg[rows], chance[rows], lag[rows] = piece.ecg, piece.beats, piece.lag
        skipped = [(v.start, v.leads[0].reason) for v in verdicts if v.leads[0].verdict == "unusable"]
        if not pieces:
            raise SignalError(f"nothing to draw in {len(x) / fs:.1f} s: {skipped[0][1]}")
        places, rr = self._beats(chance)
        at = lag[places.round().astype(int)].astype(np.float64)
        return DrawnLead(ecg, self.fs, places / self.fs, rr, at, tuple(skipped), self.label)

    def check(self, fs: float) -> None:
        """Raise `SignalError` if this sampling rate (Hz) is too low for the model."""
        if not self.input.min_fs <= fs < float("inf"):
            raise SignalError(
                f"a pulse at {fs:g} Hz is too slow: {self.label} needs at least {self.input.min_fs:g} Hz; "
                "set the sensor to a higher rate"
                if fs < self.input.min_fs
                else f"fs is {fs}: give the samples per second"
            )

    def draw(self, window: Samples) -> Drawn | None:
        """Draw from a window [length] in any unit at the model's rate, NaN where missing; None if it shows no pulse."""
        signal, mask = condition(window[None, None], self.fs, self.input.preprocessing)
        if not mask.any():
            return None
        out = self._runner.run(signal, mask)
        return Drawn(out["ecg"][0], 1 / (1 + np.exp(-out[BEATS][0])), float(out["lag"][0, 0]))

    def _beats(self, chance: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return sample numbers and RR intervals (s) of the beats; ``chance`` is NaN where nothing is drawn."""
        picker = PeakPicker(REFRACTORY_S * self.fs)
        places, rr = [np.empty(0)], [np.empty(0)]
        for drawn, run in runs(np.isfinite(chance)):
            if not drawn:
                continue
            picker.seek(run.start)
            found = np.array([*picker.feed(chance[run], self.threshold), *picker.flush()], np.float64)
            places.append(found)
            rr.append(np.diff(found, prepend=np.nan) / self.fs)
        return np.concatenate(places), np.concatenate(rr)


def check_card(card: Card) -> None:
    """Raise `ModelError` unless this is the card of a model that draws from a pulse."""
    found = [(signal.name, signal.shape, signal.units) for signal in card.outputs.signals]
    n = card.input.length
    wanted = [("ecg", (n,), "mV"), (BEATS, (n,), "logit"), ("lag", (2,), "s, log s^2")]
    if card.input.leads != PPG or found != wanted:
        raise ModelError(
            f"{card.source} does not draw from a pulse: it sees {', '.join(card.input.leads)} and gives {found}, "
            f"not {wanted}; `wearecg models` lists what does"
        )
    if BEATS not in card.outputs.points:
        raise ModelError(
            f"the card of {card.source} has no point {BEATS!r}, the probability from which a beat is one: "
            "publish it again with this version of wearecg"
        )


def load_pulse_model(
    name: str | Path = "ppg2ecg", precision: str = "int8", runtime: str = "onnx"
) -> PulseModel:
    """Load a model that draws from a pulse, and refuse any other; see `wearecg.load_model`.

    Parameters
    ----------
    name : str or Path
        ``ppg2ecg``, or the path of a card.
    precision, runtime : str
        ``int8`` or ``fp32``; ``onnx`` or ``tflite``.

    Returns
    -------
    PulseModel

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
