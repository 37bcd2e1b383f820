"""The report as one page of HTML that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from math import isfinite, isnan

from wearecg.account import StreamAccount, text
from wearecg.account.account import INTERVALS, ST
from wearecg.account.beats import CLASSES, RUN, interval
from wearecg.account.text import clock, share
from wearecg.ecg.statements import find
from wearecg.report.data import hours, measured
from wearecg.report.draw import strip_svg, trend_svg
from wearecg.report.gather import Gathered
from wearecg.report.strips import Strip
from wearecg.report.style import GRID, SCRIPT, STYLE

ROOM = 1_700_000
"""Characters for the whole signal: a page of 24 h and three leads stays below 3 MB."""
FEW, MOST_FINDINGS, MOST_RUNS, MOST_HOURS = 24, 300, 12, 7 * 24
RULE = ("episodes",)
VENTRICULAR = ("VT", "VFIB")
"""What cannot be looked for without the classes of beats."""
HEADLINES = (
    ("Pauses and asystole", ("PAUSE", "SARREST", "ASYS"), RULE),
    ("Ventricular tachycardia", VENTRICULAR, RULE),
    ("Atrial fibrillation or flutter", ("AFIB", "AFLT", "A"), (*RULE, "encoder", "rhythm1")),
    ("Second or third degree AV block", ("2AVB", "3AVB"), ()),
)
"""What a reader looks for first: the codes, and who looks for them."""
MANY = 0.1
HRV = (
    ("sdnn", "SDNN", "ms"),
    ("sdann", "SDANN", "ms"),
    ("rmssd", "RMSSD", "ms"),
    ("pnn50", "pNN50", "%"),
    ("sd1", "SD1", "ms"),
    ("sd2", "SD2", "ms"),
    ("lf", "LF power", "ms²"),
    ("hf", "HF power", "ms²"),
    ("lf_hf", "LF/HF", ""),
    ("turbulence_onset", "turbulence onset", "%"),
    ("turbulence_slope", "turbulence slope", "ms/RR"),
)
TITLES = {
    "beat": "{} beat",
    "run": "run of {} beats",
    "signal": "the signal at the beginning",
}


def html(gathered: Gathered) -> str:
    """Return the page."""
    main = gathered.account.main
    name = escape(gathered.name or "recording")
    body = "".join(_body(gathered, main)) if main else "<p>No ECG and no RR intervals were recorded.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{name}: ECG report</title><style>{STYLE}</style></head>'
        f'<body>{GRID}<header><h1>{name}</h1><p class="not">Not a medical device</p></header>'
        f"<main>{body}{_made(gathered)}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _body(gathered: Gathered, main: StreamAccount) -> Iterator[str]:
    yield _section("Summary", _list(summary(main)) + _headlines(main))
    yield _section("Over time", trend_svg(main, main.kinds))
    yield _section("What was worn", _worn(main))
    yield _section("Findings", _findings(main))
    held = {kind.code for kind in main.kinds}
    strips = gathered.strips.found if gathered.strips else []
    if found := [strip for strip in strips if strip.key[0] != "finding" or strip.key[1] in held]:
        yield _section("Strips", "".join(_strip(strip, main) for strip in found), "strips")
    yield _section("Beats", _beats(main))
    yield _section("Intervals", _intervals(main))
    yield _section("Variability of the heart rate", _hrv(main))
    yield _section("Hour by hour", _hours(main))
    if gathered.disclosure and gathered.disclosure.leads:
        yield _disclosure(gathered)
    others = [stream for stream in gathered.account if stream is not main]
    if others:
        yield _section(
            "Other streams", _list(f"{one.info.stream}: {text.worn(one)}; {text.rate(one)}" for one in others)
        )


def summary(stream: StreamAccount) -> list[str]:
    """Return the whole in five lines: worn, heart rate, rhythm, beats, intervals."""
    rhythm = [kind for kind in stream.kinds if (term := find(kind.code)) and term.rests_on == "rhythm"]
    told = [
        f"{kind.text} {share(kind.seconds, stream.readable)}"
        + (f" ({kind.count} times, the longest {clock(kind.longest.seconds)})" if kind.count > 1 else "")
        for kind in rhythm[:4]
    ]
    return [
        f"Worn for {text.worn(stream)}; {text.readable(stream)}.",
        f"{_capital(text.rate(stream))}"
        + (
            f"; slowest at {clock(stream.rate.at_least)}, fastest at {clock(stream.rate.at_most)}."
            if stream.rate.count
            else "."
        ),
        f"Rhythm, of what could be read: {', '.join(told)}." if told else "No statement about the rhythm.",
        f"{text.beats(stream)}." + ("" if stream.beats.source else " Their classes were not judged."),
        f"{text.intervals(stream)}."
        if text.intervals(stream)
        else "The intervals of the beats were not measured.",
    ]


def _headlines(stream: StreamAccount) -> str:
    sources = {kind.source.partition("@")[0] for kind in stream.kinds}
    cells = []
    for title, codes, lookers in HEADLINES:
        found = [kind for kind in stream.kinds if kind.code in codes]
        if found:
            count, seconds = sum(kind.count for kind in found), sum(kind.seconds for kind in found)
            cells.append((title, f"{count}, {clock(seconds)} in all", "found"))
        elif not sources & set(lookers) or (codes == VENTRICULAR and not stream.beats.source):
            cells.append((title, "not looked for", "unknown"))
        else:
            cells.append((title, "none found", ""))
    counts, total = stream.beats.counts, len(stream.beats)
    title = f"Ventricular beats above {MANY:.0%}"
    if stream.beats.source and total:
        many = counts["V"] / total > MANY
        cells.append((title, share(counts["V"], total), "found" if many else ""))
    else:
        cells.append((title, "not looked for", "unknown"))
    items = "".join(
        f'<div class="{kind}"><dt>{escape(title)}</dt><dd>{escape(words)}</dd></div>'
        for title, words, kind in cells
    )
    return f'<dl class="headlines">{items}</dl>'


def _worn(stream: StreamAccount) -> str:
    rows = [
        (
            lead,
            share(stream.good[lead], judged),
            share(stream.usable[lead] - stream.good[lead], judged),
            share(judged - stream.usable[lead], judged),
            ", ".join(f"{reason} {clock(n)}" for reason, n in stream.reasons.get(lead, {}).items() if reason)
            if lead in stream.reasons
            else "",
        )
        for lead, judged in stream.judged.items()
    ]
    told = [_paragraph(text.worn(stream)), _paragraph(text.readable(stream))]
    if refused := text.not_judged(stream):
        told.append(_paragraph(refused))
    if not rows:
        return "".join(told)
    return "".join(told) + _table(("lead", "good", "poor", "not usable", "why"), rows)


def _findings(stream: StreamAccount) -> str:
    found = stream.numbered
    if not found:
        return _paragraph("Nothing was found, or nothing looked: see how it was made.")
    kinds = _table(
        ("code", "", "times", "in all", "of what could be read", "the longest", "from", "highest p", "by"),
        [
            (
                kind.code,
                kind.text,
                kind.count,
                clock(kind.seconds),
                share(kind.seconds, stream.readable),
                clock(kind.longest.seconds),
                clock(kind.longest.since),
                _probability(max((one.best.probability or 0.0 for one in kind.kept), default=0.0)),
                kind.source,
            )
            for kind in stream.kinds
        ],
    )
    rows = [
        (
            f"#{number}",
            kind.code,
            kind.text,
            clock(one.since),
            clock(one.end),
            clock(one.seconds),
            _probability(one.best.probability or 0.0),
            "; ".join(
                f"{text.label(measure.name, measure.leads)} {text.number(measure)}"
                for measure in one.best.evidence
            ),
        )
        for number, kind, one in found[:MOST_FINDINGS]
    ]
    each = _table(("", "code", "", "from", "to", "for", "p", "evidence"), rows)
    if len(found) > MOST_FINDINGS:
        each += _paragraph(f"and {len(found) - MOST_FINDINGS} more: see the report as JSON")
    state = " open" if len(found) <= FEW else ""
    return f"{kinds}<details{state}><summary>Each of the {len(found)}</summary>{each}</details>"


def _probability(p: float) -> str:
    return f"{p:.2f}" if p else ""


def _strip(strip: Strip, stream: StreamAccount) -> str:
    kind, *rest = strip.key
    if kind == "finding":
        term = find(rest[0])
        numbers = [f"#{n}" for n, found, _ in stream.numbered if found.code == rest[0]][:1]
        title = " ".join([*numbers, rest[0], term.text if term else ""])
    elif kind == "run":
        title = TITLES[kind].format(CLASSES[rest[0]])
    else:
        title = TITLES[kind].format(*(CLASSES.get(one, one) for one in rest))
    words = f"{title}, from {clock(strip.start)}, 25 mm/s, 10 mm/mV"
    return f"<figure>{strip_svg(strip, words)}<figcaption>{escape(words)}</figcaption></figure>"


def _beats(stream: StreamAccount) -> str:
    total, counts = len(stream.beats), stream.beats.counts
    if not stream.beats.source:
        return _paragraph(f"{total} beats. Their classes were not judged.")
    rows = []
    for code, words in CLASSES.items():
        low, high = interval(counts[code], total)
        rows.append(
            (code, words, counts[code], share(counts[code], total), f"{100 * low:.2f} to {100 * high:.2f} %")
        )
    table = _table(("", "class", "beats", "share", "95 % interval"), rows)
    runs = [run for code in "SV" for run in stream.beats.rows(code) if run.beats >= RUN]
    if not runs:
        return table + _paragraph("No run of three or more.")
    runs.sort(key=lambda run: -run.beats)
    longest = [
        (CLASSES[run.code], clock(run.start), run.beats, f"{run.rate:.0f}") for run in runs[:MOST_RUNS]
    ]
    more = f"The longest {MOST_RUNS} of {len(runs)} runs." if len(runs) > MOST_RUNS else ""
    return table + _table(("runs of", "at", "beats", "bpm"), longest) + (_paragraph(more) if more else "")


def _intervals(stream: StreamAccount) -> str:
    rows = []
    for wanted in (*INTERVALS, *ST):
        for (name, unit, leads), found in stream.measures.items():
            if name == wanted:
                digits = 0 if unit == "ms" else 3
                rows.append(
                    (
                        text.label(name, leads),
                        f"{found.median:.{digits}f} {unit}",
                        f"± {found.error:.{digits}f}" if found.error else "",
                        f"{found.quantile(0.05):.{digits}f} to {found.quantile(0.95):.{digits}f}",
                        found.count,
                    )
                )
    if not rows:
        return _paragraph("Not measured.")
    return _table(("", "median", "error of one", "5th to 95th percentile", "times"), rows)


def _hrv(stream: StreamAccount) -> str:
    found = measured(stream)
    if found is None:
        return _paragraph("Not measured: too few normal beats outside atrial fibrillation.")
    rows = [
        (words, f"{value:.3g} {unit}".strip())
        for name, words, unit in HRV
        if not isnan(value := float(getattr(found, name)))
    ]
    told = f"{found.intervals} intervals between normal beats; {found.left_out:.1f} % were left out."
    return _paragraph(told) + _table(("", ""), rows)


def _hours(stream: StreamAccount) -> str:
    rows, codes = [], [kind.code for kind in stream.kinds][:6]
    codes = list(dict.fromkeys(codes))
    for hour in hours(stream)[:MOST_HOURS]:
        start = hour["hour"] * 3600
        at = (
            f"{datetime.fromtimestamp(stream.info.epoch + start, UTC):%d %H:%M}"
            if isfinite(stream.info.epoch)
            else clock(start)
        )
        rates = [hour["slowest"], hour["rate"], hour["fastest"]]
        rows.append(
            (
                at,
                share(hour["readable"], hour["seconds"]) if stream.info.waveform else "",
                hour["beats"],
                " / ".join("–" if one is None else f"{one:.0f}" for one in rates),
                *([hour["classes"].get(code, 0) for code in "SV"] if stream.beats.source else []),
                *(clock(hour["findings"][code]) if code in hour["findings"] else "" for code in codes),
            )
        )
    classes = ("S", "V") if stream.beats.source else ()
    head = ("from", "readable", "beats", "bpm: least / mean / most", *classes, *codes)
    return _table(head, rows)


def _disclosure(gathered: Gathered) -> str:
    assert gathered.disclosure
    columns, spans, lines = gathered.disclosure.page(ROOM)
    leads = gathered.disclosure.leads
    rows = "".join(f"{number}|{'|'.join(texts)}\n" for number, texts in lines)
    scale = ", ".join(f"{lead} {span:.1f} mV" for lead, span in zip(leads, spans, strict=True))
    return (
        f'<section><details class="disclosure" data-leads="{escape(" ".join(leads))}" data-columns="{columns}">'
        f"<summary>The whole signal</summary><p>A minute a line; height of a line: {escape(scale)}. Each column is "
        f"the least and the most of {60 / columns:.2g} s.</p>"
        f'<div class="lines"></div><script type="text/plain">{rows}</script></details></section>'
    )


def _made(gathered: Gathered) -> str:
    from wearecg import __version__

    told = [
        f"wearecg {__version__}; {', '.join(sorted(gathered.sources)) or 'nothing looked at the signal'}.",
        *gathered.settings,
        "A model's statement is told when three quarters of its windows of half a minute or more agree. What the leads "
        "at hand cannot carry is not told. Probabilities are calibrated; they are of one window, not of an episode.",
        *(f"{notice.level}: {notice.message}" for notice in gathered.account.notices),
        "Every finding can be recomputed from its stretch of the recording: wearecg prove RECORDING --finding NUMBER.",
    ]
    main = gathered.account.main
    rows = []
    for code, source in dict.fromkeys((kind.code, kind.source) for kind in main.kinds) if main else ():
        term = find(code)
        measured = term.measured if term else None
        if measured and measured.source == source.partition("@")[0]:
            ppv = "" if measured.ppv is None else f"{measured.ppv:.1%}"
            rows.append(
                (code, f"{measured.sensitivity:.1%}", ppv, f"{measured.false_a_day:.2g}", measured.data)
            )
        else:
            rows.append((code, "not measured", "", "", ""))
    sure = _table(("", "sensitivity", "PPV", "false a day", "on"), rows) if rows else ""
    closing = _paragraph(
        "Not a medical device. Not for diagnosis. Show it to a physician who knows you before you conclude anything."
    )
    return _section("How it was made, and how sure it is", _list(told) + sure + closing)


def _section(title: str, inner: str, kind: str = "") -> str:
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{inner}</section>'


def _paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    inner = "".join(f"<tr>{''.join(f'<td>{escape(str(one))}</td>' for one in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{inner}</tbody></table></div>'


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
