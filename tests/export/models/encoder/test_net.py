# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import re

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("onnx", reason="the export extra is not installed")
from export.augment import GAP, SHIFT, lead_mask
from export.layers import cost, fold
from export.models.encoder.augment import augment
from export.models.encoder.net import FAST, SHAPES, Encoder
from export.models.encoder.unlike import Unlike, WithUnlike, features
from export.to_onnx import stamp, to_onnx

GROUPS = {"superclass": 5, "subclass": 23, "form": 19, "rhythm": 12}


def lived_in(shape=FAST) -> Encoder:
    """An encoder whose batch norms have seen data."""
    torch.manual_seed(3)
    net = Encoder(GROUPS, shape)
    net.train()
    for _ in range(3):
        net(torch.randn(8, 12, 1000), (torch.rand(8, 12) < 0.5).float())
    return net.eval()


def test_the_encoders_stay_within_their_budget():
    costs = {name: cost(Encoder(GROUPS, shape)) for name, shape in SHAPES.items()}
    assert all(parameters <= 400_000 and macs <= 30e6 for parameters, macs in costs.values())
    assert costs["wide"][1] > 2 * costs["middle"][1] > 2 * costs["fast"][1]


def test_masked_leads_are_not_looked_at():
    net, mask = lived_in(), torch.zeros(1, 12)
    mask[0, [1, 6]] = 1
    x = torch.randn(1, 12, 1000)
    y = x + 100 * (1 - mask).unsqueeze(-1)
    for a, b in zip(net(x, mask), net(y, mask), strict=True):
        torch.testing.assert_close(a, b)


def test_the_mask_itself_is_told_to_the_network():
    net = lived_in()
    x = torch.zeros(1, 12, 1000)
    assert not torch.allclose(net(x, torch.ones(1, 12))[0], net(x, lead_mask(("II",))[None])[0])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_folding_changes_nothing_and_leaves_no_batch_norm(shape):
    net = lived_in(shape)
    folded = fold(net)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    x, mask = torch.randn(2, 12, 1000), torch.ones(2, 12)
    for a, b in zip(net(x, mask), folded(x, mask), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_what_is_shipped_gives_the_groups_asked_for_and_the_head_as_one():
    net = lived_in()
    head = Unlike(features(net))
    x, mask = torch.randn(2, 12, 1000), torch.ones(2, 12)
    embedding, superclass, _, _, rhythm = net(x, mask)
    same, logits = WithUnlike(net, head, ("rhythm", "superclass")).eval()(x, mask)
    torch.testing.assert_close(same, embedding)
    torch.testing.assert_close(logits, torch.cat([rhythm, superclass, head(net.pooled(x, mask))], 1))


def test_onnx_gives_what_torch_gives_for_any_batch_and_names_no_path(tmp_path):
    net = lived_in()
    net = fold(WithUnlike(net, Unlike(features(net)), ("superclass", "rhythm")))
    path = tmp_path / "net.onnx"
    to_onnx(net, path, 12, 1000, ["embedding", "logits"])
    stamp(path, {"wearecg.model": "a@1"})
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {"wearecg.model": "a@1"}
    for n in (1, 5):
        x, mask = torch.randn(n, 12, 1000), (torch.rand(n, 12) < 0.5).float()
        got = session.run(None, {"signal": x.numpy(), "mask": mask.numpy()})
        with torch.no_grad():
            for a, b in zip(net(x, mask), got, strict=True):
                np.testing.assert_allclose(a.numpy(), b, atol=2e-5)
    assert not re.search(rb"site-packages|/export/|encoder\.py", path.read_bytes())


def test_augmentation_is_reproducible_and_hides_leads():
    x = torch.randn(400, 12, 1000)
    a, mask = augment(x, torch.Generator().manual_seed(1), 100.0)
    b, again = augment(x, torch.Generator().manual_seed(1), 100.0)
    torch.testing.assert_close(a, b)
    torch.testing.assert_close(mask, again)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert mask.sum(dim=1).min() == 1
    assert (a[mask == 0].abs().amax(dim=1) > 0).all()  # for a teacher, who sees all leads
    assert 0.3 < (mask.sum(dim=1) == 12).float().mean() < 0.55
    assert int((mask == lead_mask(("II",))).all(dim=1).sum()) > 20


def test_augmentation_keeps_polarity_and_shifts_no_further_than_it_says():
    x = torch.zeros(200, 12, 1000)
    x[:, :, 500] = 5.0
    out, mask = augment(x, torch.Generator().manual_seed(2), 100.0)
    lead = mask.argmax(dim=1)
    rows = out[torch.arange(200), lead]
    peak = rows.argmax(dim=1)
    seen = rows.max(dim=1).values > 2
    assert seen.float().mean() > 0.95  # a gap may have swallowed a few
    assert (peak[seen] - 500).abs().max() <= SHIFT
    assert GAP <= 50  # no longer than what the card lets pass
    assert rows.min() > -1


@pytest.mark.parametrize("length", [1000, 500])
def test_the_network_does_not_care_about_the_length(length):
    out = lived_in()(torch.randn(1, 12, length), torch.ones(1, 12))
    assert [o.shape[1] for o in out] == [128, 5, 23, 19, 12]
