"""Layers that several networks share, and the preparation of every network before it is exported.

Conv2d with ``(1, k)`` kernels, because the runtimes have their fast kernels for 4-D tensors;
convolution, batch norm, ReLU in that order, so that :func:`fold` leaves plain convolutions.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

IN_FILES = "export.nets.lead12"
"""The module name in TFLite files: published files have it, and their bytes must not change."""


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Return a convolution along time that keeps its length (over ``stride``), and its batch norm."""
    padding = (0, (kernel - stride + 1) // 2)
    conv = nn.Conv2d(inputs, outputs, (1, kernel), stride=(1, stride), padding=padding, bias=False)
    return conv, nn.BatchNorm2d(outputs)


def column(x: Tensor) -> Tensor:
    """``[N, C]`` to ``[N, C, 1, 1]``."""
    return x[:, :, None, None]


def heads(embedding: int, groups: Mapping[str, int]) -> nn.ModuleDict:
    """Return one linear layer for each group of statements."""
    return nn.ModuleDict({name: nn.Linear(embedding, size) for name, size in groups.items()})


def start_from(heads: nn.ModuleDict, prevalence: Tensor) -> None:
    """Set the biases so that the untrained network predicts the prevalence of each statement."""
    at = 0
    with torch.no_grad():
        for head in heads.values():
            assert isinstance(head, nn.Linear)
            head.bias.copy_(prevalence[at : at + head.out_features].clamp(1e-4, 1 - 1e-4).logit())
            at += head.out_features


class Pair(nn.Module):
    """Two convolutions; the first may shorten the time axis."""

    __module__ = IN_FILES

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, outputs, 5, stride)
        self.conv2, self.bn2 = conv_bn(outputs, outputs, 3)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, 1, L]`` to ``[N, outputs, 1, L / stride]``."""
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(y)))
        return out


class Up(nn.Module):
    """Upsamples the time axis and adds the skip connection of that rate."""

    __module__ = IN_FILES

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(inputs, outputs, 1)
        self.stretch = nn.Upsample(scale_factor=(1, stride), mode="nearest")
        self.pair = Pair(outputs, outputs)

    def forward(self, x: Tensor, here: Tensor) -> Tensor:
        """Map ``[N, inputs, 1, L]`` to ``[N, outputs, 1, L * stride]``."""
        out: Tensor = self.pair(self.stretch(self.bn(self.conv(x))) + here)
        return out


def paired(x: Tensor) -> Tensor:
    """``[N, C, L]`` to ``[N, 2 C, 1, L / 2]``: even samples, then odd ones."""
    n, channels, length = x.shape
    pairs = x.reshape(n, channels, length // 2, 2).permute(0, 3, 1, 2)
    return pairs.reshape(n, 2 * channels, 1, length // 2)


def unpaired(x: Tensor) -> Tensor:
    """``[N, 2 C, 1, L / 2]`` to ``[N, C, L]``: the inverse of `paired`."""
    n, channels, _, length = x.shape
    pairs = x.reshape(n, 2, channels // 2, length).permute(0, 2, 3, 1)
    return pairs.reshape(n, channels // 2, 2 * length)


def fold(net: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode with every batch norm folded into its convolution."""
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        for conv, bn in (("conv", "bn"), ("conv1", "bn1"), ("conv2", "bn2"), ("short", "bn3")):
            if isinstance(getattr(module, bn, None), nn.BatchNorm2d):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, bn)))
                setattr(module, bn, nn.Identity())
    return net


def cost(net: nn.Module, leads: int = 12, length: int = 1000) -> tuple[int, int]:
    """Count the parameters of the folded network, and its multiply-adds for one window."""
    net, macs = fold(net), 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal macs
        weight = module.weight
        assert isinstance(weight, Tensor)
        macs += weight.numel() * (out.shape[-1] * out.shape[-2] if out.ndim == 4 else 1)

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        net(torch.zeros(1, leads, length), torch.ones(1, leads))
    return sum(p.numel() for p in net.parameters()), macs
