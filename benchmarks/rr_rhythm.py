"""How well RR intervals alone tell a regular rhythm from an irregular one, on the MIT-BIH Arrhythmia Database.

    python -m benchmarks.rr_rhythm FOLDER_OF_MITDB [--out FOLDER]

The annotated beats of every record go through `wearecg.pipeline.rr` as a strap would tell them. Each verdict is
compared with the annotations of the intervals that it rests on: all of them in atrial fibrillation or flutter; all of
them normal beats in normal rhythm; and normal rhythm in which at least one beat in ten is ectopic.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks import machine

BEATS = "NLRBAaJSVrFejnE/fQ"
NORMAL = "NLRBejn/"
ATRIAL = ("(AFIB", "(AFL")


def verdicts(record: Path) -> list[tuple[str, str]]:
    """What the annotations say, and what the rule says, for each verdict in one record."""
    import wfdb

    from wearecg.block import RR, RRIntervals, Statement
    from wearecg.observers.rhythm import RhythmObserver
    from wearecg.pipeline.rr import RRStream

    marks = wfdb.rdann(str(record), "atr")
    fs = wfdb.rdheader(str(record)).fs
    rhythm, beats = "", []
    for sample, symbol, aux in zip(marks.sample, marks.symbol, marks.aux_note, strict=True):
        rhythm = aux.rstrip("\0") if symbol == "+" else rhythm
        if symbol in BEATS:
            beats.append((sample / fs, symbol, rhythm))
    stream = RRStream(record.name, 0.0, RR, [RhythmObserver()])
    origin = beats[0][0]
    found = []
    times = np.array([time for time, _, _ in beats]) - origin
    for i in range(1, len(beats)):
        rr = float(times[i] - times[i - 1])
        for event in stream.feed(RRIntervals((rr,), 60 / rr), float(times[i])):
            if isinstance(event, Statement) and not event.why:
                # Its intervals end at beat i: as many as the evidence says.
                count = next(measure.value for measure in event.evidence if measure.name == "intervals")
                rests_on = beats[i - int(count) : i + 1]
                found.append((truth(rests_on), event.code))
    return found


def truth(beats: list[tuple[float, str, str]]) -> str:
    """The class of a run of annotated beats; ``mixed`` where it has none."""
    rhythms = {rhythm for _, _, rhythm in beats}
    if rhythms <= set(ATRIAL):
        return "atrial fibrillation or flutter"
    ectopic = sum(symbol not in NORMAL for _, symbol, _ in beats) / len(beats)
    if rhythms <= {"(N"}:
        return "normal" if not ectopic else "normal, 10 % ectopic or more" if ectopic >= 0.1 else "mixed"
    return "mixed"


def main() -> None:
    """Count, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    records = sorted(args.folder.glob("*.atr"))
    for record in records:
        counts.update(verdicts(record.with_suffix("")))
    print(machine.line())
    result: dict[str, object] = {"records": len(records)}
    for kind in sorted({truth for truth, _ in counts}):
        irregular, regular = counts[kind, "RR_IRREGULAR"], counts[kind, "RR_REGULAR"]
        share = irregular / (irregular + regular)
        result[kind] = {"verdicts": irregular + regular, "irregular": round(share, 4)}
        print(f"{kind:32} {irregular + regular:6} verdicts, {share:6.1%} irregular")
    print(f"written to {machine.write('rr_rhythm', result, args.out)}")


if __name__ == "__main__":
    main()
