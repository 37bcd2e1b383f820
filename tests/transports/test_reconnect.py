"""The link's state machine, with a clock that the test turns."""

import itertools
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.block import LinkState
from wearecg.transports.reconnect import (
    HANDSHAKE_EVERY,
    NEXT,
    PORT_POLL,
    QUIET_AFTER,
    RETRY_FIRST,
    RETRY_MAX,
    SILENT_AFTER,
    Link,
    Retry,
    State,
)

UNPLUGGED = "sensor unplugged from /dev/ttyUSB0; waiting for it to come back"
DIAGNOSIS = "looks like 9600 baud"


class Run:
    """A link, a clock, and everything that was told."""

    def __init__(self):
        self.now = 100.0
        self.link = Link("bridge", "/dev/ttyUSB0", "115200 baud")
        self.told: list[LinkState] = []
        self.handshakes: list[float] = []

    def _hear(self, change):
        if change is not None:
            self.told.append(change)
        return self

    def open(self):
        return self._hear(self.link.opened(self.now))

    def fail(self, why=UNPLUGGED):
        return self._hear(self.link.failed(self.now, why))

    def samples(self, n=8):
        return self._hear(self.link.heard(self.now, 300, 1, n))

    def frame(self):
        return self._hear(self.link.heard(self.now, 40, 1, 0))

    def noise(self, n=50):
        return self._hear(self.link.heard(self.now, n, 0, 0))

    def wait(self, seconds, each=None, every=1.0):
        """Let time pass in ticks of 0.2 s; ``each`` is done every ``every`` seconds."""
        end, due = self.now + seconds, self.now + every
        while self.now < end - 1e-9:
            self.now = min(self.now + 0.2, end)
            if each is not None and self.now >= due:
                each()
                due += every
            self._hear(self.link.tick(self.now, lambda: DIAGNOSIS))
            if self.link.handshake_due(self.now):
                self.handshakes.append(self.now)
        return self

    @property
    def states(self):
        return [change.state for change in self.told]


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def live(run):
    run.open().samples()
    run.told.clear()
    return run


def test_starts_lost_and_says_nothing_until_opened(run):
    run.wait(60)
    assert run.link.state == "lost"
    assert run.told == []
    assert run.handshakes == []


def test_opened_names_the_sensor_the_port_and_the_settings(run):
    run.open()
    (told,) = run.told
    assert told == LinkState(
        "connecting", "bridge on /dev/ttyUSB0 (115200 baud): waiting for the first samples", run.now
    )


def test_samples_make_it_live_once(run):
    run.open().samples().samples().wait(2).samples()
    assert run.states == ["connecting", "live"]
    assert run.told[-1].message == "bridge on /dev/ttyUSB0: receiving"


def test_a_frame_without_samples_is_not_live(run):
    run.open().frame()
    assert run.link.state == "connecting"


def test_stays_live_while_samples_come(live):
    live.wait(120, each=live.samples, every=SILENT_AFTER - 0.2)
    assert live.told == []
    assert live.handshakes == []


def test_silent_after_exactly_the_time(run):
    run.open().wait(SILENT_AFTER - 0.2)
    assert run.states == ["connecting"]
    run.wait(0.2)
    assert run.states == ["connecting", "silent"]
    assert run.told[-1].at == run.now


def test_a_port_that_never_spoke_is_told_what_to_check(run):
    run.open().wait(SILENT_AFTER)
    message = run.told[-1].message
    for word in ("/dev/ttyUSB0 opens but says nothing", "wiring", "power", "sketch", "reset"):
        assert word in message


def test_a_sensor_that_stopped_is_told_differently(live):
    live.wait(SILENT_AFTER)
    assert live.states == ["silent"]
    assert "has stopped sending" in live.told[0].message
    assert "every 5 s" in live.told[0].message


def test_silence_is_told_once_however_long(run):
    run.open().wait(3600)
    assert run.states == ["connecting", "silent"]


def test_a_stalled_link_comes_back(live):
    live.wait(30).samples()
    assert live.states == ["silent", "live"]
    assert live.told[-1].message.endswith("receiving again")


def test_every_stall_is_told(live):
    for _ in range(3):
        live.wait(SILENT_AFTER).samples()
    assert live.states == ["silent", "live"] * 3


def test_handshakes_while_silent_and_only_then(run):
    run.open().wait(SILENT_AFTER + 20.5)
    assert len(run.handshakes) == 5
    assert run.handshakes[0] == pytest.approx(100 + SILENT_AFTER)
    for before, after in itertools.pairwise(run.handshakes):
        assert after - before == pytest.approx(HANDSHAKE_EVERY, abs=0.21)
    run.samples().wait(2)
    assert len(run.handshakes) == 5


def test_no_handshake_on_a_lost_port(live):
    live.fail().wait(60)
    assert live.handshakes == []


