"""The encoder with a small head that tells input unlike what it was trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.nets.encoder import Encoder
from export.reduced import reduced

HIDDEN = 32


class Unlike(nn.Module):
    """Pooled features ``[N, features]`` to one logit ``[N, 1]``: this is no ECG as in training."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, HIDDEN)
        self.relu = nn.ReLU()
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the logit."""
        logit: Tensor = self.out(self.relu(self.hidden(pooled)))
        return logit


class WithUnlike(nn.Module):
    """An encoder and its head in one network: what is shipped."""

    def __init__(self, encoder: Encoder, unlike: Unlike) -> None:
        super().__init__()
        self.encoder, self.unlike = encoder, unlike

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return what the encoder gives, then the logit of the head."""
        pooled: Tensor = self.encoder.pooled(signal, mask)
        return *self.encoder.read(pooled), self.unlike(pooled)


def features(encoder: Encoder) -> int:
    """Return how many features the encoder pools."""
    return encoder.embed.in_features


@torch.no_grad()
def pooled(encoder: Encoder, signal: Tensor, mask: Tensor) -> Tensor:
    """Return the features of windows in mV, computed as in training."""
    with reduced():
        return encoder.pooled(signal, mask).float()
