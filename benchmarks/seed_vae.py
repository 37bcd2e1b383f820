"""The variational autoencoder that WearECG reconstructs twelve leads with, in its published shape.

Guan et al., arXiv:2510.11442, and the authors' repository: residual blocks with group norm, three halvings
of the time axis, one attention in each half, a latent of 4 channels at an eighth of the rate; 34.5 million
parameters. Written from that description; at inference the latent is its mean.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 32
LATENT = 4
SCALE = 0.18215


class Residual(nn.Module):
    """Twice group norm, SiLU and a convolution, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.GroupNorm(GROUPS, inputs), nn.SiLU(), nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2),
            nn.GroupNorm(GROUPS, outputs), nn.SiLU(), nn.Conv1d(outputs, outputs, kernel, padding=kernel // 2),
        )  # fmt: skip
        self.short = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, outputs, L]``."""
        out: Tensor = self.path(x) + self.short(x)
        return out


class Attention(nn.Module):
    """One head over the time axis, beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep ``[N, width, L]``."""
        query, key, value = self.project(x.transpose(1, 2)).chunk(3, dim=-1)
        weight = torch.softmax(query @ key.transpose(1, 2) / query.shape[-1] ** 0.5, dim=-1)
        out: Tensor = x + self.out(weight @ value).transpose(1, 2)
        return out


class Halve(nn.Module):
    """A convolution of stride two, padded so that it halves."""

    def __init__(self, width: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel, stride=2, padding=(kernel - 3) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, width, L]`` to ``[N, width, L / 2]``."""
        out: Tensor = self.conv(functional.pad(x, (0, 1)))
        return out


class Latent(nn.Module):
    """The mean of the latent, scaled there and back as the published code does."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, 8, L]`` to ``[N, 4, L]``."""
        return x[:, :LATENT] * SCALE / SCALE


def seed_vae(leads: int = 12) -> nn.Module:
    """Return the network: ``[N, 12, L]`` with the unknown leads at 0 to ``[N, 12, L]``."""
    return nn.Sequential(*_encoder(leads), Latent(), *_decoder(leads))


def _encoder(leads: int) -> Iterator[nn.Module]:
    yield nn.Conv1d(leads, 128, 3, padding=1)
    width = 128
    for wider in (128, 256, 512):
        yield from (Residual(width, wider), Residual(wider, wider), Halve(wider))
        width = wider
    yield from (
        Residual(512, 512),
        Residual(512, 512),
        Residual(512, 512),
        Attention(512),
        Residual(512, 512),
    )
    yield from (nn.GroupNorm(GROUPS, 512), nn.SiLU(), nn.Conv1d(512, 8, 3, padding=1), nn.Conv1d(8, 8, 1))


def _decoder(leads: int) -> Iterator[nn.Module]:
    yield from (nn.Conv1d(LATENT, LATENT, 1), nn.Conv1d(LATENT, 512, 3, padding=1))
    yield from (Residual(512, 512), Attention(512), *(Residual(512, 512) for _ in range(4)))
    for outputs in (512, 512, 256):
        yield from (nn.Upsample(scale_factor=2), nn.Conv1d(512, 512, 3, padding=1), Residual(512, outputs))
        yield from (Residual(outputs, outputs), Residual(outputs, outputs))
    yield from (nn.GroupNorm(GROUPS, 256), nn.SiLU(), nn.Conv1d(256, leads, 3, padding=1))
