"""waves from made-up leads to a network, and how it is judged."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
import export.models.waves.train as training
from export.layers import cost, fold
from export.models.waves import evaluate, windows
from export.models.waves.net import BORDERS, Waves
from wearecg.ecg import beat_shape as shape

FS = 500.0
SHAPES = ((-0.16, 0.02, 0.15), (0.0, 0.01, 1.0), (0.28, 0.04, 0.3))
"""Seconds from R, width and height of P, QRS and T."""


def lane(p: bool = True, pace: float = 0.8, gain: float = 1.0) -> windows.Lane:
    peaks = np.arange(0.9, 9.0, pace)
    t = np.arange(5000) / FS
    x = np.zeros(len(t))
    borders = np.full((len(peaks), BORDERS), np.nan, np.float32)
    for k, peak in enumerate(peaks):
        for wave, (place, width, height) in enumerate(SHAPES):
            if wave or p:
                x += gain * height * np.exp(-0.5 * ((t - peak - place) / width) ** 2)
                borders[k, 3 * wave : 3 * wave + 3] = peak + place + width * np.array([-2.5, 0, 2.5])
    waves = np.tile(np.array([p, True, True], np.float32), (len(peaks), 1))
    return windows.Lane(x.astype(np.float32), peaks, borders, waves)


def marks(one: windows.Lane) -> dict[str, np.ndarray]:
    return {
        name: one.borders[np.isfinite(one.borders[:, 3 * k]), 3 * k : 3 * k + 3].astype(float)
        for k, name in enumerate(("P", "QRS", "T"))
    }


def test_marks_are_given_to_their_beats():
    one = lane()
    borders, waves = windows.answers(one.peaks, marks(one))
    np.testing.assert_allclose(borders, one.borders, atol=1e-6)
    assert (waves[1:-1] == 1).all()


def test_where_nobody_marked_a_wave_there_is_none_and_beyond_the_marks_nobody_said():
    one = lane(p=False)
    peaks = np.concatenate([[0.3], one.peaks, [9.6]])
    borders, waves = windows.answers(peaks, marks(one))
    assert (waves[2:-2, 0] == 0).all()
    assert np.isnan(borders[:, :3]).all()
    assert np.isnan(waves[[0, -1], 0]).all()
    assert waves[-1, 1] != 1


def test_a_warped_lead_keeps_its_order_and_its_waves_lie_where_they_are_said_to_be():
    one, rng = lane(), np.random.default_rng(3)
    for _ in range(20):
        old, new = windows.warp(one, rng)
        assert (np.diff(old) > 0).all()
        assert (np.diff(new) > 0).all()
        t = np.interp(np.arange(int(new[-1] * FS)) / FS, new, old)
        x, peaks = windows.at(one, t), np.interp(one.peaks, old, new)
        for peak in peaks[1:-1]:
            around = x[round((peak - 0.05) * FS) : round((peak + 0.05) * FS)]
            assert abs(around.argmax() / FS - 0.05) < 0.006


def test_a_beat_that_is_none_is_no_qrs_and_nothing_is_said_of_its_other_waves():
    one, rng = lane(), np.random.default_rng(1)
    added = 0
    for _ in range(40):
        peaks, borders, waves = windows.with_false(one.peaks, one.borders.astype(float), one.waves, rng)
        assert len(peaks) == len(borders) == len(waves)
        assert (np.diff(peaks) >= 0.15).all()
        if len(peaks) > len(one.peaks):
            added += 1
            (row,) = np.flatnonzero(~np.isin(peaks, one.peaks))
            assert waves[row, 1] == 0
            assert np.isnan(waves[row, [0, 2]]).all()
            assert np.isnan(borders[row]).all()
    assert added > 10


def test_the_network_is_small():
    parameters, macs = cost(Waves(), 1, 2 * shape.LENGTH)
    assert parameters < 25_000
    assert macs < 1e6
    assert not [part for part in fold(Waves()).modules() if isinstance(part, torch.nn.BatchNorm2d)]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(2, 20_000)).astype(np.float32)


def test_it_learns_made_up_hearts_and_a_run_that_was_stopped_ends_with_the_same_weights(
    tmp_path, noise, monkeypatch
):
    lanes = [lane(pace=pace) for pace in np.linspace(0.6, 1.1, 12)]
    weak = [replace(lane(p=k % 2 == 0), borders=np.full_like(lane().borders, np.nan)) for k in range(4)]
    weak = [replace(one, waves=one.waves * [1, np.nan, np.nan]) for one in weak]
    recipe = training.Recipe(epochs=16, batch=4, unmarked=2, average=0.8)
    trained = training.load(training.train(lanes, weak, (), tmp_path / "whole", recipe, noise))
    batch = windows.Windows([lane(pace=0.83), lane(pace=0.83, p=False)], None).plain([0, 1])
    with torch.no_grad():
        said = trained.net(batch.signal, torch.ones(len(batch.signal), 1))[0].numpy()
    off = np.abs(said[:, 3:9] - batch.borders.numpy()[:, 3:9])
    assert np.nanmedian(off) < 0.03

    class StoppedError(Exception):
        pass

    report = training.Run.report

    def stop(run, epoch, scores):
        report(run, epoch, scores)
        if epoch == 5:
            raise StoppedError

    monkeypatch.setattr(training.Run, "report", stop)
    with pytest.raises(StoppedError):
        training.train(lanes, weak, (), tmp_path / "stopped", recipe, noise)
    monkeypatch.undo()
    again = training.load(
        training.train(lanes, weak, (), tmp_path / "stopped", recipe, noise)
    ).net.state_dict()
    for name, value in trained.net.state_dict().items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)


def test_what_is_found_is_counted_within_a_tolerance():
    borders = np.tile(np.arange(9) / 10, (4, 1)).astype(np.float32)
    waves = np.ones((4, 3), np.float32)
    borders[3, :3], waves[3, 0] = np.nan, 0
    batch = windows.Batch(torch.zeros(4, 1, 2), torch.from_numpy(borders), torch.from_numpy(waves))
    said = np.concatenate([np.nan_to_num(borders), np.zeros((4, 9)), np.ones((4, 3))], axis=1)
    said[0, 3] += 0.05
    rates = evaluate.score(batch, np.arange(4), said, [0.0, 0.0, 0.0])
    assert rates[evaluate.P_WAVES].value == pytest.approx(2 * 3 / (2 * 3 + 1))
    assert rates["all borders, 150 ms"].value == pytest.approx(2 * 22 / (2 * 22 + 2))
    assert rates["all borders, 20 ms"].value == pytest.approx(2 * 21 / (2 * 21 + 1 + 1 + 2))
    said[3, 18] = -1
    assert evaluate.score(batch, np.arange(4), said, [0.0, 0.0, 0.0])[evaluate.P_WAVES].value == 1
