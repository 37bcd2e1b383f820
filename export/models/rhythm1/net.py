"""The one-lead rhythm network: the wide encoder's first stages, a narrow last one, and statistics over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.layers import conv_bn
from export.models.encoder.net import WIDE, Encoder

IN_FILES = "export.nets.rhythm1"
"""What TFLite files call the layers' module; the published ones do, and their bytes must not change."""

CONTEXT = 32
"""Channels of the last stage."""
EMBEDDING = 64


class Rhythm1(nn.Module):
    """One lead of any length to an embedding and the logits of the classes.

    It begins as the wide :class:`export.models.encoder.net.Encoder` does, so that it can start from one. Irregularity
    is a matter of how features vary from beat to beat: beside mean and maximum their standard deviation
    over time is pooled.

    Parameters
    ----------
    classes : int
    """

    __module__ = IN_FILES

    def __init__(self, classes: int) -> None:
        super().__init__()
        stem, kernel, stride = WIDE.stem
        self.conv, self.bn = conv_bn(1, stem, kernel, stride)
        self.relu = nn.ReLU()
        *first, (_, last) = WIDE.stages
        stages = (*first, (CONTEXT, last))
        widths = [stem, *(channels for channels, _ in stages)]
        self.blocks = nn.Sequential(
            *(WIDE.stage(n, *stage) for n, stage in zip(widths[:-1], stages, strict=True))
        )
        self.dropout = nn.Dropout(0.2)
        self.embed = nn.Linear(3 * CONTEXT, EMBEDDING)
        self.head = nn.Linear(EMBEDDING, classes)

    def forward(self, signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embedding ``[N, 64]`` and the logits ``[N, classes]``.

        ``signal`` is ``[N, 1, L]`` in mV, ``mask`` ``[N, 1]`` with 1 where the lead is there.
        """
        x = (signal * mask.unsqueeze(-1)).unsqueeze(2)
        x = self.blocks(self.relu(self.bn(self.conv(x))))
        mean = x.mean(dim=(2, 3), keepdim=True)
        spread = (x - mean).square().mean(dim=(2, 3)).clamp(min=1e-4).sqrt()
        x = torch.cat([mean.flatten(1), x.amax(dim=(2, 3)), spread], dim=1)
        embedding = self.embed(self.dropout(x))
        return embedding, self.head(self.relu(embedding))

    def guess(self, prevalence: Tensor) -> None:
        """Set the offsets so that the untrained network guesses how usual each class is."""
        with torch.no_grad():
            self.head.bias.copy_(prevalence.logit())


def start_from(net: Rhythm1, encoder: Encoder) -> None:
    """Take over what an encoder makes of lead I alone: its stem and the stages that both have.

    With a mask that never changes, the encoder's gain and offset of the mask are constants, which the
    batch norm behind the first convolution takes in.
    """
    alone = torch.zeros(encoder.lead_gain.in_features)
    alone[0] = 1.0
    with torch.no_grad():
        gain, offset = encoder.lead_gain(alone), encoder.lead_bias(alone)
        net.conv.weight.copy_(encoder.conv.weight[:, :1])
        net.bn.load_state_dict(encoder.bn.state_dict())
        net.bn.weight.mul_(gain)
        net.bn.bias.mul_(gain).add_(offset)
        for ours, theirs in zip(list(net.blocks)[:-1], encoder.blocks, strict=False):
            ours.load_state_dict(theirs.state_dict())
