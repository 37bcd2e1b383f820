"""Input that a model should not be believed on: noise, a pulse wave, exchanged electrodes, a wrong gain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.datasets import bidmc, ptbxl
from wearecg.ecg.leads import TWELVE
from wearecg.models.preprocess import Preprocessing, highpass
from wearecg.pipeline.resample import resample

Make = Callable[[Tensor, torch.Generator], Tensor]
"""Windows ``[N, 12, L]`` in mV to windows that are no longer what they were."""

ARMS = {"I": ("I", -1), "II": ("III", 1), "III": ("II", 1), "aVR": ("aVL", 1), "aVL": ("aVR", 1)}
"""With the arms' electrodes exchanged, each lead shows this one, times this."""


def pulses(records: Sequence[bidmc.Record]) -> NDArray[np.float32]:
    """Return ``[n, 1000]``: the PPG of these records in windows of 10 s at 100 Hz, of standard deviation 1."""
    spec, length = Preprocessing(), ptbxl.LENGTH
    windows = []
    for record in records:
        x = resample(record.ppg[:, None], bidmc.FS, ptbxl.FS)[:, 0]
        x = x[: len(x) // length * length].reshape(-1, length)
        windows.append(highpass(x[np.isfinite(x).all(axis=1)], ptbxl.FS, spec.highpass_hz, spec.pad_s))
    found = np.concatenate(windows).astype(np.float32)
    spread = found.std(axis=1)
    varying: NDArray[np.float32] = found[spread > 0] / spread[spread > 0, None]
    return varying


def kinds(noise: NDArray[np.float32], ppg: NDArray[np.float32]) -> dict[str, Make]:
    """Return each kind by name; ``noise`` is recorded noise ``[channels, samples]``, ``ppg`` of :func:`pulses`."""
    recorded, waves = torch.from_numpy(noise), torch.from_numpy(ppg)

    def only_noise(x: Tensor, g: torch.Generator) -> Tensor:
        n, leads, length = x.shape
        channel = torch.randint(0, len(recorded), (n, 1, 1), generator=g)
        start = torch.randint(0, recorded.shape[1] - length + 1, (n, leads, 1), generator=g)
        return _sized(recorded[channel, start + torch.arange(length)], g)

    def white_noise(x: Tensor, g: torch.Generator) -> Tensor:
        return _sized(torch.randn(x.shape, generator=g), g)

    def pulse(x: Tensor, g: torch.Generator) -> Tensor:
        wave = waves[torch.randint(0, len(waves), (len(x),), generator=g)].unsqueeze(1)
        return _sized(wave.repeat(1, x.shape[1], 1), g)

    return {
        "noise alone": only_noise,
        "white noise": white_noise,
        "PPG as ECG": pulse,
        "arms exchanged": arms_exchanged,
    }


def arms_exchanged(x: Tensor, _: torch.Generator) -> Tensor:
    """Give the leads as they are with the arms' electrodes exchanged; aVF and the chest leads stay."""
    out = x.clone()
    for name, (shows, sign) in ARMS.items():
        out[:, TWELVE.index(name)] = sign * x[:, TWELVE.index(shows)]
    return out


def wrong_gain(x: Tensor, g: torch.Generator) -> Tensor:
    """Scale windows by 2 to 4, which leaves them looking like a larger heart."""
    return (x * (2 + 2 * torch.rand(len(x), 1, 1, generator=g))).clamp(-5, 5)


def _sized(x: Tensor, g: torch.Generator) -> Tensor:
    """Scale windows to what an ECG is as large as: a standard deviation of 0.05 to 0.5 mV."""
    n = len(x)
    size = 0.05 * 10 ** torch.rand(n, 1, 1, generator=g)
    return (x / x.std(dim=(1, 2), keepdim=True).clamp(min=1e-9) * size).clamp(-5, 5)
