from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import wearecg
from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models import sealed
from wearecg.models.lead12 import Linear
from wearecg.models.profile import calibrate, read_profile

THREE = ("II", "V1", "V5")


def heart(linear_card, odd: float, seed: int = 1, seconds: int = 20, noise: float = 0.0) -> np.ndarray:
    """Twelve leads, [n, 12], as the matrix says but for ``odd`` times V1 in V3, and ``noise`` (mV) in the others."""
    made = wearecg.Person(seed=seed, scenario="sinus", fs=100)
    x = made.samples(100 * seconds)
    given = x[:, [made.leads.index(lead) for lead in THREE]]
    known = next(one for one in linear_card.sets if one.leads == THREE)
    eight = given @ np.asarray(known.matrix, np.float32).T
    eight[:, INDEPENDENT.index("V3")] += odd * given[:, 1]
    rng = np.random.default_rng(seed)
    for row, lead in enumerate(INDEPENDENT):
        if lead not in THREE:
            eight[:, row] += rng.normal(scale=noise, size=len(eight)) if noise else 0
    out = np.zeros((len(x), 12), np.float32)
    out[:, [TWELVE.index(lead) for lead in INDEPENDENT]] = eight
    one, two = out[:, 0], out[:, 1]
    out[:, 2:6] = np.stack([two - one, -(one + two) / 2, one - two / 2, two - one / 2], axis=1)
    return out


def made(linear_card, x, leads=THREE, names=TWELVE):
    return calibrate(Linear(linear_card), x, 100, names, leads, "me", "2026-01-01")


def test_it_learns_what_is_this_persons_own_and_keeps_on_other_recordings(linear_card):
    profile = made(linear_card, heart(linear_card, 0.8))
    at = profile.targets.index("V3")
    assert profile.after[at] < 0.6 * profile.before[at]
    later = heart(linear_card, 0.8, seed=2)
    given = later[:, [TWELVE.index(lead) for lead in THREE]]
    plain, fitted = (Linear(linear_card, p)(given, 100, THREE) for p in (None, profile))
    truth = Linear(linear_card)(later, 100, TWELVE).filtered
    v3 = TWELVE.index("V3")
    errors = [np.sqrt(np.mean((one.mean[:, v3] - truth[:, v3])[200:-200] ** 2)) for one in (plain, fitted)]
    assert errors[1] < 0.6 * errors[0]
    one, two, three = fitted.filtered[:, :3].T
    np.testing.assert_allclose(two, one + three, atol=1e-5)


def test_noise_teaches_nothing(linear_card):
    profile = made(linear_card, heart(linear_card, 0.0, seconds=10, noise=0.05))
    assert np.abs(profile.weights).max() < 0.1
    assert np.all(np.array(profile.after) < 1.02 * np.array(profile.before))


def test_a_lead_that_is_off_is_not_corrected_with(linear_card):
    x = heart(linear_card, 0.8)
    profile = made(linear_card, x)
    given = x[:, [TWELVE.index(lead) for lead in THREE]].copy()
    given[:, 2] = np.nan
    plain, fitted = (Linear(linear_card, p)(given, 100, THREE) for p in (None, profile))
    np.testing.assert_array_equal(plain.mean, fitted.mean)


def test_written_and_read_back(linear_card, tmp_path):
    profile = made(linear_card, heart(linear_card, 0.8))
    profile.write(tmp_path / "p.json")
    assert read_profile(tmp_path / "p.json") == profile
    assert profile.seconds == 20
    assert profile.model == "lead12-linear@0.0.1"


def test_for_other_leads_or_another_model_it_is_refused(linear_card):
    profile = made(linear_card, heart(linear_card, 0.8))
    with pytest.raises(LeadError, match="for leads II, V1, V5, not I, II"):
        Linear(linear_card, profile).check(("I", "II"), 100)
    with pytest.raises(ModelError, match=r"made with lead12-linear@0\.0\.1, not lead12-linear@0\.0\.2"):
        Linear(dataclasses.replace(linear_card, version="0.0.2"), profile)


def test_what_is_no_profile_is_refused(linear_card, tmp_path):
    path = tmp_path / "p.json"
    with pytest.raises(ModelError, match="cannot be read"):
        read_profile(path)
    made(linear_card, heart(linear_card, 0.8)).write(path)
    whole = json.loads(path.read_text())
    for change, words in (
        ({"format": 9}, "format 1"),
        ({"weights": [[1.0]]}, "weights"),
        ({"leads": ["II", "V1", "V9"]}, "standard leads"),
        ({"more": 1}, "more"),
    ):
        body = {key: value for key, value in (whole | change).items() if key != "seal"}
        sealed.write(body, path)
        with pytest.raises(ModelError, match=words):
            read_profile(path)


def test_a_profile_without_its_seal_or_of_no_person_is_refused(linear_card, tmp_path):
    path = tmp_path / "p.json"
    profile = made(linear_card, heart(linear_card, 0.8))
    path.write_text(json.dumps(dataclasses.asdict(profile)))  # as earlier versions wrote it
    with pytest.raises(ModelError, match=r"has no seal: .* run `wearecg calibrate` again"):
        read_profile(path)
    profile.write(path)
    path.write_text(path.read_text().replace('"II"', '"aVR"'))
    with pytest.raises(ModelError, match=r"does not match its own seal.* run `wearecg calibrate` again"):
        read_profile(path)
    absurd = tuple((1000.0,) * len(row) for row in profile.weights)
    dataclasses.replace(profile, weights=absurd).write(path)
    with pytest.raises(ModelError, match="by up to 12000 mV for each mV measured"):
        read_profile(path)


def test_a_recording_that_asks_for_a_correction_of_no_person_is_refused(linear_card):
    with pytest.raises(SignalError, match="check its units"):
        made(linear_card, heart(linear_card, 80.0))


def test_what_cannot_be_fitted_is_refused(linear_card):
    x = heart(linear_card, 0.8)
    with pytest.raises(LeadError, match="does not have lead V3"):
        made(
            linear_card,
            x[:, [i for i in range(12) if TWELVE[i] != "V3"]],
            names=tuple(t for t in TWELVE if t != "V3"),
        )
    with pytest.raises(LeadError, match="nothing to correct"):
        made(linear_card, x, leads=INDEPENDENT)
    with pytest.raises(SignalError, match="no 10 s"):
        made(linear_card, x[:900])
    flat = x.copy()
    flat[:, TWELVE.index("V4")] = 0
    with pytest.raises(SignalError, match="all vary"):
        made(linear_card, flat)
