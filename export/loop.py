"""The training loop that all models share: folds, optimiser schedule, checkpoints, progress.

One thread, ``channels_last`` and, if the processor has it, bfloat16: on small CPUs this was several times faster
than more threads or full precision. Every epoch has its own seed, so that a run that was stopped and resumed gives
the same weights as one that was not.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from export.datasets import ptbxl
from export.errors import ExportError
from export.metrics import macro_auroc
from export.reduced import reduced
from wearecg.models.preprocess import Preprocessing, condition

log = logging.getLogger("export.train")

TRAIN_FOLDS = tuple(range(1, 9))
VALIDATION_FOLD = 9


@dataclass(frozen=True)
class Schedule:
    """Everything but the data that a training run depends on."""

    epochs: int = 30
    batch: int = 64
    peak_rate: float = 3e-3
    warmup: float = 0.1
    weight_decay: float = 0.02
    average: float = 0.998
    seed: int = 1


class Run:
    """One training run: a network, the running average of its weights, optimiser, schedule, checkpoint.

    Parameters
    ----------
    net : nn.Module
    recipe : Schedule
    steps : int
        Batches in an epoch.
    path : Path
        The checkpoint. An existing one with the same recipe is resumed.
    groups : dict of str to int
        Stored in the checkpoint, so that the network can be rebuilt.
    """

    def __init__(
        self, net: nn.Module, recipe: Schedule, steps: int, path: Path, groups: dict[str, int]
    ) -> None:
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.path, self.groups, self.steps = recipe, path, groups, steps
        ema = get_ema_multi_avg_fn(recipe.average)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(net, multi_avg_fn=ema, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            net.parameters(), recipe.peak_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.peak_rate, total_steps=recipe.epochs * steps, pct_start=recipe.warmup
        )
        self._parts: dict[str, Any] = {
            "net": self.net, "averaged": self.averaged,
            "optimizer": self.optimizer, "schedule": self.schedule,
        }  # fmt: skip
        self.done, self.seconds = self._resume()

    def epochs(self) -> Iterator[tuple[int, torch.Generator]]:
        """Yield the number and the random generator of each remaining epoch; save after each."""
        for epoch in range(self.done, self.recipe.epochs):
            self._began, self._loss, self._count = time.perf_counter(), 0.0, 0
            torch.manual_seed(1000 * self.recipe.seed + epoch)
            self.net.train()
            yield epoch, torch.Generator().manual_seed(1000 * self.recipe.seed + epoch)
            self.seconds += time.perf_counter() - self._began
            self.done = epoch + 1
            self._save()

    def batches(self, rows: int, g: torch.Generator) -> Iterator[Tensor]:
        """Yield the rows of each batch of one epoch, in random order."""
        order = torch.randperm(rows, generator=g)
        for step in range(self.steps):
            yield order[step * self.recipe.batch : (step + 1) * self.recipe.batch]

    def step(self, loss: Tensor) -> None:
        """Take one optimiser step on ``loss``."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.net)
        self._loss += loss.item()
        self._count += 1

    def watched(self, epoch: int) -> bool:
        """Whether the validation fold is evaluated after this epoch: every fourth, and the last."""
        return epoch % 4 == 3 or epoch + 1 == self.recipe.epochs

    def report(self, epoch: int, scores: str) -> None:
        """Log one line about the epoch that has just been trained."""
        spent = self.seconds + time.perf_counter() - self._began
        left = spent / (epoch + 1) * (self.recipe.epochs - epoch - 1)
        log.info(
            "epoch %d/%d  loss %.4f  %s  %.0f s, %.0f s left",
            epoch + 1, self.recipe.epochs, self._loss / max(1, self._count), scores, spent, left,
        )  # fmt: skip

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        torch.save(
            {name: part.state_dict() for name, part in self._parts.items()}
            | {
                "recipe": json.dumps(asdict(self.recipe)),
                "groups": self.groups,
                "epochs": self.done,
                "seconds": self.seconds,
                "machine": f"one thread of {_processor()}, torch {torch.__version__}",
            },
            part,
        )
        part.replace(self.path)

    def _resume(self) -> tuple[int, float]:
        """Resume a run that was stopped; return epochs and seconds done (0 if there is none)."""
        if not self.path.is_file():
            return 0, 0.0
        saved = torch.load(self.path, weights_only=True)
        if json.loads(saved["recipe"]) != asdict(self.recipe):
            raise ExportError(f"{self.path} has another recipe ({saved['recipe']}): give another --work")
        for name, part in self._parts.items():
            part.load_state_dict(saved[name])
        log.info("resuming after epoch %d", saved["epochs"])
        return int(saved["epochs"]), float(saved["seconds"])


