"""The teacher: a wide residual network with squeeze-and-excitation, for all 12 leads at once.

It need not run on a device, so it has what pays in training and nothing else: ten times the
multiply-adds of the student, channel attention (Hu et al., CVPR 2018), more dropout.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.layers import conv_bn, heads

STAGES = ((96, 7, 2), (160, 7, 2), (224, 5, 2), (320, 5, 2))
"""Channels, kernel and blocks of each stage; each halves the time axis."""


class Block(nn.Module):
    """Two convolutions, the channels of the second weighed by what they hold, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, outputs, kernel, stride)
        self.conv2, self.bn2 = conv_bn(outputs, outputs, kernel)
        self.short: nn.Module = nn.Identity()
        self.bn3: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.short, self.bn3 = conv_bn(inputs, outputs, 1, stride)
        self.squeeze = nn.Linear(outputs, outputs // 8)
        self.excite = nn.Linear(outputs // 8, outputs)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, 1, L]`` to ``[N, outputs, 1, ceil(L / stride)]``."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        weight = torch.sigmoid(self.excite(self.relu(self.squeeze(y.mean(dim=(2, 3))))))
        out: Tensor = self.relu(y * weight.unsqueeze(-1).unsqueeze(-1) + self.bn3(self.short(x)))
        return out


class Teacher(nn.Module):
    """Signal to an embedding and the logits of each group of statements.

    Parameters
    ----------
    groups : mapping of str to int
        Number of statements of each group, in output order.
    stages : sequence of (channels, kernel, blocks)
    stem : int
        Channels of the first convolution.
    embedding : int
    """

    def __init__(
        self,
        groups: Mapping[str, int],
        stages: tuple[tuple[int, int, int], ...] = STAGES,
        stem: int = 64,
        embedding: int = 256,
        leads: int = 12,
    ) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(leads, stem, 15, stride=2)
        self.relu = nn.ReLU()
        blocks, width = [], stem
        for channels, kernel, depth in stages:
            for i in range(depth):
                blocks.append(Block(width, channels, kernel, stride=1 if i else 2))
                width = channels
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.3)
        self.embed = nn.Linear(2 * width, embedding)
        self.heads = heads(embedding, groups)

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return the embedding ``[N, embedding]``, then the logits ``[N, statements]`` of each group.

        ``signal`` is ``[N, leads, L]`` in mV; ``mask`` ``[N, leads]`` hides leads, as in the student,
        but the teacher has learnt from all of them.
        """
        x = (signal * mask.unsqueeze(-1)).unsqueeze(2)
        x = self.blocks(self.relu(self.bn(self.conv(x))))
        x = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)
        embedding = self.embed(self.dropout(x))
        features = self.relu(embedding)
        return embedding, *(head(features) for head in self.heads.values())
