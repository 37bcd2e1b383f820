from __future__ import annotations

import numpy as np
import pytest

from wearecg.block import LeadQuality, Quality, Window
from wearecg.ecg.leads import TWELVE
from wearecg.errors import LeadError, SignalError
from wearecg.models import load_model


@pytest.fixture(scope="module")
def model():
    return load_model("encoder")


def ecg(fs: float = 100.0, seconds: float = 10.0, leads: int = 12, bpm: float = 72.0) -> np.ndarray:
    """P, QRS and T as bumps, with lead-dependent size: [n, leads] in mV."""
    t = np.arange(round(fs * seconds)) / fs
    beat = (t * bpm / 60) % 1.0
    wave = (
        0.12 * np.exp(-(((beat - 0.28) / 0.03) ** 2))
        + 1.1 * np.exp(-(((beat - 0.45) / 0.012) ** 2))
        - 0.2 * np.exp(-(((beat - 0.49) / 0.012) ** 2))
        + 0.3 * np.exp(-(((beat - 0.75) / 0.05) ** 2))
    )
    rng = np.random.default_rng(5)
    size = np.array([0.7, 1.0, 0.4, -0.8, 0.3, 0.6, -0.5, 0.5, 0.9, 1.2, 1.1, 0.9])[:leads]
    return (wave[:, None] * size + rng.normal(scale=0.005, size=(len(t), leads))).astype(np.float32)


def flat(scores) -> np.ndarray:
    return np.array([p for group in scores.probabilities.values() for p in group.values()])


def test_names_and_ranges(model):
    scores = model(ecg(), 100, TWELVE)
    assert list(scores.probabilities["superclass"]) == ["NORM", "MI", "STTC", "CD", "HYP"]
    assert {name: len(group) for name, group in scores.probabilities.items()} == {
        "superclass": 5, "subclass": 23, "form": 19, "rhythm": 12
    }  # fmt: skip
    assert scores.embedding.shape == (128,)
    assert np.all((flat(scores) >= 0) & (flat(scores) <= 1))
    assert (scores.start, scores.end, scores.leads) == (0.0, 10.0, TWELVE)
    assert scores.source == model.card.source


def test_a_regular_rhythm_with_p_waves_is_sinus_and_not_af(model):
    rhythm = model(ecg(), 100, TWELVE).probabilities["rhythm"]
    assert max(rhythm, key=rhythm.get) == "SR"
    assert rhythm["AFIB"] < 0.1


def test_the_order_of_the_leads_does_not_matter(model):
    x = ecg()
    order = np.random.default_rng(1).permutation(12)
    a = model(x, 100, TWELVE)
    b = model(x[:, order], 100, [TWELVE[i] for i in order])
    np.testing.assert_array_equal(flat(a), flat(b))
    np.testing.assert_array_equal(a.embedding, b.embedding)


def test_aliases_of_a_lead_are_the_lead(model):
    x = ecg()[:, 1:2]
    np.testing.assert_array_equal(flat(model(x, 100, ["MLII"])), flat(model(x, 100, ["II"])))


def test_an_absent_lead_and_a_lead_without_samples_are_the_same(model):
    x = ecg()
    x[:, 3] = np.nan
    a = model(x, 100, TWELVE)
    b = model(np.delete(x, 3, axis=1), 100, [name for name in TWELVE if name != "aVR"])
    np.testing.assert_array_equal(flat(a), flat(b))
    assert "aVR" not in a.leads


@pytest.mark.parametrize("fs", [50, 125, 250, 257.3, 360, 500, 1000])
def test_any_rate_from_50_hz_gives_about_the_same(model, fs):
    reference = flat(model(ecg(100.0), 100, TWELVE))
    # Below 100 Hz the narrowest waves are really gone.
    tolerance = 0.25 if fs < 100 else 0.12
    assert np.abs(flat(model(ecg(fs), fs, TWELVE)) - reference).max() < tolerance


def test_a_baseline_offset_changes_nothing(model):
    np.testing.assert_allclose(
        flat(model(ecg() + 3.0, 100, TWELVE)), flat(model(ecg(), 100, TWELVE)), atol=0.02
    )


def test_longer_recordings_give_a_row_a_window_and_their_mean(model):
    x = ecg(seconds=25)
    scores = model(x, 100, TWELVE)
    assert [w.start for w in scores.windows] == [0.0, 10.0, 15.0]
    assert scores.end == 25.0
    np.testing.assert_allclose(flat(scores), np.mean([flat(w) for w in scores.windows], axis=0))
    alone = model(x[1000:2000], 100, TWELVE)
    np.testing.assert_allclose(flat(scores.windows[1]), flat(alone), atol=1e-6)
    assert [w.start for w in model(x, 100, TWELVE, hop_s=5).windows] == [0.0, 5.0, 10.0, 15.0]


def test_a_window_lost_is_skipped_with_the_reason(model):
    x = ecg(seconds=30)
    x[1000:2000] = np.nan
    scores = model(x, 100, TWELVE)
    assert [w.start for w in scores.windows] == [0.0, 20.0]
    assert scores.skipped[0][0] == 10.0
    assert "missing" in scores.skipped[0][1]