def finished(path: Path) -> dict[str, Any]:
    """Read the checkpoint of a finished run, as :func:`saved` does."""
    read = saved(path)
    epochs = json.loads(read["recipe"])["epochs"]
    if read["epochs"] < epochs:
        raise ExportError(f"{path}: {read['epochs']} of {epochs} epochs done; train again to finish")
    return read


def saved(path: Path) -> dict[str, Any]:
    """Read a checkpoint; ``averaged`` becomes a state dict of the network itself."""
    if not path.is_file():
        raise ExportError(f"no checkpoint {path}: train first, or give its folder with --work")
    try:
        read: dict[str, Any] = torch.load(path, weights_only=True)
    except (UnpicklingError, EOFError, RuntimeError) as error:
        raise ExportError(
            f"{path} is not a checkpoint: give a .pt file that train or teach has written"
        ) from error
    read["averaged"] = {
        k.removeprefix("module."): v for k, v in read["averaged"].items() if k != "n_averaged"
    }
    return read


def conditioned(data: ptbxl.PtbXl, rows: NDArray[np.int64], spec: Preprocessing) -> tuple[Tensor, Tensor]:
    """Return the rows, prepared as for a model and rounded to 1 uV (int16), and their masks."""
    signal = torch.empty(len(rows), 12, ptbxl.LENGTH, dtype=torch.int16)
    mask = torch.empty(len(rows), 12)
    for at in range(0, len(rows), 512):
        part = slice(at, at + 512)
        x, m = condition(data.millivolts(rows[part]), ptbxl.FS, spec)
        signal[part] = torch.from_numpy(np.rint(x * 1000).astype(np.int16))
        mask[part] = torch.from_numpy(m)
    return signal, mask


def targets(data: ptbxl.PtbXl, rows: NDArray[np.int64]) -> Tensor:
    """Return ``[rows, statements]``, 1 where a row has the statement, all groups side by side."""
    return torch.from_numpy(np.concatenate([y[rows] for y in data.labels.values()], 1).astype(np.float32))


def weights(prevalence: Tensor) -> Tensor:
    """Return the weights of statements: the inverse square root of the entropy of their prevalence.

    Without them rare statements, which macro AUROC counts as much as common ones, are hardly trained. A weight of the
    whole statement, unlike one of its positives, leaves its probabilities unbiased.
    """
    p = prevalence.clamp(1e-3, 1 - 1e-3)
    w = (-p * p.log() - (1 - p) * (1 - p).log()).rsqrt()
    return w / w.mean()


def predict(
    net: nn.Module, signal: Tensor, mask: Tensor, batch: int = 128, fast: bool = False
) -> list[NDArray[np.float32]]:
    """Run the network on windows in microvolts, in evaluation mode; return one array for each output.

    ``fast`` computes as training does (see :func:`reduced`): logits with three digits, in less time.
    """
    net.eval()
    parts = []
    with torch.no_grad(), reduced(fast):
        for at in range(0, len(signal), batch):
            x = signal[at : at + batch].float() / 1000
            m = mask[at : at + batch]
            parts.append(net(x * m.unsqueeze(-1), m))
    return [torch.cat(outputs).float().numpy() for outputs in zip(*parts, strict=True)]


def scores(data: ptbxl.PtbXl, rows: NDArray[np.int64], outputs: list[NDArray[np.float32]]) -> str:
    """Return the macro AUROC of each group as text, given the output of :func:`predict` for the rows."""
    areas = [
        macro_auroc(z, labels[rows])[0] for labels, z in zip(data.labels.values(), outputs[1:], strict=True)
    ]
    return " ".join(f"{float(area):.4f}" for area in areas)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
