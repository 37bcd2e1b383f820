"""``python -m export evaluate --model ppg2ecg``: all its tables, and its plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from export.datasets.pulses import ECG_FS, FS, Pair, f1
from export.models.ppg2ecg import evaluate as evaluation
from export.models.ppg2ecg import train as ppg2ecg
from export.models.ppg2ecg.card import ABOUT
from export.models.ppg2ecg.evaluate import FLOOR, LENGTH, Answer, Trial, aligned
from export.models.ppg2ecg.publish import of_torch, through
from export.models.ppg2ecg.windows import SECONDS
from wearecg.ecg.pulse import judge
from wearecg.models.card import card_path, load_card
from wearecg.models.runner import Runner

STEPS = (1, 2, 4, 10)


def report(model: str, pairs: Sequence[Pair], steps: Path | None, plots: Path | None) -> None:
    """Print every table for a card's int8 ONNX file; with ``steps`` also for more steps of the flow."""
    path = card_path(model)
    net = through(Runner(load_card(path), path.parent))
    rules = evaluation.learn(pairs)
    trials = {
        "BIDMC, held-out subjects, windows whose pulse is good": evaluation.trial(pairs, "bidmc"),
        "BIDMC, held-out subjects, all windows": evaluation.trial(pairs, "bidmc", every=True),
        "cuffless, held-out blocks, windows whose pulse is good": evaluation.trial(pairs, "cuffless"),
        "cuffless, held-out blocks, all windows": evaluation.trial(pairs, "cuffless", every=True),
        "CinC 2015, held-out records, windows whose pulse is good": evaluation.trial(pairs, "cinc2015"),
    }
    disturbed = evaluation.trial(pairs, "bidmc", every=True)
    trials["BIDMC with added motion and lost pulses, all windows"] = replace(
        disturbed, pairs=evaluation.spoiled(disturbed.pairs)
    )
    for title, on in trials.items():
        print(f"\n### {title}\n")
        print(
            evaluation.table(
                on, evaluation.measure(on, evaluation.methods(rules, {ABOUT.name: net}, on.pairs))
            )
        )
    if steps:
        _compare(pairs, steps, trials["BIDMC, held-out subjects, windows whose pulse is good"])
    if plots:
        every = trials["BIDMC, held-out subjects, all windows"]
        draw(every, [evaluation.generated(net, pair) for pair in every.pairs], plots)


def _compare(pairs: Sequence[Pair], work: Path, on: Trial) -> None:
    """Print the table of 1, 2, 4 and 10 steps, through torch; R peaks are those of the trace."""
    trained = ppg2ecg.load(work, pairs)
    answers = {
        f"{steps} steps, {kind}": [
            replace(answer, beats=evaluation.r_of(answer.trace))
            for pair in on.pairs
            for answer in [evaluation.generated(of_torch(trained.net(steps, warmth)), pair)]
        ]
        for steps in STEPS
        for kind, warmth in (("no noise", 0.0), ("noise", 1.0))
        if steps > 1 or not warmth
    }
    print("\n### Steps of the flow; R peaks are those of the trace\n")
    print(evaluation.table(on, evaluation.measure(on, answers)))


def draw(on: Trial, answers: Sequence[Answer], folder: Path) -> list[Path]:
    """Draw a good, a typical and a bad subject, and what is left as doubtful windows are refused."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    each = [aligned(*one)[1] for one in zip(on.pairs, answers, on.good, strict=True)]
    order = np.argsort(each)
    figure, axes = plt.subplots(9, 1, figsize=(11, 12), sharex=True, layout="constrained")
    chosen = (("good", order[-1]), ("typical", order[len(order) // 2]), ("bad", order[0]))
    for row, (word, k) in enumerate(chosen):
        _subject(axes[3 * row : 3 * row + 3], on.pairs[k], answers[k], on.good[k])
        axes[3 * row].set_title(f"{word}: {on.pairs[k].name}, F1 {each[k]:.3f}", fontsize=9, loc="left")
    axes[-1].set_xlabel("s")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "ppg-subjects.svg", folder / "ppg-risk-coverage.svg"]
    figure.savefig(paths[0])
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, f50 in risk(on, answers).items():
        axis.plot((1 + np.arange(len(f50))) / len(f50), f50, label=name)
    axis.set(xlabel="share of windows kept", ylabel="mean R-peak F1 at 50 ms of those kept")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(paths[1])
    return paths


def _subject(axes: Sequence[Axes], pair: Pair, answer: Answer, good: NDArray[np.bool_]) -> None:
    lag, _ = aligned(pair, answer, good)
    start = len(pair.ppg) / FS / 2
    at = start + np.arange(LENGTH) / FS
    parts = (
        ("pulse", pair.ppg[np.rint((at + lag) * FS).astype(int)], pair.pulses - lag, "black"),
        ("ECG", pair.ecg[np.rint(at * ECG_FS).astype(int)], pair.beats, "black"),
        (
            "II* (synthetic)",
            np.interp((at + lag) * FS, np.arange(len(answer.trace)), answer.trace),
            answer.beats - lag,
            "tab:orange",
        ),
    )
    for axis, (name, signal, ticks, colour) in zip(axes, parts, strict=True):
        axis.plot(at - start, signal, lw=0.8, color=colour)
        for tick in ticks[(ticks >= start) & (ticks < start + SECONDS)]:
            axis.axvline(tick - start, color="tab:red", lw=0.5)
        axis.set_ylabel(name, fontsize=8)
        axis.set_yticks([])


def risk(on: Trial, answers: Sequence[Answer]) -> dict[str, NDArray[np.float64]]:
    """Mean F1 of the k windows whose pulses are most alike, for each k: of the model, and of the floor."""
    rows: list[tuple[float, float, float]] = []
    for pair, answer, good in zip(on.pairs, answers, on.good, strict=True):
        floor = replace(answer, beats=pair.pulses)
        found = [one.beats - aligned(pair, one, good)[0] for one in (answer, floor)]
        for k in range(len(good)):
            truth, model, slopes = (
                x[(x >= SECONDS * k) & (x < SECONDS * (k + 1))] for x in (pair.beats, *found)
            )
            sure = -judge(pair.ppg[k * LENGTH : (k + 1) * LENGTH], FS).measures.get("dissimilarity", 2.0)
            rows.append((sure, f1(truth, model), f1(truth, slopes)))
    scores = np.array(sorted(rows, reverse=True))[:, 1:]
    mean = scores.cumsum(axis=0) / (1 + np.arange(len(scores)))[:, None]
    return {ABOUT.name: mean[:, 0], FLOOR: mean[:, 1]}