@pytest.mark.parametrize(
    ("samples", "fs", "leads", "message"),
    [
        (ecg(30.0), 30, TWELVE, r"a rate of 30 Hz is too low: encoder@.* needs at least 50 Hz"),
        (ecg(), float("nan"), TWELVE, r"fs is nan"),
        (ecg(), float("inf"), TWELVE, r"fs is inf"),
        (ecg(), 0, TWELVE, r"fs is 0"),
        (np.empty((0, 12)), 100, TWELVE, r"0 samples at 100 Hz are 0\.00 s: .* needs at least 10 s"),
        (ecg(seconds=9.9), 100, TWELVE, r"990 samples at 100 Hz are 9\.90 s"),
        (ecg()[:, :3], 100, TWELVE, r"shape \(1000, 3\) for 12 leads"),
        (ecg()[:, 0], 100, ["I"], r"shape \(1000,\) for 1 leads"),
        (np.full((1000, 12), np.nan), 100, TWELVE, r"nothing to score in 10\.0 s: too few usable leads"),
        (np.zeros((1000, 12)), 100, TWELVE, r"nothing to score .* or flat"),
        (ecg() * 1000, 100, TWELVE, r"lead .* spans \d+: that is no ECG in mV"),
        ([["a"]] * 1000, 100, ["I"], r"samples are not numbers"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(model, samples, fs, leads, message):
    with pytest.raises(SignalError, match=message):
        model(samples, fs, leads)


@pytest.mark.parametrize("hop_s", [0, -1.0, float("nan")])
def test_a_hop_that_goes_nowhere_is_refused(model, hop_s):
    with pytest.raises(SignalError, match=f"hop_s is {hop_s}"):
        model(ecg(), 100, TWELVE, hop_s)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("fs", [100.0, 250.0])
def test_a_short_gap_spoils_no_more_than_itself(model, bad, fs):
    x = ecg(fs)
    whole = flat(model(x, fs, TWELVE))
    x[round(3 * fs) : round(3.1 * fs)] = bad
    assert np.abs(flat(model(x, fs, TWELVE)) - whole).max() < 0.15


@pytest.mark.parametrize(
    ("leads", "message"),
    [
        (["I", "X9"], r"does not know lead 'X9'; it knows I, II"),
        (["I", "PPG"], r"does not know lead 'PPG'"),
        (["I", "ECG"], r"does not know lead 'ECG'"),
        (["II", "MLII"], r"lead II is given twice"),
    ],
)
def test_leads_that_cannot_be_used_are_refused(model, leads, message):
    with pytest.raises(LeadError, match=message):
        model(ecg()[:, :2], 100, leads)


def window(x: np.ndarray, leads=TWELVE, usable=None, lost=0, fs=100.0, reason="") -> Window:
    usable = usable or (True,) * len(leads)
    quality = Quality(
        30.0,
        40.0,
        tuple(
            LeadQuality(name, "good" if ok else "unusable", "" if ok else reason)
            for name, ok in zip(leads, usable, strict=True)
        ),
    )
    return Window(x, fs, tuple(leads), 30.0, tuple(usable), quality, lost)


def test_a_live_window_gives_findings_above_their_thresholds(model):
    x = ecg()
    findings = model.score_window(window(x))
    scores = model(x, 100, TWELVE)
    expected = {
        s.code: scores.probabilities[g.name][s.code]
        for g in model.card.outputs.groups
        for s in g.statements
        if s.reported and scores.probabilities[g.name][s.code] >= s.threshold
    }
    assert {f.code: f.probability for f in findings} == expected
    assert "SR" in expected
    for f in findings:
        assert (f.start, f.end) == (30.0, 40.0)
        assert f.source == model.card.source
        assert f.leads == TWELVE


def test_only_usable_leads_are_looked_at(model):
    x = ecg()
    x[:, 0] = np.random.default_rng(2).normal(scale=3, size=1000)
    usable = (False, *(True,) * 11)
    live = model.score_window(window(x, usable=usable, reason="noise"))
    clean = model.score_window(window(ecg()[:, 1:], leads=TWELVE[1:]))
    assert {f.code: f.probability for f in live} == {f.code: f.probability for f in clean}
    assert live[0].leads == TWELVE[1:]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            window(ecg()[:, :2], ("I", "II"), (False, False), reason="lead off"),
            r"no usable lead (I: lead off, II: lead off)",
        ),
        (window(ecg(), lost=51), "more than 0.5 s of 10 s are missing"),
        (
            window(ecg()[:, :1], ("ECG",)),
            "no usable lead (ECG: not a standard lead, so the model cannot place it)",
        ),
        (
            window(np.full((1000, 1), np.nan, np.float32), ("II",)),
            "too few usable leads of II: more than 5% of the samples missing, or flat",
        ),
    ],
)
def test_what_cannot_be_scored_says_why(model, made, reason):
    (finding,) = model.score_window(made)
    assert (finding.code, finding.probability, finding.reason) == ("NOT_SCORED", None, reason)


def test_a_ppg_beside_the_ecg_is_left_alone(model):
    x = np.concatenate([ecg()[:, 1:2], np.ones((1000, 1), np.float32)], axis=1)
    findings = model.score_window(window(x, ("II", "PPG")))
    assert findings[0].leads == ("II",)


def test_a_window_of_another_model_is_a_mistake(model):
    with pytest.raises(SignalError, match=r"takes windows of 1000 samples at 100 Hz, got 1000 at 125 Hz"):
        model.score_window(window(ecg(), fs=125.0))