def test_garbled_when_bytes_are_no_frames(run):
    run.open().wait(SILENT_AFTER + 1, each=run.noise, every=0.2)
    assert run.states == ["connecting", "garbled"]
    message = run.told[-1].message
    assert message.startswith("/dev/ttyUSB0 (115200 baud): ")
    assert "none of them a frame of bridge" in message
    assert message.endswith(DIAGNOSIS)


def test_garbled_counts_the_bytes(run):
    run.open().noise(1000).wait(SILENT_AFTER, each=lambda: run.noise(10))
    assert "1030 bytes" in run.told[-1].message


def test_garbled_is_told_once_although_the_count_grows(run):
    run.open().wait(600, each=run.noise)
    assert run.states == ["connecting", "garbled"]


def test_boot_loader_noise_before_the_samples_is_not_told(run):
    run.open().wait(2.5, each=run.noise, every=0.3).samples()
    assert run.states == ["connecting", "live"]


def test_late_boot_noise_gets_its_own_time(run):
    """Bytes that begin just before the end of patience are not garbage yet."""
    run.open().wait(SILENT_AFTER - 0.4).noise().wait(1).samples()
    assert run.states == ["connecting", "live"]


def test_live_then_garbage(live):
    live.wait(SILENT_AFTER + 1, each=live.noise, every=0.2)
    assert live.states == ["garbled"]


def test_half_a_frame_and_then_nothing_is_silence(live):
    live.now += 0.05
    live.noise().wait(SILENT_AFTER + 0.2)
    assert live.states == ["silent"]


def test_an_answer_and_then_nothing_is_not_called_mute(run):
    run.open().frame().wait(SILENT_AFTER + 0.2)
    assert run.states == ["connecting", "silent"]
    assert "answers but sends no samples" in run.told[-1].message


def test_after_its_last_answer_the_sensor_is_called_mute(run):
    run.open().frame().wait(60)
    assert [told.message.split(":")[0] for told in run.told[2:]] == ["/dev/ttyUSB0 opens but says nothing"]


def test_garbled_heals(run):
    run.open().wait(5, each=run.noise).samples()
    assert run.states == ["connecting", "garbled", "live"]


def test_garbled_then_nothing_turns_silent_late(run):
    run.open().wait(5, each=run.noise)
    run.wait(QUIET_AFTER - 0.4)
    assert run.link.state == "garbled"
    run.wait(0.6)
    assert run.states == ["connecting", "garbled", "silent"]


def test_silent_then_garbage(run):
    run.open().wait(10)
    run.wait(4, each=run.noise, every=0.4)
    assert run.states == ["connecting", "silent", "garbled"]


def test_noise_after_long_silence_counts_from_its_own_beginning(run):
    run.open().wait(60).noise(7)
    run.wait(SILENT_AFTER - 0.4, each=lambda: run.noise(1), every=1)
    assert run.link.state == "silent"
    run.wait(0.6, each=lambda: run.noise(1), every=0.5)
    assert run.link.state == "garbled"
    assert " 10 bytes" in run.told[-1].message


def test_answers_without_samples_are_their_own_condition(run):
    run.open().wait(10, each=run.frame)
    assert run.states == ["connecting", "silent"]
    assert "answers but sends no samples: looks like 9600 baud" in run.told[-1].message


def test_answers_beat_noise(run):
    def both():
        run.noise()
        run.frame()

    run.open().wait(10, each=both)
    assert run.states == ["connecting", "silent"]


def test_from_mute_to_answering_is_news(run):
    run.open().wait(10)
    run.wait(10, each=run.frame)
    assert run.states == ["connecting", "silent", "silent"]
    assert run.told[1].message != run.told[2].message


def test_a_sensor_that_only_answers_handshakes_does_not_flip(run):
    run.open()
    count = 0
    for _ in range(3000):
        run.wait(0.2)
        if len(run.handshakes) > count:
            count = len(run.handshakes)
            run.frame()
    assert run.states == ["connecting", "silent", "silent"]
    assert count > 100


def test_a_sensor_that_answers_handshakes_in_text_does_not_flip(run):
    run.open()
    count = 0
    for _ in range(3000):
        run.wait(0.2)
        if len(run.handshakes) > count:
            count = len(run.handshakes)
            run.noise(20)
    assert run.states == ["connecting", "silent", "garbled"]


def test_unplugged_from_every_open_state():
    prepare = {
        "connecting": lambda r: r,
        "live": lambda r: r.samples(),
        "silent": lambda r: r.wait(5),
        "garbled": lambda r: r.wait(5, each=r.noise),
    }
    for state, step in prepare.items():
        run = Run()
        step(run.open())
        assert run.link.state == state
        run.fail()
        assert run.told[-1] == LinkState("lost", UNPLUGGED, run.now)


def test_lost_is_told_once_and_waits_without_an_end(live):
    live.fail().fail().wait(3600).fail()
    assert live.states == ["lost"]


def test_replug(live):
    live.fail().wait(10).open().samples()
    assert live.states == ["lost", "connecting", "live"]
    assert live.told[1].message == "/dev/ttyUSB0 is back, waiting for the first samples"
    assert live.told[2].message.endswith("receiving again")


