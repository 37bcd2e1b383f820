"""How well rhythms are told as episodes: atrial fibrillation by seconds, by episodes and as a burden; runs and pauses.

    python -m benchmarks.rhythm beats FOLDER [--cross FOLDER]     annotated beats, as a strap tells them
    python -m benchmarks.rhythm ecg FOLDER                         DS1 through the whole program
    python -m benchmarks.rhythm verdicts FOLDER                    CinC 2017, a verdict for each recording

FOLDER holds ``ltafdb``, ``ltdb``, ``mitdb`` and ``cinc2017``. ``--cross`` is the folder in which ``python -m
export.irregular cross`` worked: each record is then judged by a network that never saw it. Without it the shipped
network judges, which was trained on these records.

Every second between the first beat and the last counts, but where no beat is annotated for five, in flutter, and in
rhythms that a pacemaker makes. An episode is false where it overlaps none of the reference.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from export.datasets.cinc2017 import HELD_OUT_FOLDS, LABELS
from export.datasets.folds import fold
from wearecg.block import Finding, Measure
from wearecg.ec57 import CLASSES
from wearecg.ecg import irregular
from wearecg.ecg.atrial import Atrial
from wearecg.ecg.ectopy import CYCLE_HOLD_S, Ectopy
from wearecg.ecg.episodes import Episodes
from wearecg.ecg.irregular import AHEAD, Irregularity

Spans = list[tuple[float, float]]

STEP_S = 0.5
LONGEST_S = 5.0
EXCLUDED = ("AFL", "P", "NOD", "")
SETS = ("ltafdb", "ltdb", "mitdb")
FOLDS = 3
"""As in `export.irregular`, which needs torch."""
PACED = ("102", "104", "107", "217")


class Reference(NamedTuple):
    """The beats of a record, seconds and classes, and its rhythms with their beginnings."""

    name: str
    times: NDArray[np.float64]
    codes: NDArray[np.str_]
    rhythms: tuple[tuple[float, str], ...]

    def spans(self, *codes: str) -> Spans:
        """Return the stretches of some rhythms."""
        ends = [start for start, _ in self.rhythms[1:]] + [float(self.times[-1])]
        return [(start, end) for (start, code), end in zip(self.rhythms, ends, strict=True) if code in codes]

    def unknown(self) -> Spans:
        """Return what does not count."""
        breaks = np.flatnonzero(np.diff(self.times) > LONGEST_S)
        before = [(0.0, self.rhythms[0][0])]
        return before + self.spans(*EXCLUDED) + [(self.times[i], self.times[i + 1]) for i in breaks]


def reference(path: Path) -> Reference:
    """Read the annotations of a record."""
    import wfdb

    told = wfdb.rdann(str(path), "atr")
    times = told.sample / (told.fs or wfdb.rdheader(str(path)).fs)
    aami = {symbol: code for code, those in CLASSES.items() for symbol in those}
    codes = np.array([aami.get(symbol, "") for symbol in told.symbol])
    changes = tuple(
        (float(time), note.rstrip("\0").removeprefix("("))
        for time, symbol, note in zip(times, told.symbol, told.aux_note, strict=True)
        if symbol == "+"
    )
    beats = codes != ""
    # The MIT-BIH Long-Term Database has no rhythm marks; nothing is known of fibrillation in it.
    return Reference(f"{path.parent.name}/{path.name}", times[beats], codes[beats], changes or ((0.0, "N"),))


@dataclass
class Score:
    """What was found against the reference, added up over records."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    begins: int = 0
    true_begins: int = 0
    false: int = 0
    hours_without: float = 0.0
    false_without: int = 0
    burdens: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, truth: Reference, found: Spans, error: float = float("nan")) -> None:
        """Take a record: the reference, what was found, and how sure the burden is (standard error, %)."""
        begin, end = float(truth.times[0]), float(truth.times[-1])
        real = truth.spans("AFIB")
        steps = int((end - begin) / STEP_S) + 1
        here, said = (_grid(spans, begin, steps) for spans in (real, found))
        counts = ~_grid(truth.unknown(), begin, steps)
        for name, those in (
            ("tp", here & said),
            ("fn", here & ~said),
            ("fp", ~here & said),
            ("tn", ~here & ~said),
        ):
            self.seconds[name] += STEP_S * float((those & counts).sum())
        excused = np.concatenate([[0], np.cumsum(here | ~counts)])
        at = [(int((a - begin) / STEP_S), min(steps, int((b - begin) / STEP_S) + 1)) for a, b in found]
        false = sum(int(excused[b] == excused[max(0, a)]) for a, b in at)
        self.begins += len(found)
        self.true_begins += len(real)
        self.false += false
        if not real:
            self.hours_without += counts.sum() * STEP_S / 3600
            self.false_without += false
        if counts.any():
            share = [100 * float((those & counts).sum() / counts.sum()) for those in (here, said)]
            self.burdens.append((share[0], share[1], error))

    def row(self) -> dict[str, float]:
        """Return the numbers of a table."""
        s = self.seconds
        hours = sum(s.values()) / 3600
        apart = [abs(found - real) for real, found, _ in self.burdens]
        within = [abs(found - real) <= 1.96 * error for real, found, error in self.burdens if error == error]
        return {
            "hours": hours,
            "Se %": 100 * s["tp"] / max(s["tp"] + s["fn"], 1e-9),
            "Sp %": 100 * s["tn"] / max(s["tn"] + s["fp"], 1e-9),
            "PPV %": 100 * s["tp"] / max(s["tp"] + s["fp"], 1e-9),
            "episodes": self.begins,
            "of the reference": self.true_begins,
            "begins / reference's": self.begins / max(1, self.true_begins),
            "false a day": 24 * self.false / hours,
            "hours without AF": self.hours_without,
            "false a day without AF": 24 * self.false_without / max(self.hours_without, 1e-9),
            "burden error, median": float(np.median(apart)),
            "burden error, mean": float(np.mean(apart)),
            "burden in its interval %": 100 * float(np.mean(within)) if within else float("nan"),
        }


