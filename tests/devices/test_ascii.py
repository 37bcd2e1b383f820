from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearecg.devices import ascii as ascii_module
from wearecg.devices.ascii import AD8232_LSB, MAX_HELD, Ascii, SimulatedAscii, estimate_rate
from wearecg.errors import SourceError


@pytest.fixture
def soon(monkeypatch):
    """Judge by three lines."""
    monkeypatch.setattr(ascii_module, "JUDGED", 3)
    monkeypatch.setattr(ascii_module, "JUDGED_S", 0.0)


def read(data, chunk=100_000, **options):
    driver = Ascii(**({"fs": 100.0, "lsb": 1.0} | options))
    driver.connected(0.0)
    blocks = [b for at in range(0, len(data), chunk) for b in driver.feed(data[at : at + chunk], at / 1e4)]
    return driver, blocks


def values(blocks):
    return [None if np.isnan(v) else v for b in blocks for v in b.samples[:, 0].tolist()]


@pytest.mark.usefixtures("soon")
class TestLines:
    @pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b"\n\r", b"\r\r\n"])
    def test_any_line_end(self, end):
        driver, blocks = read(end.join([b"", b"1", b"-2", b"3.5", b"+4e1", b""]))
        assert values(blocks) == [1, -2, 3.5, 40]
        assert (driver.counters.frames, driver.counters.bad_frames) == (4, 0)

    @pytest.mark.parametrize("separator", [b",", b", ", b";", b"\t", b"  ", b" ,\t"])
    def test_any_separator(self, separator):
        _, blocks = read(b"\n" + b"".join(b"%d%s%d\n" % (i, separator, -i) for i in range(5)))
        assert blocks[0].leads == ("ECG", "ECG_2")
        assert np.concatenate([b.samples for b in blocks])[:, 1].tolist() == [0, -1, -2, -3, -4]

    def test_the_first_line_may_be_a_part(self):
        _, blocks = read(b"23\n524\n525\n526\n")
        assert values(blocks) == [524, 525, 526]

    def test_text_is_left_out_and_counted(self):
        text = b"\nets Jun  8 2016\nrst:0x1\n# comment\n1_0\ninf\n0x1F\n\x80\xff\n12 volts\n"
        driver, blocks = read(text + b"1\n2\n3\nlead 4\n5\n")
        assert values(blocks) == [1, 2, 3, 5]
        assert driver.counters.bad_frames == 9

    def test_lead_off(self):
        _, blocks = read(b"\n1\n2\n3\n!\n!\n4\n")
        assert [(b.lead_off, len(b)) for b in blocks] == [((None,), 3), ((True,), 2), ((False,), 1)]
        assert values(blocks) == [1, 2, 3, None, None, 4]

    def test_lead_off_of_one_column(self):
        _, blocks = read(b"\n1,2\n3,4\n5,6\n7,!\n!\n!,8\n")
        assert [b.lead_off for b in blocks] == [(None, None), (False, True), (True, True), (True, False)]
        assert blocks[-1].samples[0, 1] == 8

    def test_electrodes_off_from_the_start(self):
        driver, blocks = read(b"\n!\n!\n!\n!\n!\n!\n", chunk=3)
        assert values(blocks) == [None] * 6
        late = driver.feed(b"1,2\n3,4\n5,6\n", 1.0)
        assert [b.leads for b in late] == [("ECG", "ECG_2")]
        assert late[0].lead_off == (False, False)

    def test_a_lone_number_at_boot_does_not_set_the_columns(self):
        driver, blocks = read(b"\n115200\n1,2\n3,4\n5,6\n")
        assert np.concatenate([b.samples for b in blocks]).tolist() == [[1, 2], [3, 4], [5, 6]]
        assert driver.counters.bad_frames == 1

    def test_lines_of_other_lengths_later(self):
        driver, blocks = read(b"\n1,2\n3,4\n5,6\n7\n8,9,10\n11,12\n")
        assert np.concatenate([b.samples for b in blocks])[:, 0].tolist() == [1, 3, 5, 11]
        assert driver.counters.bad_frames == 2

    def test_nan_is_no_measurement_but_not_lead_off(self):
        _, blocks = read(b"\n1\nnan\n2\n")
        assert values(blocks) == [1, None, 2]
        assert {b.lead_off for b in blocks} == {(None,)}

    def test_a_line_without_end_is_one_bad_line(self):
        for chunk in (1, 7, 100_000):
            driver, blocks = read(b"\n1\n2\n3\n" + b"9" * 3000 + b"\n4\n", chunk)
            assert values(blocks) == [1, 2, 3, 4]
            assert driver.counters.bad_frames == 1

    @given(
        st.lists(st.sampled_from([b"1", b"-7", b"!", b"\n", b"\r", b",", b"x", b"nan", b"\0"])),
        st.integers(1, 20),
    )
    @settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_chunking_gives_the_same(self, parts, chunk):
        text = b"\n" + b"".join(parts) + b"\n"
        (whole, a), (cut, b) = read(text), read(text, chunk)
        assert values(a) == values(b)
        assert [x for k in a for x in [k.lead_off] * len(k)] == [x for k in b for x in [k.lead_off] * len(k)]
        assert whole.counters == cut.counters


