"""A model as users meet it: samples in mV in, named probabilities and an embedding out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.arguments import typed
from wearecg.block import Samples, Statement, Window
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models.card import PPG, Card, card_path, load_card
from wearecg.models.inputs import as_columns, as_leads, check_length, check_rate
from wearecg.models.live import statements
from wearecg.models.runner import Runner
from wearecg.models.scorer import Scorer
from wearecg.models.scores import Scores, mean
from wearecg.pipeline.resample import resample
from wearecg.rates import as_rate

NOT_MILLIVOLTS = 50.0
"""A lead whose samples span more than this (1st to 99th percentile) is not an ECG in mV."""
BATCH = 16
"""Windows that are looked at together; more of them no longer fit a core's cache."""


def load_scorer(name: str | Path = "encoder", precision: str = "int8", runtime: str = "onnx") -> Model:
    """Load a model that makes statements; `wearecg.load_model` for one that must be of this kind.

    Parameters
    ----------
    name : str or Path
        A shipped model, or the path of a card.
    precision, runtime : str
        ``int8`` or ``fp32``; ``onnx`` or ``tflite``.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        No such model or form, a file or card that must not be run, or one that makes no statements.
    MissingExtraError
        The runtime is not installed.
    """
    path = card_path(name)
    card = load_card(path)
    if not card.outputs.groups:
        use = "--ppg-to-ecg" if card.input.leads == PPG else "--twelve"
        raise ModelError(f"{card.source} makes no statements; it makes leads: `wearecg stream {use}`")
    return Model(card, Runner(card, path.parent, precision, runtime))


