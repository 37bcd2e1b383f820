"""CSFM (Gu et al., Nature Machine Intelligence 2026, arXiv 2507.01045): a transformer over any channels.

Attribute names are those of the published code. The text and PPG channels are loaded and not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from export.errors import ExportError
from export.teachers.public import prepare
from export.teachers.public.checkpoint import State, fill, state_dict, under, without
from export.teachers.public.teacher import Teacher
from wearecg.block import Samples

PATCH, PATCHES = 25, 100
CHANNELS = 13
"""The twelve leads in their standard order, then PPG."""
HEAD = 64
"""Size of an attention head."""
TEXT, VOCABULARY = 64, 30522


class Size(NamedTuple):
    """One of the published sizes."""

    dim: int
    depth: int
    heads: int
    mlp: int


SIZES = {
    "Tiny": Size(768, 6, 8, 1024),
    "Base": Size(768, 12, 12, 3072),
    "Large": Size(1024, 16, 24, 4096),
}


class Attention(nn.Module):
    """Layer norm, then self-attention."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size.dim)
        self.to_qkv = nn.Linear(size.dim, 3 * size.heads * HEAD, bias=False)
        self.to_out = nn.Sequential(nn.Linear(size.heads * HEAD, size.dim))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over tokens ``[N, L, dim]``."""
        q, k, v = self.to_qkv(self.norm(x)).unflatten(-1, (3, -1, HEAD)).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.to_out(y.transpose(1, 2).flatten(2))
        return out


class Mlp(nn.Module):
    """Layer norm, then two linear layers."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(size.dim),
            nn.Linear(size.dim, size.mlp),
            nn.GELU(),
            nn.Identity(),
            nn.Linear(size.mlp, size.dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map each token."""
        out: Tensor = self.net(x)
        return out


class Transformer(nn.Module):
    """Pairs of attention and MLP, each beside a shortcut, and a last layer norm."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size.dim)
        self.layers = nn.ModuleList(nn.ModuleList([Attention(size), Mlp(size)]) for _ in range(size.depth))

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``[N, L, dim]`` to tokens."""
        for pair in self.layers:
            for layer in cast(nn.ModuleList, pair):
                x = x + layer(x)
        out: Tensor = self.norm(x)
        return out


class Csfm(nn.Module):
    """The encoder; the embedding is its class token."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ts_to_patch_embedding = nn.Sequential(
            nn.Unflatten(-1, (-1, PATCH)),
            nn.LayerNorm(PATCH),
            nn.Linear(PATCH, size.dim),
            nn.LayerNorm(size.dim),
        )
        self.text_to_embedding = nn.Sequential(nn.Embedding(VOCABULARY, size.dim), nn.LayerNorm(size.dim))
        self.cls_token = nn.Parameter(torch.empty(1, 1, size.dim))
        self.ts_channel_type_embedding = nn.Parameter(torch.empty(1, CHANNELS, size.dim))
        self.text_type_embedding = nn.Parameter(torch.empty(1, 1, size.dim))
        self.ts_pos_embedding = nn.Parameter(torch.empty(1, PATCHES, size.dim))
        self.text_pos_embedding = nn.Parameter(torch.empty(1, TEXT, size.dim))
        self.transformer = Transformer(size)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Map ``[N, 12, PATCH * PATCHES]`` to the embedding ``[N, dim]``."""
        channel = self.ts_channel_type_embedding[:, : x.shape[1]].unsqueeze(2)
        patches = self.ts_to_patch_embedding(x) + channel + self.ts_pos_embedding.unsqueeze(1)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches.flatten(1, 2)], dim=1)
        embedding: Tensor = self.transformer(tokens)[:, 0]
        return embedding, None


def clean(x: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Filter [n, leads] as NeuroKit2's ``ecg_clean`` does: from 0.5 Hz, less the mains at 50 Hz."""
    from scipy import signal

    y = signal.sosfiltfilt(signal.butter(5, 0.5, "highpass", output="sos", fs=fs), x, axis=0)
    period = int(fs / 50)
    out: NDArray[np.float64] = signal.filtfilt(np.ones(period), [period], y, axis=0)
    return out


class CardiacSensing(Teacher):
    """10 s at 250 Hz, cleaned, each lead standardised. No head. Embedding 768 (Large: 1024)."""

    name, fs, seconds = "csfm", 250.0, 10.0

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Take a pre-training checkpoint of any size; its decoder is left out."""
        state = state_dict(checkpoint)
        state = without(under(state, "encoder.") or state, "mlp_head.")
        size = _size(state, source)
        with torch.device("meta"):
            net = Csfm(size)
        fill(net, state, source)
        return cls(net)

    def prepare(self, samples: Samples) -> Samples:
        """Clean the recording, standardise each lead of each window."""
        windows = prepare.cut(clean(samples.astype(np.float64), self.fs), PATCH * PATCHES)
        return prepare.channels_first(prepare.standardise(windows, 1))


def _size(state: State, source: str) -> Size:
    """Return the size whose MLP a state dict has: no two of the published ones share it."""
    first = state.get("transformer.layers.0.1.net.1.weight")
    for size in SIZES.values():
        if first is not None and tuple(first.shape) == (size.mlp, size.dim):
            return size
    raise ExportError(
        f"{source} has no encoder of CSFM in a published size ({', '.join(SIZES)}): transformer.layers.0.1.net.1"
        f".weight is {'missing' if first is None else list(first.shape)}"
    )
