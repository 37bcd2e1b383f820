"""Losses that lead12 might be trained with beside its likelihood."""

from __future__ import annotations

from functools import cache

import onnx
import torch
from torch import Tensor, nn

from export.nets.encoder import Encoder, fold
from wearecg.ecg.lead12 import LIMB
from wearecg.models.card import card_path, load_card


def correlation(mean: Tensor, truth: Tensor, hidden: Tensor) -> Tensor:
    """Mean over hidden leads of one minus Pearson's r; all ``[N, 8, L]`` but ``hidden`` ``[N, 8]``."""
    a, b = (x - x.mean(dim=-1, keepdim=True) for x in (mean, truth))
    r = (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1) + 1e-3).sqrt()
    return (hidden * (1 - r)).sum() / hidden.sum().clamp(min=1)


def spectral(mean: Tensor, truth: Tensor, hidden: Tensor) -> Tensor:
    """Mean absolute difference of the short-time Fourier magnitudes (0.64 s) of hidden leads, mV."""
    window = torch.hann_window(64)
    a, b = (
        torch.stft(x.reshape(-1, x.shape[-1]), 64, 32, window=window, return_complex=True) / window.sum()
        for x in (mean, truth)
    )
    difference = ((a.abs().square() + 1e-8).sqrt() - (b.abs().square() + 1e-8).sqrt()).abs().mean(dim=(1, 2))
    return (hidden.flatten() * difference).sum() / hidden.sum().clamp(min=1)


class Reader:
    """The shipped encoder, frozen: how different two recordings are to somebody who reads them."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net.requires_grad_(False)

    @classmethod
    @cache
    def shipped(cls) -> Reader:
        """Rebuild it from its ONNX file, whose initialisers bear the names of the folded network's parameters."""
        card = load_card("encoder")
        net = fold(Encoder({group.name: len(group.statements) for group in card.outputs.groups}))
        graph = onnx.load(card_path("encoder").parent / "encoder.fp32.onnx").graph
        names = {f"encoder.{name}" for name in net.state_dict()}
        values = {
            one.name.removeprefix("encoder."): torch.from_numpy(onnx.numpy_helper.to_array(one).copy())
            for one in graph.initializer
            if one.name in names
        }
        net.load_state_dict(values)
        return cls(net)

    def loss(self, mean: Tensor, clean: Tensor, mask: Tensor, present: Tensor) -> Tensor:
        """Squared difference of the embeddings of ``clean`` [N, 12, L] and of it with hidden leads found."""
        limb = torch.tensor(list(LIMB.values())) @ mean[:, :2]
        found = torch.where(mask.unsqueeze(-1) > 0, clean, torch.cat([limb, mean[:, 2:]], dim=1))
        with torch.no_grad():
            wanted: Tensor = self.net(clean, present)[0]
        off = torch.nn.functional.mse_loss(self.net(found, present)[0], wanted)
        return off / wanted.var(dim=0).mean()
