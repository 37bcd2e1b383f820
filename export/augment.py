"""Augmentation of training windows: shift, gap, gain, baseline wander and noise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from wearecg.ecg.leads import TWELVE

NOISY = 0.3
"""Share of the windows to which recorded noise is added, if there is any."""
SNR = 24.0
"""Its signal-to-noise ratio is drawn uniformly from 0 dB to this."""
SHIFT = 64
"""Largest shift, samples; samples shifted in are missing, that is 0."""
GAP = 50
"""Longest gap, samples: the longest that is still scored."""


def lead_mask(leads: tuple[str, ...]) -> Tensor:
    """Return ``[12]`` with 1 for these leads."""
    return torch.tensor([float(name in leads) for name in TWELVE])


def lead_subsets(n: int, shares: Mapping[tuple[str, ...], float], most: int, g: torch.Generator) -> Tensor:
    """Draw masks ``[n, 12]``: each of these lead sets so often, the rest of the time up to ``most`` of any leads."""
    size = torch.randint(1, most + 1, (n, 1), generator=g)
    rank = torch.rand(n, len(TWELVE), generator=g).argsort(dim=1).argsort(dim=1)
    mask = (rank < size).float()
    kind = torch.rand(n, generator=g)
    at = 0.0
    for leads, share in shares.items():
        mask[(kind >= at) & (kind < at + share)] = lead_mask(leads)
        at += share
    return mask


def vary(signal: Tensor, g: torch.Generator, fs: float) -> Tensor:
    """Shift, scale and disturb windows ``[N, leads, L]``; polarity is kept, as it has a meaning."""
    n, leads, length = signal.shape
    out = _shift(signal, torch.randint(-SHIFT, SHIFT + 1, (n,), generator=g))
    gain = torch.exp(0.15 * torch.randn(n, 1, 1, generator=g) + 0.03 * torch.randn(n, leads, 1, generator=g))
    out = out * gain
    noisy = (torch.rand(n, 1, 1, generator=g) < 0.5).float()
    sigma = 0.04 * noisy * torch.rand(n, leads, 1, generator=g) ** 2
    out = out + sigma * torch.randn(n, leads, length, generator=g)
    out = out + noisy * _wander(n, leads, length, fs, g)
    return out * _gap(n, length, g)


def disturb(signal: Tensor, noise: Tensor, snr: Tensor, g: torch.Generator) -> Tensor:
    """Add recorded noise ``[channels, samples]`` to windows ``[N, leads, L]`` at ``snr`` dB, ``[N]``.

    The ratio is that of the mean powers of a whole window; all leads of a window get noise of one kind, each from
    another place in the recording.
    """
    n, leads, length = signal.shape
    channel = torch.randint(0, len(noise), (n, 1, 1), generator=g)
    start = torch.randint(0, noise.shape[1] - length + 1, (n, leads, 1), generator=g)
    added = noise[channel, start + torch.arange(length)]
    power = [x.square().mean(dim=(1, 2), keepdim=True) for x in (signal, added)]
    ratio = 10 ** (-snr[:, None, None] / 10)
    return signal + added * (ratio * power[0] / power[1].clamp(min=1e-9)).sqrt()


def crop(signal: Tensor, length: int, g: torch.Generator) -> Tensor:
    """Cut a part of ``length`` samples out of each window, at random."""
    start = torch.randint(0, signal.shape[-1] - length + 1, (len(signal), 1), generator=g)
    at = (start + torch.arange(length))[:, None].expand(-1, signal.shape[1], -1)
    return signal.gather(2, at)


def mix(signal: Tensor, labels: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blend half of the windows, and their labels, with another of the batch (mixup, ICLR 2018)."""
    n = len(signal)
    share = 0.5 + 0.5 * torch.rand(n, 1, generator=g)
    share[torch.rand(n, generator=g) < 0.5] = 1.0
    other = torch.randperm(n, generator=g)
    mixed = share.unsqueeze(-1) * signal + (1 - share).unsqueeze(-1) * signal[other]
    return mixed, share * labels + (1 - share) * labels[other]


def _shift(x: Tensor, by: Tensor) -> Tensor:
    length = x.shape[-1]
    at = torch.arange(length) - by[:, None]
    inside = (at >= 0) & (at < length)
    picked = x.gather(2, at.clamp(0, length - 1)[:, None].expand(x.shape))
    return picked * inside[:, None]


def _wander(n: int, leads: int, length: int, fs: float, g: torch.Generator) -> Tensor:
    """Return baseline wander that the high-pass leaves: 0.3 to 1.5 Hz, up to 0.1 mV."""
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