def _grid(spans: Iterable[tuple[float, float]], begin: float, steps: int) -> NDArray[np.bool_]:
    edges = np.zeros(steps + 1, int)
    for start, end in spans:
        a, b = (int(np.clip(round((time - begin) / STEP_S), 0, steps)) for time in (start, end))
        edges[a] += 1
        edges[b] -= 1
    return np.asarray(np.cumsum(edges)[:-1] > 0)


class Stored:
    """The log odds that a network gave, as that would give them."""

    def __init__(self, odds: NDArray[np.float32]) -> None:
        self._odds, self._taken, self._given = odds, 0, 0

    def feed(self, rr: Sequence[float], codes: Sequence[str]) -> NDArray[np.float32]:
        """Return the next ones."""
        del codes
        self._taken += len(rr)
        first, self._given = self._given, max(self._given, min(self._taken - AHEAD, len(self._odds)))
        return self._odds[first : self._given]


def fibrillation(truth: Reference, judge: Irregularity | Stored, classes: bool) -> tuple[Spans, float]:
    """Follow the annotated beats; return the episodes and how sure the burden is."""
    atrial, episodes = Atrial(judge), Episodes(lambda _: False)
    found: dict[float, float] = {}
    rr = np.diff(truth.times, prepend=-np.inf)
    told = []
    for time, step, code in zip(truth.times.tolist(), rr.tolist(), truth.codes.tolist(), strict=True):
        if judged := atrial.feed(time, step if step <= LONGEST_S else None, code if classes else ""):
            told += episodes.feed(judged)
    told += episodes.feed(atrial.flush()) + episodes.flush()
    for one in told:
        if one.code == "AFIB":
            found[one.start] = one.end
    burden = [one for one in episodes.burdens(over=True) if one.number.name == "af_burden"]
    return sorted(found.items()), burden[-1].number.error or 0.0 if burden else float("nan")


def on_beats(args: argparse.Namespace) -> dict[str, object]:
    """Annotated beats, by their intervals alone and with their classes."""
    rows: dict[str, object] = {}
    for folder in SETS:
        scores = {"intervals alone": Score(), "with classes": Score()}
        for path in sorted((args.folder / folder).glob("*.atr")):
            if folder == "mitdb" and path.stem in PACED:
                continue
            truth = reference(path.with_suffix(""))
            stored = np.load(args.cross / "judged" / f"{truth.name}.npz") if args.cross else None
            for name, score in scores.items():
                key = "classes" if name == "with classes" else "alone"
                judge = Stored(stored[key]) if stored is not None else Irregularity()
                score.add(truth, *fibrillation(truth, judge, key == "classes"))
        for name, score in scores.items():
            rows[f"{folder}, {name}"] = row = score.row()
            _print(f"{folder}, {name}", row)
    return rows


