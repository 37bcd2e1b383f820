"""A pulse to an ECG-shaped trace: an encoder aligned with the ECG's, and a rectified flow in the ECG's latent.

After PPGFlowECG (arXiv:2509.19774): the ECG is coded into a small latent; the pulse's features share a space with
it; a rectified flow (Liu et al., ICLR 2023) carries noise to the latent, given the beats that these features tell.
What ships goes the whole way in one step. Convolutions, batch norm and ReLU alone.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from export.layers import Pair, Up, column, conv_bn, paired, unpaired

IN_FILES = "export.nets.ppg2ecg"
"""What TFLite files call the layers' module; the published ones do, and their bytes must not change."""

LENGTH = 1000
STEP = 8
"""Samples for one step of the latent: 80 ms."""
LATENT = 4
FOLDED = 4
"""Samples of the pulse that are looked at as channels of one step: it has nothing above 8 Hz."""
WIDTHS = (56, 80)
"""Channels of the pulse's encoder at 25 and 12.5 Hz."""
WIDE = 128
"""Channels at 2.5 Hz, where seconds are seen at once."""
FLOW = 64
SHARED = 16
"""Numbers for each 0.4 s that pulse and ECG have in common."""
RATE = 20.0
"""Brings the mean chance of a beat near 1."""
TIMES = 4
"""Powers of the time that the flow is told."""
UNTRAINED_LAG = (0.55, -6.0)
"""Usual lag (s) and log of its variance (s^2): where the estimate starts from."""
TRUST = 0.75
"""So much of the estimate's distance from the usual lag is believed: of a stranger it goes too far. Chosen in
`export.models.ppg2ecg.crossval`."""


class Answer(NamedTuple):
    """What the pulse's features say by themselves: see :class:`PulseEncoder`."""

    features: Tensor
    beats: Tensor
    lag: Tensor


