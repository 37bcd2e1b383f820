"""Training of the encoder on PTB-XL folds 1 to 8, watched on fold 9.

One thread, ``channels_last`` and bfloat16: on small CPUs this was several times faster than
more threads or full precision. Every epoch draws from its own seed, so that a run that was
stopped and resumed gives the weights of one that was not.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from export.augment import LEAD_SETS, augment, lead_mask
from export.datasets import ptbxl
from export.errors import ExportError
from export.metrics import macro_auroc
from export.nets.encoder import Encoder
from wearecg.models.preprocess import Preprocessing, condition

log = logging.getLogger("export.train")

TRAIN_FOLDS = tuple(range(1, 9))
VALIDATION_FOLD = 9


@dataclass(frozen=True)
class Recipe:
    """What a training run depends on beside the data."""

    epochs: int = 30
    batch: int = 64
    peak_rate: float = 3e-3
    warmup: float = 0.1
    weight_decay: float = 0.02
    average: float = 0.998
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Encoder
    groups: dict[str, int]
    recipe: Recipe
    seconds: float
    machine: str


def conditioned(data: ptbxl.PtbXl, rows: NDArray[np.int64], spec: Preprocessing) -> tuple[Tensor, Tensor]:
    """Return the rows as a model gets them, rounded to 1 uV (int16), and their masks."""
    signal = torch.empty(len(rows), 12, ptbxl.LENGTH, dtype=torch.int16)
    mask = torch.empty(len(rows), 12)
    for at in range(0, len(rows), 512):
        part = slice(at, at + 512)
        x, m = condition(data.millivolts(rows[part]), ptbxl.FS, spec)
        signal[part] = torch.from_numpy(np.rint(x * 1000).astype(np.int16))
        mask[part] = torch.from_numpy(m)
    return signal, mask


def predict(net: nn.Module, signal: Tensor, mask: Tensor, batch: int = 128) -> list[NDArray[np.float32]]:
    """Run the network on windows in microvolts, in evaluation mode; one array for each output."""
    net.eval()
    parts = []
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        for at in range(0, len(signal), batch):
            x = signal[at : at + batch].float() / 1000
            m = mask[at : at + batch]
            parts.append(net(x * m.unsqueeze(-1), m))
    return [torch.cat(outputs).numpy() for outputs in zip(*parts, strict=True)]


def train(data: ptbxl.PtbXl, work: Path, recipe: Recipe) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint."""
    torch.set_num_threads(1)
    groups = {name: labels.shape[1] for name, labels in data.labels.items()}
    spec = Preprocessing()
    train_rows, val_rows = data.rows(TRAIN_FOLDS), data.rows([VALIDATION_FOLD])
    log.info("reading %d training and %d validation windows", len(train_rows), len(val_rows))
    log.info("macro AUROC follows in the order %s", ", ".join(groups))
    signal, present = conditioned(data, train_rows, spec)
    val_signal, val_present = conditioned(data, val_rows, spec)
    targets = [torch.from_numpy(data.labels[name][train_rows].astype(np.float32)) for name in groups]

    torch.manual_seed(recipe.seed)
    net = Encoder(groups).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = get_ema_multi_avg_fn(recipe.average)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(net, multi_avg_fn=ema, use_buffers=True)
    optimizer = torch.optim.AdamW(net.parameters(), recipe.peak_rate, weight_decay=recipe.weight_decay)
    steps = len(train_rows) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_rate, total_steps=recipe.epochs * steps, pct_start=recipe.warmup
    )
    parts: dict[str, Any] = {
        "net": net, "averaged": averaged, "optimizer": optimizer, "schedule": schedule,
    }  # fmt: skip
    path = work / "encoder.pt"
    done, seconds = _resume(path, parts, recipe)

    for epoch in range(done, recipe.epochs):
        began = time.perf_counter()
        torch.manual_seed(1000 * recipe.seed + epoch)
        g = torch.Generator().manual_seed(1000 * recipe.seed + epoch)
        order = torch.randperm(len(train_rows), generator=g)
        net.train()
        total = 0.0
        for step in range(steps):
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            x, mask = augment(signal[rows].float() / 1000, g, ptbxl.FS)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x, mask * present[rows])[1:]
            # Every group weighs the same, however many statements it has.
            loss = torch.stack(
                [
                    nn.functional.binary_cross_entropy_with_logits(z.float(), y[rows])
                    for z, y in zip(logits, targets, strict=True)
                ]
            ).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(net)
            total += loss.item()
        scores = _validate(averaged, val_signal, val_present, data, val_rows)
        seconds += time.perf_counter() - began
        left = seconds / (epoch + 1) * (recipe.epochs - epoch - 1)
        log.info(
            "epoch %d/%d  loss %.4f  fold %d %s  %.0f s, %.0f s left",
            epoch + 1, recipe.epochs, total / steps, VALIDATION_FOLD, scores, seconds, left,
        )  # fmt: skip
        _save(path, parts, recipe, groups, epoch + 1, seconds)
    return path


def load(path: Path) -> Trained:
    """Read a finished checkpoint of :func:`train`."""
    if not path.is_file():
        raise ExportError(f"no checkpoint {path}: train first, or give its folder with --work")
    saved = torch.load(path, weights_only=True)
    recipe = Recipe(**json.loads(saved["recipe"]))
    if saved["epochs"] < recipe.epochs:
        raise ExportError(f"{path}: {saved['epochs']} of {recipe.epochs} epochs done; train again to finish")
    net = Encoder(saved["groups"])
    state = {k.removeprefix("module."): v for k, v in saved["averaged"].items() if k != "n_averaged"}
    net.load_state_dict(state)
    return Trained(net.eval(), saved["groups"], recipe, saved["seconds"], saved["machine"])


def _validate(
    net: nn.Module, signal: Tensor, present: Tensor, data: ptbxl.PtbXl, rows: NDArray[np.int64]
) -> str:
    words = []
    for name, leads in LEAD_SETS.items():
        outputs = predict(net, signal, present * lead_mask(leads))[1:]
        areas = [
            f"{float(macro_auroc(z, data.labels[group][rows])[0]):.4f}"
            for group, z in zip(data.labels, outputs, strict=True)
        ]
        words.append(f"{name}: {' '.join(areas)}")
    return "; ".join(words)


def _save(
    path: Path, parts: dict[str, Any], recipe: Recipe, groups: dict[str, int], epochs: int, seconds: float
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(
        {name: part.state_dict() for name, part in parts.items()}
        | {
            "recipe": json.dumps(asdict(recipe)),
            "groups": groups,
            "epochs": epochs,
            "seconds": seconds,
            "machine": f"one thread of {_processor()}, torch {torch.__version__}",
        },
        part,
    )
    part.replace(path)


def _resume(path: Path, parts: dict[str, Any], recipe: Recipe) -> tuple[int, float]:
    """Take up a run that was stopped: epochs and seconds done (0 where there is none)."""
    if not path.is_file():
        return 0, 0.0
    saved = torch.load(path, weights_only=True)
    if json.loads(saved["recipe"]) != asdict(recipe):
        raise ExportError(f"{path} is of another recipe ({saved['recipe']}): give another --work")
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    log.info("resuming after epoch %d", saved["epochs"])
    return int(saved["epochs"]), float(saved["seconds"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
