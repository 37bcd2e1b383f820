from __future__ import annotations

import pytest

from wearecg.devices.npg import ADC_MV, DATA, Npg
from wearecg.errors import SourceError


def block(first, values, channels=3):
    rows = [
        bytes([(first + i) % 256]) + b"".join(value.to_bytes(2, "big") for value in values) for i in range(10)
    ]
    assert len(values) == channels
    return b"".join(rows)


def test_ten_samples_of_three_channels():
    board = Npg(lsb=0.001)
    ((got, _),) = board.feed(DATA, block(250, [2048, 2049, 0]), 0.0)
    assert (got.fs, got.leads, len(got)) == (500.0, ("ECG", "ECG_2", "ECG_3"), 10)
    assert got.samples[0].tolist() == pytest.approx([0.0, 0.001, -2.048])
    assert board.notes == []


def test_the_counter_tells_what_is_missing():
    board = Npg()
    board.feed(DATA, block(240, [0] * 3), 0.0)
    ((got, _),) = board.feed(DATA, block(10, [0] * 3), 0.0)
    assert got.lost == 16
    assert board.feed(DATA, block(10, [0] * 3), 0.0) == []
    assert board.counters.duplicates == 1


def test_six_channels_and_names():
    ((got, _),) = Npg(leads=["II", "V1"]).feed(DATA, block(0, [0] * 6, 6), 0.0)
    assert got.leads == ("II", "V1")
    with pytest.raises(SourceError, match="at most 6"):
        Npg(leads=["II"] * 7)


def test_an_unknown_gain_is_told_not_made_up():
    board = Npg()
    assert "gain is not documented" in board.notes[0]
    ((got, _),) = board.feed(DATA, block(0, [2049] * 3), 0.0)
    assert got.samples[0, 0] == pytest.approx(ADC_MV)
