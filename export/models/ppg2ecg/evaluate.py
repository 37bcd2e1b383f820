"""What ppg2ecg is worth beside predictors that know nothing of generation, on people it has not seen.

RMSE and the heart rate's error reward trivial predictors, so that every table holds the controls: pulses of another
person, the upslope of each pulse with the mean beat put there (the floor), one mean waveform for everybody, and the
mean beat at the true R peaks (what timing alone could reach).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.datasets.pulses import FS, NEAR, Pair, f1, find_lag, matches
from export.evaluate import in_chunks
from export.metrics import frechet, interval, patient_draws
from export.models.ppg2ecg.windows import PREPROCESSING, SECONDS, dip, motion
from wearecg.ecg.beats import BeatDetector
from wearecg.ecg.leads import TWELVE
from wearecg.ecg.pulse import PeakPicker, find_pulses, judge
from wearecg.ecg.rhythm import IRREGULAR
from wearecg.models.card import ZOO, card_path, load_card
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner

Array = NDArray[np.float32]
Times = NDArray[np.float64]
Net = Callable[[Array, Array], tuple[Array, Array, Array]]
"""Conditioned windows ``[N, 1, L]`` and mask to ECG ``[N, L]``, beats ``[N, L]`` (logits), lag ``[N, 2]``."""
Estimate = tuple[float, float, float]
"""A value and its 95 % interval."""

LENGTH = round(SECONDS * FS)
HOP = LENGTH // 2
THRESHOLD = 0.38
"""Probability from which a maximum is a beat: that of the best F1 on recordings kept for choosing."""
LOGIT = math.log(THRESHOLD / (1 - THRESHOLD))
"""From which a local maximum is a beat."""
REFRACTORY_S = 0.25
BEFORE, AFTER = 0.35, 0.65
"""Of the mean beat, as shares of an RR interval."""
BEAT = 100
"""Samples of the mean beat."""
METRICS = {
    "f50": "R-peak F1 at 50 ms, aligned by record",
    "f100": "R-peak F1 at 100 ms, aligned by record",
    "raw": "R-peak F1 at 50 ms, not aligned",
    "late": "error of the lag, ms",
    "rr": "error of the RR interval, ms",
    "hr": "error of the heart rate, bpm",
    "r": "Pearson r, aligned by record",
    "near": "Pearson r, aligned by window",
    "rmse": "RMSE, mV",
    "irregular": "share of windows whose rhythm (irregular or not) agrees",
}
APART = "Frechet distance in the encoder's embedding"
FLOOR, MISMATCHED, MEAN, ORACLE = "upslope + template", "another's pulse", "mean waveform", "oracle template"
BEATS = "its beats + template"
DRAWS, SEED = 1000, 1


@dataclass(frozen=True, eq=False)
class Trial:
    """Recordings, and which of their ten-second windows are measured."""

    pairs: Sequence[Pair]
    good: Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of a whole recording, at its own zero lag.

    ``trace`` float32 [n] in mV at 100 Hz; ``beats`` in s; ``lag`` (s) is how much earlier it believes the R waves were.
    """

    trace: Array
    beats: Times
    lag: float


@dataclass(frozen=True, eq=False)
class Rules:
    """What the controls know, learned from the training part: the mean beat, the mean window, the usual lag (s)."""

    beat: Array
    window: Array
    lag: float


