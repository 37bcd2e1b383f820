"""The class of a beat by AAMI: the network `beats`, on every usable lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.block import BeatClass
from wearecg.ecg import beat_context as context
from wearecg.errors import ModelError, SignalError
from wearecg.models.card import Card
from wearecg.models.inputs import as_samples, check_rate
from wearecg.models.runner import Runner
from wearecg.rates import as_rate

Array = NDArray[np.float32]

CODES = "NSVFQ"
SAID = "classes"
"""The output: a logit for each of `CODES`."""
AGE_S = 0.5
"""A beat is told when the next has come, or, without it, at the first whole second from this age on."""
TOLD_S = 0.2
"""A beat is found so long after its R peak."""
GAP_S = 4.0
"""No RR interval is so long: beats are missing."""


class BeatClassifier:
    """Tells the class of beats: ``model(samples, fs, peaks)``.

    Parameters
    ----------
    card : Card
    runner : Runner
        The file that is run, checked against the card. `wearecg.load_model` makes both.

    Raises
    ------
    ModelError
        The card is not that of a model that tells classes of beats.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> lead = person.samples(5000)[:, [person.leads.index("II")]]
    >>> peaks = [beat.time for beat in wearecg.score(lead, 250, "II").beats]
    >>> {one.code for one in wearecg.load_model("beats")(lead, 250, peaks)}
    {'N'}
    """

    def __init__(self, card: Card, runner: Runner) -> None:
        if card.input.length != context.LENGTH or {*card.outputs.places} != {SAID}:
            raise ModelError(f"{card.source} does not tell the classes of beats")
        self.card = card
        self._runner = runner
        self._least = [card.outputs.points.get(code, 0.0) for code in CODES]

    def __call__(self, samples: ArrayLike, fs: float, peaks: Sequence[float]) -> tuple[BeatClass, ...]:
        """Tell the class of all beats of a recording, in order.

        Parameters
        ----------
        samples : [n] or [n, leads]
            In any unit; NaN where a sample is missing.
        fs : float
            Samples per second, at least the card's ``min_fs``.
        peaks : sequence of float
            R peaks, seconds from the first sample, as `Beat.time`.

        Returns
        -------
        tuple of BeatClass
            One for each peak.

        Raises
        ------
        SignalError
            Rate or shape cannot be used, or a peak is not in the recording.
        """
        fs = as_rate(fs)
        check_rate(fs, self.card.input, self.card.source)
        x = as_samples(samples)
        if x.ndim not in (1, 2):
            raise SignalError(f"samples have shape {x.shape}: give [n] or [n, leads]")
        x = x.reshape(len(x), -1)
        times = sorted(float(peak) for peak in peaks)
        if times and not 0 <= times[0] <= times[-1] <= len(x) / fs:
            raise SignalError(f"R peaks from {times[0]:g} to {times[-1]:g} s in {len(x) / fs:g} s of signal")
        leads = context.Leads(x.shape[1])
        given = [
            leads.see(beat_of(x, fs, time), rr, behind, whole) for time, rr, behind, whole in places(times)
        ]
        return tuple(
            self._said(time, logits.mean(axis=0))
            for time, logits in zip(times, self._logits(given), strict=True)
        )

    def tell(self, time: float, given: Array) -> BeatClass:
        """Return the class of the beat at ``time`` from what `Leads` gives of its usable leads."""
        return self._said(time, self._logits([given])[0].mean(axis=0))

    def _logits(self, given: Sequence[Array]) -> list[Array]:
        if not given:
            return []
        rows = np.concatenate(given)[:, None]
        said = self._runner.run(rows, np.ones((len(rows), 1), np.float32))[SAID]
        return np.split(said, np.cumsum([len(one) for one in given])[:-1])

    def _said(self, time: float, logits: Array) -> BeatClass:
        (best,), (chance,) = choose(logits[None], self._least)
        return BeatClass(time, CODES[best], chance, self.card.source)


def choose(logits: Array, least: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return for each beat the likeliest class of those that are as likely as they have to be, and how likely it is.

    Parameters
    ----------
    logits : float32 [n, 5]
        Of `CODES`, the mean of the usable leads.
    least : sequence of float
        The chance from which each may be told.
    """
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    allowed = np.where(chances >= np.asarray(least, np.float32), chances, 0.0)
    allowed[:, 0] += 1e-9  # nothing is likely enough: a normal beat
    best = allowed.argmax(axis=1)
    return best.tolist(), np.take_along_axis(chances, best[:, None], 1)[:, 0].tolist()


def places(times: Sequence[float]) -> Iterator[tuple[float, float | None, float, bool]]:
    """Yield for each beat its time, the RR interval before it, and what is known of the one behind when it is told."""
    before: float | None = None
    for number, time in enumerate(times):
        second = ceil(time + AGE_S)
        following = times[number + 1] if number + 1 < len(times) else inf
        whole = following + TOLD_S <= second
        rr = time - before if before is not None and time - before < GAP_S else None
        yield time, rr, (following if whole else second) - time, whole
        before = time


def beat_of(samples: Array, fs: float, time: float) -> Array:
    """Return the beat at ``time`` of samples [n, leads], as `beat_context.cut` does."""
    first = max(int((time - context.BEFORE_S) * fs) - 2, 0)
    last = int((time + context.AFTER_S) * fs) + 3
    return context.cut(samples[first:last], fs, time - first / fs)
