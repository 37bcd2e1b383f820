"""ECG-FM (McKeen et al., arXiv 2408.05178): wav2vec 2.0 over 12 leads, 17 statements when fine-tuned.

Attribute names are those of the published state dict (fairseq-signals).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from export.teachers.public import prepare
from export.teachers.public.checkpoint import State, fill, state_dict, without
from export.teachers.public.teacher import Teacher
from wearecg.block import Samples

CHANNELS, DIM, FFN, HEADS, DEPTH = 256, 768, 3072, 12, 12
POSITION_KERNEL, POSITION_GROUPS = 128, 16
TRAINING_ONLY = ("mask_emb", "quantizer.", "project_q.", "final_proj.")

# Statement of the published head, and how their code brings the segments of a recording together.
STATEMENTS = {
    "Poor data quality": "max",
    "Sinus rhythm": "mean",
    "Premature ventricular contraction": "max",
    "Tachycardia": "mean",
    "Ventricular tachycardia": "max",
    "Supraventricular tachycardia with aberrancy": "max",
    "Atrial fibrillation": "mean",
    "Atrial flutter": "mean",
    "Bradycardia": "mean",
    "Accessory pathway conduction": "mean",
    "Atrioventricular block": "mean",
    "1st degree atrioventricular block": "mean",
    "Bifascicular block": "mean",
    "Right bundle branch block": "mean",
    "Left bundle branch block": "mean",
    "Infarction": "mean",
    "Electronic pacemaker": "max",
}


class Features(nn.Module):
    """Four convolutions, each of which halves the time axis; the first with a norm for each channel."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(
            nn.Conv1d(12, CHANNELS, 2, 2, bias=False),
            nn.Identity(),
            nn.GroupNorm(CHANNELS, CHANNELS),
            nn.GELU(),
        )
        others = (nn.Sequential(nn.Conv1d(CHANNELS, CHANNELS, 2, 2, bias=False), nn.GELU()) for _ in range(3))
        self.conv_layers = nn.ModuleList([first, *others])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, 12, L]`` to ``[N, CHANNELS, L // 16]``."""
        for layer in self.conv_layers:
            x = layer(x)
        return x


class Position(nn.Module):
    """What a wide grouped convolution makes of the neighbours tells the position."""

    def __init__(self) -> None:
        super().__init__()
        conv = nn.Conv1d(DIM, DIM, POSITION_KERNEL, padding=POSITION_KERNEL // 2, groups=POSITION_GROUPS)
        self.pos_conv = nn.Sequential(weight_norm(conv, dim=2))

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``[N, L, DIM]`` to what is to be added to them."""
        y = self.pos_conv(x.transpose(1, 2))[..., :-1]  # an even kernel gives one too many
        return functional.gelu(y).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention with a projection each for queries, keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.k_proj, self.v_proj = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.q_proj, self.out_proj = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over tokens ``[N, L, DIM]``."""
        q, k, v = (
            project(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        out: Tensor = self.out_proj(
            functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )
        return out


class Layer(nn.Module):
    """Attention and MLP, each beside a shortcut and before its layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.self_attn_layer_norm = nn.LayerNorm(DIM)
        self.fc1, self.fc2 = nn.Linear(DIM, FFN), nn.Linear(FFN, DIM)
        self.final_layer_norm = nn.LayerNorm(DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``[N, L, DIM]`` to tokens."""
        x = self.self_attn_layer_norm(x + self.self_attn(x))
        out: Tensor = self.final_layer_norm(x + self.fc2(functional.gelu(self.fc1(x))))
        return out


class Transformer(nn.Module):
    """One layer norm, then the layers."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(depth))
        self.layer_norm = nn.LayerNorm(DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``[N, L, DIM]`` to tokens."""
        x = self.layer_norm(x)
        for layer in self.layers:
            x = layer(x)
        return x


class Encoder(nn.Module):
    """Convolutions, projection, position, transformer."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.feature_extractor = Features()
        self.layer_norm = nn.LayerNorm(CHANNELS)
        self.post_extract_proj = nn.Linear(CHANNELS, DIM)
        self.conv_pos = Position()
        self.encoder = Transformer(depth)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, 12, L]`` to tokens ``[N, L // 16, DIM]``."""
        x = self.post_extract_proj(self.layer_norm(self.feature_extractor(x).transpose(1, 2)))
        out: Tensor = self.encoder(x + self.conv_pos(x))
        return out


class Wav2Vec(nn.Module):
    """The encoder, the mean of its tokens, and a linear head when the weights have one."""

    def __init__(self, labels: int, depth: int = DEPTH) -> None:
        super().__init__()
        self.encoder = Encoder(depth)
        self.proj = nn.Linear(DIM, labels) if labels else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the embedding ``[N, DIM]`` and the logits ``[N, labels]``."""
        embedding = self.encoder(x).mean(1)
        return embedding, None if self.proj is None else self.proj(embedding)


class EcgFm(Teacher):
    """Segments of 5 s at 500 Hz; each lead standardised over the whole recording. Embedding 768."""

    name, fs, seconds = "ecg-fm", 500.0, 5.0

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Take ``mimic_iv_ecg_finetuned.pt``, or ``mimic_iv_ecg_physionet_pretrained.pt`` (no head)."""
        state = _named(state_dict(checkpoint, "model"))
        labels = tuple(STATEMENTS) if any(name.startswith("proj.") for name in state) else ()
        with torch.device("meta"):
            net = Wav2Vec(len(labels))
        fill(net, state, source)
        return cls(net, labels)

    def prepare(self, samples: Samples) -> Samples:
        """Standardise each lead, cut into segments."""
        return prepare.channels_first(
            prepare.cut(prepare.standardise(samples, 0), int(self.fs * self.seconds))
        )

    def pool(self, embedding: Tensor, logits: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Bring the segments together as their code does: of each statement the mean probability, or the most."""
        if logits is None:
            return super().pool(embedding, None)
        most = torch.tensor([how == "max" for how in STATEMENTS.values()], device=logits.device)
        mean = torch.logit(torch.sigmoid(logits).mean(1))
        return embedding.mean(1), torch.where(most, logits.amax(1), mean)


def _named(state: State) -> State:
    """Bring both published files to one set of names, without what only the pre-training needs."""
    if not any(name.startswith("encoder.encoder.") for name in state):
        state = {f"encoder.{name}": value for name, value in state.items()}
    state = without(state, *(f"encoder.{name}" for name in TRAINING_ONLY))
    return {_as_of_torch_2(name): value for name, value in state.items()}


def _as_of_torch_2(name: str) -> str:
    """Return the name that the two parts of a weight norm have had since torch 2.0."""
    for old, new in ((".weight_g", "original0"), (".weight_v", "original1")):
        if name.endswith(old):
            return f"{name.removesuffix(old)}.parametrizations.weight.{new}"
    return name
