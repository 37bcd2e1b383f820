"""The encoder: a small network of full convolutions that takes any subset of the 12 leads.

Conv2d with ``(1, k)`` kernels, because the runtimes have their fast kernels for 4-D tensors;
convolution, batch norm, ReLU in that order, so that :func:`fold` leaves plain convolutions.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

IN_FILES = "export.nets.encoder"
"""What TFLite files call the layers' module; the published ones do, and their bytes must not change."""


class Block(nn.Module):
    """Two convolutions beside a shortcut; halves the time axis."""

    __module__ = IN_FILES

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, outputs, kernel, stride=2)
        self.conv2, self.bn2 = conv_bn(outputs, outputs, kernel)
        self.short, self.bn3 = conv_bn(inputs, outputs, 1, stride=2)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, 1, L]`` to ``[N, outputs, 1, ceil(L / 2)]``."""
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(y)) + self.bn3(self.short(x)))
        return out


class Step(nn.Module):
    """One convolution; halves the time axis."""

    __module__ = IN_FILES

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(inputs, outputs, kernel, stride=2)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, 1, L]`` to ``[N, outputs, 1, ceil(L / 2)]``."""
        out: Tensor = self.relu(self.bn(self.conv(x)))
        return out


class Shape(NamedTuple):
    """What an encoder is built of: a first convolution, and stages that each halve the time axis."""

    stem: tuple[int, int, int]
    """Channels, kernel and stride."""
    stages: tuple[tuple[int, int], ...]
    """Channels and kernel of each."""
    stage: type[Block] | type[Step]


WIDE = Shape((32, 9, 2), ((32, 5), (64, 7), (96, 5), (128, 5)), Block)
"""Small enough to be asked about every window that another one is shown."""
MIDDLE = Shape((24, 8, 4), ((48, 6), (96, 5), (128, 5), (192, 6)), Step)
"""Asks the wide one, and is asked beside it."""
FAST = Shape((24, 8, 4), ((48, 6), (96, 5), (128, 5), (160, 6)), Step)
"""What is shipped. Where an even length is halved the kernel is even: both runtimes then pad as torch does."""
SHAPES = {"wide": WIDE, "middle": MIDDLE, "fast": FAST}


class Encoder(nn.Module):
    """Signal and lead mask to an embedding and the logits of each group of statements.

    Parameters
    ----------
    groups : mapping of str to int
        Number of statements of each group, in output order.
    shape : Shape
    embedding : int
    """

    def __init__(
        self,
        groups: Mapping[str, int],
        shape: Shape = FAST,
        embedding: int = 128,
        leads: int = 12,
    ) -> None:
        super().__init__()
        stem, kernel, stride = shape.stem
        self.conv, self.bn = conv_bn(leads, stem, kernel, stride)
        self.lead_gain = nn.Linear(leads, stem)
        self.lead_bias = nn.Linear(leads, stem)
        self.relu = nn.ReLU()
        widths = [stem, *(channels for channels, _ in shape.stages)]
        self.blocks = nn.Sequential(
            *(shape.stage(n, *stage) for n, stage in zip(widths[:-1], shape.stages, strict=True))
        )
        self.dropout = nn.Dropout(0.1)
        self.embed = nn.Linear(2 * widths[-1], embedding)
        self.heads = heads(embedding, groups)
        nn.init.zeros_(self.lead_gain.weight)
        nn.init.ones_(self.lead_gain.bias)

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return the embedding ``[N, embedding]``, then the logits ``[N, statements]`` of each group.

        ``signal`` is ``[N, leads, L]`` in mV, ``mask`` ``[N, leads]`` with 1 for the leads that
        are there; the samples of the others are ignored.
        """
        return self.read(self.pooled(signal, mask))

    def pooled(self, signal: Tensor, mask: Tensor) -> Tensor:
        """Return ``[N, 2 * channels]``: mean and maximum over time of the feature map."""
        x = self.features(signal, mask)
        # The mean says what is usual in the ten seconds, the maximum what happened once.
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)

    def features(self, signal: Tensor, mask: Tensor) -> Tensor:
        """Return the feature map ``[N, channels, 1, places]`` of the last block."""
        x = self.bn(self.conv(signal.unsqueeze(2) * column(mask)))
        x = self.relu(x * column(self.lead_gain(mask)) + column(self.lead_bias(mask)))
        out: Tensor = self.blocks(x)
        return out

    def read(self, pooled: Tensor) -> tuple[Tensor, ...]:
        """Return the embedding and the logits of each group."""
        embedding = self.embed(self.dropout(pooled))
        features = self.relu(embedding)
        return embedding, *(head(features) for head in self.heads.values())


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


def heads(embedding: int, groups: Mapping[str, int]) -> nn.ModuleDict:
    """Return one linear layer for each group of statements."""
    return nn.ModuleDict({name: nn.Linear(embedding, size) for name, size in groups.items()})


def start_from(heads: nn.ModuleDict, prevalence: Tensor) -> None:
    """Set the offsets so that the untrained network guesses how usual each statement is."""
    at = 0
    with torch.no_grad():
        for head in heads.values():
            assert isinstance(head, nn.Linear)
            head.bias.copy_(prevalence[at : at + head.out_features].clamp(1e-4, 1 - 1e-4).logit())
            at += head.out_features


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Return a convolution along time that keeps its length (over ``stride``), and its batch norm."""
    padding = (0, (kernel - stride + 1) // 2)
    conv = nn.Conv2d(inputs, outputs, (1, kernel), stride=(1, stride), padding=padding, bias=False)
    return conv, nn.BatchNorm2d(outputs)


def column(x: Tensor) -> Tensor:
    """``[N, C]`` to ``[N, C, 1, 1]``."""
    return x[:, :, None, None]
