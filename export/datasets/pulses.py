"""Pulse and ECG of one person at the same time: BIDMC, the cuff-less set and CinC 2015, in one form.

``bidmc`` is split by subject; ``cuffless`` (Kachuee et al., IEEE TBME 64(4), 2017) by contiguous blocks of 50
records, because its records lie in the order of the hospital; ``cinc2015`` (Clifford et al., CinC 2015) by a
hash of the record's name. R peaks are those that our own detector finds on all ECG leads of a record together;
where that or the pulse is bad, a record's agreement says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from export.datasets import bidmc
from export.datasets.folds import fold
from wearecg.ecg.beats import MAX_LEADS, BeatDetector
from wearecg.ecg.leads import is_ecg
from wearecg.ecg.pulse import find_pulses, pulse_band
from wearecg.errors import SourceError
from wearecg.formats import Recording
from wearecg.formats.wfdb_record import stored
from wearecg.models.preprocess import highpass
from wearecg.pipeline.resample import resample

FS = 100.0
ECG_FS = 200.0
"""The ECG is kept at twice the rate, so that shifting it by a lag costs at most 2.5 ms."""
SETS = ("bidmc", "cuffless", "cinc2015")
BLOCK = 50
"""Consecutive records of the cuff-less set that go the same way."""
ECG_SD = 0.2
"""mV; a pulse says nothing of the ECG's amplitude, so all ECGs are given this standard deviation."""
LAGS = np.arange(0.25, 0.85, 0.01)
"""Delays from the R peak to the steepest upslope that hospital monitors show, s."""
USUAL_LAG = 0.55
NEAR = 0.1
"""A pulse this close to where the record's lag puts it belongs to the beat, s."""
TOLERANCE = 0.05

LONG, SHORT = ("ppg", "ecg", "beats", "pulses"), ("name", "subject", "part", "lag", "agreement")
"""Fields of a `Pair` that are arrays, and those that are not."""

Part = Literal["train", "choose", "test"]
PARTS: tuple[Part, ...] = ("train", "train", "train", "choose", "test")
"""Where a fifth of a set without named subjects goes."""
Array = NDArray[np.float32]
Times = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pair:
    """One recording.

    Attributes
    ----------
    source, name, subject : str
    part : str
        ``train``, ``choose`` or ``test``: no subject (block, record) is in two.
    ppg : float32 [n]
        The pulse at 100 Hz, no unit; NaN where missing.
    ecg : float32 [2 n]
        Lead II (or the record's first) at 200 Hz from 0.5 Hz, scaled to 0.2 mV standard deviation; NaN where missing.
    beats, pulses : float64
        R peaks and steepest upslopes, s.
    lag : float
        From the R peak to the upslope, the median of the record, s; NaN where they do not go together.
    agreement : float
        F1 of the upslopes, earlier by the lag, against the R peaks at 50 ms.
    """

    source: str
    name: str
    subject: str
    part: Part
    ppg: Array
    ecg: Array
    beats: Times
    pulses: Times
    lag: float
    agreement: float


def load(root: Path, cache: Path, sets: tuple[str, ...] = SETS) -> list[Pair]:
    """Read the sets under ``root``; what was found in them is kept in the folder ``cache``.

    Raises
    ------
    SourceError
        A set is not there, or a record has no pulse.
    """
    pairs: list[Pair] = []
    for name in sets:
        path = cache / f"pulses-{name}.npz"
        if not path.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            _keep(path, list(READERS[name](root)))
        pairs += _kept(path, name)
    return pairs


