"""PPGFlowECG in its published configuration: the pulse's encoder, ten steps of the flow, the ECG's decoder.

arXiv:2509.19774 and the authors' repository: ten seconds at 128 Hz; residual blocks of 128 to 512 channels with
kernels of 15, five halvings, a latent of 4 x 40; a transformer of 4 layers, width 256 and 4 heads, run ten times
by Euler's method. Written from that description. The few linear layers that add level, trend and season to the
decoder's output are left out: they cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.seed_vae import GROUPS, LATENT, Attention, Halve, Latent, Residual

KERNEL = 15
PLACES = 40
WIDTH, HEADS, LAYERS = 256, 4, 4
STEPS = 10


class Attend(nn.Module):
    """Attention of ``x`` to ``given``, ``[N, places, width]``."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """Return what was attended to."""
        heads = (
            layer(v).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer, v in ((self.query, x), (self.key, given), (self.value, given))
        )
        query, key, value = heads
        weight = torch.softmax(query @ key.transpose(2, 3) / query.shape[-1] ** 0.5, dim=-1)
        out: Tensor = self.out((weight @ value).transpose(1, 2).flatten(2))
        return out


class Layer(nn.Module):
    """Attention to itself, to the pulse, and a perceptron; the norms are set by the time."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.pulse = Attend(), Attend()
        self.times = nn.ModuleList(nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 2 * WIDTH)) for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, given: Tensor, time: Tensor) -> Tensor:
        """Keep ``[N, places, width]``."""
        now = self._normed(x, self.times[0], time)
        x = x + self.own(now, now)
        x = x + self.pulse(self._normed(x, self.times[1], time), given)
        out: Tensor = x + self.mlp(self.norm(x))
        return out

    def _normed(self, x: Tensor, layer: nn.Module, time: Tensor) -> Tensor:
        scale, shift = layer(time).chunk(2, dim=-1)
        out: Tensor = functional.layer_norm(x, (WIDTH,)) * (1 + scale) + shift
        return out


class Flow(nn.Module):
    """From the pulse's latent ``[N, 4, 40]`` to the ECG's."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Conv1d(LATENT, WIDTH, 3, padding=1), nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        )
        self.place = nn.Parameter(torch.randn(1, PLACES, WIDTH))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.inverse = nn.Conv1d(WIDTH, LATENT, 3, padding=1)
        self.noise: Tensor
        self.register_buffer("noise", torch.randn(1, LATENT, PLACES))
        self.times: Tensor
        self.register_buffer("times", torch.randn(STEPS, 1, 1, WIDTH))

    def forward(self, pulse: Tensor) -> Tensor:
        """Take all the steps."""
        given, x = self._embedded(pulse), self.noise
        for time in self.times:
            y = self._embedded(x)
            for layer in self.layers:
                y = layer(y, given, time)
            x = x + self.inverse(y.transpose(1, 2)) / STEPS
        return x

    def _embedded(self, x: Tensor) -> Tensor:
        out: Tensor = self.embed(x).transpose(1, 2) + self.place
        return out


def seed_flow() -> nn.Module:
    """Return the network: a pulse ``[N, 1, 1280]`` to an ECG of the same shape."""
    return nn.Sequential(*_encoder(), Latent(), Flow(), *_decoder())


def _encoder() -> Iterator[nn.Module]:
    yield nn.Conv1d(1, 128, KERNEL, padding=7)
    width = 128
    for wider, kernel in ((128, 15), (256, 15), (512, 15), (512, 17), (512, 17)):
        yield from (Residual(width, wider, KERNEL), Residual(wider, wider, KERNEL), Halve(wider, kernel))
        width = wider
    yield from (Residual(512, 512, KERNEL) for _ in range(3))
    yield from (Attention(512), Residual(512, 512, KERNEL), nn.GroupNorm(GROUPS, 512), nn.SiLU())
    yield from (nn.Conv1d(512, 2 * LATENT, KERNEL, padding=7), nn.Conv1d(2 * LATENT, 2 * LATENT, 1))


def _decoder() -> Iterator[nn.Module]:
    yield from (nn.Conv1d(LATENT, LATENT, 1), nn.Conv1d(LATENT, 512, KERNEL, padding=7))
    yield from (Residual(512, 512, KERNEL), Attention(512), *(Residual(512, 512, KERNEL) for _ in range(4)))
    width = 512
    for outputs in (512, 512, 256, 128, 128):
        yield from (nn.Upsample(scale_factor=2), nn.Conv1d(width, width, KERNEL, padding=7))
        yield from (Residual(width, outputs, KERNEL), *(Residual(outputs, outputs, KERNEL) for _ in range(2)))
        width = outputs
    yield from (nn.GroupNorm(GROUPS, 128), nn.SiLU(), nn.Conv1d(128, 1, KERNEL, padding=7))
