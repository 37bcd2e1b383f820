"""A model as users meet it: samples in mV in, named probabilities and an embedding out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.block import Samples, Statement, Why, Window
from wearecg.ecg.leads import canonical, is_ecg
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models.card import PPG, Card, card_path, load_card
from wearecg.models.inputs import as_columns, as_leads, check_length, check_rate
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner
from wearecg.models.scores import Scores, mean
from wearecg.pipeline.resample import resample
from wearecg.rates import as_rate
from wearecg.statement import not_scored

UNLIKE = "not like any ECG the model knows: noise, exchanged electrodes, a wrong gain, or no ECG?"
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
        spec = self.card.input
        if window.fs != spec.fs or len(window.samples) != spec.length:
            raise SignalError(
                f"{self.card.source} takes windows of {spec.length} samples at {spec.fs:g} Hz, "
                f"got {len(window.samples)} at {window.fs:g} Hz"
            )
        limit = spec.preprocessing.max_missing * spec.seconds
        if window.lost / spec.fs > limit:
            return [
                self._refusal(window, "missing", f"more than {limit:g} s of {spec.seconds:g} s are missing")
            ]
        usable = [i for i, ok in enumerate(window.usable) if ok and self._takes(window.leads[i])]
        if len(usable) < spec.min_leads:
            return [self._refusal(window, *_why_unusable(window, self._takes))]
        names = [canonical(window.leads[i]) for i in usable]
        if spec.any_lead:
            usable, names = usable[:1], names[:1]
        signal, mask = self._prepare(window.samples[None, :, usable], names)
        scores = self._scores(signal, mask, np.array([window.start]))[0]
        if scores is None:
            return [self._refusal(window, "missing", self._too_few(names))]
        if scores.unlike == 1:
            return [self._refusal(window, "unlike", UNLIKE)]
        return [
            Statement(
                code=s.code,
                text=s.text,
                start=window.start,
                end=window.end,
                probability=scores.probabilities[group.name][s.code],
                source=self.card.source,
                uncertainty=scores.uncertainty.get(group.name),
                leads=tuple(names) if spec.any_lead else scores.leads,
                stream=window.stream,
            )
            for group in self.card.outputs.groups
            for s in group.statements
            if s.reported and scores.probabilities[group.name][s.code] >= s.threshold
        ]

    def _names(self, fs: float, leads: str | Sequence[str]) -> list[str]:
        """Return the leads in the house spelling. Raises where they, or the rate, are not for this model."""
        spec = self.card.input
        check_rate(fs, spec, self.card.source)
        known = ", ".join(spec.leads)
        names = as_leads(
            leads,
            self._takes,
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
            windows = np.stack([recordings[number][start : start + spec.length] for number, start in part])
            seconds = np.array([start for _, start in part]) / spec.fs
            scores = self._scores(*self._prepare(windows, names), seconds)
            for (number, _), second, one in zip(part, seconds, scores, strict=True):
                scored[number].append((float(second), one))
        return scored

    def _whole(self, windows: Sequence[tuple[float, Scores | None]], names: Sequence[str]) -> Scores:
        """Return the scores of a recording, given those of its windows."""
        there = [scores for _, scores in windows if scores]
        why = self._too_few(names)
        if not there:
            seconds = windows[-1][0] + self.card.input.seconds
            raise SignalError(f"nothing to score in {seconds:.1f} s: {why}")
        return mean(there, [(start, why) for start, scores in windows if scores is None])

    def _takes(self, lead: str) -> bool:
        spec = self.card.input
        return is_ecg(lead) if spec.any_lead else canonical(lead) in spec.leads

    def _prepare(
        self, windows: Samples, names: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Put [N, n, leads] in the model's order and condition it."""
        spec = self.card.input
        ordered = np.full((len(windows), len(spec.leads), windows.shape[1]), np.nan, np.float32)
        rows = [0] if spec.any_lead else [spec.leads.index(name) for name in names]
        ordered[:, rows] = windows.transpose(0, 2, 1)
        return condition(ordered, spec.fs, spec.preprocessing)

    def _scores(
        self, signal: NDArray[np.float32], mask: NDArray[np.float32], starts: NDArray[np.float64]
    ) -> list[Scores | None]:
        """Score prepared windows; None for one with too few leads."""
        spec = self.card.input
        enough = mask.sum(axis=1) >= spec.min_leads
        result: list[Scores | None] = [None] * len(signal)
        if not enough.any():
            return result
        out = self.runner.run(signal[enough], mask[enough])
        groups = {g.name: self.probabilities(g.name, out[g.name]) for g in self.card.outputs.groups}
        doubts = {
            g.name: _logistic(g.doubt.slope * entropy(groups[g.name]) + g.doubt.offset)
            for g in self.card.outputs.groups
            if g.doubt
        }
        limit = self.card.outputs.unlike
        for row, i in enumerate(np.flatnonzero(enough)):
            result[i] = Scores(
                probabilities={
                    g.name: {s.code: float(p) for s, p in zip(g.statements, groups[g.name][row], strict=True)}
                    for g in self.card.outputs.groups
                },
                embedding=out["embedding"][row],
                uncertainty={name: float(chance[row]) for name, chance in doubts.items()},
                unlike=np.nan if limit is None else float(out["unlike"][row, 0] >= limit),
                start=float(starts[i]),
                end=float(starts[i]) + spec.seconds,
                leads=tuple(name for name, there in zip(spec.leads, mask[i], strict=True) if there),
                source=self.card.source,
            )
        return result

    def probabilities(self, group: str, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Turn a group's logits [N, statements] into calibrated probabilities."""
        statements = next(g.statements for g in self.card.outputs.groups if g.name == group)
        slope = np.array([s.slope for s in statements])
        offset = np.array([s.offset for s in statements])
        return _logistic(slope * logits + offset)

    def _too_few(self, names: Sequence[str]) -> str:
        share = self.card.input.preprocessing.max_missing
        return (
            f"too few usable leads of {', '.join(names)}: "
            f"more than {share:.0%} of the samples missing, or flat"
        )

    def _refusal(self, window: Window, why: Why, reason: str) -> Statement:
        return not_scored(self.card.source, window, window.start, window.end, why, reason)


def entropy(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the sum of the binary entropies (nats) of probabilities ``[N, statements]``, ``[N]``."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-9, 1 - 1e-9)
    total: NDArray[np.float64] = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    return total


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    y: NDArray[np.float64] = 1 / (1 + np.exp(-x))
    return y


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


def _why_unusable(window: Window, takes: Callable[[str], bool]) -> tuple[Why, str]:
    reasons = {q.lead: q.reason or "unusable" for q in window.quality.leads}
    words = [
        f"{name}: {reasons.get(name, 'unusable')}"
        if takes(name)
        else f"{name}: not a standard lead, so the model cannot place it"
        for name in window.leads
    ]
    why: Why = "unusable" if any(map(takes, window.leads)) else "leads"
    return why, "no usable lead (" + ", ".join(words) + ")"
