"""The text tower of MERL: BERT (Devlin et al. 2019) as MedCPT's query encoder has it, and its word pieces.

Attribute names are those of the published state dict.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.errors import ExportError

EPS = 1e-12


@dataclass(frozen=True)
class Size:
    """The sizes of a BERT; those of BERT-base unless said."""

    vocabulary: int = 30522
    dim: int = 768
    ffn: int = 3072
    heads: int = 12
    depth: int = 12
    positions: int = 512


class Embeddings(nn.Module):
    """Word piece, place and sentence type, summed and normed."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(size.vocabulary, size.dim)
        self.position_embeddings = nn.Embedding(size.positions, size.dim)
        self.token_type_embeddings = nn.Embedding(2, size.dim)
        self.LayerNorm = nn.LayerNorm(size.dim, EPS)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ids ``[N, L]`` of one sentence each to ``[N, L, dim]``."""
        places = self.position_embeddings.weight[: ids.shape[1]]
        out: Tensor = self.LayerNorm(
            self.word_embeddings(ids) + places + self.token_type_embeddings.weight[0]
        )
        return out


class Output(nn.Module):
    """A linear layer beside a shortcut, normed."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, dim)
        self.LayerNorm = nn.LayerNorm(dim, EPS)

    def forward(self, x: Tensor, short: Tensor) -> Tensor:
        """Map ``x`` and add it to ``short``."""
        out: Tensor = self.LayerNorm(short + self.dense(x))
        return out


class Attention(nn.Module):
    """Self-attention over the real tokens."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.query, self.key = nn.Linear(size.dim, size.dim), nn.Linear(size.dim, size.dim)
        self.value = nn.Linear(size.dim, size.dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend over tokens ``[N, L, dim]``; ``mask`` ``[N, 1, 1, L]`` tells the real ones."""
        q, k, v = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return y.transpose(1, 2).flatten(2)


class Layer(nn.Module):
    """Attention and MLP, each before its layer norm."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": Attention(size), "output": Output(size.dim, size.dim)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(size.dim, size.ffn)})
        self.output = Output(size.ffn, size.dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map tokens ``[N, L, dim]`` to tokens."""
        x = self.attention["output"](self.attention["self"](x, mask), x)
        out: Tensor = self.output(functional.gelu(self.intermediate["dense"](x)), x)
        return out


class Encoder(nn.Module):
    """The layers."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(size) for _ in range(size.depth))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map tokens ``[N, L, dim]`` to tokens."""
        for layer in self.layer:
            x = layer(x, mask)
        return x


class Bert(nn.Module):
    """From word pieces to one vector a text: the first token, through the pooler."""

    def __init__(self, size: Size | None = None) -> None:
        super().__init__()
        size = size or Size()
        self.embeddings = Embeddings(size)
        self.encoder = Encoder(size)
        self.pooler = nn.ModuleDict({"dense": nn.Linear(size.dim, size.dim)})

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map ids ``[N, L]`` and their mask (1 for a token, 0 for padding) to ``[N, dim]``."""
        x = self.encoder(self.embeddings(ids), mask[:, None, None, :].bool())
        return torch.tanh(self.pooler["dense"](x[:, 0]))


def vocabulary(path: Path) -> dict[str, int]:
    """Read a ``vocab.txt``, one word piece a line in the order of their ids.

    Raises
    ------
    ExportError
        It is not there, or lacks the pieces that every BERT has.
    """
    try:
        pieces = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ExportError(f"cannot read the vocabulary {path}: {error.strerror}") from error
    ids = {piece: i for i, piece in enumerate(pieces)}
    if lacking := {"[PAD]", "[UNK]", "[CLS]", "[SEP]"} - ids.keys():
        raise ExportError(f"{path} is no vocabulary of BERT: it lacks {', '.join(sorted(lacking))}")
    return ids


def encode(text: str, ids: Mapping[str, int], limit: int) -> list[int]:
    """Turn a text into the ids of its word pieces, lower case and without accents, at most ``limit``."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    found: list[int] = []
    for word in re.findall(r"[^\W_]+|[^\w\s]|_", plain):
        found += _pieces(word, ids)
    return [ids["[CLS]"], *found[: limit - 2], ids["[SEP]"]]


def _pieces(word: str, ids: Mapping[str, int]) -> list[int]:
    """The longest known piece first, then the longest of what is left; unknown if any part is."""
    found: list[int] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in ids), None)
        if end is None:
            return [ids["[UNK]"]]
        found.append(ids[mark + word[start:end]])
        start = end
    return found
