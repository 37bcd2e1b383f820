"""What `beats` is trained on: beats of MIT-BIH, weakly labelled ones of PTB-XL, and intervals of long recordings.

Everything goes through what a wearer's beats go through live (`wearecg.ecg.beat_context`), in the order of time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.datasets import nstdb, ptbxl
from export.datasets.mitdb import DS1, PACED
from export.irregular import Record, annotated
from export.loop import TRAIN_FOLDS
from wearecg.block import Beat, SignalBlock
from wearecg.ec57 import pair
from wearecg.ecg import beat_context as context
from wearecg.ecg.leads import TWELVE
from wearecg.formats import read_recording
from wearecg.models.beat_classifier import CODES, beat_of, places
from wearecg.pipeline.frontend import FrontEnd

log = logging.getLogger("export.train")

Array = NDArray[np.float32]
UNKNOWN = -1
"""The class of a beat of which nothing is known."""
COPIES = 3
"""How often each record of MIT-BIH is shown through another sensor, beside as it is."""
OF_LONG = 15_000
PIECES = 6
"""Beats of each long recording, and in how many pieces."""
MOST_OF_LONG = 2000
"""So many beats of one class of a long recording count, at most."""
ECTOPIC = frozenset({"PVC", "PAC", "BIGU", "TRIGU", "PRC(S)", "SVARR", "SVTAC", "PSVT"})
PLAIN = 4500
"""Records of PTB-XL without ectopic beats of which every beat is a normal one."""
LEAST = 5
"""A recording of fewer beats shows no usual one."""
TOPS, BOTTOMS = (25.0, 40.0, 60.0, 100.0), (0.05, 0.3, 0.5, 0.67)
"""The bands of sensors, Hz."""


class Examples(NamedTuple):
    """Beats on one lead each: rows ``[n, LENGTH]``, classes, record, lead and seconds."""

    rows: Array
    classes: NDArray[np.int8]
    record: NDArray[np.int32]
    lead: NDArray[np.int8]
    time: NDArray[np.float64]

    def of(self, rows: slice | NDArray[np.bool_]) -> Examples:
        """Return some of them."""
        return Examples(
            self.rows[rows], self.classes[rows], self.record[rows], self.lead[rows], self.time[rows]
        )


class Intervals(NamedTuple):
    """Beats of long recordings by their intervals alone: ``[n, RHYTHM]``, class and record."""

    numbers: Array
    classes: NDArray[np.int8]
    record: NDArray[np.int32]

    def counting(self, code: int) -> NDArray[np.float64]:
        """Return how much each beat of a class counts, 0 for others: a record counts as at most `MOST_OF_LONG`."""
        worth = np.zeros(len(self.classes))
        of = np.flatnonzero(self.classes == code)
        counts = np.bincount(self.record[of])
        worth[of] = np.minimum(1.0, MOST_OF_LONG / counts[self.record[of]])
        return worth

    def drawn(self, code: int, count: int, rng: np.random.Generator) -> Array:
        """Return the numbers of so many beats of a class."""
        worth = self.counting(code)
        return self.numbers[rng.choice(len(worth), count, p=worth / worth.sum())]


def rows(samples: Array, fs: float, times: Sequence[float]) -> Array:
    """Return what the network gets of the beats of a recording, ``[beats, leads, LENGTH]``."""
    leads = context.Leads(samples.shape[1])
    found = [
        leads.see(beat_of(samples, fs, time), rr, behind, whole) for time, rr, behind, whole in places(times)
    ]
    return np.stack(found) if found else np.empty((0, samples.shape[1], context.LENGTH), np.float32)


def intervals(data: Path, work: Path) -> Intervals:
    """Return what is known of the intervals of long recordings."""
    kept = work / "intervals.npz"
    if not kept.exists():
        rng = np.random.default_rng(0)
        long = [one for one in annotated(data) if one.name.startswith(("ltafdb/", "ltdb/"))]
        numbers, classes, record = [], [], []
        for row, one in enumerate(long):
            for times, codes in _pieces(one, rng):
                rhythm = context.Rhythm()
                numbers += [rhythm.numbers(rr, behind, whole)[0] for _, rr, behind, whole in places(times)]
                classes += [CODES.find(code) for code in codes]
                record += [row] * len(times)
            log.info("intervals of %s, %d of %d", one.name, row + 1, len(long))
        np.savez(
            kept,
            numbers=np.array(numbers, np.float32),
            classes=np.array(classes, np.int8),
            record=np.array(record, np.int32),
        )
    with np.load(kept) as found:
        return Intervals(**found)


def _pieces(one: Record, rng: np.random.Generator) -> list[tuple[list[float], list[str]]]:
    """Return stretches of a recording, with R peaks a little off, as a detector finds them."""
    length = min(OF_LONG, len(one.times)) // PIECES
    pieces = []
    for _ in range(PIECES):
        first = int(rng.integers(len(one.times) - length + 1))
        times = one.times[first : first + length] - one.times[first] + rng.random()
        times = np.sort(times + rng.normal(0, 0.004, length))
        pieces.append((times.tolist(), one.codes[first : first + length].tolist()))
    return pieces


def mitbih(data: Path, work: Path, copies: int = COPIES) -> Examples:
    """Return the beats of DS1 and the paced records: as wearecg finds them, then through other sensors."""
    noise = nstdb.halves(nstdb.load(data, nstdb.FS))[0]
    reference = {one.name: one for one in annotated(data) if one.name.startswith("mitdb/")}
    parts = []
    for copy in range(copies + 1):
        kept = work / f"mitbih-{copy}.npz"
        if not kept.exists():
            found = [_mitbih(data, name, reference[f"mitdb/{name}"], copy, noise) for name in (*DS1, *PACED)]
            np.savez(kept, **_joined(found)._asdict())
            log.info("MIT-BIH, copy %d of %d", copy, copies)
        with np.load(kept) as read:
            parts.append(Examples(**read))
    return _joined(parts)


def _mitbih(data: Path, name: str, reference: Record, copy: int, noise: Array) -> Examples:
    recording = read_recording(data / "mitdb" / name)
    x, fs = recording.samples, recording.fs
    truth = np.array([CODES.find(code) for code in reference.codes.tolist()], np.int8)
    if copy == 0:
        times = [beat.time for beat in detected(x, fs, recording.leads)]
        classes = np.full(len(times), UNKNOWN, np.int8)
        for ours, theirs in pair(reference.times.tolist(), times):
            classes[theirs] = truth[ours]
    else:
        rng = np.random.default_rng([copy, int(name)])
        x = disturbed(x, fs, noise, rng)
        off = reference.times + rng.normal(0, 0.004, len(truth)) + rng.normal(0, 0.006)
        order = np.argsort(off)
        order = order[(rng.random(len(truth)) > 0.004) & (off[order] > 0)]
        times, classes = off[order].tolist(), truth[order]
    return _examples(rows(x, fs, times), classes, int(name), times)


def _examples(found: Array, classes: NDArray[np.int8], record: int, times: Sequence[float]) -> Examples:
    beats, leads = found.shape[:2]
    return Examples(
        np.concatenate([*found.swapaxes(0, 1)]),
        np.tile(classes, leads),
        np.full(beats * leads, record, np.int32),
        np.repeat(np.arange(leads, dtype=np.int8), beats),
        np.tile(times, leads),
    )


def _joined(parts: Sequence[Examples]) -> Examples:
    return Examples(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def detected(x: Array, fs: float, leads: Sequence[str]) -> list[Beat]:
    """Return the beats that the front end finds."""
    front, second = FrontEnd(fs, tuple(leads)), round(fs)
    events = [
        event
        for first in range(0, len(x), second)
        for event in front.feed(SignalBlock(x[first : first + second], fs, tuple(leads), first / fs))
    ]
    return [event for event in (*events, *front.flush()) if isinstance(event, Beat)]


def disturbed(x: Array, fs: float, noise: Array, rng: np.random.Generator) -> Array:
    """Return a recording as other electrodes and another sensor, worn by somebody who moves, might have given it."""
    out = np.empty_like(x)
    f = np.fft.rfftfreq(len(x), 1 / fs)
    for lead in range(x.shape[1]):
        y = x[:, lead].astype(np.float64)
        if rng.random() < 0.5:
            y += rng.normal(0, 0.4) * x[:, rng.integers(x.shape[1])]
        if rng.random() < 0.35:
            y = -y
        top, bottom = rng.choice(TOPS), rng.choice(BOTTOMS)
        y = np.fft.irfft(
            np.fft.rfft(y - y.mean()) / (1 + (f / top) ** 6) * (f**4 / (f**4 + bottom**4)), len(x)
        )
        if rng.random() < 0.7:
            channel = noise[rng.integers(len(noise))]
            added = np.resize(np.roll(channel, rng.integers(len(channel))), len(x))
            often = np.interp(np.arange(len(x)), np.linspace(0, len(x), 60), rng.random(60) ** 2)
            y += rng.uniform(0, 0.8) * float(y.std() / max(added.std(), 1e-6)) * often * added
        out[:, lead] = y
    return out


def weak(data: Path, work: Path) -> Examples:
    """Return beats of PTB-XL, folds 1 to 8, two leads a record.

    Normal ones where no ectopic beat is stated, paced ones where a pacemaker is; elsewhere `UNKNOWN` ones, which a
    trained network may judge.
    """
    kept = work / "ptbxl-beats.npz"
    if not kept.exists():
        found, rng = [], np.random.default_rng(5)
        set_ = ptbxl.load(data, work)
        ectopic, paced = (_stated(set_, codes) for codes in (ECTOPIC, {"PACE"}))
        plain = set_.rows(TRAIN_FOLDS)
        plain = rng.permutation(plain[~(ectopic | paced)[plain]])[:PLAIN]
        told = set_.rows(TRAIN_FOLDS)
        chosen = np.concatenate([told[(ectopic | paced)[told]], plain])
        for number, row in enumerate(chosen.tolist()):
            two = rng.choice(len(TWELVE), 2, replace=False)
            x = set_.millivolts(np.array([row]))[0, two].T
            times = [beat.time for beat in detected(x, ptbxl.FS, [TWELVE[lead] for lead in two])]
            if len(times) < LEAST:
                continue
            code = UNKNOWN if ectopic[row] else CODES.index("Q" if paced[row] else "N")
            classes = np.full(len(times), code, np.int8)
            found.append(_examples(rows(x, ptbxl.FS, times), classes, row, times))
            if number % 500 == 0:
                log.info("PTB-XL, %d of %d", number, len(chosen))
        np.savez(kept, **_joined(found)._asdict())
    with np.load(kept) as read:
        return Examples(**read)


def _stated(data: ptbxl.PtbXl, codes: Set[str]) -> NDArray[np.bool_]:
    """Return which records carry one of these statements on form or rhythm."""
    found = np.zeros(len(data.fold), bool)
    for group in ("form", "rhythm"):
        for column, code in enumerate(data.statements[group]):
            if code in codes:
                found |= data.labels[group][:, column]
    return found
