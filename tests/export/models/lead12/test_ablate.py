"""The comparison of lead12's parts, on a small made-up set."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.lead12 import ablate
from export.models.lead12.train import LEAD_SETS
from wearecg.person import Person


@pytest.fixture(scope="module")
def people(data):
    """Nine synthetic people, ten recordings each."""
    x = np.stack([Person(seed, "sinus", 100.0).samples(1000)[:, :12].T for seed in range(90)])
    return dataclasses.replace(
        data,
        signals=np.rint(1000 * x).astype(np.int16),
        patient=np.arange(90) // 10 * 3,
        fold=np.where(np.arange(90) < 70, 1, 9),
        broken=np.zeros(90, bool),
    )


def test_every_variant_is_trained_and_set_beside_the_others(people, tmp_path, capsys, monkeypatch):
    tiny = dataclasses.replace(ablate.SMALL, epochs=1, batch=32)
    variants = {"as shipped": tiny, "latent 4": dataclasses.replace(tiny, latent=4)}
    monkeypatch.setattr(ablate, "VARIANTS", variants)
    ablate.ablate(people, tmp_path)
    head, *rows = capsys.readouterr().out.splitlines()
    assert "slope" in head
    assert len(rows) == len(variants) * len(LEAD_SETS)
    assert rows[0].partition("II+V1+V5")[2] != rows[len(LEAD_SETS)].partition("II+V1+V5")[2]
    assert "V2" in rows[0]
    assert "V1" not in rows[0].partition("II+V1+V5")[2]
    assert (tmp_path / "latent-4" / "lead12.pt").is_file()