def _print(title: str, row: dict[str, float]) -> None:
    print(title + ": " + ", ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


SEQUENCES = ("COUPLET", "VT", "IVR", "SVRUN", "BIGU", "TRIGU", "PAUSE")
APART_S = 1.0
"""How far an episode that was told may be from one of the reference to be the same."""


def on_ecg(args: argparse.Namespace) -> dict[str, object]:
    """DS1 from the samples: what the whole program tells, beside what follows from the annotated beats."""
    score = Score()
    counts: dict[str, list[int]] = {code: [0, 0, 0, 0] for code in SEQUENCES}
    flutter = [0.0, 0.0]
    hours = 0.0
    for path in sorted((args.folder / "mitdb").glob("*.atr")):
        if path.stem in PACED:
            continue
        record = path.with_suffix("")
        truth = reference(record)
        judge(args.cross, truth.name)
        found, burden = told(record, args.observe.split(","))
        score.add(truth, found["AFIB"], burden)
        hours += (truth.times[-1] - truth.times[0]) / 3600
        rules = Ectopy(lambda *_: True)
        real: dict[str, dict[float, float]] = defaultdict(dict)
        steps = np.diff(truth.times, prepend=-np.inf)
        for time, step, code in zip(truth.times.tolist(), steps.tolist(), truth.codes.tolist(), strict=True):
            for one in rules.feed(time, step if step <= LONGEST_S else None, code):
                real[one.code][one.start] = one.end
        for code, count in counts.items():
            for k, number in enumerate(matched(_joined(real[code]), _joined(dict(found[code])))):
                count[k] += number
        steps_of = int(truth.times[-1] / STEP_S) + 1
        there, said = (_grid(spans, 0.0, steps_of) for spans in (truth.spans("AFL"), found["AFLT"]))
        flutter[0] += STEP_S * float(there.sum())
        flutter[1] += STEP_S * float((there & said).sum())
        print(f"{truth.name}: {len(found['AFIB'])} AF of {len(truth.spans('AFIB'))}", flush=True)
    rows: dict[str, object] = {"atrial fibrillation": score.row()}
    _print("DS1, atrial fibrillation", score.row())
    for code, (real_ones, hit, told_ones, true) in counts.items():
        row = {
            "of the reference": real_ones,
            "Se %": 100 * hit / real_ones if real_ones else float("nan"),
            "told": told_ones,
            "PPV %": 100 * true / told_ones if told_ones else float("nan"),
            "false a day": 24 * (told_ones - true) / hours,
        }
        rows[code] = row
        _print(code, row)
    print(f"flutter: {flutter[1]:.0f} of {flutter[0]:.0f} s of the reference are told")
    return rows | {"flutter": flutter}


def judge(cross: Path | None, name: str) -> None:
    """Let a network judge that never saw the record of this name."""
    if cross:
        irregular.PARAMETERS = cross / f"fold{fold(name, FOLDS)}.json"
        irregular.parameters.cache_clear()


def verdicts(args: argparse.Namespace) -> dict[str, object]:
    """CinC 2017, the folds that rhythm1 did not see: whether a recording is fibrillation, with and without rhythm1."""
    base = args.folder / "cinc2017" / "training2017"
    with (base / LABELS).open(newline="") as file:
        table = [(name, label) for name, label in csv.reader(file) if fold(name) in HELD_OUT_FOLDS]
    rows: dict[str, object] = {}
    for observe in (["episodes"], ["rhythm1", "episodes"]):
        counts: Counter[tuple[str, bool]] = Counter()
        for name, label in table:
            judge(args.cross, f"cinc2017/{name}")
            counts[label, "AFIB" in told(base / name, observe)[0]] += 1
        hit, missed = counts["A", True], counts["A", False]
        wrong = sum(counts[label, True] for label in "NO~")
        row = {
            "recordings": float(len(table)),
            "Se %": 100 * hit / (hit + missed),
            "PPV %": 100 * hit / max(1, hit + wrong),
            "F1": 2 * hit / (2 * hit + wrong + missed),
            "N called AF %": 100 * counts["N", True] / (counts["N", True] + counts["N", False]),
        }
        rows[" and ".join(observe)] = row
        _print(" and ".join(observe), row)
    return rows


def told(record: Path, observe: Sequence[str]) -> tuple[dict[str, Spans], float]:
    """Run the whole program over a record; return the findings of `episodes` by code, and how sure the burden is."""
    from wearecg.formats import read_recording
    from wearecg.observers import open_observers
    from wearecg.session import Session
    from wearecg.transports.replay import replay

    found: dict[str, dict[float, float]] = defaultdict(dict)
    error = float("nan")
    for event in Session(replay(read_recording(record), float("inf")), open_observers(observe)):
        if isinstance(event, Finding) and event.source.startswith(("episodes@", "runs@")):
            found[event.code][event.since] = event.end
        elif isinstance(event, Measure) and event.name == "af_burden":
            error = event.error or 0.0
    return defaultdict(list, {code: sorted(spans.items()) for code, spans in found.items()}), error


def _joined(spans: dict[float, float]) -> Spans:
    """Return stretches by their start, those as one that follow each other within `CYCLE_HOLD_S`."""
    joined: Spans = []
    for start, end in sorted(spans.items()):
        if joined and start <= joined[-1][1] + CYCLE_HOLD_S:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def matched(real: Spans, found: Spans) -> tuple[int, int, int, int]:
    """Return how many there are in the reference, how many of them are told, how many are told, how many rightly."""

    def near(one: tuple[float, float], those: Spans) -> bool:
        return any(start <= one[1] + APART_S and end >= one[0] - APART_S for start, end in those)

    return len(real), sum(near(one, found) for one in real), len(found), sum(near(one, real) for one in found)


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cross", type=Path)
    parser.add_argument("--observe", default="episodes", help="what else looks at the ECG (%(default)s)")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    print(machine.line())
    rows = WHAT[args.what](args)
    print(f"written to {machine.write('rhythm_' + args.what, rows, args.out)}")


WHAT = {"beats": on_beats, "ecg": on_ecg, "verdicts": verdicts}

if __name__ == "__main__":
    main()
