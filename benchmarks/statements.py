"""What each statement of the catalogue is worth on records with reference annotations, episode by episode.

    python -m benchmarks.statements DATA [--observe auto] [--out FOLDER]

DATA/mitdb holds DS1 and the paced records. A reference episode counts from the seconds on that the statement needs to
settle. Sensitivity: episodes that a finding overlaps; PPV: findings that overlap an episode; false ones in 24 h of all
records together. Rhythms are those of the rhythm annotations; a bundle branch block is there in all of a record most of
whose beats have it. Where the threshold of a statement was chosen on the same records, its figures are optimistic.

Writes statements.json.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from wearecg.account import Account
from wearecg.ecg.statements import find
from wearecg.formats import BEAT_SYMBOLS, Stored, open_recording
from wearecg.observers import open_observers
from wearecg.session import Session
from wearecg.transports.replay import TOGETHER_S, replay

RHYTHMS = {
    "(N": "SR",
    "(AFIB": "AFIB",
    "(AFL": "AFLT",
    "(SBR": "SBRAD",
    "(SVTA": "SVTAC",
    "(B": "BIGU",
    "(T": "TRIGU",
    "(P": "PACE",
    "(VT": "VT",
    "(VFL": "VFIB",
    "(IVR": "IVR",
}
"""The rhythm annotations of the database and our codes."""
BLOCKS = {"L": "CLBBB", "R": "CRBBB"}
JUDGED = (*dict.fromkeys(RHYTHMS.values()), *BLOCKS.values())
Span = tuple[float, float]


def reference(stored: Stored) -> dict[str, list[Span]]:
    """Return the episodes of each statement in the annotations of a record."""
    notes = stored.recording.annotations
    assert notes is not None
    end = stored.length / stored.recording.fs
    found: dict[str, list[Span]] = defaultdict(list)
    changes = [
        (float(t), note.rstrip("\0"))
        for t, s, note in zip(notes.times, notes.symbols, notes.notes, strict=True)
        if s == "+"
    ]
    for (start, note), (until, _) in zip(changes, [*changes[1:], (end, "")], strict=True):
        if note in RHYTHMS:
            found[RHYTHMS[note]].append((start, until))
    beats = [symbol for symbol in notes.symbols if symbol in BEAT_SYMBOLS]
    for symbol, code in BLOCKS.items():
        if beats.count(symbol) > len(beats) / 2:
            found[code].append((0.0, end))
    return found


def episodes(path: Path, observe: Sequence[str]) -> Iterator[tuple[str, Span]]:
    """Yield what is found in a record."""
    account = Account()
    for event in Session(replay(open_recording(path), math.inf, TOGETHER_S), open_observers(observe)):
        account.feed(event)
    for kind in account.main.kinds if account.main else ():
        for one in kind.kept:
            yield kind.code, (one.since, one.end)


def overlaps(one: Span, others: Sequence[Span]) -> bool:
    """Whether a stretch shares time with one of the others."""
    return any(one[0] < end and one[1] > start for start, end in others)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.statements",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--observe", default="auto", help="what looks at the records (default auto)")
    parser.add_argument("--out", type=Path, default=machine.RESULTS, help="folder for the JSON")
    args = parser.parse_args(argv)
    there, hit, told, right = (dict.fromkeys(JUDGED, 0) for _ in range(4))
    hours = 0.0
    print(machine.line(), flush=True)
    for header in sorted((args.data / "mitdb").glob("*.hea")):
        stored = open_recording(header)
        hours += stored.length / stored.recording.fs / 3600
        true = reference(stored)
        found: dict[str, list[Span]] = defaultdict(list)
        for code, span in episodes(header, args.observe.split(",")):
            found[code].append(span)
        for code in JUDGED:
            term = find(code)
            least = term.settle if term else 0.0
            long = [span for span in true[code] if span[1] - span[0] >= least]
            there[code] += len(long)
            hit[code] += sum(overlaps(span, found[code]) for span in long)
            told[code] += len(found[code])
            right[code] += sum(overlaps(span, true[code]) for span in found[code])
    print(f"\n{hours:.1f} h\n{'':8}{'episodes':>9}{'Se':>8}{'findings':>9}{'PPV':>8}{'false a day':>13}")
    rows: list[dict[str, Any]] = []
    for code in JUDGED:
        if not there[code] and not told[code]:
            continue
        sensitivity = hit[code] / there[code] if there[code] else None
        ppv = right[code] / told[code] if told[code] else None
        false = (told[code] - right[code]) / hours * 24
        cells = ["" if one is None else f"{one:.1%}" for one in (sensitivity, ppv)]
        print(f"{code:8}{there[code]:9}{cells[0]:>8}{told[code]:9}{cells[1]:>8}{false:13.1f}")
        rows.append(
            {
                "code": code,
                "episodes": there[code],
                "sensitivity": sensitivity,
                "findings": told[code],
                "ppv": ppv,
                "false_a_day": false,
            }
        )
    result = {"observe": args.observe, "hours": hours, "rows": rows}
    print(f"\nwritten to {machine.write('statements', result, args.out)}")


if __name__ == "__main__":
    main()
