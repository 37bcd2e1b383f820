"""ppg2ecg: pulses and ECGs paired, windows at zero lag, the three stages, and controls that cannot be fooled."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export import crossval_ppg2ecg
from export import evaluate_ppg2ecg as evaluation
from export.datasets import pulses
from export.datasets.pulses import ECG_SD, FS, Pair
from export.metrics import frechet
from export.nets.encoder import cost
from export.nets.ppg2ecg import (
    LENGTH,
    TRUST,
    UNTRAINED_LAG,
    Aligned,
    Flow,
    Ppg2Ecg,
    PulseEncoder,
    cautious,
    integrated,
)
from export.pulse_windows import Windows, chances, look
from export.train import ppg2ecg

LAG = 0.42


def person(seed: int, seconds: float = 60.0, part: pulses.Part = "train") -> Pair:
    """A spike for every beat in the ECG, a hump for it in the pulse, `LAG` later at the steepest."""
    rng = np.random.default_rng(seed)
    beats = 0.5 + np.cumsum(rng.uniform(0.7, 0.9, int(seconds)))
    beats = beats[beats < seconds - 1]
    t = np.arange(round(seconds * FS)) / FS
    fine = np.arange(2 * len(t)) / (2 * FS)
    ppg = sum(np.exp(-0.5 * ((t - b - LAG - 0.12) / 0.12) ** 2) for b in beats)
    ecg = sum(np.exp(-0.5 * ((fine - b) / 0.012) ** 2) for b in beats)
    ecg = (ecg - ecg.mean()) / ecg.std() * ECG_SD
    found = pulses.find_pulses(ppg - ppg.mean(), FS)
    lag, agreement = pulses.find_lag(beats, found)
    name = f"p{seed}"
    return Pair(
        "bidmc",
        name,
        name,
        part,
        ppg.astype(np.float32),
        ecg.astype(np.float32),
        beats,
        found,
        lag,
        agreement,
    )


@pytest.fixture(scope="module")
def people():
    return [person(seed) for seed in range(3)] + [person(9, part="test"), person(10, part="test")]


def test_times_are_paired_once_and_in_order():
    truth, found = np.array([1.0, 2.0, 3.0]), np.array([0.99, 1.04, 2.5, 3.05])
    i, j = pulses.matches(truth, found, 0.06)
    assert i.tolist() == [0, 2]
    assert j.tolist() == [0, 3]
    assert pulses.f1(truth, found, 0.06) == pytest.approx(4 / 7)
    assert pulses.f1(np.zeros(0), np.zeros(0)) == 1.0


def test_the_lag_is_found(people):
    assert people[0].lag == pytest.approx(LAG, abs=0.01)
    assert people[0].agreement > 0.97
    lag, agreement = pulses.find_lag(people[0].beats, people[1].pulses)
    assert agreement < 0.5 or abs(lag - LAG) > 0.02


def test_windows_show_the_ecg_at_the_pulse(people):
    windows = Windows(people[:3])
    assert len(windows) > 20
    batch = windows.batch(np.arange(len(windows)), np.random.default_rng(0))
    for ecg, beats in zip(batch.ecg[:, 0].numpy(), batch.beats.numpy(), strict=True):
        tops = [k for k in range(6, LENGTH - 6) if beats[k] > 0.9 and beats[k] == beats[k - 3 : k + 4].max()]
        assert len(tops) >= 8
        assert np.mean([ecg[k - 2 : k + 3].max() > 3 * ECG_SD for k in tops]) > 0.9
    known = batch.lag[batch.lag.isfinite()]
    assert 0 < len(known) < len(batch.lag)
    assert known.numpy() == pytest.approx(LAG, abs=0.02)


def test_a_window_with_a_hole_or_another_heart_is_not_trained_on(people):
    torn = people[0].ppg.copy()
    torn[2000:2050] = np.nan
    assert look(0, replace(people[0], ppg=torn), 15.0).agreement == 0
    assert look(0, replace(people[0], beats=people[1].beats), 15.0).agreement < 0.85
    assert chances(np.array([-5.0, 20.0])).max() == 0


def test_what_ships_is_small():
    net = Ppg2Ecg(Aligned(), Flow(), 1.0, torch.zeros(1, 4, 1, 125))
    parameters, macs = cost(net, 1, LENGTH)
    assert parameters < 1_000_000
    assert macs < 40_000_000


def test_what_ships_believes_the_lag_in_part():
    pulse, wave = PulseEncoder().eval(), torch.randn(4, 1, LENGTH)
    with torch.no_grad():
        pulse.lag.weight.normal_(std=0.1)
        trained, shipped = pulse(wave), cautious(pulse)(wave)
    usual = UNTRAINED_LAG[0]
    torch.testing.assert_close(shipped.lag[:, 0] - usual, TRUST * (trained.lag[:, 0] - usual))
    torch.testing.assert_close(shipped.lag[:, 1], trained.lag[:, 1])
    torch.testing.assert_close(shipped.beats, trained.beats)


def test_the_flow_is_followed_to_its_end():
    class Straight(Flow):
        def forward(self, latent, timing, time):
            return torch.full_like(latent, 3.0) * (time >= 0)[:, None, None, None]

    end = integrated(Straight(), torch.ones(2, 4, 1, 125), torch.zeros(2, 9, 1, 125), 4)
    assert torch.allclose(end, torch.full_like(end, 4.0))


def test_three_stages_train_stop_and_go_on(people, tmp_path):
    recipe = ppg2ecg.Recipe(epochs=1, flow=1, one=1, batch=8)
    last = ppg2ecg.train(people, tmp_path, recipe)
    trained = ppg2ecg.load(tmp_path, people)
    assert (trained.recipe.flow, trained.recipe.one) == (1, 1)
    before = torch.load(last, weights_only=True)["net"]
    last.unlink()
    ppg2ecg.train(people, tmp_path, recipe)
    again = torch.load(last, weights_only=True)["net"]
    assert all(torch.equal(before[name], again[name]) for name in before)
    ecg, beats, lag = trained.net()(torch.randn(2, 1, LENGTH), torch.ones(2, 1))
    assert ecg.shape == beats.shape == (2, LENGTH)
    assert lag.shape == (2, 2)


def test_every_subject_is_left_out_once(people, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(crossval_ppg2ecg, "FOLDS", 2)
    monkeypatch.setattr(crossval_ppg2ecg, "RECIPE", ppg2ecg.Recipe(epochs=1, batch=8))
    crossval_ppg2ecg.crossval(people, tmp_path)
    head, network, floor, gain = capsys.readouterr().out.splitlines()[-4:]
    assert head.startswith("BIDMC, 5 recordings, 5 subjects, 2 folds")
    assert "ppg2ecg, stage one" in network
    assert "upslope" in floor
    assert gain.startswith("gain in raw F1")
    assert {folder.name for folder in tmp_path.iterdir()} == {"fold1", "fold2"}


def test_controls_are_what_they_say(people):
    def knows(signal, mask):
        return signal[:, 0], signal[:, 0] * 0 - 9, np.tile(np.float32([0.5, -4]), (len(signal), 1))

    on = evaluation.Trial(people[3:], [np.ones(6, bool)] * 2)
    rules = evaluation.learn(people)
    assert rules.lag == pytest.approx(LAG, abs=0.01)
    measured = evaluation.measure(on, evaluation.methods(rules, {"silent": knows}, on.pairs))
    f1 = {name: values[evaluation.METRICS["f50"]][0] for name, values in measured.items()}
    assert f1["oracle template"] == 1.0
    assert f1["upslope + template"] > 0.97
    assert f1["silent"] == 0.0
    assert f1["mean waveform"] < 0.5
    r = {name: values[evaluation.METRICS["r"]][0] for name, values in measured.items()}
    assert r["oracle template"] > r["upslope + template"] > r["mean waveform"]
    text = evaluation.table(on, measured)
    assert "2 recordings, 2 subjects, 12 of 12 windows" in text


def test_spoiled_pulses_are_spoiled_the_same_each_time(people):
    once, twice = (evaluation.spoiled(people[3:4])[0] for _ in range(2))
    assert np.array_equal(once.ppg, twice.ppg)
    assert pulses.f1(once.beats, once.pulses - LAG) < people[3].agreement


def test_the_distance_of_a_set_to_itself_is_nothing():
    x = np.random.default_rng(0).normal(size=(500, 4))
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet(x, x + 2) == pytest.approx(16, rel=1e-6)


@pytest.mark.parametrize("name", ["bidmc", "cinc2015"])
def test_no_subject_is_in_two_parts(name, tmp_path):
    data = Path(os.environ.get("WEARECG_DATA", ""))
    if not (data / name).is_dir():
        pytest.skip(f"WEARECG_DATA has no {name}/")
    pairs = pulses.load(data, tmp_path, (name,))
    parts = {(pair.subject, pair.part) for pair in pairs}
    assert len(parts) == len({pair.subject for pair in pairs})
    assert {pair.part for pair in pairs} >= {"train", "test"}
    assert np.median([pair.agreement for pair in pairs]) > (0.5 if name == "cinc2015" else 0.95)
    again = pulses.load(data, tmp_path, (name,))
    assert all(np.array_equal(a.ppg, b.ppg, equal_nan=True) for a, b in zip(pairs, again, strict=True))
