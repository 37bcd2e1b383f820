"""The report as data, for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite, isnan
from typing import Any, TypeAlias

from wearecg.account import StreamAccount
from wearecg.account.account import HOUR_S, INTERVALS, MINUTE_S, ST
from wearecg.account.beats import CLASSES, RUN, interval
from wearecg.account.episodes import Episode, Kind
from wearecg.account.spread import Spread
from wearecg.ecg.hrv import Variability, hrv
from wearecg.ecg.statements import find
from wearecg.report.gather import Gathered

Data: TypeAlias = dict[str, Any]
SCHEMA = "wearecg-report/1"
MOST_CITED = 200
"""Beats that a finding cites."""


def data(gathered: Gathered) -> Data:
    """Return the report as JSON holds it: seconds are those from the beginning of the recording."""
    from wearecg import __version__

    return {
        "schema": SCHEMA,
        "wearecg": __version__,
        "not": "a medical device",
        "name": gathered.name,
        "settings": list(gathered.settings),
        "sources": sorted(gathered.sources),
        "notices": [notice.message for notice in gathered.account.notices],
        "streams": [_stream(stream) for stream in gathered.account],
    }


def _stream(stream: StreamAccount) -> Data:
    info = stream.info
    return {
        "stream": str(info.stream),
        "leads": list(info.leads),
        "fs": info.fs,
        "began": datetime.fromtimestamp(info.epoch, UTC).isoformat() if isfinite(info.epoch) else None,
        "seconds": _number(stream.end),
        "readable": _number(stream.readable),
        "gaps": stream.gaps,
        "lost": _number(stream.lost),
        "quality": {
            lead: {
                "judged": judged,
                "good": stream.good[lead],
                "usable": stream.usable[lead],
                "reasons": dict(stream.reasons.get(lead, {})),
            }
            for lead, judged in stream.judged.items()
        },
        "rate": spread(stream.rate),
        "beats": _beats(stream),
        "intervals": [
            {"name": name, "unit": unit, "leads": list(leads), **spread(found)}
            for (name, unit, leads), found in stream.measures.items()
            if name in INTERVALS or name in ST
        ],
        "hrv": variability(stream),
        "hours": hours(stream),
        "findings": [_finding(stream, *one) for one in stream.numbered],
        "not_judged": [
            {"source": kind.source, "why": kind.why, "windows": kind.rounds} for kind in stream.not_judged
        ],
    }


def _beats(stream: StreamAccount) -> Data:
    total, counts = len(stream.beats), stream.beats.counts
    return {
        "total": total,
        "source": stream.beats.source or None,
        "classes": {
            code: {
                "beats": counts[code],
                "share": _number(counts[code] / total, 6),
                "low": _number(interval(counts[code], total)[0], 6),
                "high": _number(interval(counts[code], total)[1], 6),
            }
            for code in CLASSES
            if stream.beats.source and total
        },
        "runs": [
            {"class": run.code, "start": _number(run.start), "end": _number(run.end), "beats": run.beats}
            for code in "SV"
            for run in stream.beats.rows(code)
            if run.beats >= RUN
        ],
    }


def _finding(stream: StreamAccount, number: int, kind: Kind, episode: Episode) -> Data:
    best, term = episode.best, find(kind.code)
    start, end = best.start + episode.shift, best.end + episode.shift
    return {
        "number": number,
        "code": kind.code,
        "text": kind.text,
        "aha": term.aha if term else None,
        "mdc": f"10:{term.mdc}" if term and term.mdc else None,
        "snomed": term.snomed if term else None,
        "since": _number(episode.since),
        "end": _number(episode.end),
        "probability": _number(best.probability, 4),
        "source": kind.source,
        "rests_on": {
            "start": _number(start),
            "end": _number(end),
            "leads": list(best.leads),
            "beats": [round(t, 4) for t, _ in stream.beats.between(start, end)][:MOST_CITED],
            "measures": {one.key: _number(one.value, 4) for one in best.evidence},
        },
    }


def hours(stream: StreamAccount) -> list[Data]:
    """Return for each hour its beats, heart rate, share that could be read, and seconds of each finding."""
    times, codes = stream.beats.times, stream.beats.codes
    found = []
    for hour in range(int(stream.end // HOUR_S) + 1):
        start, end = hour * HOUR_S, min((hour + 1) * HOUR_S, stream.end)
        if end <= start:
            break
        first, last = times.searchsorted([start, end])
        minutes = [
            one
            for n in range(int(start // MINUTE_S), int((start + HOUR_S) // MINUTE_S))
            if (one := stream.minutes.get(n))
        ]
        rates = [one for one in minutes if one.rates]
        held = {
            kind.code: sum(max(0.0, min(one.end, end) - max(one.since, start)) for one in kind.kept)
            for kind in stream.kinds
        }
        found.append(
            {
                "hour": hour,
                "seconds": _number(end - start),
                "beats": int(last - first),
                "slowest": _number(min((one.slowest for one in rates), default=float("nan"))),
                "rate": _number(sum(one.total for one in rates) / max(1, sum(one.rates for one in rates)))
                if rates
                else None,
                "fastest": _number(max((one.fastest for one in rates), default=float("nan"))),
                "classes": {
                    code: int((codes[first:last] == ord(code)).sum())
                    for code in CLASSES
                    if stream.beats.source
                },
                "readable": _number(sum(one.readable for one in minutes)),
                "findings": {code: _number(seconds) for code, seconds in held.items() if seconds},
            }
        )
    return found


def variability(stream: StreamAccount) -> Data | None:
    """Return the variability of the heart rate over the whole recording; None where there are too few beats."""
    found = measured(stream)
    if found is None:
        return None
    return {name: _number(getattr(found, name), 4) for name in Variability.__dataclass_fields__}


def measured(stream: StreamAccount) -> Variability | None:
    """Return the variability of the heart rate outside atrial fibrillation; None where it cannot be measured."""
    beats, classes = stream.beats.events()
    fibrillates = [
        (one.since, one.end)
        for kind in stream.kinds
        if kind.code in ("AFIB", "AFLT", "A")
        for one in kind.kept
    ]
    found = hrv(beats, classes, fibrillates)
    return None if isnan(found.sdnn) else found


def spread(found: Spread) -> Data:
    """Return how values spread."""
    return {
        "count": found.count,
        "median": _number(found.median),
        "error": _number(found.error),
        "least": _number(found.least),
        "most": _number(found.most),
    }


def _number(value: float | None, digits: int = 3) -> float | None:
    return None if value is None or not isfinite(value) else round(value, digits)
