"""The encoder with a small head that tells input unlike what it was trained on."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from export.models.encoder.net import Encoder
from export.reduced import reduced

IN_FILES = "export.nets.trust"
"""What TFLite files call the layers' module; the published ones do, and their bytes must not change."""

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
    """An encoder and its head in one network, layer beside layer: what is shipped."""

    __module__ = IN_FILES

    def __init__(self, encoder: Encoder, unlike: Unlike, groups: tuple[str, ...]) -> None:
        super().__init__()
        self.size = encoder.embed.out_features
        self.hidden = _layer([encoder.embed, unlike.hidden])
        self.relu = nn.ReLU()
        logits = _layer([encoder.heads[name] for name in groups])
        self.out = nn.Linear(self.hidden.out_features, logits.out_features + 1)
        with torch.no_grad():
            self.out.weight.copy_(torch.block_diag(logits.weight, unlike.out.weight))  # type: ignore[no-untyped-call]
            self.out.bias.copy_(torch.cat([logits.bias, unlike.out.bias]))
        self.encoder = copy.deepcopy(encoder)
        del self.encoder.embed, self.encoder.heads

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embedding, and the logits of the groups with that of the head after them."""
        hidden: Tensor = self.hidden(self.encoder.pooled(signal, mask))
        return hidden[:, : self.size], self.out(self.relu(hidden))


def _layer(parts: Sequence[nn.Module]) -> nn.Linear:
    """Return layers of the same input as one: that is faster than several."""
    weight, bias = (torch.cat([part.get_parameter(name) for part in parts]) for name in ("weight", "bias"))
    layer = nn.Linear(weight.shape[1], len(weight))
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def features(encoder: Encoder) -> int:
    """Return how many features the encoder pools."""
    return encoder.embed.in_features


@torch.no_grad()
def pooled(encoder: Encoder, signal: Tensor, mask: Tensor) -> Tensor:
    """Return the features of windows in mV, computed as in training."""
    with reduced():
        return encoder.pooled(signal, mask).float()
