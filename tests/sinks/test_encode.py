from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from tests.sinks.scenario import finding
from wearecg.block import ECG, Beat, Entry, Event, HeartRate, LinkState, SignalBlock, StreamId, StreamInfo
from wearecg.entry import rounded
from wearecg.sinks.encode import Encoder, encode

EPOCH = 1_795_000_000.25


def unix_time(seconds: float) -> float:
    return EPOCH + seconds


def test_records_are_rounded_dated_and_finite() -> None:
    assert encode(Beat(0.512345678, "II", 0.799655), unix_time) == {
        "type": "beat", "stream": "ecg", "time": 0.5123, "wall": "2026-11-18T11:06:40.762Z", "lead": "II", "rr": 0.7997,
        "lag": 0.0,
    }  # fmt: skip
    rate = HeartRate(float("nan"), float("inf"), "why")
    assert encode(rate) == {
        "type": "rate",
        "stream": "ecg",
        "time": None,
        "wall": None,
        "bpm": None,
        "reason": "why",
    }


def test_it_is_pure(events: Callable[[], Iterator[Event]]) -> None:
    for event in events():
        assert encode(event, unix_time) == encode(event, unix_time)


def test_findings_tell_their_stream_change_and_why() -> None:
    record = encode(
        finding(
            "AFIB",
            8.0,
            0.9,
            measures={"heart_rate": 112.0, "rr_irregularity": 1 / 3},
            stream=StreamId("ecg", 2),
        )
    )
    assert record
    assert (record["stream"], record["change"], record["why"], record["reason"]) == (
        "ecg-2",
        "begins",
        None,
        "",
    )
    assert record["evidence"] == {"heart_rate_bpm": 112.0, "rr_irregularity": 0.333333}


@dataclass(frozen=True, slots=True)
class Lobe:
    angle: float
    stream: StreamId = ECG


@dataclass(frozen=True, slots=True)
class Posture(Entry):
    """As a package of somebody else's might have it."""

    kind: ClassVar[str] = "posture"
    name: str
    start: float = field(metadata=rounded(2))
    angle: np.float32
    lobes: tuple[Lobe, ...] = ()
    known: dict[str, int] = field(default_factory=dict)
    still: bool = True
    stream: StreamId = ECG


def test_an_event_that_nobody_here_knows_is_written_field_by_field() -> None:
    encoder = Encoder()
    encoder.encode(StreamInfo(ECG, "x", 250.0, ("II",), (0.001,), EPOCH))
    posture = Posture("supine", 1.23456, np.float32(0.5), (Lobe(float("nan")),), {"sacrum": np.int64(3)})  # type: ignore[dict-item]
    record = encoder.encode(posture)
    assert json.loads(json.dumps(record)) == {
        "type": "posture",
        "stream": "ecg",
        "name": "supine",
        "start": 1.23,
        "wall": "2026-11-18T11:06:41.484Z",
        "angle": 0.5,
        "lobes": [{"angle": None}],
        "known": {"sacrum": 3},
        "still": True,
    }


def test_what_json_cannot_hold_is_named() -> None:
    with pytest.raises(TypeError, match=r"Posture\.name: a set cannot be written as JSON"):
        encode(Posture({"supine"}, 0.0, np.float32(0)))  # type: ignore[arg-type]


def test_what_has_no_stream_has_the_time_of_writing_and_samples_are_no_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", lambda: EPOCH)
    record = Encoder().encode(LinkState("live", "ok", 1.0))
    assert record
    assert list(record) == ["type", "sensor", "state", "message", "wall"]
    assert record["wall"] == "2026-11-18T11:06:40.250Z"
    assert Encoder().encode(SignalBlock(np.zeros((1, 1), np.float32), 250.0, ("II",))) is None