class Model:
    """A model that makes statements about an ECG: ``model(samples, fs, leads)``.

    Parameters
    ----------
    card : Card
    runner : Runner
        The file that is run, checked against the card. `wearecg.load_model` makes both.

    Attributes
    ----------
    card : Card
    runner : Runner

    Examples
    --------
    >>> import wearecg
    >>> model = wearecg.load_model("encoder")
    >>> person = wearecg.Person(seed=1, scenario="af", fs=250)
    >>> lead = person.samples(2500)[:, [person.leads.index("II")]]
    >>> rhythm = model(lead, 250, "II").probabilities["rhythm"]
    >>> max(rhythm, key=rhythm.get)
    'AFIB'
    """

    def __init__(self, card: Card, runner: Runner) -> None:
        self.card = card
        self.runner = runner
        self._scorer = Scorer(card, runner)

    @typed
    def __call__(
        self, samples: ArrayLike, fs: float, leads: str | Sequence[str], hop_s: float | None = None
    ) -> Scores:
        """Score a recording.

        Parameters
        ----------
        samples : [n, leads]
            mV; NaN where a sample is missing. At least one window long.
        fs : float
            Samples per second, at least the card's ``min_fs``.
        leads : str or sequence of str
            Names of the columns, standard leads in any order: ``"II"``, ``"II,V1"``, ``["II", "V1"]``.
        hop_s : float, optional
            Seconds from one window to the next; by default a window's length. The last window
            ends with the recording.

        Returns
        -------
        Scores

        Raises
        ------
        SignalError
            Rate, shape, length or values cannot be used, or no window has a usable lead.
        LeadError
            A name is not one of the model's leads, or comes twice.
        """
        fs = as_rate(fs)
        names = self._names(fs, leads)
        x = self._resampled(samples, fs, names)
        (windows,) = self._windows([x], names, hop_s)
        return self._whole(windows, names)

    @typed
    def batch(
        self,
        recordings: Iterable[ArrayLike],
        fs: float,
        leads: str | Sequence[str],
        hop_s: float | None = None,
    ) -> list[Scores]:
        """Score many recordings, their windows together: what a call for each would give, in less time.

        Parameters
        ----------
        recordings : iterable of [n, leads]
            mV, as for a call; they may differ in length.
        fs, leads, hop_s
            As for a call, the same for all.

        Returns
        -------
        list of Scores
            In the order of the recordings; to the last bit those of single calls where the runtime computes a
            window alike whatever stands beside it, as both do on x86-64.

        Raises
        ------
        SignalError
            As for a call; the message begins with the recording's index.
        LeadError
            As for a call.

        Examples
        --------
        >>> import wearecg
        >>> people = [wearecg.Person(seed, "sinus", 100) for seed in range(3)]
        >>> leads = [person.samples(1000 + 100 * i)[:, :2] for i, person in enumerate(people)]
        >>> scores = wearecg.load_model("encoder").batch(leads, 100, people[0].leads[:2])
        >>> [round(one.end) for one in scores]
        [10, 11, 12]
        """
        fs = as_rate(fs)
        names = self._names(fs, leads)
        whole: list[Samples] = []
        for index, samples in enumerate(recordings):
            with _of(index):
                whole.append(self._resampled(samples, fs, names))
        scores: list[Scores] = []
        for index, windows in enumerate(self._windows(whole, names, hop_s)):
            with _of(index):
                scores.append(self._whole(windows, names))
        return scores

    def score_window(self, window: Window) -> list[Statement]:
        """Return the reported statements above their threshold, or one ``NOT_SCORED`` with the reason."""
        return self.score_windows([window])[0]

    def score_windows(self, windows: Sequence[Window]) -> list[list[Statement]]:
        """Score windows together: for each what `score_window` returns, in less time."""
        return statements(self._scorer, windows)

    def _names(self, fs: float, leads: str | Sequence[str]) -> list[str]:
        """Return the leads in the house spelling. Raises where they, or the rate, are not for this model."""
        spec = self.card.input
        check_rate(fs, spec, self.card.source)
        known = ", ".join(spec.leads)
        names = as_leads(
            leads,
            self._scorer.takes,
            lambda name: f"{self.card.source} does not know lead {name!r}; it knows {known}",
        )
        if spec.any_lead and len(names) > 1:
            raise LeadError(f"{self.card.source} looks at one lead: give one of {', '.join(names)}")
        return names

    def _resampled(self, samples: ArrayLike, fs: float, names: Sequence[str]) -> Samples:
        """Return a recording at the model's rate. Raises where its samples cannot be used."""
        spec = self.card.input
        x = as_columns(samples, names)
        check_length(len(x), fs, spec, self.card.source)
        ranges = np.fmax.reduce(x) - np.fmin.reduce(x)
        for name, column, whole in zip(names, x.T, ranges, strict=True):
            # The range first, as a percentile takes its time; it is NaN where nothing was measured.
            span = np.ptp(np.nanpercentile(column, [1, 99])) if whole > NOT_MILLIVOLTS else 0.0
            if span > NOT_MILLIVOLTS:
                raise SignalError(
                    f"lead {name} spans {span:.0f}: that is no ECG in mV; "
                    "convert from microvolts or ADC steps first"
                )
        if fs == spec.fs:
            return x
        x = resample(x, fs, spec.fs)
        # From a slower rate the last output may lie behind the last sample: it is missing.
        return np.pad(x, ((0, max(0, spec.length - len(x))), (0, 0)), constant_values=np.nan)

    def _windows(
        self, recordings: Sequence[Samples], names: Sequence[str], hop_s: float | None
    ) -> list[list[tuple[float, Scores | None]]]:
        """Score every window of every recording: for each its start (s), and None where too few leads are left."""
        spec = self.card.input
        hop_s = spec.seconds if hop_s is None else hop_s
        cuts = [
            (number, start)
            for number, x in enumerate(recordings)
            for start in _starts(len(x), spec.length, hop_s, spec.fs)
        ]
        scored: list[list[tuple[float, Scores | None]]] = [[] for _ in recordings]
        for at in range(0, len(cuts), BATCH):
            part = cuts[at : at + BATCH]
            windows = np.stack(
                [recordings[number].T[:, start : start + spec.length] for number, start in part]
            )
            seconds = np.array([start for _, start in part]) / spec.fs
            scores = self._scores(windows, names, seconds)
            for (number, _), second, one in zip(part, seconds, scores, strict=True):
                scored[number].append((float(second), one))
        return scored

    def _whole(self, windows: Sequence[tuple[float, Scores | None]], names: Sequence[str]) -> Scores:
        """Return the scores of a recording, given those of its windows."""
        there = [scores for _, scores in windows if scores]
        why = self._scorer.too_few(names)
        if not there:
            seconds = windows[-1][0] + self.card.input.seconds
            raise SignalError(f"nothing to score in {seconds:.1f} s: {why}")
        return mean(there, [(start, why) for start, scores in windows if scores is None])

    def _scores(
        self, windows: Samples, names: Sequence[str], starts: NDArray[np.float64]
    ) -> Iterator[Scores | None]:
        """Score windows [N, leads, n] that begin at ``starts`` (s); None for one with too few leads."""
        calibration, seconds = self._scorer.calibration, self.card.input.seconds
        codes = [s.code for s in calibration.statements]
        for start, scored in zip(starts.tolist(), self._scorer(windows, names), strict=True):
            if scored is None:
                yield None
                continue
            p = scored.probabilities.tolist()
            doubts = zip(calibration.columns, scored.doubts, calibration.doubted, strict=True)
            yield Scores(
                probabilities={
                    group: dict(zip(codes[columns], p[columns], strict=True))
                    for group, columns in calibration.columns.items()
                },
                embedding=scored.embedding,
                uncertainty={group: chance for group, chance, known in doubts if known},
                unlike=scored.unlike,
                start=start,
                end=start + seconds,
                leads=scored.leads,
                source=self.card.source,
            )

    def probabilities(self, group: str, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Turn a group's logits [N, statements] into calibrated probabilities."""
        return self._scorer.calibration.probabilities(group, logits)


def _starts(samples: int, length: int, hop_s: float, fs: float) -> list[int]:
    if not 1 / fs <= hop_s < float("inf"):
        raise SignalError(f"hop_s is {hop_s}: give the seconds from one window to the next")
    starts = list(range(0, samples - length + 1, round(hop_s * fs)))
    if starts[-1] + length < samples:
        starts.append(samples - length)
    return starts


@contextmanager
def _of(index: int) -> Iterator[None]:
    """Say in an error which recording it is about."""
    try:
        yield
    except SignalError as error:
        raise SignalError(f"recording {index}: {error}") from error