@pytest.mark.usefixtures("soon")
class TestScale:
    def test_default_is_the_ad8232_on_an_uno(self):
        assert pytest.approx(4.44e-3, rel=1e-3) == AD8232_LSB
        _, blocks = read(b"\n0\n1\n1023\n", lsb=None)
        assert blocks[0].lsb == (AD8232_LSB,)
        # Full scale is 5 V behind a gain of 1100.
        assert values(blocks)[2] == pytest.approx(5000 / 1100 * 1023 / 1024)

    def test_columns_that_are_not_ecg_keep_their_counts(self):
        _, blocks = read(b"\n1,1\n2,2\n3,3\n", lsb=0.5, leads=("mlii", "PPG"))
        assert (blocks[0].leads, blocks[0].lsb) == (("II", "PPG"), (0.5, 1.0))
        assert blocks[0].samples[2].tolist() == [1.5, 3.0]

    def test_leads_must_fit_the_columns(self):
        driver, blocks = read(b"\n1,2\n3,4\n5,6\n7,8\n", leads=("I",))
        assert blocks == []
        assert "lines of 2 numbers, but leads I" in driver.diagnose()

    @pytest.mark.parametrize(
        "options",
        [{"fs": 0.0}, {"fs": -1.0}, {"fs": float("nan")}, {"lsb": 0.0}, {"leads": ("",)}],
    )
    def test_impossible_options(self, options):
        with pytest.raises(SourceError):
            Ascii(**options)

    def test_no_clock(self):
        driver, blocks = read(b"\n1\n2\n3\n")
        assert np.isnan(blocks[0].start)
        assert (blocks[0].fs, driver.rate_note) == (100.0, "given by the user")


def play(fs, seconds, period, seed=0, stalls=0.0, backlog=0, fast=()):
    """Lines at ``fs``, read about every ``period`` seconds by a host that stalls now and then."""
    rng = np.random.default_rng(seed)
    sensor = SimulatedAscii(("ECG",), fs)
    counts = np.arange(int(fs * seconds) + backlog)[:, None] * 7919 % 1000
    samples = (counts * AD8232_LSB).astype(np.float32)
    lines = sensor.encode(samples, 0.0, (False,))
    due = np.maximum(0, np.arange(len(lines)) - backlog) / fs
    driver, blocks, now, done = Ascii(), [], 0.0, 0
    driver.connected(0.0)
    driver.feed(b"\n", 0.0)
    while done < len(lines):
        now += period * rng.uniform(0.5, 1.5) + (rng.exponential(0.3) if rng.random() < stalls else 0)
        until = int(np.searchsorted(due, now))
        blocks += driver.feed(b"".join(lines[done:until]), now)
        done = until
    return driver, blocks, samples


