"""Heart rate straps: alone, two at once, and beside an ECG which began a minute earlier."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.block import RRIntervals, SignalBlock, StreamId
from wearecg.cli import main
from wearecg.findings import report
from wearecg.session import Session
from wearecg.transports.base import Item, Source
from wearecg.transports.replay import replay

STRAP, SECOND = StreamId("rr"), StreamId("rr", 2)
BEGAN = 1000.0
"""Host monotonic second of the first sample."""
REGULAR = np.full(200, 0.8)
IRREGULAR = 0.5 + 0.6 * np.random.default_rng(1).random(200)


class Scripted(Source):
    """Hands over what it was given, in the order of arrival."""

    realtime = False
    name = "scripted"
    epoch = None

    def __init__(self, items: list[tuple[object, float]], sensors: int = 1) -> None:
        self._items = sorted(items, key=lambda item: item[1])
        self._count = sensors

    @property
    def sensors(self) -> list[Source]:
        return [self] * self._count

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def read(self, timeout: float) -> list[Item] | None:
        items, self._items = self._items[:50], self._items[50:]
        return items or None


def told(rr: np.ndarray, stream: StreamId, after: float = 0.0) -> Iterator[tuple[RRIntervals, float]]:
    for interval, arrival in zip(rr, BEGAN + after + np.cumsum(rr), strict=True):
        yield RRIntervals((float(interval),), 60 / float(interval), stream=stream), float(arrival)


def ecg(seconds: int) -> Iterator[tuple[SignalBlock, float]]:
    x = wearecg.Person(seed=1, scenario="sinus", fs=250).samples(250 * seconds)[:, [1]]
    for at in range(0, len(x), 50):
        yield SignalBlock(x[at : at + 50], 250.0, ("II",), at / 250), BEGAN + (at + 50) / 250


def wall(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def test_a_strap_that_joins_an_ecg_has_its_own_clock_and_its_own_record(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("wfdb", reason="the extra formats is not installed")
    source = Scripted([*ecg(120), *told(IRREGULAR[:70], SECOND, after=60.0)], sensors=2)
    # Both streams date their time 0 by the host's clock.
    monkeypatch.setattr(source, "realtime", True)
    monkeypatch.setattr("wearecg.session.time.sleep", lambda seconds: None)
    lines = tmp_path / "lines"
    list(Session(source, (), (f"jsonl:{lines}", f"wfdb:{tmp_path}/rec")))
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    started = {line["stream"]: wall(line["start"]) for line in records if line["type"] == "stream"}
    assert started["rr-2"] - started["ecg"] == pytest.approx(60, abs=0.5)
    findings = [line for line in records if line["type"] == "finding" and line["stream"] == "rr-2"]
    assert findings
    assert {line["source"] for line in findings} == {"episodes@1"}
    for line in findings:
        assert wall(line["wall"]) - started["rr-2"] == pytest.approx(line["end"], abs=0.01)
    strap, heart = (
        wearecg.read_recording(path).annotations
        for path in sorted((tmp_path / "rec").glob("*.hea"), key=lambda path: "rr-2" not in path.stem)
    )
    assert strap is not None
    assert heart is not None
    assert any("AFIB" in note for note in strap.notes)
    assert not any("RR_" in note or "rhythm" in note for note in heart.notes)


def test_two_straps_one_regular_and_one_not_do_not_flicker() -> None:
    source = Scripted([*told(REGULAR, STRAP), *told(IRREGULAR, SECOND)], sensors=2)
    findings = [event for event in Session(source) if isinstance(event, wearecg.Finding)]
    changes = [(f.stream, f.code) for f in findings if f.change == "begins"]
    assert sorted(changes) == [
        ("rr", "RR_REGULAR"),
        ("rr-2", "AFIB"),
    ]


def test_a_strap_alone_is_recorded_and_scored_again(tmp_path: Path, capsys) -> None:
    pytest.importorskip("wfdb", reason="the extra formats is not installed")
    items = [*told(IRREGULAR[:100], STRAP), *told(IRREGULAR[100:], STRAP, after=120.0)]
    live = report(Session(Scripted(items), (), f"wfdb:{tmp_path}".split()))
    (header,) = tmp_path.glob("*.hea")
    again = report(Session(replay(wearecg.read_recording(header), float("inf"))))
    # What follows a gap does not say how long its first interval was.
    assert len(again.beats) in (len(live.beats), len(live.beats) - 1)
    assert [f.code for f in again.findings] == [f.code for f in live.findings]
    (gap,) = again.gaps
    assert (gap.reason, gap.duration) == ("recording", pytest.approx(live.gaps[0].duration, abs=1.5))
    assert main(["score", str(header)]) == 0
    assert "AFIB" in capsys.readouterr().out


def test_too_few_intervals_are_told_once() -> None:
    findings = [
        event
        for event in Session(Scripted([*told(REGULAR[:20], STRAP)]))
        if isinstance(event, wearecg.Finding)
    ]
    assert [f.why for f in findings if f.change == "begins"] == ["short"]
