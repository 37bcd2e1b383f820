"""Makes ``data/tiny.tflite``, the tiny model of the tests for LiteRT: ``python make_tflite.py``."""

from __future__ import annotations

from pathlib import Path

import litert_torch
import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    """Embedding: mean absolute value of leads I, II, III, V6; logits: those of I and II."""

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        shown = signal.abs().mean(dim=2) * mask
        embedding = torch.cat([shown[:, :3], shown[:, 11:]], dim=1)
        return embedding, embedding[:, :2] * 1.0


if __name__ == "__main__":
    example = (torch.zeros(1, 12, 1000), torch.ones(1, 12))
    litert_torch.convert(Tiny().eval(), example).export(str(Path(__file__).parent / "data" / "tiny.tflite"))