def trial(pairs: Sequence[Pair], source: str, part: str = "test", every: bool = False) -> Trial:
    """The recordings of a set's part in whose ECG and pulse a heart beats, in the windows whose pulse is good.

    ``every``: in all windows.
    """
    chosen = [pair for pair in pairs if pair.source == source and pair.part == part and pair.agreement > 0.5]
    return Trial(chosen, [np.ones(len(p.ppg) // LENGTH, bool) if every else verdicts(p) for p in chosen])


def verdicts(pair: Pair) -> NDArray[np.bool_]:
    """Whether each ten-second window's pulse passes the product's own quality check."""
    windows = [pair.ppg[i : i + LENGTH] for i in range(0, len(pair.ppg) - LENGTH + 1, LENGTH)]
    return np.array([judge(window, FS).verdict == "good" for window in windows], bool)


def learn(pairs: Sequence[Pair]) -> Rules:
    """Learn the controls from recordings whose pulse and ECG agree."""
    clean = [pair for pair in pairs if pair.part == "train" and pair.agreement > 0.9]
    beats, windows = [], []
    for pair in clean:
        ecg = np.nan_to_num(pair.ecg[::2])
        ends = zip(pair.beats[1:-1], np.diff(pair.beats)[1:], strict=True)
        beats += [_stretched(ecg, at, rr) for at, rr in ends if rr < 2]
        windows += [ecg[i : i + LENGTH] for i in range(0, len(ecg) - LENGTH + 1, LENGTH)]
    return Rules(
        np.mean(beats, axis=0).astype(np.float32),
        np.mean(windows, axis=0).astype(np.float32),
        float(np.median([pair.lag for pair in clean])),
    )


def methods(rules: Rules, nets: dict[str, Net], pairs: Sequence[Pair]) -> dict[str, list[Answer]]:
    """Every method's answer for every recording.

    Another's pulse goes through the first network, and the mean beat is put at its beats, too.
    """
    half = len(pairs) // 2
    others = [
        replace(p, ppg=np.resize(o.ppg, len(p.ppg)))
        for p, o in zip(pairs, [*pairs[half:], *pairs[:half]], strict=True)
    ]
    out = {name: [generated(net, pair) for pair in pairs] for name, net in nets.items()}
    first = next(iter(out.values()))
    out[BEATS] = [
        replace(a, trace=laid(rules, a.beats, len(p.ppg))) for a, p in zip(first, pairs, strict=True)
    ]
    out[MISMATCHED] = [generated(next(iter(nets.values())), pair) for pair in others]
    out[FLOOR] = [Answer(laid(rules, p.pulses, len(p.ppg)), p.pulses, rules.lag) for p in pairs]
    wave = np.resize(rules.window, max(len(p.ppg) for p in pairs))
    out[MEAN] = [Answer(wave[: len(p.ppg)], r_of(wave[: len(p.ppg)]), rules.lag) for p in pairs]
    out[ORACLE] = [Answer(laid(rules, p.beats, len(p.ppg)), p.beats, 0.0) for p in pairs]
    return out


def generated(net: Net, pair: Pair) -> Answer:
    """Run the network over a recording: windows that overlap by half, of each the middle."""
    length = len(pair.ppg)
    starts = [*range(0, length - LENGTH, HOP), length - LENGTH]
    signal, mask = condition(np.stack([pair.ppg[s : s + LENGTH] for s in starts])[:, None], FS, PREPROCESSING)
    ecg, beats, lag = net(signal, mask)
    trace, logits = np.zeros(length, np.float32), np.full(length, -20, np.float32)
    there = np.flatnonzero(mask[:, 0])
    for k in there:
        inner = slice(starts[k] + (HOP // 2 if k else 0), starts[k] + LENGTH)
        trace[inner], logits[inner] = (x[k, inner.start - starts[k] :] for x in (ecg, beats))
    sure = np.exp(-lag[there, 1].astype(np.float64))
    late = float((sure * lag[there, 0]).sum() / sure.sum()) if len(there) else float("nan")
    return Answer(trace, peaks(logits), late)


def peaks(logits: Array) -> Times:
    """Times (s) of the beats: maxima above the threshold, to a part of a sample; of two that are close the higher."""
    picker = PeakPicker(REFRACTORY_S * FS)
    return np.array([*picker.feed(logits.astype(np.float64), LOGIT), *picker.flush()]) / FS


def r_of(trace: Array) -> Times:
    """R peaks of a trace, as the product finds them."""
    detector = BeatDetector(FS, ("II",))
    return np.array([beat.time for beat in [*detector.feed(trace[:, None]), *detector.flush()]])


def laid(rules: Rules, beats: Times, length: int) -> Array:
    """Put the mean beat at each of ``beats`` (s), as long as the RR interval that follows."""
    out = np.zeros(length, np.float32)
    if len(beats) < 2:
        return out
    usual = float(np.median(np.diff(beats)))
    for at, rr in zip(beats, [*np.diff(beats), usual], strict=True):
        rr = rr if rr < 2 * usual else usual
        first, last = (round((at + rr * edge) * FS) for edge in (-BEFORE, AFTER))
        here = np.arange(max(first, 0), min(last, length))
        out[here] = np.interp(
            (here / FS - at) / rr, np.linspace(-BEFORE, AFTER, BEAT, endpoint=False), rules.beat
        )
    return out


def gated(test: Trial, net: Net) -> tuple[float, float]:
    """Mean F1 at 50 ms of a network's beats, and of the R peaks of its trace, each aligned by record."""
    answers = [generated(net, pair) for pair in test.pairs]
    traced = [replace(answer, beats=r_of(answer.trace)) for answer in answers]
    beats, trace = (
        _mean([aligned(*one)[1] for one in zip(test.pairs, each, test.good, strict=True)])
        for each in (answers, traced)
    )
    return beats, trace


def measure(test: Trial, answers: dict[str, list[Answer]]) -> dict[str, dict[str, Estimate]]:
    """Every metric of every method: the mean over recordings, with 95 % intervals by subject."""
    draws, out = drawn(test.pairs), {}
    for name, each in answers.items():
        rows = [scored(*one) for one in zip(test.pairs, each, test.good, strict=True)]
        values = {
            title: estimate(draws, np.array([row[0][key] for row in rows])) for key, title in METRICS.items()
        }
        true, found = (embedded(np.concatenate([row[k] for row in rows])) for k in (1, 2))
        out[name] = values | {APART: (frechet(true, found), float("nan"), float("nan"))}
    return out


def drawn(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """How often each recording counts: once, then as subjects are drawn with replacement."""
    subject = np.unique([pair.subject for pair in pairs], return_inverse=True)[1]
    return np.concatenate([np.ones((1, len(subject))), patient_draws(subject, DRAWS, SEED)])


def scored(pair: Pair, answer: Answer, good: NDArray[np.bool_]) -> tuple[dict[str, float], Array, Array]:
    """Measure an answer in the ``good`` windows; second and third, these windows of the ECG and of the trace."""
    lag, f50 = aligned(pair, answer, good)
    found = answer.beats - lag
    truth = _within(pair.beats, good)
    values = {
        "f50": f50,
        "f100": f1(truth, _within(found, good), 0.1),
        "raw": f1(truth, _within(answer.beats - answer.lag, good)),
        "late": 1000 * abs(answer.lag - lag),
        "rr": _mean(_rr_errors(pair.beats, found, truth)),
    }
    rows = [_window(pair, answer, lag, found, k * SECONDS) for k in np.flatnonzero(good)]
    values |= {
        key: _mean([row[key] for row in rows if key in row])
        for key in ("hr", "irregular", "r", "near", "rmse")
    }
    true, traced = (
        np.array([row[key] for row in rows if key in row], np.float32).reshape(-1, LENGTH)
        for key in ("true", "found")
    )
    return values, true, traced


def aligned(pair: Pair, answer: Answer, good: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the record's lag of a method, and the F1 at 50 ms with it in the good windows."""
    lag = 0.0 if answer.lag == 0 else find_lag(pair.beats, answer.beats)[0]
    lag = lag if np.isfinite(lag) else pair.lag
    return lag, f1(_within(pair.beats, good), _within(answer.beats - lag, good))


def _window(pair: Pair, answer: Answer, lag: float, found: Times, start: float) -> dict[str, Any]:
    """What can be measured in the ten seconds from ``start``."""
    out: dict[str, Any] = {}
    a, b = (x[(x >= start) & (x < start + SECONDS)] for x in (pair.beats, found))
    if len(a) > 2:
        out["hr"] = abs(_rate(a) - _rate(b)) if len(b) > 2 else _rate(a)
        out["irregular"] = float(_irregular(a) == _irregular(b))
    at = start + np.arange(LENGTH) / FS
    x = pair.ecg[np.clip(np.rint(at * 2 * FS).astype(int), 0, len(pair.ecg) - 1)]
    if np.isfinite(x).all() and x.std() > 0:
        i, j = matches(a, b, NEAR)
        off = float(np.median(b[j] - a[i])) if len(i) else 0.0
        y, near = (
            np.interp((at + late) * FS, np.arange(len(answer.trace)), answer.trace)
            for late in (lag, lag + off)
        )
        out |= {"r": _pearson(x, y), "near": _pearson(x, near), "rmse": float(np.sqrt(np.mean((x - y) ** 2)))}
        out |= {"true": x, "found": y}
    return out


def _pearson(x: Array, y: NDArray[np.float64]) -> float:
    a, b = x - x.mean(dtype=np.float64), y - y.mean()
    return float(a @ b / max(np.sqrt((a @ a) * (b @ b)), 1e-12))


def _rr_errors(beats: Times, found: Times, counted: Times) -> NDArray[np.float64]:
    """Errors (ms) of the RR intervals whose both ends were found and nothing in between."""
    i, j = matches(beats, found)
    whole = (np.diff(i) == 1) & (np.diff(j) == 1) & np.isin(beats[i[:-1]], counted)
    errors: NDArray[np.float64] = 1000 * np.abs(np.diff(found[j]) - np.diff(beats[i]))[whole]
    return errors


def _within(times: Times, good: NDArray[np.bool_]) -> Times:
    place = np.floor(times / SECONDS).astype(int)
    inside = (place >= 0) & (place < len(good))
    kept: Times = times[inside][good[place[inside]]]
    return kept


def _rate(beats: Times) -> float:
    return float(60 / np.mean(np.diff(beats)))


def _irregular(beats: Times) -> bool:
    rr = np.diff(beats)
    return len(rr) > 2 and bool(np.sqrt(np.mean(np.diff(rr) ** 2)) / rr.mean() >= IRREGULAR)


def _stretched(ecg: Array, at: float, rr: float) -> Array:
    """One beat, from 0.35 RR before its R peak to 0.65 RR behind it, in `BEAT` samples."""
    t = at + rr * (np.linspace(0, 1, BEAT, endpoint=False) - BEFORE)
    first = max(int(t[0] * FS), 0)
    near = ecg[first : int(t[-1] * FS) + 2]
    return np.interp(t * FS, first + np.arange(len(near)), near).astype(np.float32)


def _mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def estimate(draws: NDArray[np.floating], values: NDArray[np.float64]) -> Estimate:
    """Mean of the known values, one a recording, weighed by the first draw, and its interval over the others."""
    known = np.isfinite(values)
    weight = draws[:, known].sum(axis=1)
    if not known.any():
        return (float("nan"),) * 3
    mean = draws[:, known] @ values[known] / np.maximum(weight, 1e-9)
    return float(mean[0]), *interval(np.where(weight > 0, mean, np.nan)[1:])


def embedded(windows: Array) -> NDArray[np.float64]:
    """The shipped encoder's embedding of lead II windows ``[N, L]`` in mV."""
    card = load_card(card_path("encoder"))
    twelve = np.full((len(windows), len(TWELVE), LENGTH), np.nan, np.float32)
    twelve[:, TWELVE.index("II")] = windows
    runner = Runner(card, ZOO, "fp32", "onnx")
    return in_chunks(runner, *condition(twelve, FS, card.input.preprocessing))["embedding"].astype(np.float64)


def spoiled(pairs: Sequence[Pair]) -> list[Pair]:
    """The same recordings with a burst of motion and some pulses lost in every window, the same each time."""
    rng = np.random.default_rng(7)
    out = []
    for pair in pairs:
        ppg = pair.ppg.astype(np.float64)
        for start in range(0, len(ppg) - LENGTH + 1, LENGTH):
            part = ppg[start : start + LENGTH]
            scale = np.nanstd(part)
            part[:] = (part - np.nanmean(part)) * dip(rng) + motion(rng, 10 ** rng.uniform(-0.5, 0.2)) * scale
        wave, _ = condition(ppg[None, None], FS, PREPROCESSING)
        out.append(replace(pair, ppg=ppg.astype(np.float32), pulses=find_pulses(wave[0, 0], FS)))
    return out


def table(test: Trial, measured: dict[str, dict[str, Estimate]]) -> str:
    """Lay it out as Markdown."""
    kept, total = (sum(int(f(g)) for g in test.good) for f in (np.sum, len))
    subjects = len({pair.subject for pair in test.pairs})
    head = [
        "F1 50 ms",
        "F1 100 ms",
        "raw F1",
        "lag ms",
        "RR ms",
        "HR bpm",
        "r",
        "r by window",
        "RMSE mV",
        "rhythm",
        "Frechet",
    ]
    lines = [f"{len(test.pairs)} recordings, {subjects} subjects, {kept} of {total} windows", ""]
    lines += [f"| | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for name, values in measured.items():
        cells = [_cell(title, value) for title, value in values.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(title: str, found: Estimate) -> str:
    value, low, high = found
    if not np.isfinite(value):
        return "-"
    digits = 1 if title.endswith((", ms", ", bpm")) or title == APART else 3
    bounds = f" [{low:.{digits}f}, {high:.{digits}f}]" if np.isfinite(low) else ""
    return f"{value:.{digits}f}{bounds}"
