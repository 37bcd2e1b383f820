"""What the encoder's training does to a window beside what all do: fewer leads, a slower sensor."""

from __future__ import annotations

import torch
from torch import Tensor

from export.augment import NOISY, SNR, disturb, lead_subsets, vary
from export.models.encoder.card import ABOUT
from wearecg.ecg.leads import TWELVE
from wearecg.pipeline.resample import PASS_BAND

LEAD_SETS: dict[str, tuple[str, ...]] = {
    "12 leads": TWELVE,
    "II+V1+V5": ("II", "V1", "V5"),
    "I+II": ("I", "II"),
    "II": ("II",),
    "I": ("I",),
}
"""The lead sets that every table of the encoder reports."""

SHARES = {"12 leads": 0.34, "II+V1+V5": 0.1, "I+II": 0.1, "II": 0.12, "I": 0.08}
"""How often training shows each of them; the rest of the time, random subsets."""

SLOW = 0.1
"""Share of the windows that look as if they came from the slowest sensor that the encoder takes."""


def augment(
    signal: Tensor, g: torch.Generator, fs: float, noise: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Vary a batch of conditioned windows ``[N, 12, L]`` (mV) and draw the leads that each may show.

    ``noise`` is recorded noise ``[channels, samples]``, for :func:`disturb`.

    Returns the new signal, with all its leads, and the mask ``[N, 12]``.
    """
    n = len(signal)
    mask = lead_subsets(n, {LEAD_SETS[name]: share for name, share in SHARES.items()}, len(TWELVE), g)
    if noise is not None:
        some = torch.rand(n, generator=g) < NOISY
        signal = signal.clone()
        signal[some] = disturb(signal[some], noise, SNR * torch.rand(int(some.sum()), generator=g), g)
    return vary(signal, g, fs), mask


def slowed(signal: Tensor, g: torch.Generator, fs: float) -> Tensor:
    """Take from some windows ``[N, leads, L]`` what a sensor of the slowest rate would not have seen."""
    some = torch.rand(len(signal), 1, 1, generator=g) < SLOW
    f = torch.fft.rfftfreq(signal.shape[-1], 1 / fs)
    nyquist = ABOUT.input.min_fs / 2
    kept = ((nyquist - f) / (nyquist * (1 - PASS_BAND))).clamp(0, 1)
    out: Tensor = torch.fft.irfft(torch.fft.rfft(signal) * torch.where(some, kept, 1.0), n=signal.shape[-1])
    return out
