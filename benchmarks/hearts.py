"""The heart rate on hearts whose rate is known: ours, with its reasons to say nothing, beside three peers.

``python -m benchmarks.hearts [--random N] [--seed SEED] [--kind KIND] [--no-peers] [--out FOLDER]``. Each heart
(`made_hearts`, `hard_hearts`, or N of each kind of `random_hearts`) is a minute of one lead; ours is fed blocks of
0.25 s, the peers get the whole minute at once. All rates are taken each second from the beats, as `HeartRateMeter`
does. A second is *wrong* when a rate is given that is more than 5 % below or above every mean and median of the last 2
to 8 true intervals (so a change of rhythm is no fault while the meter turns over), or when the heart has not beaten for
4 s; the first 2 s are not counted. It is *unknown* when no rate is given; the commonest reason is printed. Signals of
no heart should be unknown throughout.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import hard_hearts, machine, made_hearts
from benchmarks.made_hearts import Made
from benchmarks.peers import Detector, installed
from benchmarks.random_hearts import hearts
from wearecg.block import Beat, HeartRate, Quality, SignalBlock
from wearecg.ecg.rate import HeartRateMeter
from wearecg.pipeline.frontend import FrontEnd

CHUNK_S = 0.25
TOLERANCE = 0.05
SILENT_S = 4.0
HORIZON_S = 14.0
SETTLE_S = 2.0
READER = "sleepecg"
"""A second that it reads right is readable."""


def ours(heart: Made) -> tuple[list[HeartRate], set[float]]:
    """Return the rates that the front end gives, one a second, and the ends of the seconds that it calls good."""
    front = FrontEnd(heart.fs, ("II",))
    x = heart.lead.astype(np.float32)[:, None]
    step = round(CHUNK_S * heart.fs)
    events = []
    for first in range(0, len(x), step):
        events += front.feed(SignalBlock(x[first : first + step], heart.fs, ("II",), first / heart.fs))
    good = {e.end for e in events if isinstance(e, Quality) and e.leads[0].verdict == "good"}
    return [event for event in events if isinstance(event, HeartRate)], good


def theirs(heart: Made, detector: Detector) -> list[HeartRate]:
    """Return the rate each second from the beats that a peer finds in the whole lead."""
    lead = np.nan_to_num(heart.lead)
    try:
        times = (np.asarray(detector(lead, heart.fs)) / heart.fs).tolist()
    except Exception as error:  # whatever a peer makes of a signal that is none
        return [
            HeartRate(float(s), None, type(error).__name__) for s in range(1, int(len(lead) / heart.fs) + 1)
        ]
    meter, rates, last = HeartRateMeter(), [], None
    for second in range(1, int(len(lead) / heart.fs) + 1):
        while times and times[0] < second:
            time = times.pop(0)
            meter.beat(Beat(time, "II", None if last is None else time - last))
            last = time
        rates.append(meter.at(float(second)))
    return rates


def bounds(beats: Sequence[float], time: float) -> tuple[float, float] | None:
    """Return the lowest and highest rate that is true at ``time``, None where there is none."""
    if not any(time - SILENT_S <= beat <= time for beat in beats):
        return None
    found = []
    for end in (time, time - 0.5):  # the newest beat may not be known yet
        rr = np.diff([beat for beat in beats if time - HORIZON_S <= beat <= end])[::-1][:8]
        rr = rr[rr <= SILENT_S]
        found += [60 / mean(rr[:n]) for n in range(2, len(rr) + 1) for mean in (np.mean, np.median)]
    return (float(min(found)), float(max(found))) if found else None


def right(heart: Made, rate: HeartRate) -> bool:
    """Whether a rate is given and is true."""
    low, high = bounds(heart.beats, rate.time) or (np.inf, 0.0)
    return rate.bpm is not None and low * (1 - TOLERANCE) <= rate.bpm <= high * (1 + TOLERANCE)


def judge(heart: Made, rates: Sequence[HeartRate], good: set[float], other: set[float]) -> dict[str, Any]:
    """Return the median rate, shares of seconds, and the commonest reason for none.

    The shares are those that are wrong, wrong although in ``good``, unknown, and unknown although in ``other``.
    """
    counted = [rate for rate in rates if rate.time > SETTLE_S]
    unknown = [rate for rate in counted if rate.bpm is None]
    wrong = [rate for rate in counted if rate.bpm is not None and not right(heart, rate)]
    told = [rate.bpm for rate in counted if rate.bpm is not None]
    reasons = Counter("no beats" if rate.reason.startswith("no beats") else rate.reason for rate in unknown)
    return {
        "bpm": float(np.median(told)) if told else None,
        "wrong": len(wrong) / len(counted),
        "wrong_while_good": sum(rate.time in good for rate in wrong) / len(counted),
        "unknown": len(unknown) / len(counted),
        "unknown_though_readable": sum(rate.time in other for rate in unknown) / len(counted),
        "reason": reasons.most_common(1)[0][0] if reasons else "",
    }


def truth(heart: Made) -> float | None:
    """Return the mean true rate, None without a heart beat."""
    return 60 / float(np.mean(np.diff(heart.beats))) if len(heart.beats) > 2 else None


def cell(result: dict[str, Any]) -> str:
    """Return rate, wrong and unknown share in a few characters."""
    bpm = "-" if result["bpm"] is None else f"{result['bpm']:.0f}"
    return f"{bpm:>4} {100 * result['wrong']:4.0f} {100 * result['unknown']:4.0f}"


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hearts", description=__doc__)
    parser.add_argument("--kind", help="only hearts of this kind")
    parser.add_argument(
        "--random", type=int, metavar="N", help="hearts drawn at random, so many of each kind"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random hearts")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    peers, absent = ({}, []) if args.no_peers else installed()
    print(machine.line())
    for name in absent:
        print(f"{name}: not installed")
    names = ["wearecg", *peers]
    print(f"\n{'bpm, % of seconds wrong, % unknown':46}true " + "".join(f"{n[:14]:>15} " for n in names))
    rows: list[dict[str, Any]] = []
    made = (
        hearts(args.random, args.seed)
        if args.random
        else (heart for make in made_hearts.KINDS + hard_hearts.KINDS for heart in make())
    )
    for heart in made:
        if args.kind not in (None, heart.kind):
            continue
        rates, good = ours(heart)
        others = {name: theirs(heart, peer) for name, peer in peers.items()}
        read = {rate.time for rate in others.get(READER, ()) if right(heart, rate)}
        results = {"wearecg": judge(heart, rates, good, read)}
        results |= {name: judge(heart, found, set(), set()) for name, found in others.items()}
        true = truth(heart)
        rows.append({"kind": heart.kind, "name": heart.name, "fs": heart.fs, "true": true, **results})
        print(
            f"{heart.kind + ': ' + heart.name:45} {'-' if true is None else f'{true:.0f}':>4} "
            + " ".join(f"{cell(results[n]):>15}" for n in names)
            + f"  {results['wearecg']['reason']}"
        )
    totals = {name: sum(row[name]["wrong"] > 0 for row in rows) for name in names}
    print(f"\n{len(rows)} hearts; with wrong seconds: " + ", ".join(f"{n} {k}" for n, k in totals.items()))
    share = {
        key: float(np.mean([row["wearecg"][key] for row in rows]))
        for key in ("wrong", "wrong_while_good", "unknown", "unknown_though_readable")
    }
    good_hearts = sum(row["wearecg"]["wrong_while_good"] > 0 for row in rows)
    print(
        f"wearecg: wrong {share['wrong']:.1%} of all seconds, while good {share['wrong_while_good']:.1%} "
        f"({good_hearts} hearts); unknown {share['unknown']:.1%}, though {READER} is right "
        f"{share['unknown_though_readable']:.1%}"
    )
    path = machine.write(
        "random_hearts" if args.random else "hearts",
        {"hearts": rows, "hearts_with_wrong_seconds": totals, **share, "absent": absent},
        args.out,
    )
    print(f"written to {path}")


if __name__ == "__main__":
    main()
