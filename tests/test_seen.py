"""Findings hold over time that was seen, and a heart that stands still is told; made signals, through the account."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from wearecg.account import Account, StreamAccount
from wearecg.block import Finding
from wearecg.formats import Recording
from wearecg.observers import open_observers
from wearecg.session import Session
from wearecg.transports.replay import replay

FS = 250
Signal = NDArray[np.float64]


def heart(beats: NDArray[np.float64], seconds: float, p_waves: NDArray[np.float64] | None = None) -> Signal:
    t = np.arange(round(seconds * FS)) / FS
    x = np.random.default_rng(1).normal(0, 0.01, len(t))
    for at in beats:
        x += 1.2 * np.exp(-((t - at) ** 2) / 2 / 0.012**2) + 0.25 * np.exp(
            -((t - at - 0.28) ** 2) / 2 / 0.05**2
        )
    for at in beats if p_waves is None else p_waves:
        x += 0.15 * np.exp(-((t - at + 0.16) ** 2) / 2 / 0.02**2)
    return x


def every(seconds: float) -> NDArray[np.float64]:
    return np.arange(0.5, seconds, 60 / 72)


def blanked(x: Signal, *stretches: tuple[float, float]) -> Signal:
    x = x.copy()
    for start, end in stretches:
        x[round(start * FS) : round(end * FS)] = np.nan
    return x


def scored(x: Signal, observe: str) -> tuple[StreamAccount, list[Finding]]:
    account, findings = Account(), []
    recording = Recording(x[:, None].astype(np.float32), FS, ("II",), "made")
    for event in Session(replay(recording, math.inf), open_observers(observe)):
        account.feed(event)
        if isinstance(event, Finding) and not event.why:
            findings.append(event)
    assert account.main
    return account.main, findings


def seconds(stream: StreamAccount) -> dict[str, float]:
    return {kind.code: kind.seconds for kind in stream.kinds}


@pytest.mark.parametrize("observe", ["auto", "encoder"])
def test_seconds_of_a_finding_are_those_that_were_seen(observe: str) -> None:
    gaps = [(at, at + 3.0) for at in range(5, 115, 15)]
    stream, _ = scored(blanked(heart(every(120), 120), *gaps), observe)
    assert stream.readable == pytest.approx(120 - 3 * len(gaps), abs=2)
    assert stream.readable - 15 < seconds(stream)["SR"] <= stream.readable


@pytest.mark.parametrize("observe", ["auto", "encoder"])
def test_a_long_gap_splits_what_holds(observe: str) -> None:
    stream, findings = scored(blanked(heart(every(180), 180), (80, 100)), observe)
    (kind,) = [kind for kind in stream.kinds if kind.code == "SR"]
    first, second = sorted(kind.kept, key=lambda one: one.since)
    assert first.end <= 80.5
    assert second.since >= 99.5
    assert {round(one.since) for one in findings if one.start > 100} == {round(second.since)}


@pytest.mark.parametrize(("p_waves", "length"), [(True, 6), (False, 12)])
def test_no_rhythm_holds_while_the_ventricles_stand_still(p_waves: bool, length: int) -> None:
    beats = every(80)
    beating = beats[(beats < 30) | (beats > 30 + length)]
    stream, _ = scored(heart(beating, 80, beats if p_waves else None), "auto")
    still = beating[beating > 30][0] - beating[beating < 30][-1]
    assert seconds(stream)["ASYS"] == pytest.approx(still, abs=1.1)
    assert seconds(stream)["SR"] == pytest.approx(80 - still, abs=3)


@pytest.mark.parametrize("length", [20, 150])
def test_a_standstill_that_does_not_end_lasts_to_the_end(length: int) -> None:
    beats = every(40)
    stream, _ = scored(heart(beats, 40 + length), "auto")
    assert seconds(stream)["ASYS"] == pytest.approx(40 + length - beats[-1], abs=1)
    assert seconds(stream)["SR"] <= beats[-1]


def test_pauses_reach_the_account() -> None:
    stream, _ = scored(heart(np.delete(every(60), [20, 40, 41]), 60), "auto")
    (pause,) = [kind for kind in stream.kinds if kind.code == "PAUSE"]
    assert (pause.count, pause.seconds) == (1, pytest.approx(2.5, abs=0.05))


@pytest.mark.parametrize("observe", ["auto", "encoder", "rhythm1"])
def test_sinus_rhythm_does_not_stand_beside_a_rate_that_it_cannot_have(observe: str) -> None:
    t = np.arange(60 * FS) / FS
    wide = np.sin(2 * np.pi * 171 / 60 * t) + 0.3 * np.sin(4 * np.pi * 171 / 60 * t + 1)
    wide += np.random.default_rng(2).normal(0, 0.01, len(t))
    stream, _ = scored(wide, observe)
    assert not seconds(stream).keys() & {"SR", "SARRH", "N", "STACH"}
