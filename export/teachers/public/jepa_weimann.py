"""ECG-JEPA of Weimann and Conrad (arXiv 2410.13867): a ViT over patches of all leads at once.

Attribute names are those of the published state dict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from export.errors import ExportError
from export.teachers.public import prepare
from export.teachers.public.checkpoint import State, fill, state_dict, under
from export.teachers.public.teacher import Teacher
from export.teachers.public.vit import Block
from wearecg.block import Samples

VARIANTS = {192: ("ViT-XS", 8, 4), 384: ("ViT-S", 8, 6), 768: ("ViT-B", 12, 12)}
"""Width to name, depth and heads."""
PATCH = 25
EPS = 1e-6

# Mean and standard deviation of each lead of PTB-XL folds 1-8 in mV, as in their pre-training.
MEAN = (-0.002, -0.002, 0.000, 0.002, -0.001, -0.001, 0.000, -0.001, -0.002, -0.001, -0.001, -0.001)
STD = (0.191, 0.166, 0.173, 0.142, 0.149, 0.147, 0.235, 0.338, 0.335, 0.299, 0.294, 0.242)
CLIP = 5.0


class Patches(nn.Module):
    """One linear map of each patch of all leads."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv1d(12, dim, PATCH, PATCH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, 12, L]`` to tokens ``[N, L / PATCH, dim]``."""
        out: Tensor = self.proj(x).transpose(1, 2)
        return out


class VisionTransformer(nn.Module):
    """The target encoder; its register takes part and is left out of the embedding."""

    def __init__(self, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patch_embed = Patches(dim)
        self.registers = nn.Parameter(torch.empty(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, bias=False, eps=EPS) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, EPS, bias=False)

    def tokens(self, x: Tensor) -> Tensor:
        """Map ``[N, 12, L]`` to ``[N, L / PATCH, dim]``."""
        x = self.patch_embed(x)
        x = x + positions(x.shape[1], x.shape[2]).to(x)
        x = torch.cat([self.registers.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)[:, 1:]
        return out

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Return the mean of the tokens ``[N, dim]``."""
        return self.tokens(x).mean(1), None


def positions(length: int, dim: int) -> Tensor:
    """Sine and cosine of each position in turn, ``[length, dim]`` (Vaswani et al. 2017)."""
    angle = torch.arange(length).unsqueeze(1) * torch.exp(torch.arange(0, dim, 2) * (-math.log(1e4) / dim))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class WeimannJepa(Teacher):
    """10 s at 500 Hz in mV, each lead scaled by the statistics of PTB-XL and clipped. No head.

    Embedding: mean over the patches of the target encoder, 192, 384 or 768 by its size.
    """

    name, fs, seconds = "jepa-weimann", 500.0, 10.0

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Take a pre-training checkpoint, whole or reduced to its target encoder."""
        state = under(state_dict(checkpoint, "model"), "target_encoder.")
        if not state:
            raise ExportError(
                f"{source} has no target_encoder: give the checkpoint of the pre-training, not of a fine-tuning"
            )
        depth, heads = _variant(state, checkpoint.get("config"), source)
        with torch.device("meta"):
            net = VisionTransformer(len(state["norm.weight"]), depth, heads)
        fill(net, state, source)
        return cls(net)

    def prepare(self, samples: Samples) -> Samples:
        """Scale each lead and clip."""
        scaled = (samples - np.array(MEAN)) / np.array(STD)
        return prepare.channels_first(prepare.cut(np.clip(scaled, -CLIP, CLIP), int(self.fs * self.seconds)))


def _variant(state: State, config: object, source: str) -> tuple[int, int]:
    """Return depth and heads; the heads show in no shape, so what the file says of them is checked."""
    width = len(state["norm.weight"]) if "norm.weight" in state else 0
    if width not in VARIANTS:
        sizes = ", ".join(f"{name} {dim}" for dim, (name, _, _) in VARIANTS.items())
        raise ExportError(f"{source} is {width or 'not known how'} wide; the published sizes are {sizes}")
    name, depth, heads = VARIANTS[width]
    told = config.get("num_heads", heads) if isinstance(config, Mapping) else heads
    if told != heads:
        raise ExportError(f"{source} says it has {told} attention heads; {name} has {heads}")
    return depth, heads
