"""The account in a few lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import floor, isfinite, log10

from wearecg.account.account import INTERVALS, ST, Account, StreamAccount
from wearecg.account.beats import CLASSES, RUN, interval
from wearecg.account.episodes import Episode, Kind
from wearecg.account.spread import Spread
from wearecg.block import Measure

MOST_TOLD = 4
"""Numbers of findings of one kind in a line."""
FEW = 20
"""Lines on what was found; what is left is counted."""
WHY = {
    "short": "too short",
    "missing": "samples missing",
    "unusable": "signal not usable",
    "leads": "leads of unknown position",
    "unlike": "unlike any ECG",
    "contradicted": "contradicted by the heart rate",
    "failed": "the model failed",
}
"""Why nothing is said, in a few words (`Why`)."""
NAMES = {
    "pr": "PR",
    "qrs": "QRS",
    "qt": "QT",
    "qtc_fridericia": "QTc (Fridericia)",
    "qtc_bazett": "QTc (Bazett)",
}


def clock(seconds: float) -> str:
    """``m:ss``, or ``h:mm:ss`` from an hour on."""
    whole = max(int(seconds), 0)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def share(part: float, whole: float) -> str:
    """A share in percent, with as many digits as it needs."""
    if whole <= 0:
        return "0 %"
    percent = 100 * min(part / whole, 1.0)
    if part and percent < 0.1:
        return "under 0.1 %"
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def describe(account: Account, name: str) -> str:
    """Return the lines: what was worn, what could be read, rate, beats, and one line for each kind of finding."""
    told: list[str] = []
    streams = list(account)
    for stream in streams:
        own = f"{name} ({stream.info.stream})" if len(streams) > 1 else name
        told += [f"{own}: {worn(stream)}", *(f"  {line}" for line in lines(stream))]
    if not streams:
        told.append(f"{name}: no ECG and no RR intervals")
    told += [f"  {notice.level}: {notice.message}" for notice in account.notices]
    return "\n".join(told)


def lines(stream: StreamAccount) -> Iterator[str]:
    """What is told of one stream, line by line."""
    yield readable(stream)
    yield rate(stream)
    if len(stream.beats):
        yield beats(stream)
    if told := intervals(stream):
        yield told
    yield from findings(stream)
    if told := not_judged(stream):
        yield told
    if stream.marks:
        yield marks(stream)


def worn(stream: StreamAccount) -> str:
    """What was worn, from when, how long."""
    info = stream.info
    since = (
        f" from {datetime.fromtimestamp(info.epoch, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if isfinite(info.epoch)
        else ""
    )
    return f"{clock(stream.end)}{since}, {' '.join(info.leads) if info.waveform else 'RR intervals alone'}"


def readable(stream: StreamAccount) -> str:
    """How much of it could be read, and why not all."""
    told = f"readable {clock(stream.readable)} ({share(stream.readable, stream.whole)})"
    leads = [
        f"{lead} {share(stream.good[lead], judged)} good{_why(stream.reasons.get(lead, {}))}"
        for lead, judged in stream.judged.items()
    ]
    gaps = f"; {_gaps(stream)}" if stream.gaps else ""
    return told + (f": {', '.join(leads)}" if leads else "") + gaps


def _gaps(stream: StreamAccount) -> str:
    at, longest = stream.longest_gap
    if stream.gaps == 1:
        return f"1 gap of {longest:.2f} s at {clock(at)}"
    return f"{stream.gaps} gaps, {stream.lost:.2f} s missing, the longest {longest:.2f} s at {clock(at)}"


def _why(reasons: Mapping[str, int]) -> str:
    most = [reason for reason, _ in Counter(reasons).most_common(2) if reason]
    return f" ({', '.join(most)})" if most else ""


def rate(stream: StreamAccount) -> str:
    """The heart rate: median and range."""
    spread = stream.rate
    if not spread.count:
        why = stream.no_rate.most_common(1)
        return f"heart rate unknown: {why[0][0] if why else 'too short'}"
    return f"heart rate {spread.median:.0f} bpm (median), {spread.least:.0f} to {spread.most:.0f}"


def beats(stream: StreamAccount) -> str:
    """How many beats, of which class, and how many ventricular ones in a row."""
    total = len(stream.beats)
    if not stream.beats.source:
        return f"{total} beats"
    counts = stream.beats.counts
    told = [f"{code} {counts[code]}{_burden(code, counts[code], total)}" for code in CLASSES if counts[code]]
    rows = [run.beats for run in stream.beats.rows("V")]
    if longest := max(rows, default=0):
        runs = sum(n >= RUN for n in rows)
        told.append(
            f"ventricular: {rows.count(1)} single, {rows.count(2)} couplets, {runs} runs"
            + (f", the longest {longest} beats" if runs else "")
        )
    return f"{total} beats: {', '.join(told)}"


def _burden(code: str, count: int, total: int) -> str:
    if code == "N":
        return ""
    low, high = interval(count, total)
    return f" ({share(count, total)}, {100 * low:.1f} to {100 * high:.1f})"


def intervals(stream: StreamAccount) -> str:
    """The intervals of the heart beat, each with the error of one measurement."""
    found = {name: spread for (name, _, _), spread in stream.measures.items() if name in INTERVALS}
    return ", ".join(f"{NAMES[name]} {with_error(found[name])} ms" for name in INTERVALS if name in found)


def label(name: str, leads: Sequence[str]) -> str:
    """What a measure is called: ``QTc (Fridericia)``, ``ST at J+60 ms, V2``, ``heart rate``."""
    if name in ST:
        return f"ST at J+{name[2:]} ms, {' '.join(leads)}"
    return NAMES.get(name, name.replace("_", " "))


def number(measure: Measure) -> str:
    """Its value and its error, with no more digits than are known."""
    if measure.error:
        digits = max(0, -floor(log10(measure.error)) + (measure.error < 1))
        value = f"{measure.value:.{digits}f} ± {measure.error:.{digits}f}"
    else:
        value = f"{measure.value:.3f}".rstrip("0").rstrip(".")
    return f"{value} {measure.unit}".strip()


def with_error(spread: Spread) -> str:
    """The median and its error."""
    return f"{spread.median:.0f}" + (f" ± {spread.error:.0f}" if spread.error else "")


def not_judged(stream: StreamAccount) -> str:
    """How often no model could say anything, and why."""
    rounds = Counter[str]()
    for kind in stream.not_judged:
        rounds[WHY.get(kind.why, kind.why)] += kind.rounds
    words = ", ".join(f"{n} {reason}" for reason, n in rounds.most_common())
    if not words:
        return ""
    of = f" of {stream.windows}" if stream.windows else ""
    return f"not judged: {rounds.total()}{of} windows ({words})"


def marks(stream: StreamAccount) -> str:
    """What the wearer marked, and when."""
    told = [f"{clock(mark.time)} {mark.text}".rstrip() for mark in stream.marks[-FEW:]]
    return f"{len(stream.marks)} marked: {', '.join(told)}"


def findings(stream: StreamAccount) -> Iterator[str]:
    """One line for each kind of finding, in the order in which the first of it began."""
    grouped: dict[tuple[str, str], list[tuple[int, Kind, Episode]]] = {}
    for one in stream.numbered:
        _, kind, _ = one
        grouped.setdefault((kind.source, kind.code), []).append(one)
    for told, group in enumerate(grouped.values()):
        if told == FEW:
            yield f"and {len(grouped) - FEW} other kinds of findings"
            return
        _, kind, first = group[0]
        yield _finding(kind, first, [number for number, _, _ in group], stream.readable)


def _finding(kind: Kind, first: Episode, numbers: list[int], whole: float) -> str:
    cited = " ".join(f"#{number}" for number in numbers[:MOST_TOLD])
    if len(numbers) > MOST_TOLD:
        cited += " ..."
    burden = f" ({share(kind.seconds, whole)})" if whole else ""
    told = f"{cited:4} {kind.code:6} {kind.text}, {clock(kind.seconds)}{burden}"
    if kind.count == 1:
        told += f" from {clock(first.since)}"
    else:
        longest = kind.longest
        told += f", {kind.count} times, the longest {clock(longest.seconds)} from {clock(longest.since)}"
    best = max((one.best.probability or 0.0 for one in kind.kept), default=0.0)
    return told + (f", p {best:.2f}" if best else "")
