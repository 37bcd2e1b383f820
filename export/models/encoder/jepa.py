"""Pre-training of the wide encoder's trunk without labels, by joint-embedding prediction.

The trunk sees parts of a window, a running average of it sees the whole, and a small predictor
says from the first what the second makes of what is hidden (Assran et al., CVPR 2023; on ECG
Weimann and Conrad, arXiv:2410.13867; Kim, arXiv:2410.08559). Unlike there the trunk is
convolutional: what is hidden is 0, as a missing lead or a gap is for the encoder.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from export.augment import crop
from export.layers import conv_bn
from export.loop import Run, Schedule, finished
from export.models.encoder.net import WIDE, Encoder
from export.reduced import reduced

log = logging.getLogger("export.train")

TRUNK = ("conv", "bn", "lead_gain", "lead_bias", "blocks")
STRIDE = 32
"""Samples to one place of the trunk's feature map."""
PLACES = 16
"""Places of the part of a window that is looked at: 5.12 s at 100 Hz, which halves the time of an epoch."""
SPAN, SPANS = 4, 2
"""Places that are hidden in a row, more than a beat, and how often; they may overlap."""
WHOLE = 0.3
"""Share of the windows that keep all leads; the others keep any number of any leads."""


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a pre-training depends on beside the data."""

    epochs: int = 12


class Jepa(nn.Module):
    """An encoder's trunk, and the predictor of what its running average makes of the hidden places."""

    def __init__(self, encoder: Encoder, width: int = 64) -> None:
        super().__init__()
        self.encoder = encoder
        size = encoder.embed.in_features // 2
        self.token = nn.Parameter(torch.zeros(size, 1, 1))
        self.predictor = nn.Sequential(
            *conv_bn(size, width, 1), nn.ReLU(),
            *conv_bn(width, width, 7), nn.ReLU(),
            *conv_bn(width, width, 7), nn.ReLU(),
            nn.Conv2d(width, size, 1),
        )  # fmt: skip

    def forward(self, signal: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """Return ``[N, places, channels]`` for windows whose ``hidden`` ``[N, places]`` are left out."""
        seen = signal * ~hidden.repeat_interleave(STRIDE, dim=1).unsqueeze(1)
        x = self.encoder.features(seen, mask)
        x = torch.where(hidden[:, None, None], self.token.to(x.dtype), x)
        return by_place(self.predictor(x))


def pretrain(signal: Tensor, present: Tensor, work: Path, recipe: Recipe) -> dict[str, Tensor]:
    """Pre-train, or go on with, the run ``jepa.pt`` in the folder ``work``.

    ``signal`` ``[n, 12, L]`` is in microvolts (int16), ``present`` ``[n, 12]`` the mask of its leads.
    Returns the weights of the trunk, to be loaded into an :class:`Encoder`.
    """
    torch.manual_seed(recipe.seed)
    net = Jepa(Encoder({}, WIDE))
    run = Run(net, recipe, len(signal) // recipe.batch, work / "jepa.pt", {})
    average = run.averaged.module
    assert isinstance(average, Jepa)
    for epoch, g in run.epochs():
        for rows in run.batches(len(signal), g):
            x, mask = crop(signal[rows].float() / 1000, STRIDE * PLACES, g), present[rows]
            hidden, kept = hide(len(rows), g)
            with reduced():
                with torch.no_grad():
                    target = by_place(average.encoder.features(x, mask))
                predicted = run.net(x, mask * kept, hidden)
            # A place is to be predicted where any of its leads is hidden.
            where = hidden | (kept < mask).any(dim=1, keepdim=True)
            run.step(smooth_l1_loss(predicted[where], standardised(target)[where]))
        deviation, dimensions = spread(target)
        run.report(epoch, f"target: standard deviation {deviation:.3f}, {dimensions:.0f} dimensions")
    return trunk(run.path)


def trunk(path: Path) -> dict[str, Tensor]:
    """Read the averaged trunk out of a finished checkpoint of :func:`pretrain`."""
    names = {k.removeprefix("encoder."): v for k, v in finished(path)["averaged"].items()}
    return {k: v for k, v in names.items() if k.partition(".")[0] in TRUNK}


def hide(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw the hidden places ``[n, PLACES]`` (bool) and the leads that are kept ``[n, 12]``."""
    start = torch.randint(0, PLACES - SPAN + 1, (n, SPANS, 1), generator=g)
    at = torch.arange(PLACES)
    hidden = ((at >= start) & (at < start + SPAN)).any(dim=1)
    size = torch.randint(1, 13, (n, 1), generator=g)
    size[torch.rand(n, generator=g) < WHOLE] = 12
    rank = torch.rand(n, 12, generator=g).argsort(dim=1).argsort(dim=1)
    return hidden, (rank < size).float()


def by_place(x: Tensor) -> Tensor:
    """Reorder ``[N, channels, 1, places]`` to ``[N, places, channels]``, float32."""
    return x.squeeze(2).transpose(1, 2).float()


def standardised(x: Tensor) -> Tensor:
    """Give every channel of ``[N, places, channels]`` mean 0 and standard deviation 1 over the batch."""
    return (x - x.mean(dim=(0, 1))) / (x.std(dim=(0, 1)) + 1e-4)


def spread(x: Tensor) -> tuple[float, float]:
    """Return what falls where the features collapse: their mean standard deviation and their dimensions.

    The dimensions are the participation ratio of the eigenvalues of the channels' correlation: 1
    where all channels say the same, their number where no two do.
    """
    z = standardised(x).flatten(0, 1)
    correlation = z.T @ z / len(z)
    dimensions = correlation.trace() ** 2 / correlation.square().sum()
    return float(x.std(dim=(0, 1)).mean()), float(dimensions)
