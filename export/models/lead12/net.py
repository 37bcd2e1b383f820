"""A variational U-Net that gives the eight independent leads, with error bars, from any of the twelve.

The known leads are halved in time three times, then cut to a fifth; there a latent is drawn around its
mean (Kingma and Welling, arXiv:1312.6114), and the way back meets the encoder's features of each rate
(Ronneberger et al., MICCAI 2015). Convolutions, batch norm and ReLU alone, as in the encoder. Nothing is
computed at the full rate, where convolutions cost most: two samples of a lead are two channels at half of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.layers import Pair, Up, column, conv_bn, paired, unpaired

IN_FILES = "export.nets.lead12"
"""What TFLite files call the layers' module; the published ones do, and their bytes must not change."""

STEM = 48
"""Channels at half the rate."""
STAGES = ((64, 2), (96, 2), (136, 5))
"""Channels and stride of each stage on the way down."""
LATENT = 32
INDEPENDENT = 8
UNTRAINED_LOGVAR = -4.6
"""Of 0.1 mV, about what is left unexplained: where the error bars start from."""


class Lead12(nn.Module):
    """Signal and lead mask to mean and log-variance of I, II and V1 to V6.

    Parameters
    ----------
    latent : int
        Channels of the latent, which has one step for every 0.4 s.
    stem : int
    stages : sequence of (channels, stride)
    """

    __module__ = IN_FILES

    def __init__(
        self,
        latent: int = LATENT,
        stem: int = STEM,
        stages: tuple[tuple[int, int], ...] = STAGES,
        leads: int = 12,
    ) -> None:
        super().__init__()
        self.conv, self.bn = conv_bn(2 * leads, stem, 5)
        self.lead_gain = nn.Linear(leads, stem)
        self.lead_bias = nn.Linear(leads, stem)
        self.relu = nn.ReLU()
        widths = [stem, *(channels for channels, _ in stages)]
        deepest = widths[-1]
        self.down = nn.ModuleList(Pair(n, *stage) for n, stage in zip(widths[:-1], stages, strict=True))
        self.latent_mean = nn.Conv2d(deepest, latent, 1)
        self.latent_logvar = nn.Conv2d(deepest, latent, 1)
        self.whole = nn.Linear(deepest, deepest)
        self.back = Pair(latent, deepest)
        self.up = nn.ModuleList(
            Up(below, here, stride)
            for below, here, (_, stride) in zip(widths[:0:-1], widths[-2::-1], stages[::-1], strict=True)
        )
        self.mean = nn.Conv2d(stem + 2 * leads, 2 * INDEPENDENT, (1, 3), padding=(0, 1))
        self.logvar = nn.Conv2d(stem + 2 * leads, 2 * INDEPENDENT, (1, 3), padding=(0, 1))
        nn.init.zeros_(self.lead_gain.weight)
        nn.init.ones_(self.lead_gain.bias)
        assert self.logvar.bias is not None
        nn.init.constant_(self.logvar.bias, UNTRAINED_LOGVAR)

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (mV) and log-variance (mV^2) ``[N, 8, L]``, at the mean of the latent.

        ``signal`` is ``[N, 12, L]`` in mV, L a multiple of all strides; ``mask`` ``[N, 12]`` with 1 for
        the leads that are there, the samples of the others are ignored.
        """
        features, latent, _ = self._encode(signal, mask)
        return self._decode(features, latent)

    def sampled(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Do the same with a latent drawn at random; third, its divergence from the standard normal, ``[N]``."""
        features, mean, logvar = self._encode(signal, mask)
        latent = mean + torch.randn_like(mean) * (logvar / 2).exp()
        divergence = (mean.square() + logvar.exp() - 1 - logvar).float().sum(dim=(1, 2, 3)) / 2
        return *self._decode(features, latent), divergence

    def _encode(self, signal: Tensor, mask: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Features of each rate, the input first; mean and log-variance of the latent."""
        known = paired(signal * mask.unsqueeze(-1))
        x = self.bn(self.conv(known))
        x = self.relu(x * column(self.lead_gain(mask)) + column(self.lead_bias(mask)))
        features = [known, x]
        for stage in self.down:
            x = stage(x)
            features.append(x)
        return features, self.latent_mean(x), self.latent_logvar(x).clamp(-8, 4)

    def _decode(self, features: list[Tensor], latent: Tensor) -> tuple[Tensor, Tensor]:
        known, *features, deepest = features
        # What a heart looks like is the same in all ten seconds.
        x = self.back(latent) + column(self.relu(self.whole(deepest.mean(dim=(2, 3)))))
        for up, here in zip(self.up, reversed(features), strict=True):
            x = up(x, here)
        x = torch.cat([x, known], dim=1)
        return unpaired(self.mean(x)), unpaired(self.logvar(x))
