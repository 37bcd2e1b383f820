"""From judged beats to episodes: how long they last at least, when they begin and end, and their share of the time."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.ecg.atrial import Atrial, Judged
from wearecg.ecg.episodes import LEAST_S, Episodes
from wearecg.ecg.irregular import AHEAD


def judged(*stretches: tuple[str, float], rr: float = 0.75) -> list[Judged]:
    """Beats of stretches of ``AF``, ``N`` or ``gap``, each so many seconds long."""
    beats, now, whole = [Judged(0.0, None, 0.01)], 0.0, True
    for kind, seconds in stretches:
        if kind == "gap":
            now += seconds
            whole = False
            continue
        for _ in range(round(seconds / rr)):
            now += rr
            beats.append(Judged(now, rr if whole else None, 0.99 if kind == "AF" else 0.01))
            whole = True
    return beats


def told(
    beats: list[Judged], sinus: bool = True, step: int = 16
) -> tuple[list[tuple[str, float, float]], dict]:
    """Each rhythm once, from its start to its last end; and the burdens of all the time."""
    rules = Episodes(lambda end: sinus)
    found: dict[tuple[str, float], float] = {}
    burden = []
    for first in range(0, len(beats), step):
        for one in rules.feed(beats[first : first + step]):
            found[one.code, one.start] = one.end
        burden += rules.burdens()
    for one in rules.flush():
        found[one.code, one.start] = one.end
    burden += rules.burdens(over=True)
    return [(code, start, end) for (code, start), end in found.items()], burden


@pytest.mark.parametrize("step", [1, 7, 16, 10_000])
def test_fibrillation_is_an_episode_from_its_first_beat_to_its_last(step):
    found, _ = told(judged(("N", 90), ("AF", 60), ("N", 90)), step=step)
    assert [(code, start, end) for code, start, end in found if code == "AFIB"] == [("AFIB", 90.0, 150.0)]
    assert found[-1] == ("SR", 150.0, 240.0)


def test_less_than_thirty_seconds_are_no_episode_but_counted_by_the_shorter_rule():
    found, burden = told(judged(("N", 90), ("AF", 27), ("N", 90)))
    assert "AFIB" not in {code for code, _, _ in found}
    shares = {one.number.name: one.number.value for one in burden}
    assert shares["af_burden"] == 0
    assert shares["af_burden_5_beats"] == pytest.approx(100 * 27 / 207, rel=0.01)


def test_a_short_break_in_fibrillation_does_not_end_it():
    short = LEAST_S[""] - 3
    found, _ = told(judged(("AF", 60), ("N", short), ("AF", 60), ("N", 60)))
    assert [code for code, _, _ in found].count("AFIB") == 1
    longer, _ = told(judged(("AF", 60), ("N", LEAST_S[""] + 3), ("AF", 60), ("N", 60)))
    assert [code for code, _, _ in longer].count("AFIB") == 2


def test_a_gap_ends_what_was_held_and_is_no_part_of_it():
    found, burden = told(judged(("AF", 60), ("gap", 300), ("AF", 60), ("N", 120)))
    assert [(start, end) for code, start, end in found if code == "AFIB"] == [(0.0, 60.0), (360.75, 420.0)]
    assert burden[-2].number.value == pytest.approx(50, abs=1)


def test_a_short_recording_may_be_fibrillation_all_over():
    assert [code for code, _, _ in told(judged(("AF", 28)))[0]] == ["AFIB"]
    assert "AFIB" not in {code for code, _, _ in told(judged(("N", 20), ("AF", 10)))[0]}


@pytest.mark.parametrize(
    ("rr", "sinus", "code"),
    [(0.8, True, "SR"), (1.1, True, "SBRAD"), (0.5, True, "STACH"), (0.8, False, "RR_REGULAR")],
)
def test_the_name_of_what_is_no_fibrillation(rr, sinus, code):
    assert {one for one, _, _ in told(judged(("N", 120), rr=rr), sinus)[0]} <= {"", code}


def test_a_rate_at_the_border_does_not_change_its_name_all_the_time():
    rng = np.random.default_rng(0)
    beats, now = [], 0.0
    for _ in range(2000):
        rr = float(1.0 + 0.01 * rng.normal())  # 60 a minute, more or less
        now += rr
        beats.append(Judged(now, rr, 0.01))
    assert [code for code, _, _ in told(beats)[0] if code] == ["SR"]


def test_the_burden_of_each_hour_and_of_all():
    _, burden = told(judged(("N", 3600), ("AF", 1800), ("N", 1800), ("AF", 600)))
    hours = [(one.number.value, one.start, one.end) for one in burden if one.number.name == "af_burden"]
    assert [value for value, _, _ in hours] == pytest.approx([0, 50, 100, 100 * 2400 / 7800], abs=0.2)
    assert hours[-1][1:] == (0.0, pytest.approx(7800))
    assert all(one.number.error is not None for one in burden)


class Says:
    """Log odds as given, when the network would give them."""

    def __init__(self, odds: list[float]) -> None:
        self._odds, self._taken = list(odds), 0

    def feed(self, rr, codes):
        self._taken += len(rr)
        ready = max(0, min(self._taken - AHEAD, len(self._odds)))
        out, self._odds = self._odds[:ready], self._odds[ready:]
        self._taken -= ready
        return np.array(out)


def test_the_model_follows_evidence_that_lasts_and_not_a_single_beat():
    odds = [-4.0] * 200 + [6.0] * 3 + [-4.0] * 100 + [4.0] * 200
    model = Atrial(Says(odds))
    beats = [one for i in range(len(odds)) for one in model.feed(i * 0.8, 0.8, "")] + model.flush()
    assert [one.time for one in beats] == [i * 0.8 for i in range(len(odds))]
    fibrillating = [one.probability > 0.5 for one in beats]
    assert not any(fibrillating[:280])
    assert all(fibrillating[320:])
    # Seen with what comes behind, the change is found where it is.
    assert abs(fibrillating.index(True) - 303) <= 12


def test_p_waves_speak_against_it():
    odds = [2.0] * 300
    plain, with_p = Atrial(Says(odds)), Atrial(Says(odds))
    for i in range(300):
        with_p.p_wave(i * 0.8)
    last = []
    for model in (plain, with_p):
        beats = [one for i in range(300) for one in model.feed(i * 0.8, 0.8, "")] + model.flush()
        last.append(beats[150].probability)
    assert last[1] < 0.01
    assert last[0] > 0.9


def test_a_model_of_short_recordings_has_the_most_to_say_of_one():
    for odds, window, fibrillation in ((2.0, -3.0, False), (-2.0, 3.0, True)):
        model, rules = Atrial(Says([odds] * 30)), Episodes(lambda end: True)
        assert model.verdict is None
        model.window(window)
        told = [one for i in range(30) for one in rules.feed(model.feed(i * 0.8, 0.8, ""))]
        told += rules.feed(model.flush())
        told += rules.flush(model.verdict)
        assert ("AFIB" in [one.code for one in told]) is fibrillation
