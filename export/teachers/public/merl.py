"""MERL (Liu et al., ICML 2024, arXiv 2403.06659): ResNet18 beside the text tower it was trained against.

Attribute names are those of the published state dict. What the paper's ViT needs is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.errors import ExportError
from export.teachers.public import prepare
from export.teachers.public.bert import Bert, encode, vocabulary
from export.teachers.public.checkpoint import fill, state_dict, without
from export.teachers.public.teacher import Teacher
from wearecg.block import Samples

SHARED, HEADS, TEXT = 256, 4, 768
"""Size of the space that ECG and text share, heads of its attention pool, size of the text tower."""
TOKENS = 313
"""Time steps that the ResNet leaves of 5000 samples."""
LIMIT = 256
"""Word pieces of a prompt."""
ORDER = (0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11)
"""MIMIC-IV-ECG has aVF before aVL."""


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm1d(outputs)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Sequential(
            *([] if same else [nn.Conv1d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm1d(outputs)])
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, outputs, ceil(L / stride)]``."""
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """The ECG encoder; ``linear`` is in the published file and takes no part."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(12, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm1d(64)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.linear = nn.Linear(512, 10)

    def steps(self, x: Tensor) -> Tensor:
        """Map ``[N, 12, L]`` to ``[N, 512, ceil(L / 16)]``."""
        x = functional.relu(self.bn1(self.conv1(x)))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Return the mean over time ``[N, 512]``."""
        return self.steps(x).mean(-1), None


class AttentionPool(nn.Module):
    """One query of its own over the time steps."""

    def __init__(self) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty(1, TOKENS + 1, SHARED))
        self.cls_token = nn.Parameter(torch.empty(1, 1, SHARED))
        self.mhsa = nn.MultiheadAttention(SHARED, HEADS, batch_first=True)
        self.c_proj = nn.Linear(SHARED, SHARED)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, SHARED, TOKENS]`` to ``[N, SHARED]``."""
        # The query gets its position twice: so the weights were trained.
        query = (self.cls_token + self.positional_embedding[:, :1]).expand(len(x), -1, -1)
        x = torch.cat([query, x.transpose(1, 2)], dim=1) + self.positional_embedding
        pooled, _ = self.mhsa(x[:, :1], x, x, need_weights=False)
        out: Tensor = self.c_proj(pooled)[:, 0]
        return out


class EcgClip(nn.Module):
    """Both towers; ``linear1`` and ``linear2`` only served the training."""

    def __init__(self, text: Bert | None = None) -> None:
        super().__init__()
        self.downconv = nn.Conv1d(512, SHARED, 1)
        self.att_pool_head = AttentionPool()
        self.linear1 = nn.Linear(SHARED, SHARED, bias=False)
        self.linear2 = nn.Linear(SHARED, SHARED, bias=False)
        self.ecg_encoder = ResNet18()
        self.lm_model = text or Bert()
        self.proj_t = nn.Sequential(nn.Linear(TEXT, SHARED), nn.GELU(), nn.Linear(SHARED, SHARED))
        self.register_buffer("prompts", None)
        self.prompts: Tensor | None

    def text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map word pieces ``[N, L]`` and their mask to unit vectors ``[N, SHARED]``."""
        return functional.normalize(self.proj_t(self.lm_model(ids, mask)), dim=-1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the encoder's mean ``[N, 512]`` and the cosine with each prompt, if there are any."""
        steps = self.ecg_encoder.steps(x)
        embedding = steps.mean(-1)
        if self.prompts is None:
            return embedding, None
        shared = functional.normalize(self.att_pool_head(self.downconv(steps)), dim=-1)
        return embedding, shared @ self.prompts.T


class Merl(Teacher):
    """10 s at 500 Hz, scaled to 0..1 over all leads together. Embedding 512, as its linear probes take.

    It has no head; :meth:`ask` makes one of prompts, whose logits are cosines in -1..1.
    """

    name, fs, seconds = "merl", 500.0, 10.0

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Take ``res18_best_ckpt.pth`` (both towers) or ``res18_best_encoder.pth`` (the ECG's alone)."""
        # Which position comes where: a buffer that transformers kept in the file before 4.31.
        state = without(state_dict(checkpoint), "lm_model.embeddings.position_ids")
        with torch.device("meta"):
            net = EcgClip() if any(name.startswith("ecg_encoder.") for name in state) else ResNet18()
        fill(net, state, source)
        return cls(net)

    def ask(self, prompts: Mapping[str, str], vocab: Path) -> None:
        """From now on, compare each ECG with these texts, one for each label.

        Parameters
        ----------
        prompts : mapping of label to text
            For example the authors' ``CKEPE_prompt.json``.
        vocab : Path
            ``vocab.txt`` of ncbi/MedCPT-Query-Encoder.

        Raises
        ------
        ExportError
            The weights have no text tower, or the vocabulary is none.
        """
        if not isinstance(self.net, EcgClip):
            raise ExportError("this file is MERL's ECG encoder alone; prompts need res18_best_ckpt.pth")
        ids = vocabulary(vocab)
        device = next(self.net.parameters()).device
        with torch.inference_mode():
            vectors = []
            for text in prompts.values():
                pieces = torch.tensor([encode(text, ids, LIMIT)], device=device)
                vectors.append(self.net.text(pieces, torch.ones_like(pieces)))
        self.net.prompts = torch.cat(vectors)
        self.labels = tuple(prompts)

    def prepare(self, samples: Samples) -> Samples:
        """Scale each window to 0..1, exchange aVL and aVF."""
        windows = prepare.cut(samples[:, ORDER], int(self.fs * self.seconds)).astype(np.float64)
        low = windows.min((1, 2), keepdims=True)
        high = windows.max((1, 2), keepdims=True)
        return prepare.channels_first((windows - low) / (high - low + prepare.STEADY))
