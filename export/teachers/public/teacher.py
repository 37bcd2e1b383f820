"""A teacher: a published network with its own preprocessing, from a recording to what it says of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from export.teachers.public import prepare
from wearecg.block import Samples


class Opinion(NamedTuple):
    """What a teacher says of one recording (of N: with a leading axis N)."""

    embedding: Samples
    """[d]"""
    logits: Samples | None
    """[len(labels)] before the sigmoid; None where the weights have no head."""
    labels: tuple[str, ...]


class Teacher(ABC):
    """A published network in float32, frozen, with the preprocessing it was trained with.

    The network returns ``(embedding [k, d], logits [k, labels] or None)`` for windows
    ``[k, leads, fs * seconds]``.
    """

    name: ClassVar[str]
    fs: ClassVar[float]
    seconds: ClassVar[float]

    def __init__(self, net: nn.Module, labels: tuple[str, ...] = ()) -> None:
        self.net = net
        self.labels = labels

    @classmethod
    @abstractmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any], source: str) -> Self:
        """Build the network that fits a checkpoint and fill it; ExportError when none does."""

    @abstractmethod
    def prepare(self, samples: Samples) -> Samples:
        """Turn mV [n, 12] at ``fs``, in the standard lead order, into windows [k, leads, fs * seconds]."""

    def pool(self, embedding: Tensor, logits: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Bring what was said of the windows [N, k, ...] of each recording together: their mean."""
        return embedding.mean(1), None if logits is None else logits.mean(1)

    def to(self, device: str) -> Self:
        """Move the network."""
        self.net.to(device)
        return self

    def __call__(self, samples: Samples, fs: float) -> Opinion:
        """Judge a recording [n, 12] in mV at ``fs`` Hz, or N of one length [N, n, 12].

        Longer recordings are cut into whole windows, the rest is left out.

        Raises
        ------
        SignalError
            See :func:`export.teachers.public.prepare.check`.
        """
        one = samples.ndim == 2
        recordings = samples[None] if one else samples
        windows = np.stack([self._windows(recording, fs) for recording in recordings])
        n, k = windows.shape[:2]
        device = next(self.net.parameters()).device
        with torch.inference_mode():
            embedding, logits = self.net(
                torch.from_numpy(windows.reshape(n * k, *windows.shape[2:])).to(device)
            )
            embedding, logits = self.pool(
                embedding.unflatten(0, (n, k)), None if logits is None else logits.unflatten(0, (n, k))
            )
        if one:
            embedding, logits = embedding[0], None if logits is None else logits[0]
        return Opinion(embedding.cpu().numpy(), None if logits is None else logits.cpu().numpy(), self.labels)

    def _windows(self, samples: Samples, fs: float) -> Samples:
        prepare.check(samples, fs, self.seconds, self.name)
        return self.prepare(prepare.to_rate(samples, fs, self.fs))