def test_another_reason_while_lost_is_told(live):
    live.fail().fail("in use by minicom").fail("in use by minicom").fail("no permission")
    assert [t.message for t in live.told] == [UNPLUGGED, "in use by minicom", "no permission"]
    assert live.states == ["lost"] * 3


def test_the_watch_starts_anew_on_a_fresh_link(live):
    live.fail().wait(100).open().wait(SILENT_AFTER - 0.2)
    assert live.states == ["lost", "connecting"]
    live.wait(0.4)
    assert live.states[-1] == "silent"


def test_noise_of_the_old_link_is_forgotten(run):
    run.open().wait(2, each=lambda: run.noise(1000)).fail().open()
    run.wait(4, each=lambda: run.noise(1), every=0.5)
    assert " 7 bytes" in run.told[-1].message


def test_a_port_that_opens_and_dies_is_two_lines_not_hundreds(live):
    live.fail()
    for _ in range(100):
        live.wait(2).open().fail()
    assert live.states == ["lost", "connecting", "lost"]


def test_a_port_that_opens_says_nothing_and_dies_keeps_telling_only_conditions(live):
    live.fail().open().wait(5).fail().open().wait(5)
    assert live.states == ["lost", "connecting", "silent", "lost", "silent"]


def test_after_bytes_a_loss_is_news_again(live):
    for _ in range(3):
        live.fail().wait(1).open().samples()
    assert live.states == ["lost", "connecting", "live"] * 3


def test_first_attempts_may_fail(run):
    run.fail("no permission").open().samples()
    assert run.states == ["lost", "connecting", "live"]


def test_late_samples_of_a_lost_link_change_nothing(live):
    live.fail().samples().noise()
    assert live.link.state == "lost"


def test_the_table_is_complete():
    states = set(typing.get_args(State))
    assert set(NEXT) == states
    reached = {"lost"}
    for _ in states:
        reached |= {after for state in reached for after in NEXT[state].values()}
    assert reached == states
    for state in states:
        assert NEXT[state]["failed"] == "lost"


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["open", "fail", "samples", "frame", "noise"]),
        st.floats(0, 10).map(lambda s: round(s, 1)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens(steps):
    """No line twice in a row, only states that the table allows, and live means samples just now."""
    run = Run()
    last_samples = None
    for step in steps:
        before = run.link.state
        if isinstance(step, float):
            run.wait(step)
        else:
            getattr(run, step)()
            assert run.link.state in {before, *NEXT[before].values()}
            if step == "samples" and before != "lost":
                last_samples = run.now
                assert run.link.state == "live"
        if run.link.state == "live":
            assert run.now - last_samples < SILENT_AFTER + 0.01
    for first, second in itertools.pairwise(run.told):
        assert (first.state, first.message) != (second.state, second.message)
        assert first.at <= second.at
    for message in (told.message for told in run.told):
        assert "\n" not in message


# --- Retry -----------------------------------------------------------------------------------


def opens(retry, present, seconds, start=0.0, works=lambda now: False):
    """Times at which the port is tried within ``seconds``."""
    times, now = [], start
    while now < start + seconds:
        now += PORT_POLL
        if retry.due(now, present(now)):
            times.append(now)
            if works(now):
                break
            retry.failed(now)
    return times


def test_a_missing_port_is_never_tried():
    assert opens(Retry(), lambda now: False, 3600) == []


def test_a_port_that_is_back_is_tried_within_half_a_second():
    for back in (0.1, 3.3, 59.99):
        retry = Retry()
        retry.failed(0.0)
        (tried,) = opens(retry, lambda now, back=back: now >= back, 100, works=lambda now: True)
        assert tried - back <= 0.5


def test_back_off_grows_to_its_limit():
    retry = Retry()
    retry.failed(0.0)
    times = opens(retry, lambda now: True, 60)
    waits = [b - a for a, b in itertools.pairwise([0.0, *times])]
    assert waits[:4] == [RETRY_FIRST, 0.5, 1.0, 2.0]
    assert set(waits[4:]) == {RETRY_MAX}


def test_unplugging_ends_the_back_off():
    retry = Retry()
    for i in range(10):
        retry.failed(float(i))
    assert not retry.due(10.0, present=True)
    assert not retry.due(10.0, present=False)
    assert retry.due(10.0 + PORT_POLL, present=True)


def test_a_port_that_opens_and_dies_is_not_hammered():
    """Opened without an error each time, so only bytes prove it."""
    retry = Retry()
    tries, now = 0, 0.0
    retry.failed(now)
    while now < 60:
        now += PORT_POLL
        if retry.due(now, present=True):
            tries += 1
            retry.failed(now)
    assert tries < 35


def test_bytes_end_the_back_off():
    retry = Retry()
    for i in range(10):
        retry.failed(float(i))
    retry.proven()
    retry.failed(20.0)
    assert not retry.due(20.0, present=True)
    assert retry.due(20.0 + RETRY_FIRST, present=True)