class TestRate:
    @pytest.mark.parametrize("fs", [50.0, 187.3, 1000.0])
    @pytest.mark.parametrize("how", [{}, {"period": 0.05}, {"stalls": 0.02}, {"backlog": 300}], ids=str)
    def test_estimated_within_what_it_says_and_nothing_is_lost(self, fs, how):
        driver, blocks, samples = play(fs, 8.0, **({"period": 0.016} | how))
        assert blocks[0].fs == pytest.approx(fs, rel=0.01)
        estimate, error = driver.rate_note.removeprefix("estimated from arrival times: ").split(" Hz ± ")
        assert abs(float(estimate) - fs) <= max(float(error), 0.1)
        assert float(error) < 0.05 * fs
        out = np.concatenate([b.samples for b in blocks])
        assert np.allclose(out, samples, atol=1e-3)
        assert {b.fs for b in blocks} == {blocks[0].fs}
        assert len(driver.notes) == 1

    def test_not_rounded(self):
        fs = {play(187.3, 6.0, 0.016, seed)[1][0].fs for seed in range(3)}
        assert len(fs) == 3

    def test_known_to_be_unknown_until_then(self):
        driver, blocks, _ = play(200.0, 4.0, 0.016)
        assert blocks == []
        assert "not known yet" in driver.rate_note
        assert "waiting" in driver.diagnose()

    def test_lines_held_back_when_the_link_ends_are_counted_lost(self):
        driver, _, samples = play(200.0, 4.0, 0.016)
        driver.connected(10.0)
        assert driver.counters.link_lost_samples == len(samples)

    def test_the_estimate_outlives_the_link(self):
        driver, blocks, _ = play(200.0, 8.0, 0.016)
        driver.connected(20.0)
        (block,) = driver.feed(b"1\n2\n3\n", 20.1)
        assert (block.fs, len(block)) == (blocks[0].fs, 2)

    def test_lines_that_all_come_at_once_tell_no_rate(self):
        driver = Ascii()
        driver.connected(0.0)
        for _ in range(4):
            assert driver.feed(b"512\n" * (MAX_HELD // 2), 1.0) == []
        assert any("give --fs" in note for note in driver.notes)
        assert len(pickle.dumps(driver)) < 300_000

    def test_no_span_no_rate(self):
        assert estimate_rate(np.ones(5), np.arange(5.0)) is None
        assert estimate_rate(np.ones(1), np.ones(1)) is None

    def test_one_late_arrival_is_left_out(self):
        t, n = np.arange(200) / 40, np.arange(200) * 5.0
        n[120:124] -= [5, 10, 15, 20]
        assert estimate_rate(t, n).fs == pytest.approx(200.0, abs=0.01)


class TestDiagnose:
    def test_no_lines(self):
        driver, _ = read(b"\x80\xff" * 200)
        assert "no line end" in driver.diagnose()
        assert "--baud 9600" in driver.diagnose()

    def test_no_numbers(self):
        driver, _ = read(b"hello\n" * 30)
        assert "29 of 29 lines" in driver.diagnose()


def test_simulated_lines():
    sensor = SimulatedAscii(("I", "PPG"), 100.0, lsb=0.001)
    samples = np.array([[0.5, 0.25], [-0.0004, 3]], np.float32)
    assert sensor.encode(samples, 0.0, (False, False)) == [b"500,0.25\r\n", b"0,3\r\n"]
    assert sensor.encode(samples[:1], 0.0, (True, False)) == [b"!,0.25\r\n"]
    assert sensor.encode(samples[:1], 0.0, (True, True)) == [b"!\r\n"]


@pytest.mark.parametrize(("given", "told"), [(250.0, True), (200.0, False)])
def test_a_rate_that_was_given_wrong_is_told_once(given, told):
    device = Ascii(fs=given)
    device.connected(0.0)
    for i in range(1, 150):
        device.feed(b"512\n" * 20, i * 0.1)
    assert any("200.0 Hz" in note and "not at the 250 Hz given" in note for note in device.notes) is told
    assert sum("correct --fs" in note for note in device.notes) == int(told)


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_a_line_end_that_was_lost_is_a_lost_sample_and_no_scale(chunk):
    counts = [512 + round(100 * np.sin(k / 20)) for k in range(2000)]
    data = b"x\n" + b"".join(b"%d" % c + (b"" if k % 40 == 20 else b"\n") for k, c in enumerate(counts))
    device, blocks = read(data, chunk, fs=250, lsb=None)
    got = np.concatenate([block.samples for block in blocks])[:, 0]
    assert np.isnan(got).sum() == 50
    assert np.nanmax(got) == pytest.approx(612 * AD8232_LSB)
    assert blocks[0].lsb[0] > 0
    assert not any("10 bits" in note for note in device.notes)


def test_a_signal_that_grows_is_no_row_of_lost_line_ends():
    counts = [100 + round(10 * np.sin(k)) for k in range(500)] + [112115 + k % 3 for k in range(500)]
    device, blocks = read(b"x\n" + b"".join(b"%d\n" % c for c in counts), fs=250, lsb=None)
    got = np.concatenate([block.samples for block in blocks])[:, 0]
    assert np.isnan(got).sum() == 1
    assert any("10 bits" in note for note in device.notes)
