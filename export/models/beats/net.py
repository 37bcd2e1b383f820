"""A beat to its class: four small convolutions over its shape beside the normal one, and two layers over numbers.

What the RR intervals say by themselves is learnt first, from the annotations of long recordings without a signal, and
then kept: half an hour of forty-eight persons has too few early beats to learn it from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wearecg.ecg.beat_context import LIKENESS, RHYTHM, SHAPE
from wearecg.models.beat_classifier import CODES

OF_RHYTHM = 3
"""N, S and V: what intervals can tell."""
WIDTH = 20
HIDDEN = 16
STEPS = SHAPE // 8
"""Of the last convolution, which sees all of the beat and is quantised as the others are."""


class RhythmNet(nn.Module):
    """The numbers on the place in the rhythm to logits of N, S and V."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(RHYTHM, HIDDEN)
        self.second = nn.Linear(HIDDEN, HIDDEN)
        self.last = nn.Linear(HIDDEN, OF_RHYTHM)
        self.relu = nn.ReLU()

    def forward(self, numbers: Tensor) -> Tensor:
        """Map ``[N, RHYTHM]`` to ``[N, 3]``."""
        logits: Tensor = self.last(self.relu(self.second(self.relu(self.first(numbers)))))
        return logits


class Beats(nn.Module):
    """What `beat_context.Leads` gives of a beat on one lead to logits of its classes."""

    def __init__(self) -> None:
        super().__init__()
        self.rhythm = RhythmNet()
        self.conv1 = nn.Conv2d(2, 16, (1, 9), stride=(1, 2), padding=(0, 4))
        self.conv2 = nn.Conv2d(16, WIDTH, (1, 5), stride=(1, 2), padding=(0, 2))
        self.conv3 = nn.Conv2d(WIDTH, WIDTH, (1, 5), stride=(1, 2), padding=(0, 2))
        self.relu = nn.ReLU()
        self.shape = nn.Conv2d(WIDTH, HIDDEN, (1, STEPS))
        self.numbers = nn.Linear(RHYTHM + LIKENESS + OF_RHYTHM, HIDDEN)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(2 * HIDDEN + OF_RHYTHM, len(CODES))

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor]:
        """Map ``[N, 1, LENGTH]`` to ``[N, 5]``; the mask is that of every model, and 1 here."""
        x = signal * mask.unsqueeze(-1)
        shapes = x[:, :, : 2 * SHAPE].reshape(-1, 2, 1, SHAPE)
        numbers = x[:, 0, 2 * SHAPE :]
        rhythm = self.rhythm(numbers[:, :RHYTHM])
        h = self.relu(self.conv3(self.relu(self.conv2(self.relu(self.conv1(shapes))))))
        h = self.relu(self.shape(h)).flatten(1)
        told = self.relu(self.numbers(torch.cat([numbers, rhythm], dim=1)))
        return (self.head(torch.cat([self.dropout(h), self.dropout(told), rhythm], dim=1)),)
