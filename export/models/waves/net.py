"""A beat to where its waves begin, peak and end: a convolutional network at 31 steps a second.

For each border it gives a chance to every 16 ms, whose mean is the border: finer than the steps, and the same
graph in every runtime. Few nodes, of which the runtimes make fewer: at this size each costs as much as its sums.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wearecg.ecg.beat_shape import BEFORE, FS, LENGTH

STEP = 8
"""Samples from one step to the next, of which each sees three times as many."""
STEPS = LENGTH // STEP
FINE = 2
"""Places for a border in each step."""
BORDERS = 9
"""P, QRS and T: begin, peak, end."""
SIDES = [0, 2, 3, 5, 6, 8]
"""Where P, QRS and T begin and end."""
WAVES = 3
WIDTH = 32
DILATIONS = (1, 2, 4, 8, 1)


class Waves(nn.Module):
    """A beat and the mean of those like it to the borders of its waves, how sure each is, and which waves it has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, WIDTH, (1, 3 * STEP), stride=(1, STEP), padding=(0, STEP), bias=False)
        self.bn = nn.BatchNorm2d(WIDTH)
        self.blocks = nn.ModuleList(Block(dilation) for dilation in DILATIONS)
        self.relu = nn.ReLU()
        self.chance = nn.Conv2d(WIDTH, BORDERS * FINE, 1)
        self.whole = nn.Linear(2 * WIDTH, BORDERS + WAVES)
        step, part = torch.arange(STEPS), torch.arange(FINE)[:, None]
        places = (step + (part + 0.5) / FINE) * STEP - 0.5 - BEFORE
        self.places: Tensor
        self.register_buffer("places", (places / FS).reshape(-1, 1))
        self.offset: Tensor
        self.register_buffer("offset", torch.zeros(BORDERS), persistent=False)
        """What is taken off each border: what it is late by, where nothing disturbs (`train.calibrate`)."""

    def chances(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``[N, 1, 2 LENGTH]`` to logits of places ``[N, BORDERS, FINE STEPS]`` and `whole` ``[N, 12]``."""
        x = self.relu(self.bn(self.conv(signal.reshape(-1, 2, 1, LENGTH))))
        for block in self.blocks:
            x = block(x)
        whole = self.whole(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))
        return self.chance(x).reshape(-1, BORDERS, FINE * STEPS), whole

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor]:
        """Return ``[N, 21]``: borders (s from the R peak), the logs of their errors, which waves there are (logits)."""
        logits, whole = self.chances(signal * mask.unsqueeze(-1))
        borders = (logits.softmax(dim=2) @ self.places).reshape(-1, BORDERS) - self.offset
        return (torch.cat([borders, whole], dim=1),)


class Block(nn.Module):
    """One convolution over steps that lie ``dilation`` apart, added to what came in."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, WIDTH, (1, 3), padding=(0, dilation), dilation=(1, dilation), bias=False)
        self.bn = nn.BatchNorm2d(WIDTH)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, WIDTH, 1, STEPS]`` to the same shape."""
        out: Tensor = self.relu(self.bn(self.conv(x)) + x)
        return out
