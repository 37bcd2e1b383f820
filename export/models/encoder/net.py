"""The encoder: a small network of full convolutions that takes any subset of the 12 leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from export.layers import column, conv_bn, heads

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
