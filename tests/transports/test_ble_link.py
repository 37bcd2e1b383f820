from __future__ import annotations

import pytest

from wearecg.transports.ble_link import FIRST_WITHIN, GIVE_UP_FACTOR, MUTE_AFTER, BleLink

PATIENCE = 5.0


def diagnose():
    return "because of this"


class Watch:
    """A link on a clock of its own, ticked every 0.2 s."""

    def __init__(self):
        self.link, self.now, self.told, self.done = BleLink("Strap"), 0.0, [], []

    def open(self):
        self._tell(self.link.opened(self.now, "Strap 1", PATIENCE, MUTE_AFTER))

    def hear(self, samples):
        self._tell(self.link.heard(self.now, samples))

    def wait(self, seconds, every=None, samples=False):
        end = self.now + seconds
        heard = self.now
        while self.now < end - 1e-9:
            self.now += 0.2
            if every and self.now - heard >= every:
                heard = self.now
                self.hear(samples)
            change, action = self.link.tick(self.now, diagnose)
            self._tell(change)
            if action:
                self.done.append((round(self.now, 1), action))

    def _tell(self, change):
        if change:
            self.told.append((round(change.at, 1), change.state, change.message))

    @property
    def states(self):
        return [state for _, state, _ in self.told]


@pytest.fixture
def watch():
    watch = Watch()
    watch.open()
    return watch


def test_a_link_that_works_says_so_once(watch):
    watch.wait(60, every=0.6, samples=True)
    assert watch.states == ["connecting", "live"]
    assert watch.done == []


def test_one_that_falls_silent_is_given_up_soon(watch):
    watch.wait(10, every=0.6, samples=True)
    watch.wait(MUTE_AFTER + 1)
    assert watch.states == ["connecting", "live", "lost"]
    ((at, action),) = watch.done
    assert action == "reconnect"
    assert MUTE_AFTER - 1 < at - 10 <= MUTE_AFTER + 0.4
    assert "fell silent" in watch.told[-1][2]


def test_one_that_never_speaks_is_given_more_time(watch):
    watch.wait(FIRST_WITHIN + 0.5)
    assert [action for _, action in watch.done] == ["ask again", "ask again", "reconnect"]
    assert watch.done[-1][0] == pytest.approx(FIRST_WITHIN, abs=0.3)
    assert "wear it" in watch.told[-1][2]


def test_one_that_talks_without_samples_is_asked_again_and_then_given_up(watch):
    watch.wait(PATIENCE * (1 + GIVE_UP_FACTOR) + 1, every=1.0)
    actions = [action for _, action in watch.done]
    assert actions == ["ask again", "ask again", "reconnect"]
    assert watch.done[0][0] == pytest.approx(PATIENCE, abs=0.3)
    assert watch.states == ["connecting", "silent"]
    assert "because of this" in watch.told[-1][2]


def test_samples_that_stop_while_it_talks_on_are_noticed(watch):
    watch.wait(10, every=0.6, samples=True)
    watch.wait(MUTE_AFTER + 0.5, every=1.0)
    assert watch.states[-1] == "silent"
    watch.hear(True)
    assert watch.told[-1][1:] == ("live", "Strap 1: receiving again")


def test_a_reason_is_told_once(watch):
    for second in range(5):
        watch._tell(watch.link.failed(second, "gone"))
    watch._tell(watch.link.failed(9, "no adapter"))
    assert [message for _, _, message in watch.told[1:]] == ["gone", "no adapter"]


def test_lost_is_left_alone_until_connected_again(watch):
    watch._tell(watch.link.failed(0, "gone"))
    watch.wait(100, every=1.0, samples=True)
    assert watch.done == []
    watch.open()
    watch.hear(True)
    assert watch.states == ["connecting", "lost", "connecting", "live"]
