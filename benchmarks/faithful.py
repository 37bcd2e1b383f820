"""Whether findings rest on what they cite: without the cited samples they must go, without as many others stay.

    python -m benchmarks.faithful DATA [--records 101,203] [--most 240] [--out FOLDER]

Every finding of the records in DATA/mitdb (DS1 and the paced records) and DATA/bidmc, evenly thinned to ``--most``, is
recomputed from its stretch of the raw recording and the minute before it, as `wearecg prove` does: as it is; with the
cited samples missing; and, from a minute earlier on, with as many others missing, that end a second to a minute before
them (drawn at random, always alike). It counts as there if it is found over half of the stretch at least.

Writes faithful.json.
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from wearecg.account import Account
from wearecg.account.beats import interval
from wearecg.formats import open_recording
from wearecg.observers import open_observers
from wearecg.report.proof import LEAD_IN_S, Cited, cite, recompute
from wearecg.session import Session
from wearecg.transports.replay import TOGETHER_S, replay

ASKED = ("found again", "gone without what it cites", "there without as much else")
APART_S, MOST_APART_S = 1.0, 60.0
SETS = {"mitdb": r"\d+", "bidmc": r"bidmc\d\d"}
"""Folders, and which of their records have an ECG."""


def findings(path: Path, observe: str) -> list[Cited]:
    """Return what each finding of a record cites."""
    account = Account()
    for event in Session(
        replay(open_recording(path), math.inf, TOGETHER_S), open_observers(observe.split(","))
    ):
        account.feed(event)
    main = account.main
    return [cite(account, kind, episode) for _, kind, episode in main.numbered] if main else []


def judge(path: Path, observe: str, cited: Cited, rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Say of a finding whether it was found again, went without its evidence, and stayed without other samples."""
    stored, observers = open_recording(path), open_observers(observe.split(","))
    length = cited.end - cited.start
    before = cited.start - rng.uniform(APART_S, max(APART_S, min(MOST_APART_S, cited.start - length)))
    other = (before - length, before)
    if before < length:
        # At the beginning of a record there is too little before it; then what comes behind it.
        other = (cited.end + APART_S, cited.end + APART_S + length)
    lead_in = length + MOST_APART_S + LEAD_IN_S
    return (
        recompute(stored, observers, cited).holds,
        not recompute(stored, observers, cited, blanked=(cited.start, cited.end)).holds,
        recompute(stored, observers, cited, blanked=other, lead_in=lead_in).holds,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faithful",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--records", default="", help="default all")
    parser.add_argument("--observe", default="auto", help="what looks at the records (default auto)")
    parser.add_argument("--most", type=int, default=240)
    parser.add_argument("--out", type=Path, default=machine.RESULTS, help="folder for the JSON")
    args = parser.parse_args(argv)
    names = args.records.split(",") if args.records else []
    paths = [
        path.with_suffix("")
        for folder, name in SETS.items()
        for path in sorted((args.data / folder).glob("*.hea"))
        if (path.stem in names if names else re.fullmatch(name, path.stem))
    ]
    print(machine.line(), flush=True)
    every = [(path, one) for path in paths for one in findings(path, args.observe)]
    chosen = (
        [every[i * len(every) // args.most] for i in range(args.most)] if len(every) > args.most else every
    )
    print(f"{len(chosen)} of {len(every)} findings of {len(paths)} records", flush=True)
    rng = np.random.default_rng(0)
    yes: Counter[tuple[str, str]] = Counter()
    total: Counter[str] = Counter()
    for path, cited in chosen:
        answers = judge(path, args.observe, cited, rng)
        for code in (cited.code, "all"):
            total[code] += 1
            yes.update((code, asked) for asked, answer in zip(ASKED, answers, strict=True) if answer)
        for asked, answer in zip(ASKED, answers, strict=True):
            if not answer:
                print(f"  {path.name} {cited.code} at {cited.start:.0f} s: not {asked}", flush=True)
    print(f"\n{'':10}{'findings':>9}" + "".join(f"{asked:>28}" for asked in ASKED))
    rows = []
    for code, count in total.most_common():
        shares = {asked: yes[code, asked] / count for asked in ASKED}
        print(f"{code:10}{count:9}" + "".join(f"{share:28.1%}" for share in shares.values()))
        rows.append({"code": code, "findings": count, **shares})
    whole = total["all"]
    for asked in ASKED:
        low, high = interval(yes["all", asked], whole)
        print(f"{asked}: 95 % interval {low:.1%} to {high:.1%}")
    result = {"observe": args.observe, "records": [path.name for path in paths], "rows": rows}
    print(f"\nwritten to {machine.write('faithful', result, args.out)}")


if __name__ == "__main__":
    main()
