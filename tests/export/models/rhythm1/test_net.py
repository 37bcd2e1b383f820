"""The one-lead rhythm network."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.layers import cost, fold
from export.models.encoder.net import WIDE, Encoder
from export.models.rhythm1.net import Rhythm1, start_from

GROUPS = {"superclass": 5, "subclass": 23, "form": 19, "rhythm": 12}


def lived_in() -> Rhythm1:
    """A network whose batch norms have seen data."""
    torch.manual_seed(3)
    net = Rhythm1(4)
    net.train()
    for _ in range(3):
        net(torch.randn(8, 1, 1000), torch.ones(8, 1))
    return net.eval()


def test_the_network_stays_within_its_budget():
    parameters, macs = cost(Rhythm1(4), 1, 3000)
    assert parameters <= 200_000
    assert macs <= 60e6


def test_it_begins_where_the_encoder_with_lead_I_alone_is():
    torch.manual_seed(5)
    encoder = Encoder(GROUPS, WIDE)
    for layer in (encoder.lead_gain, encoder.lead_bias):
        torch.nn.init.normal_(layer.weight, std=0.5)
    for _ in range(3):
        encoder(torch.randn(8, 12, 1000), (torch.rand(8, 12) < 0.5).float())
    encoder.eval()
    net = Rhythm1(4).eval()
    start_from(net, encoder)
    found = []
    encoder.blocks[2].register_forward_hook(lambda *args: found.append(args[2]))
    net.blocks[2].register_forward_hook(lambda *args: found.append(args[2]))
    mask, x = torch.eye(12)[:1], torch.randn(1, 12, 1000)
    encoder(x, mask)
    net(x[:, :1], torch.ones(1, 1))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    assert found[0].abs().max() > 0.1


@pytest.mark.parametrize("length", [1000, 3000])
def test_folding_changes_nothing_at_any_length_and_an_absent_lead_is_not_looked_at(length):
    net = lived_in()
    x = torch.randn(2, 1, length)
    for a, b in zip(net(x, torch.ones(2, 1)), fold(net)(x, torch.ones(2, 1)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    absent = torch.zeros(2, 1)
    torch.testing.assert_close(net(x, absent)[1], net(0 * x, absent)[1])


def test_onnx_and_its_int8_form_give_what_torch_gives(tmp_path):
    pytest.importorskip("onnx", reason="the export extra is not installed")
    import onnxruntime as ort

    from export.quantize import quantize_onnx
    from export.to_onnx import to_onnx

    net, x, mask = fold(lived_in()), torch.randn(8, 1, 500), torch.ones(8, 1)
    to_onnx(net, tmp_path / "fp32.onnx", 1, 500, ["embedding", "rhythm"])
    quantize_onnx(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", x.numpy(), mask.numpy(), 99.99)
    with torch.no_grad():
        expected = net(x, mask)[1].numpy()
    for name, near in (("fp32", 1e-4), ("int8", 0.1)):
        session = ort.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"])
        got = session.run(["rhythm"], {"signal": x.numpy(), "mask": mask.numpy()})[0]
        np.testing.assert_allclose(got, expected, atol=near * np.ptp(expected))
