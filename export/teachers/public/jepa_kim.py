"""ECG-JEPA of Kim (arXiv 2410.08559): a ViT over patches of single leads with cross-pattern attention.

Attribute names (``W_P`` too) are those of the published state dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from export.teachers.public import prepare
from export.teachers.public.checkpoint import fill, state_dict
from export.teachers.public.teacher import Teacher
from export.teachers.public.vit import Block
from wearecg.block import Samples
from wearecg.ecg.leads import TWELVE

LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
PATCH, PATCHES = 50, 50
EPS = 1e-5


class Blocks(nn.Module):
    """Blocks before each of which the position is added again."""

    def __init__(self, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, heads, bias=True, eps=EPS) for _ in range(depth))

    def forward(self, x: Tensor, position: Tensor, mask: Tensor) -> Tensor:
        """Map tokens ``[N, L, dim]`` to tokens."""
        for block in self.blocks:
            x = block(x + position, mask)
        return x


class MaskTransformer(nn.Module):
    """The encoder: a token attends to those of its own lead and to those of its own time."""

    def __init__(self, dim: int = 768, depth: int = 12, heads: int = 16) -> None:
        super().__init__()
        self.W_P = nn.Linear(PATCH, dim)
        self.pos_embed = nn.Parameter(torch.empty(len(LEADS) * PATCHES, dim))
        self.encoder_blocks = Blocks(dim, depth, heads)
        self.norm = nn.LayerNorm(dim, EPS)

    def tokens(self, x: Tensor) -> Tensor:
        """Map ``[N, leads, PATCH * PATCHES]`` to ``[N, leads * PATCHES, dim]``, lead by lead."""
        patches = self.W_P(x.reshape(len(x), -1, PATCH))
        out: Tensor = self.norm(self.encoder_blocks(patches, self.pos_embed, cross_pattern().to(x.device)))
        return out

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Return the mean of the tokens ``[N, dim]``."""
        return self.tokens(x).mean(1), None


def cross_pattern(leads: int = len(LEADS), patches: int = PATCHES) -> Tensor:
    """Which token may look at which: ``[leads * patches, leads * patches]`` of bool."""
    token = torch.arange(leads * patches)
    lead, time = token // patches, token % patches
    return (lead.unsqueeze(1) == lead) | (time.unsqueeze(1) == time)


class KimJepa(Teacher):
    """10 s at 250 Hz of eight leads in mV as they are. No head. Embedding 768."""

    name, fs, seconds = "jepa-kim", 250.0, 10.0

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Take ``multiblock_epoch100.pth`` or the one with random masking."""
        with torch.device("meta"):
            net = MaskTransformer()
        fill(net, state_dict(checkpoint, "encoder"), source)
        return cls(net)

    def prepare(self, samples: Samples) -> Samples:
        """Pick the leads."""
        picked = samples[:, [TWELVE.index(lead) for lead in LEADS]]
        return prepare.channels_first(prepare.cut(picked, PATCH * PATCHES))
