"""How boards write numbers, and what their columns are: read right, or told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wearecg.devices.ascii import AD8232_LSB, Ascii
from wearecg.devices.text_lines import Line, has_decimal_commas, is_clock, judge, parse
from wearecg.transports.base import trouble

FS, N = 200.0, 600
T = np.arange(N) / FS
WAVE = np.exp(-(((T % 0.8) - 0.3) ** 2) / 2 / 0.012**2) + 0.02 * np.sin(40 * T)
"""Something like an ECG, in mV."""
COUNTS = np.rint(500 + 200 * WAVE).astype(int)


def told(lines, **options):
    """The driver, its samples and what it told, given whole lines."""
    driver = Ascii(**({"fs": FS} | options))
    driver.connected(0.0)
    blocks = driver.feed(b"\n" + b"".join(line.encode() + b"\n" for line in lines), 3.0)
    samples = np.concatenate([block.samples for block in blocks]) if blocks else np.zeros((0, 0))
    return driver, blocks, samples, " | ".join(driver.notes)


def test_counts_within_ten_bits_have_the_scale_of_the_ad8232():
    _, blocks, samples, notes = told(map(str, COUNTS))
    assert samples[:, 0] == pytest.approx(COUNTS * AD8232_LSB, rel=1e-6)
    assert (blocks[0].leads, blocks[0].lsb, notes) == (("ECG",), (AD8232_LSB,), "")


@pytest.mark.parametrize("top", [4095, 1 << 23])
def test_counts_beyond_ten_bits_are_told_and_nothing_is_cut_off(top):
    counts = np.rint(top / 3 + top / 20 * WAVE).astype(int)
    _, blocks, samples, notes = told(map(str, counts))
    assert f"counts such as {counts[:200].max()} are more than 10 bits hold" in notes
    assert "give --lsb" in notes
    assert blocks[0].lsb == (0.0,)
    assert samples[:, 0] == pytest.approx(counts * 0.001, rel=1e-6)
    _, blocks, samples, notes = told(map(str, counts), lsb=1e-6)
    assert (blocks[0].lsb, notes) == ((1e-6,), "")
    assert samples[:, 0] == pytest.approx(counts * 1e-6, rel=1e-6)


def test_counts_that_go_beyond_later_are_told_once():
    driver, _, _, notes = told(map(str, COUNTS))
    assert notes == ""
    for value in (1024, 2000):
        driver.feed(b"%d\n" % value, 4.0)
    (note,) = driver.notes
    assert "counts such as 1024" in note


@pytest.mark.parametrize("clock", [4100 + 5 * np.arange(N), np.arange(N) % 256, np.round(T, 2)])
def test_a_column_that_only_rises_is_a_clock_and_no_ecg(clock):
    lines = [f"{time},{count}" for time, count in zip(clock, COUNTS, strict=True)]
    _, blocks, samples, notes = told(lines)
    assert blocks[0].leads == ("ECG",)
    assert samples[:, 0] == pytest.approx(COUNTS * AD8232_LSB, rel=1e-6)
    assert notes == "column 1 only rises: it is a clock or a counter and is left out"
    _, blocks, _, notes = told(lines, leads=("V1", "II"))
    assert blocks[0].leads == ("II",)
    assert "only rises" in notes
    _, blocks, _, notes = told(lines, leads=("", "II"))
    assert (blocks[0].leads, notes) == (("II",), "")


def test_a_clock_alone_is_no_signal():
    driver, blocks, _, notes = told(map(str, range(N)))
    assert blocks == []
    assert "column 1 only rises" in notes
    assert "clocks or counters, and no signal" in driver.diagnose()


def test_a_column_that_stays_the_same_is_no_ecg():
    _, blocks, samples, notes = told(f"{count},7" for count in COUNTS)
    assert blocks[0].leads == ("ECG", "COLUMN_2")
    assert set(samples[:, 1]) == {7.0}
    assert notes.startswith("column 2 stays at 7: recorded as COLUMN_2, not as an ECG")
    _, blocks, _, notes = told(["512"] * N)
    assert blocks[0].leads == ("ECG",)
    assert notes == "the numbers do not change: check the electrodes and the sketch"


@pytest.mark.parametrize(
    "write",
    [
        lambda v: f"{v:.3f}".replace(".", ","),
        lambda v: f"{v:.3f};{-v:.3f}".replace(".", ","),
        lambda v: f"{v:.3f}\t{-v:.3f}".replace(".", ","),
    ],
)
def test_decimal_commas(write):
    _, blocks, samples, notes = told(write(value) for value in WAVE - 0.1)
    assert samples[:, 0] == pytest.approx(WAVE - 0.1, abs=6e-4)
    assert blocks[0].leads in (("ECG",), ("ECG", "ECG_2"))
    assert "commas in the numbers are taken for decimal points" in notes
    assert "taken for mV; give --lsb" in notes


@pytest.mark.parametrize(
    ("lines", "commas"),
    [
        ([b"-0,006", b"0,12"], True),
        ([b"1,050", b"1,250"], True),
        ([b"0,5;1,5"], True),
        ([b"0,5 1,5"], True),
        ([b"4100,1797", b"4105,1798"], False),
        ([b"1, 2", b"3, 4"], False),
        ([b"1,2,3"], False),
        ([b"0.5,0.6"], False),
        ([b"512,-3"], False),
        ([b"0,0", b"0,12"], False),
        ([b"!", b""], False),
    ],
)
def test_what_a_comma_is(lines, commas):
    assert has_decimal_commas(lines) is commas


def test_names_and_values_as_the_plotter_reads_them():
    lines = [f"t:{5 * i},ECG:{count}, Resp: {i % 7},low:0" for i, count in enumerate(COUNTS)]
    _, blocks, samples, notes = told(lines)
    assert blocks[0].leads == ("ECG", "RESP", "low")
    assert samples[:, 0] == pytest.approx(COUNTS * AD8232_LSB, rel=1e-6)
    assert samples[:9, 1].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    assert "column 1 (t) only rises" in notes
    _, blocks, _, _ = told(f"sensor:{count}" for count in COUNTS)
    assert blocks[0].leads == ("ECG",)
    _, blocks, _, _ = told(f"II:{count}\tV1:{-count}" for count in COUNTS)
    assert blocks[0].leads == ("II", "V1")


def test_json_lines():
    lines = [
        json.dumps({"id": "x", "ms": 5 * i, "ecg": int(count), "on": True}) for i, count in enumerate(COUNTS)
    ]
    _, blocks, samples, notes = told(lines)
    assert blocks[0].leads == ("ECG",)
    assert samples[:, 0] == pytest.approx(COUNTS * AD8232_LSB, rel=1e-6)
    assert "column 1 (ms) only rises" in notes
    _, blocks, samples, _ = told(json.dumps([int(count), None]) for count in COUNTS)
    assert np.isnan(samples[:, 1]).all()


@pytest.mark.parametrize(
    "line",
    [b"12 volts", b"{}", b'{"a": "b"}', b'{"a": 1', b"[1e999]", b"a:b", b"1,a:2", b"a:1,2", b":", b"[[1]]"],
)
def test_what_is_no_line_of_numbers_is_named(line):
    with pytest.raises(ValueError, match="is no line of numbers"):
        parse(line)


def test_lines_apart():
    assert parse(b" 1,2 ;3\t4") == Line((1, 2, 3, 4))
    assert parse(b"1,5;2", decimal_commas=True) == Line((1.5, 2))
    assert parse(b"!") == Line((None,))
    assert parse(b"a: 1 b:!") == Line((1, None), ("a", "b"))


def test_text_that_is_clean_is_not_blamed_on_the_baud_rate():
    driver, _, _, _ = told(["hello, world\x1b[2J"] * 30)
    assert "wrong baud rate" in driver.diagnose()
    driver, _, _, _ = told(["hello, world"] * 30)
    assert "baud rate" not in driver.diagnose()
    assert trouble(driver).endswith("(30 frames refused, the last one: 'hello, world' is no line of numbers)")


def test_a_slow_rise_of_a_real_signal_is_no_clock():
    rng = np.random.default_rng(1)
    assert not is_clock(np.rint(512 + 50 * T + rng.normal(0, 2, N)))
    assert not is_clock(np.array([1.0, 2, 3]))
    assert not is_clock(np.full(N, 5.0))


def test_two_clocks_and_a_lead_without_a_name():
    table = np.stack([T, 1e6 * T, WAVE], axis=1)
    leads, notes = judge(table, ())
    assert leads == ("", "", "ECG")
    assert len(notes) == 2
