"""A model as users meet it: samples in mV in, named probabilities and an embedding out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.block import Samples, Statement, Why, Window
from wearecg.ecg.leads import TWELVE, UNKNOWN, canonical, is_ecg
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models.card import PPG, Card, card_path, load_card
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner
from wearecg.pipeline.resample import resample

NOT_SCORED = "NOT_SCORED"
UNLIKE = "not like any ECG the model knows: noise, exchanged electrodes, a wrong gain, or no ECG?"
NOT_MILLIVOLTS = 50.0
"""A lead whose samples span more than this (1st to 99th percentile) is not an ECG in mV."""
BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a model says about a recording.

    Attributes
    ----------
    probabilities : dict of dict of float
        For each group, statement code to calibrated probability; the mean over the windows, so
        look at ``windows`` for what comes and goes.
    embedding : float32 [size]
        The mean over the windows.
    uncertainty : dict of float
        For each group, the chance that at least one of its statements is called wrongly; the mean
        over the windows.
    unlike : float
        Share of the windows that are not like those the model knows (noise, a pulse wave, exchanged
        electrodes, a wrong gain): what it says of them is not to be believed. NaN where the model
        cannot tell.
    start, end : float
        Seconds from the first sample.
    leads : tuple of str
        The leads that were looked at (in any window).
    windows : tuple of Scores
        One for each window that was scored.
    skipped : tuple of (float, str)
        Start and reason of each window that was not.
    source : str
        ``model@version``.
    """

    probabilities: Mapping[str, Mapping[str, float]]
    embedding: NDArray[np.float32]
    uncertainty: Mapping[str, float]
    unlike: float
    start: float
    end: float
    leads: tuple[str, ...]
    source: str
    windows: tuple[Scores, ...] = ()
    skipped: tuple[tuple[float, str], ...] = ()


def load_model(name: str | Path = "encoder", precision: str = "int8", runtime: str = "onnx") -> Model:
    """Load a shipped model by name, or any model by the path of its card.

    >>> import numpy as np, wearecg.models
    >>> model = wearecg.models.load_model("encoder")
    >>> noise = np.random.default_rng(1).normal(scale=0.1, size=(2500, 1))
    >>> scores = model(noise, fs=250, leads=["II"])
    >>> sorted(scores.probabilities), scores.embedding.shape
    (['form', 'rhythm', 'subclass', 'superclass'], (128,))

    Raises
    ------
    ModelError
        No such model or form, or a file or card that must not be run.
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
    """A card and a runner: ``model(samples, fs, leads)``, or one live window at a time."""

    def __init__(self, card: Card, runner: Runner) -> None:
        self.card = card
        self.runner = runner

    def __call__(
        self, samples: ArrayLike, fs: float, leads: Sequence[str], hop_s: float | None = None
    ) -> Scores:
        """Score a recording.

        Parameters
        ----------
        samples : [n, leads]
            mV; NaN where a sample is missing. At least one window long.
        fs : float
            Samples per second, at least the card's ``min_fs``.
        leads : sequence of str
            Names of the columns, standard leads in any order.
        hop_s : float, optional
            Seconds from one window to the next; by default a window's length. The last window
            ends with the recording.

        Raises
        ------
        SignalError
            Rate, shape, length or values cannot be used, or no window has a usable lead.
        LeadError
            A name is not one of the model's leads, or comes twice.
        """
        x, names = self._checked(samples, fs, leads)
        spec = self.card.input
        if fs != spec.fs:
            x = resample(x, fs, spec.fs)
            # From a slower rate the last output may lie behind the last sample: it is missing.
            x = np.pad(x, ((0, max(0, spec.length - len(x))), (0, 0)), constant_values=np.nan)
        starts = _starts(len(x), spec.length, spec.seconds if hop_s is None else hop_s, spec.fs)
        windows: list[Scores] = []
        skipped: list[tuple[float, str]] = []
        for at in range(0, len(starts), BATCH):
            part = starts[at : at + BATCH]
            signal, mask = self._prepare(np.stack([x[i : i + spec.length] for i in part]), names)
            for i, scores in zip(part, self._scores(signal, mask, np.array(part) / spec.fs), strict=True):
                if scores is None:
                    skipped.append((i / spec.fs, self._too_few(names)))
                else:
                    windows.append(scores)
        if not windows:
            raise SignalError(f"nothing to score in {len(x) / spec.fs:.1f} s: {skipped[0][1]}")
        return _mean(windows, skipped)

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

    def _checked(self, samples: ArrayLike, fs: float, leads: Sequence[str]) -> tuple[Samples, list[str]]:
        spec = self.card.input
        if not spec.min_fs <= fs < float("inf"):
            raise SignalError(
                f"a rate of {fs:g} Hz is too low: {self.card.source} needs at least {spec.min_fs:g} Hz, "
                "below it the QRS complex is lost"
                if fs < spec.min_fs
                else f"fs is {fs}: give the samples per second"
            )
        try:
            x = np.asarray(samples, np.float32)
        except (TypeError, ValueError) as error:
            raise SignalError(f"samples are not numbers: {error}") from error
        if x.ndim != 2 or x.shape[1] != len(leads):
            raise SignalError(
                f"samples have shape {x.shape} for {len(leads)} leads: give [n, leads], one column a lead"
            )
        if len(x) < round(spec.seconds * fs):
            raise SignalError(
                f"{len(x)} samples at {fs:g} Hz are {len(x) / fs:.2f} s: "
                f"{self.card.source} needs at least {spec.seconds:g} s"
            )
        x = np.where(np.isfinite(x), x, np.float32(np.nan))
        names = [canonical(name) for name in leads]
        for given, name in zip(leads, names, strict=True):
            if not self._takes(name):
                known = ", ".join(spec.leads)
                raise LeadError(f"{self.card.source} does not know lead {given!r}; it knows {known}")
            if names.count(name) > 1:
                raise LeadError(f"lead {name} is given twice")
        if spec.any_lead and len(names) > 1:
            raise LeadError(f"{self.card.source} looks at one lead: give one of {', '.join(names)}")
        for name, column in zip(names, x.T, strict=True):
            measured = column[~np.isnan(column)]
            span = np.ptp(np.percentile(measured, [1, 99])) if measured.size else 0.0
            if span > NOT_MILLIVOLTS:
                raise SignalError(
                    f"lead {name} spans {span:.0f}: that is no ECG in mV; "
                    "convert from microvolts or ADC steps first"
                )
        return x, names

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
        return Statement(
            code=NOT_SCORED,
            text="not scored",
            start=window.start,
            end=window.end,
            probability=None,
            source=self.card.source,
            leads=window.leads,
            why=why,
            reason=reason,
            stream=window.stream,
        )


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


def _mean(windows: list[Scores], skipped: list[tuple[float, str]]) -> Scores:
    first = windows[0]
    return Scores(
        probabilities={
            group: {code: float(np.mean([w.probabilities[group][code] for w in windows])) for code in codes}
            for group, codes in first.probabilities.items()
        },
        embedding=np.mean([w.embedding for w in windows], axis=0),
        uncertainty={
            group: float(np.mean([w.uncertainty[group] for w in windows])) for group in first.uncertainty
        },
        unlike=float(np.mean([w.unlike for w in windows])),
        start=first.start,
        end=windows[-1].end,
        leads=tuple(name for name in (*TWELVE, UNKNOWN) if any(name in w.leads for w in windows)),
        source=first.source,
        windows=tuple(windows),
        skipped=tuple(skipped),
    )


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