class PulseEncoder(nn.Module):
    """The pulse, conditioned, to features, where its beats are, and how far behind the R waves they come."""

    __module__ = IN_FILES

    def __init__(self) -> None:
        super().__init__()
        first, last = WIDTHS
        self.conv, self.bn = conv_bn(FOLDED, first, 9)
        self.relu = nn.ReLU()
        self.down = Pair(first, last, 2)
        self.wide = nn.Sequential(Pair(last, WIDE, 5), Pair(WIDE, WIDE))
        self.whole = nn.Linear(WIDE, WIDE)
        self.up = Up(WIDE, last, 5)
        self.beats = Head(last, STEP)
        self.lag = nn.Linear(WIDE, 2)
        with torch.no_grad():
            self.lag.bias.copy_(torch.tensor(UNTRAINED_LAG))

    def forward(self, pulse: Tensor) -> Answer:
        """Map ``[N, 1, L]`` to features ``[N, C, 1, L / 8]``, logits ``[N, L]``, lag ``[N, 2]`` (s, log s^2)."""
        n, _, length = pulse.shape
        folded = pulse.reshape(n, length // FOLDED, FOLDED).transpose(1, 2).unsqueeze(2)
        x = self.down(self.relu(self.bn(self.conv(folded))))
        wide = self.wide(x)
        whole = self.relu(self.whole(wide.mean(dim=(2, 3))))
        x = self.up(wide + column(whole), x)
        return Answer(x, _in_time(self.beats(x))[:, 0], self.lag(whole))


def cautious(pulse: PulseEncoder) -> PulseEncoder:
    """Return a copy of a trained encoder whose lag stays nearer to the usual one."""
    pulse = copy.deepcopy(pulse)
    usual = UNTRAINED_LAG[0]
    with torch.no_grad():
        pulse.lag.weight[0] *= TRUST
        pulse.lag.bias[0] = usual + TRUST * (pulse.lag.bias[0] - usual)
    return pulse


class Head(nn.Module):
    """Two convolutions from features to ``outputs`` numbers a step."""

    __module__ = IN_FILES

    def __init__(self, inputs: int, outputs: int, width: int = 48) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(inputs, width, 3)
        self.out = nn.Conv2d(width, outputs, 1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, 1, L]`` to ``[N, outputs, 1, L]``."""
        out: Tensor = self.out(self.relu(self.bn(self.conv(x))))
        return out


class EcgEncoder(nn.Module):
    """An ECG to mean and log-variance of its latent; needed in training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(2, 24, 9)
        self.relu = nn.ReLU()
        self.down = nn.Sequential(Pair(24, 48, 2), Pair(48, 64, 2))
        self.mean, self.logvar = nn.Conv2d(64, LATENT, 1), nn.Conv2d(64, LATENT, 1)

    def forward(self, ecg: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``[N, 1, L]`` to twice ``[N, LATENT, 1, L / 8]``."""
        x = self.down(self.relu(self.bn(self.conv(paired(ecg)))))
        return self.mean(x), self.logvar(x).clamp(-10, 4)


class Decoder(nn.Module):
    """The latent back to an ECG."""

    __module__ = IN_FILES

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([Pair(LATENT, 48), Pair(48, 32), Pair(32, 24)])
        self.stretch = nn.Upsample(scale_factor=(1, 2), mode="nearest")
        self.out = nn.Conv2d(24, 2, (1, 3), padding=(0, 1))

    def forward(self, latent: Tensor) -> Tensor:
        """Map ``[N, LATENT, 1, L / 8]`` to ``[N, 1, L]`` in mV."""
        first, *others = self.stages
        x = first(latent)
        for stage in others:
            x = stage(self.stretch(x))
        return unpaired(self.out(x))


class Flow(nn.Module):
    """The velocity of the latent at time 0 (noise) to 1 (ECG), given where the beats are.

    Of the pulse it sees no more: its shape tells training persons apart, not how the waves of a heart look.
    """

    __module__ = IN_FILES

    def __init__(self) -> None:
        super().__init__()
        self.latent, self.given = nn.Conv2d(LATENT, FLOW, 1), nn.Conv2d(STEP + 1, FLOW, 1)
        self.time = nn.Linear(TIMES, FLOW)
        self.first, self.second = Pair(FLOW, FLOW), Pair(FLOW, FLOW)
        self.out = nn.Conv2d(FLOW, LATENT, 1)

    def forward(self, latent: Tensor, timing: Tensor, time: Tensor) -> Tensor:
        """Return the velocity ``[N, LATENT, 1, L / 8]``, given `timed` beats and the time ``[N]`` or ``[1]``."""
        powers = torch.stack([time**k for k in range(1, TIMES + 1)], dim=1)
        x = self.latent(latent) + self.given(timing) + column(self.time(powers))
        x = x + self.first(x)
        out: Tensor = self.out(x + self.second(x))
        return out


class Aligned(nn.Module):
    """Stage one: pulse and ECG side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.pulse, self.ecg, self.decoder = PulseEncoder(), EcgEncoder(), Decoder()
        self.cross = nn.Conv2d(WIDTHS[-1], LATENT, 1)
        """The pulse's own guess at the mean of the latent."""
        self.pulse_shared, self.ecg_shared = (
            nn.Conv2d(n, SHARED, (1, 5), stride=(1, 5)) for n in (WIDTHS[-1], LATENT)
        )


class Ppg2Ecg(nn.Module):
    """What ships: conditioned pulse and mask to ECG, beats and lag, in ``steps`` steps of the flow from ``noise``."""

    __module__ = IN_FILES

    def __init__(self, aligned: Aligned, flow: Flow, scale: float, noise: Tensor, steps: int = 1) -> None:
        super().__init__()
        self.pulse, self.decoder, self.flow = cautious(aligned.pulse), aligned.decoder, flow
        self.scale, self.steps = scale, steps
        self.noise: Tensor
        self.register_buffer("noise", noise)

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ECG ``[N, L]`` (mV, zero lag), beats ``[N, L]`` (logit), lag ``[N, 2]`` (s, log s^2)."""
        answer = self.pulse(signal * mask.unsqueeze(-1))
        latent = integrated(self.flow, self.noise, timed(answer.beats), self.steps)
        return self.decoder(latent * self.scale)[:, 0], answer.beats, answer.lag


def timed(beats: Tensor) -> Tensor:
    """Chances of a beat from logits ``[N, L]``, the samples of a step as channels; last, how many there are."""
    n, length = beats.shape
    chance = beats.sigmoid().reshape(n, length // STEP, STEP).transpose(1, 2).unsqueeze(2)
    rate = chance.mean(dim=(1, 3), keepdim=True) * RATE
    return torch.cat([chance, rate.expand(-1, -1, -1, length // STEP)], dim=1)


def integrated(flow: Flow, noise: Tensor, timing: Tensor, steps: int) -> Tensor:
    """Follow the flow from ``noise`` to time 1 by Euler's method."""
    latent = noise
    for k in range(steps):
        time = torch.full((1,), k / steps)
        latent = latent + flow(latent, timing, time) / steps
    return latent


def _in_time(x: Tensor) -> Tensor:
    """``[N, STEP, 1, L / STEP]`` to ``[N, 1, L]``: the channels of a step are its samples."""
    n, step, _, length = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, 1, step * length)