def matches(
    truth: Times, found: Times, tolerance: float = TOLERANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair the times of two ascending lists, each once, no further apart than ``tolerance`` s; their places."""
    i = j = 0
    pairs = []
    while i < len(truth) and j < len(found):
        apart = found[j] - truth[i]
        if abs(apart) <= tolerance:
            pairs.append((i, j))
        i, j = i + (apart >= -tolerance), j + (apart <= tolerance)
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def f1(truth: Times, found: Times, tolerance: float = TOLERANCE) -> float:
    """F1 of found times; 1 where there is nothing and nothing was found."""
    total = len(truth) + len(found)
    return 2 * len(matches(truth, found, tolerance)[0]) / total if total else 1.0


def find_lag(beats: Times, pulses: Times) -> tuple[float, float]:
    """Return the lag of best agreement (of equal ones that nearest to the usual), and the agreement."""
    if min(len(beats), len(pulses)) < 5:
        return float("nan"), 0.0
    scores = [f1(beats, pulses - lag) - 0.02 * abs(lag - USUAL_LAG) for lag in LAGS]
    lag = float(LAGS[int(np.argmax(scores))])
    i, j = matches(beats, pulses - lag, NEAR)
    if len(i):
        lag = float(np.median(pulses[j] - beats[i]))
    return lag, f1(beats, pulses - lag)


def _bidmc(root: Path) -> Iterator[Pair]:
    for record in bidmc.load(root):
        part: Part = "test" if record.held_out else "train"
        yield _pair("bidmc", record.name, record.subject, part, record.ppg, record.leads)


def _cuffless(root: Path) -> Iterator[Pair]:
    paths = sorted(_headers(root, "cuffless"), key=lambda p: tuple(map(int, p.stem.split("_"))))
    for i, path in enumerate(paths):
        part = PARTS[i // BLOCK % 5]
        yield _wfdb("cuffless", path, f"block{i // BLOCK}", part)


def _cinc2015(root: Path) -> Iterator[Pair]:
    for path in _headers(root, "cinc2015"):
        part = PARTS[fold(path.stem, 5) - 1]
        yield _wfdb("cinc2015", path, path.stem, part)


READERS = {"bidmc": _bidmc, "cuffless": _cuffless, "cinc2015": _cinc2015}


def _headers(root: Path, name: str) -> list[Path]:
    paths = sorted(p for d in (root / name, root / name / "training") for p in d.glob("*.hea"))
    if not paths:
        raise SourceError(f"no WFDB records in {root / name}: give the folder that holds {name}/")
    return paths


def _wfdb(source: str, path: Path, subject: str, part: Part) -> Pair:
    recording: Recording = stored(path, None).whole()
    if "PPG" not in recording.leads:
        raise SourceError(f"{path}: no pulse among {', '.join(recording.leads)}")
    ecg = [lead for lead in recording.leads if is_ecg(lead)]
    ecg.sort(key=lambda lead: lead != "II")
    column = {lead: recording.samples[:, recording.leads.index(lead)] for lead in (*ecg, "PPG")}
    ppg = column.pop("PPG")
    return _pair(source, path.stem, subject, part, ppg, np.stack(list(column.values()), 1))


def _pair(source: str, name: str, subject: str, part: Part, ppg: Array, leads: Array) -> Pair:
    """``ppg`` [n] and ECG ``leads`` [n, leads], the one to be shown first, at 125 Hz."""
    names = tuple(f"ECG_{k}" for k in range(min(leads.shape[1], MAX_LEADS)))
    detector = BeatDetector(bidmc.FS, names)
    found = [*detector.feed(leads[:, : len(names)]), *detector.flush()]
    beats = np.array([beat.time for beat in found])
    pulse = resample(ppg[:, None], bidmc.FS, FS)[:, 0]
    wave = resample(leads[:, :1], bidmc.FS, ECG_FS)[: 2 * len(pulse), 0]
    pulse = pulse[: len(wave) // 2]
    pulses = find_pulses(_band(pulse), FS)
    lag, agreement = find_lag(beats, pulses)
    return Pair(source, name, subject, part, pulse, _scaled(wave), beats, pulses, lag, agreement)


def _band(x: Array) -> Times:
    """The whole record's pulse in its band, missing samples bridged."""
    there = np.isfinite(x)
    if there.sum() < FS:
        return np.zeros(len(x))
    at = np.arange(len(x))
    return pulse_band(np.interp(at, at[there], x[there]), FS)


def _scaled(wave: Array) -> Array:
    there = np.isfinite(wave)
    if there.sum() < ECG_FS:
        return np.full(len(wave), np.nan, np.float32)
    at = np.arange(len(wave))
    y = highpass(np.interp(at, at[there], wave[there])[None], ECG_FS, 0.5, 3.0)[0]
    # The middle of the distribution sets the scale: an artefact or two must not make the heart small.
    spread = np.median([y[i : i + 400].std() for i in range(0, max(len(y) - 399, 1), 400)])
    y *= ECG_SD / max(spread, 1e-6)
    y[~there] = np.nan
    out: Array = np.clip(y, -10 * ECG_SD, 10 * ECG_SD).astype(np.float32)
    return out


def _keep(path: Path, pairs: list[Pair]) -> None:
    """Signals and times of all recordings behind each other, with the length of each; the rest as it is."""
    arrays: dict[str, Any] = {}
    for key in LONG:
        parts = [getattr(pair, key) for pair in pairs]
        arrays |= {key: np.concatenate(parts), f"{key}_size": np.array(list(map(len, parts)))}
    arrays |= {key: np.array([getattr(pair, key) for pair in pairs]) for key in SHORT}
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)
    part.rename(path)


def _kept(path: Path, source: str) -> list[Pair]:
    with np.load(path) as saved:
        columns: dict[str, Any] = {
            key: np.split(saved[key], np.cumsum(saved[f"{key}_size"])[:-1]) for key in LONG
        }
        columns |= {key: saved[key].tolist() for key in SHORT}
    rows = zip(*columns.values(), strict=True)
    return [Pair(source=source, **dict(zip(columns, row, strict=True))) for row in rows]
