"""What is done to a training window: fewer leads, a shift, a gap, another gain, wander and noise."""

from __future__ import annotations

import torch
from torch import Tensor

from wearecg.ecg.leads import TWELVE

LEAD_SETS: dict[str, tuple[str, ...]] = {
    "12 leads": TWELVE,
    "II+V1+V5": ("II", "V1", "V5"),
    "II": ("II",),
}
"""The lead sets that every table of ours reports."""

SHIFT = 64
"""Largest shift, samples; what is shifted in is missing, that is 0."""
GAP = 50
"""Longest gap, samples: the longest that is still scored."""


def lead_mask(leads: tuple[str, ...]) -> Tensor:
    """Return ``[12]`` with 1 for these leads."""
    return torch.tensor([float(name in leads) for name in TWELVE])


def augment(signal: Tensor, g: torch.Generator, fs: float) -> tuple[Tensor, Tensor]:
    """Vary a batch of conditioned windows ``[N, 12, L]`` (mV) and hide leads of each.

    Returns the new signal and its mask ``[N, 12]``. Polarity is left alone: it means something.
    """
    n, leads, length = signal.shape
    out = _shift(signal, torch.randint(-SHIFT, SHIFT + 1, (n,), generator=g))
    gain = torch.exp(0.15 * torch.randn(n, 1, 1, generator=g) + 0.03 * torch.randn(n, leads, 1, generator=g))
    out = out * gain
    noisy = (torch.rand(n, 1, 1, generator=g) < 0.5).float()
    sigma = 0.04 * noisy * torch.rand(n, leads, 1, generator=g) ** 2
    out = out + sigma * torch.randn(n, leads, length, generator=g)
    out = out + noisy * _wander(n, leads, length, fs, g)
    mask = _subsets(n, leads, g)
    return out * mask.unsqueeze(-1) * _gap(n, length, g), mask


def _shift(x: Tensor, by: Tensor) -> Tensor:
    length = x.shape[-1]
    at = torch.arange(length) - by[:, None]
    inside = (at >= 0) & (at < length)
    picked = x.gather(2, at.clamp(0, length - 1)[:, None].expand(x.shape))
    return picked * inside[:, None]


def _wander(n: int, leads: int, length: int, fs: float, g: torch.Generator) -> Tensor:
    """Slow baseline motion that the high-pass has not removed: 0.3 to 1.5 Hz, up to 0.1 mV."""
    t = torch.arange(length) / fs
    f = 0.3 + 1.2 * torch.rand(n, 1, 1, generator=g)
    phase = 2 * torch.pi * torch.rand(n, leads, 1, generator=g)
    return 0.1 * torch.rand(n, leads, 1, generator=g) ** 2 * torch.sin(2 * torch.pi * f * t + phase)


def _gap(n: int, length: int, g: torch.Generator) -> Tensor:
    """``[N, 1, length]`` with one gap of zeros in three of ten windows, as a lost packet leaves it."""
    size = torch.randint(1, GAP + 1, (n, 1), generator=g) * (torch.rand(n, 1, generator=g) < 0.3)
    start = torch.randint(0, length, (n, 1), generator=g)
    at = torch.arange(length)
    return ((at < start) | (at >= start + size)).float().unsqueeze(1)


def _subsets(n: int, leads: int, g: torch.Generator) -> Tensor:
    """Four in ten keep all leads, two the reported small sets, the others any number of any leads."""
    size = torch.randint(1, leads + 1, (n, 1), generator=g)
    rank = torch.rand(n, leads, generator=g).argsort(dim=1).argsort(dim=1)
    mask = (rank < size).float()
    kind = torch.rand(n, generator=g)
    mask[kind < 0.4] = 1.0
    mask[(kind >= 0.4) & (kind < 0.5)] = lead_mask(LEAD_SETS["II+V1+V5"])
    mask[(kind >= 0.5) & (kind < 0.6)] = lead_mask(LEAD_SETS["II"])
    return mask
