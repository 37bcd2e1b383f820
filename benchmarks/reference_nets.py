"""The networks that ECG papers measure themselves by, with random weights, as ONNX files.

    python -m benchmarks.reference_nets FOLDER

Written from the papers and the conventions of the PTB-XL benchmark: xresnet1d101 (He et al., CVPR 2019;
Strodthoff et al., JBHI 2021) and inception1d (Fawaz et al., 2020) with 71 outputs for 10 s of 12 leads at
100 Hz; Net1D of ECGFounder with 150 for 500 Hz; WearECG's autoencoder. Their speed does not depend on what the
weights are, but no weight is left at zero: converters store equal tensors once, which would make the files too
small.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.seed_flow import seed_flow
from benchmarks.seed_vae import seed_vae
from export.teachers.public.ecgfounder import Net1D
from export.to_onnx import OPSET

LEADS = 12
STATEMENTS = 71
"""All statements of PTB-XL."""
SEED = 1


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, *, relu: bool = True) -> nn.Sequential:
    """Return a convolution without bias, its batch norm, and the rectifier if there is one."""
    layers = [
        nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm1d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class Head(nn.Module):
    """Mean and maximum over time, batch norm, one linear layer: ``[N, width, L]`` to ``[N, classes]``."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(2 * width), nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Pool and classify."""
        out: Tensor = self.linear(self.norm(torch.cat([x.amax(-1), x.mean(-1)], 1)))
        return out


class Bottleneck(nn.Module):
    """1 - ``kernel`` - 1 convolutions beside a shortcut that averages pairs before it widens."""

    def __init__(self, inputs: int, width: int, stride: int, kernel: int = 5, expansion: int = 4) -> None:
        super().__init__()
        outputs = width * expansion
        self.path = nn.Sequential(
            conv(inputs, width), conv(width, width, kernel, stride), conv(width, outputs, relu=False)
        )
        pool = nn.AvgPool1d(2, ceil_mode=True) if stride > 1 else nn.Identity()
        widen = conv(inputs, outputs, relu=False) if inputs != outputs else nn.Identity()
        self.short = nn.Sequential(pool, widen)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, 4 width, ceil(L / stride)]``."""
        return functional.relu(self.path(x) + self.short(x))


def xresnet1d101(leads: int = LEADS, classes: int = STATEMENTS) -> nn.Module:
    """Return the 101-layer network: a stem of three convolutions, 33 bottlenecks of width 64."""
    layers: list[nn.Module] = [conv(leads, 32, 5, 2), conv(32, 32, 5), conv(32, 64, 5), nn.MaxPool1d(3, 2, 1)]
    width = 64
    for stage, blocks in enumerate((3, 4, 23, 3)):
        for i in range(blocks):
            layers.append(Bottleneck(width, 64, 2 if stage and not i else 1))
            width = 256
    return nn.Sequential(*layers, Head(width, classes))


class Inception(nn.Module):
    """Kernels of 39, 19 and 9 on a bottleneck of 32 channels, and a pooled branch, side by side."""

    def __init__(self, inputs: int, width: int = 32) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(inputs, width, 1, bias=False)
        self.wide = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False) for kernel in (39, 19, 9)
        )
        self.pooled = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(inputs, width, 1, bias=False))
        self.norm = nn.BatchNorm1d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, 128, L]``."""
        narrow = self.bottleneck(x)
        return functional.relu(
            self.norm(torch.cat([*(branch(narrow) for branch in self.wide), self.pooled(x)], 1))
        )


class Trio(nn.Module):
    """Three inception modules beside one shortcut."""

    def __init__(self, inputs: int, width: int = 128) -> None:
        super().__init__()
        self.path = nn.Sequential(Inception(inputs), Inception(width), Inception(width))
        self.short = conv(inputs, width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, L]`` to ``[N, 128, L]``."""
        return functional.relu(self.path(x) + self.short(x))


def inception1d(leads: int = LEADS, classes: int = STATEMENTS) -> nn.Module:
    """Return the network of six inception modules, which never shortens the time axis."""
    return nn.Sequential(Trio(leads), Trio(128), Head(128, classes))


NETS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "xresnet1d101": (xresnet1d101, LEADS, 1000),
    "inception1d": (inception1d, LEADS, 1000),
    "ECGFounder Net1D": (Net1D, LEADS, 5000),
    "WearECG VAE": (seed_vae, LEADS, 1000),
    "PPGFlowECG": (seed_flow, 1, 1280),
}
"""Name: (network, leads, samples of 10 s)."""


def cost(net: nn.Module, leads: int, length: int) -> tuple[int, int]:
    """Count the parameters and the multiply-adds of convolutions and linear layers for one window."""
    macs = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal macs
        weight = module.weight
        assert isinstance(weight, Tensor)
        places = 1 if out.ndim == 2 else out.shape[1] if isinstance(module, nn.Linear) else out.shape[-1]
        macs += weight.numel() * places

    hooks = [
        module.register_forward_hook(count)
        for module in net.modules()
        if isinstance(module, nn.Conv1d | nn.Linear)
    ]
    with torch.no_grad():
        net.eval()(torch.zeros(1, leads, length))
    for hook in hooks:
        hook.remove()
    return sum(p.numel() for p in net.parameters()), macs


def write(name: str, folder: Path) -> dict[str, object]:
    """Write a network of `NETS` as ONNX, ``signal [1, leads, length]`` in; return its path, size and cost."""
    torch.manual_seed(SEED)
    make, leads, length = NETS[name]
    net = make().eval()
    parameters, macs = cost(net, leads, length)
    path = folder / f"{name.replace(' ', '-').lower()}.onnx"
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # torch's exporter warns of its own use of torch.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.zeros(1, leads, length),),
            path,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=["signal"],
            verbose=False,
        )
    return {
        "path": str(path),
        "leads": leads,
        "length": length,
        "bytes": path.stat().st_size,
        "parameters": parameters,
        "mmac": round(macs / 1e6, 1),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write every network; print what they are as one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    print(json.dumps({name: write(name, args.folder) for name in NETS}))


if __name__ == "__main__":
    main()
