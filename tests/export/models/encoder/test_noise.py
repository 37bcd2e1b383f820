from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.encoder.noise import _usable
from wearecg.ecg.leads import TWELVE
from wearecg.person import Person


def test_the_gate_leaves_out_the_leads_that_show_nothing():
    person = Person(1, "sinus", 100.0)
    x = person.samples(1000)[:, [person.leads.index(name) for name in TWELVE]].T.copy()
    x[3] = 0.0
    x[5] = np.random.default_rng(1).normal(scale=3.0, size=1000)
    usable = dict(zip(TWELVE, _usable(x.astype(np.float32), TWELVE), strict=True))
    assert not usable["aVR"]
    assert not usable["aVF"]
    assert usable["II"]
    assert list(np.flatnonzero(_usable(x.astype(np.float32), ("II",)))) == [1]
