"""What a report of a long recording costs beyond scoring it, how large it is, and whether it tells what happened.

    python -m benchmarks.report [--hours 24] [--out FOLDER]

The day of `benchmarks.archive`: a synthetic person, three leads at 250 Hz, in every hour fifty minutes of a rhythm and
ten of everything that can be simulated. `wearecg score` and `wearecg report` take turns, ``--runs`` times, each in a
fresh process of one thread; CPU is user and system time of the whole process. Events are the acts of the day: an
episode is told if a finding of its kind overlaps it, and a finding that overlaps none is a false line. Fibrillation of
less than a minute may be told or not: by the rules of the catalogue an episode lasts thirty seconds. What else the
report says is counted by its code.

Writes report.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import wearecg
from benchmarks import machine
from benchmarks.archive import BUSY_MIN, QUIET_MIN, RHYTHMS, WATCHED, make_record
from benchmarks.statements import overlaps
from wearecg.person.scenario import Scenario

EVENTS = {
    "af": ("AFIB",),
    "pvc": ("PVC",),
    "bigeminy": ("BIGU",),
    "vt": ("VT", "VRUN"),
    "pause": ("PAUSE", "SARREST"),
}
"""The acts of the day, and the codes of findings that tell them."""
LEAST_S = {"af": 60.0}
"""Shorter acts may be told or not."""
ALSO = {"PVC": ("bigeminy", "vt")}
"""Other acts in which a finding is true."""
NEAR_S = 10.0
Span = tuple[float, float]


def acts(hours: float) -> dict[str, list[Span]]:
    """Return when each kind of event happened."""
    found: dict[str, list[Span]] = {name: [] for name in EVENTS}
    hour = 0
    while hour < hours:
        for scenario, minutes, at in (
            (RHYTHMS[hour % len(RHYTHMS)], QUIET_MIN, 0),
            ("demo", BUSY_MIN, QUIET_MIN),
        ):
            start = hour * 3600.0 + at * 60
            for act, _, since, until in Scenario.parse(scenario).spans(0.0, minutes * 60.0):
                if act.rhythm in found and start + since < hours * 3600:
                    spans = found[act.rhythm]
                    if spans and spans[-1][1] >= start + since - 1:
                        spans[-1] = (spans[-1][0], start + until)
                    else:
                        spans.append((start + since, start + until))
        hour += 1
    return found


def run(record: Path, *arguments: str) -> tuple[float, float]:
    """Run a command in a fresh process; return its CPU seconds and the most memory that it held, MB."""
    used = record.with_name("used.json")
    tree = str(Path(wearecg.__file__).parents[1])
    command = [
        sys.executable,
        "-c",
        WATCHED.format(used=str(used)),
        arguments[0],
        str(record),
        *arguments[1:],
    ]
    environment = {**os.environ, "PYTHONPATH": tree, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, cwd=record.parent, stdout=subprocess.DEVNULL, check=True)
    cpu, rss = json.loads(used.read_text())
    return cpu, rss


def told(findings: Sequence[dict[str, Any]], hours: float) -> list[dict[str, Any]]:
    """Compare the findings of a report with what happened."""
    happened, rows = acts(hours), []
    for name, spans in happened.items():
        codes = EVENTS[name]
        found = [(one["since"], one["end"]) for one in findings if one["code"] in codes]
        also = [span for code in codes for other in ALSO.get(code, ()) for span in happened[other]]
        wide = [(start - NEAR_S, end + NEAR_S) for start, end in (*spans, *also)]
        asked = [span for span in spans if span[1] - span[0] >= LEAST_S.get(name, 0.0)]
        hits, false = (
            sum(overlaps(span, found) for span in asked),
            sum(not overlaps(span, wide) for span in found),
        )
        rows.append(
            {
                "event": name,
                "episodes": len(asked),
                "told": hits,
                "Se": hits / len(asked) if asked else None,
                "findings": len(found),
                "false": false,
                "PPV": 1 - false / len(found) if found else None,
            }
        )
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--runs", type=int, default=3, help="default %(default)s")
    parser.add_argument("--out", type=Path, default=machine.RESULTS, help="folder for the JSON")
    args = parser.parse_args(argv)
    print(machine.line(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        record = make_record(Path(name), args.hours)
        page, data = Path(name) / "report.html", Path(name) / "report.json"
        scored: list[tuple[float, float]] = []
        reported: list[tuple[float, float]] = []
        for _ in range(args.runs):
            scored.append(run(record, "score"))
            reported.append(run(record, "report", "-o", str(page)))
        run(record, "report", "-o", str(data))
        size = page.stat().st_size
        findings = json.loads(data.read_text())["streams"][0]["findings"]
    rows = told(findings, args.hours)
    expected = {code for codes in EVENTS.values() for code in codes}
    other = Counter(one["code"] for one in findings if one["code"] not in expected)
    score_s, report_s = (median(cpu for cpu, _ in runs) for runs in (scored, reported))
    rss = median(most for _, most in reported)
    print(
        f"{args.hours:g} h: score {score_s:.1f} s, report {report_s:.1f} s of CPU ({report_s / score_s:.2f} times; "
        f"{report_s - score_s:.1f} s beyond), {rss:.0f} MB, page of {size / 1e6:.2f} MB"
    )
    print(f"\n{'':10}{'episodes':>9}{'told':>6}{'Se':>7}{'findings':>9}{'false':>7}{'PPV':>7}")
    for row in rows:
        se, ppv = ("" if row[share] is None else f"{row[share]:.0%}" for share in ("Se", "PPV"))
        print(
            f"{row['event']:10}{row['episodes']:9}{row['told']:6}{se:>7}{row['findings']:9}{row['false']:7}{ppv:>7}"
        )
    print("other lines: " + (", ".join(f"{code} {n}" for code, n in other.most_common()) or "none"))
    result = {
        "hours": args.hours,
        "score_s": score_s,
        "report_s": report_s,
        "rss_mb": rss,
        "page_bytes": size,
        "events": rows,
        "other": dict(other),
    }
    print(f"\nwritten to {machine.write('report', result, args.out)}")


if __name__ == "__main__":
    main()
