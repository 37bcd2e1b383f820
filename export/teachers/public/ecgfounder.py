"""ECGFounder (Li et al., NEJM AI 2025, arXiv 2410.04133): Net1D, 12 leads, 150 statements.

Attribute names are those of the published state dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from export.teachers.public import prepare
from export.teachers.public.checkpoint import fill, state_dict
from export.teachers.public.teacher import Teacher
from wearecg.block import Samples

STAGES = ((64, 2), (160, 2), (160, 2), (400, 3), (400, 3), (1024, 4), (1024, 4))
"""Channels and blocks of each stage; each halves the time axis."""
STEM, KERNEL, GROUP = 64, 16, 16
LABELS = tuple(Path(__file__).with_name("ecgfounder_labels.txt").read_text(encoding="utf-8").splitlines())


class SameConv(nn.Module):
    """Convolution whose output has ``ceil(L / stride)`` samples, the odd zero of padding at the end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, outputs, ceil(L / stride)]``."""
        (kernel,), (stride,) = self.conv.kernel_size, self.conv.stride
        length = x.shape[-1]
        total = max(0, (-(-length // stride) - 1) * stride + kernel - length)
        out: Tensor = self.conv(functional.pad(x, (total // 2, total - total // 2)))
        return out


class Block(nn.Module):
    """Bottleneck of grouped convolutions with squeeze and excitation, beside a shortcut without weights."""

    def __init__(self, inputs: int, outputs: int, *, halve: bool, first: bool) -> None:
        super().__init__()
        self.halve, self.first, self.grow = halve, first, outputs - inputs
        # The batch norms are in the published file, but it was trained, and runs, with them switched off.
        self.bn1 = nn.BatchNorm1d(inputs)
        self.conv1 = SameConv(inputs, outputs, 1)
        self.bn2 = nn.BatchNorm1d(outputs)
        self.conv2 = SameConv(outputs, outputs, KERNEL, 2 if halve else 1, groups=outputs // GROUP)
        self.bn3 = nn.BatchNorm1d(outputs)
        self.conv3 = SameConv(outputs, outputs, 1)
        self.se_fc1 = nn.Linear(outputs, outputs // 2)
        self.se_fc2 = nn.Linear(outputs // 2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, outputs, L or ceil(L / 2)]``."""
        y = self.conv1(x if self.first else functional.silu(x))
        y = self.conv3(functional.silu(self.conv2(functional.silu(y))))
        gate = torch.sigmoid(self.se_fc2(functional.silu(self.se_fc1(y.mean(-1)))))
        if self.halve:
            x = functional.max_pool1d(functional.pad(x, (0, 1)), 2)
        short = functional.pad(x, (0, 0, self.grow // 2, self.grow - self.grow // 2))
        out: Tensor = y * gate.unsqueeze(-1) + short
        return out


class Stage(nn.Module):
    """Blocks of one width."""

    def __init__(self, inputs: int, outputs: int, blocks: int, *, first: bool) -> None:
        super().__init__()
        self.block_list = nn.ModuleList(
            Block(inputs if i == 0 else outputs, outputs, halve=i == 0, first=first and i == 0)
            for i in range(blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the blocks."""
        for block in self.block_list:
            x = block(x)
        return x


class Net1D(nn.Module):
    """Stem, stages, mean over time (the embedding), one linear head."""

    def __init__(
        self, leads: int = 12, classes: int = len(LABELS), stages: tuple[tuple[int, int], ...] = STAGES
    ) -> None:
        super().__init__()
        self.first_conv = SameConv(leads, STEM, KERNEL, 2)
        self.first_bn = nn.BatchNorm1d(STEM)
        widths = [STEM, *(width for width, _ in stages)]
        self.stage_list = nn.ModuleList(
            Stage(widths[i], width, blocks, first=i == 0) for i, (width, blocks) in enumerate(stages)
        )
        self.dense = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``[N, leads, L]`` to the embedding ``[N, width]`` and the logits ``[N, classes]``."""
        x = functional.silu(self.first_conv(x))
        for stage in self.stage_list:
            x = stage(x)
        embedding = x.mean(-1)
        return embedding, self.dense(embedding)


def clean(x: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Filter [n, leads] as theirs: 50 Hz notch, 0.67 to 40 Hz, less the median of 0.4 s; no phase shift."""
    from scipy import ndimage, signal

    y = signal.filtfilt(*signal.iirnotch(50, 30, fs), x, axis=0)
    y = signal.filtfilt(*signal.butter(4, (0.67, 40), "bandpass", fs=fs), y, axis=0)
    width = int(0.4 * fs) // 2 * 2 + 1
    out: NDArray[np.float64] = y - ndimage.median_filter(y, size=(width, 1), mode="constant")
    return out


class ECGFounder(Teacher):
    """10 s at 500 Hz; filtered, then scaled over all leads together. Embedding 1024."""

    name, fs, seconds = "ecgfounder", 500.0, 10.0

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Take ``12_lead_ECGFounder.pth``."""
        with torch.device("meta"):
            net = Net1D()
        fill(net, state_dict(checkpoint, "state_dict"), source)
        return cls(net, LABELS)

    def prepare(self, samples: Samples) -> Samples:
        """Filter the recording, scale each window over all its leads."""
        windows = prepare.cut(clean(samples.astype(np.float64), self.fs), int(self.fs * self.seconds))
        return prepare.channels_first(prepare.standardise(windows, (1, 2)))
