"""Joint-embedding pre-training on a small made-up set: it learns, does not collapse, and its trunk is used."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import logging
import re

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
import export.models.encoder.jepa as jepa
import export.models.encoder.train as training
from export.errors import ExportError
from export.loop import TRAIN_FOLDS, Run, conditioned
from export.models.encoder.net import WIDE, Encoder
from wearecg.models.preprocess import Preprocessing

RECIPE = jepa.Recipe(epochs=4, batch=8, average=0.9)


@pytest.fixture(scope="module")
def windows(data):
    return conditioned(data, data.rows(TRAIN_FOLDS), Preprocessing())


@pytest.fixture(scope="module")
def pretrained(windows, tmp_path_factory):
    """The folder, the weights and the progress lines of a finished run."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log, folder = logging.getLogger("export.train"), tmp_path_factory.mktemp("jepa")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    weights = jepa.pretrain(*windows, folder, RECIPE)
    log.removeHandler(handler)
    log.setLevel(level)
    return folder, weights, lines


def test_the_loss_falls_and_the_target_does_not_collapse(pretrained):
    seen = [
        re.search(r"loss ([\d.]+)  target: standard deviation ([\d.]+), (\d+) dimensions", line).groups()
        for line in pretrained[2]
    ]
    assert len(seen) == RECIPE.epochs
    first, last = (tuple(map(float, numbers)) for numbers in (seen[0], seen[-1]))
    assert last[0] < 0.85 * first[0]
    assert last[1] > 0.1
    assert last[2] > 3


def test_a_collapse_would_be_seen():
    torch.manual_seed(0)
    deviation, dimensions = jepa.spread(torch.randn(64, 16, 1) * torch.ones(40))
    assert dimensions == pytest.approx(1, abs=0.1)
    assert deviation == pytest.approx(1, abs=0.1)
    assert jepa.spread(torch.randn(64, 16, 40))[1] > 30
    assert jepa.spread(torch.full((64, 16, 40), 3.0))[0] == 0


def test_a_run_that_was_stopped_ends_with_the_same_weights(pretrained, windows, tmp_path, monkeypatch):
    save = Run._save

    def stop_after_the_second(run):
        save(run)
        if run.done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "_save", stop_after_the_second)
    with pytest.raises(KeyboardInterrupt):
        jepa.pretrain(*windows, tmp_path, RECIPE)
    with pytest.raises(ExportError, match="2 of 4 epochs done"):
        jepa.trunk(tmp_path / "jepa.pt")
    for name, value in jepa.pretrain(*windows, tmp_path, RECIPE).items():
        torch.testing.assert_close(value, pretrained[1][name], rtol=0, atol=0)


def test_the_encoder_starts_from_the_trunk(pretrained, data, tmp_path, monkeypatch):
    """All weights but those of the embedding and the heads are the trunk's when the labels come in."""
    started = {}

    def look(run):
        started.update({k: v.clone() for k, v in run.net.state_dict().items()})
        raise KeyboardInterrupt

    monkeypatch.setattr(jepa, "Recipe", lambda epochs, seed: RECIPE)
    (tmp_path / "jepa.pt").write_bytes((pretrained[0] / "jepa.pt").read_bytes())
    monkeypatch.setattr(Run, "epochs", lambda run: look(run) if run.path.name == "encoder.pt" else iter(()))
    with pytest.raises(KeyboardInterrupt):
        training.train(data, tmp_path, training.Recipe(epochs=1, batch=32, jepa=RECIPE.epochs, shape="wide"))
    assert {k for k in started if not k.startswith(("embed.", "heads."))} == set(pretrained[1])
    for name, value in pretrained[1].items():
        torch.testing.assert_close(started[name], value, rtol=0, atol=0)


def test_only_the_wide_encoder_is_pretrained(data, tmp_path):
    with pytest.raises(ExportError, match="add --shape wide"):
        training.train(data, tmp_path, training.Recipe(epochs=1, jepa=2))


def test_the_feature_map_is_the_one_that_the_encoder_pools():
    torch.manual_seed(0)
    net = Encoder({"superclass": 5}, WIDE).eval()
    x, mask = torch.randn(3, 12, 1000), (torch.rand(3, 12) < 0.5).float()
    with torch.no_grad():
        y = net.features(x, mask)
        pooled = torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)
        torch.testing.assert_close(net.embed(pooled), net(x, mask)[0])


def test_the_predictor_does_not_see_what_is_hidden():
    torch.manual_seed(0)
    net = jepa.Jepa(Encoder({}, WIDE)).eval()
    hidden, kept = jepa.hide(8, torch.Generator().manual_seed(0))
    x = torch.randn(8, 12, jepa.STRIDE * jepa.PLACES)
    outside = hidden.repeat_interleave(jepa.STRIDE, dim=1)[:, None] | (kept == 0).unsqueeze(-1)
    with torch.no_grad():
        expected = net(x, kept, hidden)
        torch.testing.assert_close(net(x + 9 * outside, kept, hidden), expected)
        assert not torch.allclose(net(x + 9 * ~outside, kept, hidden), expected)


def test_some_places_and_some_leads_are_hidden():
    hidden, kept = jepa.hide(400, torch.Generator().manual_seed(0))
    assert 0.3 < hidden.float().mean() < 0.55
    assert set(hidden.sum(dim=1).tolist()) <= set(range(jepa.SPAN, jepa.SPAN * jepa.SPANS + 1))
    assert kept.sum(dim=1).min() == 1
    assert 0.25 < (kept.sum(dim=1) == 12).float().mean() < 0.45
