"""Training of ppg2ecg in three stages: pulse and ECG aligned, the flow between noise and latent, its one step.

Each stage has a checkpoint of its own and begins from the one before.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss, normalize

from export.datasets.pulses import ECG_SD, Pair
from export.loop import Run, Schedule, finished
from export.models.ppg2ecg.net import LATENT, LENGTH, STEP, Aligned, Answer, Flow, Ppg2Ecg, integrated, timed
from export.models.ppg2ecg.windows import Batch, Windows
from export.reduced import reduced

log = logging.getLogger("export.train")

TEACHER_STEPS = 10


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a run depends on.

    Attributes
    ----------
    epochs : int
        Of stage one; ``flow`` and ``one`` are those of the others.
    divergence, cross, shared, beats, lag : float
        Weights of the latent's divergence from the standard normal, the ECG from the pulse's guess at the latent,
        the contrast between pulses and ECGs (InfoNCE), the beats, and the lag, beside the ECG from its own latent.
    distilled : float
        Weight, in the one step, of the ten steps' latent beside the squared error of the ECG itself.
    """

    epochs: int = 24
    flow: int = 12
    one: int = 6
    divergence: float = 0.001
    cross: float = 0.5
    shared: float = 0.1
    beats: float = 1.0
    lag: float = 0.2
    distilled: float = 0.1


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: both parts, and what is known about how they came about."""

    aligned: Aligned
    flow: Flow
    one: Flow
    scale: float
    recipe: Recipe
    seconds: float
    machine: str

    def net(self, steps: int = 1, warmth: float = 0.0) -> Ppg2Ecg:
        """Return the network that answers in so many steps, one of them by the distilled flow."""
        noise = warmth * torch.randn(1, LATENT, 1, LENGTH // STEP, generator=torch.Generator().manual_seed(0))
        return Ppg2Ecg(self.aligned, self.one if steps == 1 else self.flow, self.scale, noise, steps).eval()


def train(pairs: Sequence[Pair], work: Path, recipe: Recipe) -> Path:
    """Train, or go on where a run was stopped; return the checkpoint of the last stage.

    Stages leave ``ppg2ecg-aligned.pt``, ``ppg2ecg-flow.pt`` and ``ppg2ecg.pt`` in ``work``.
    """
    torch.set_num_threads(1)
    known = [pair for pair in pairs if pair.part == "train"]
    windows = Windows(known)
    log.info("%d windows of %d recordings", len(windows), len(windows.pairs))
    torch.manual_seed(recipe.seed)
    aligned, scale = align(windows, work / "ppg2ecg-aligned.pt", recipe)
    _follow(windows, aligned, scale, work / "ppg2ecg-flow.pt", recipe)
    _shorten(windows, aligned, scale, work, recipe)
    return work / "ppg2ecg.pt"


def load(work: Path, pairs: Sequence[Pair]) -> Trained:
    """Read the checkpoints of a finished run."""
    windows = Windows([pair for pair in pairs if pair.part == "train"])
    aligned, scale = _aligned(work / "ppg2ecg-aligned.pt", windows)
    saved = [finished(work / f"ppg2ecg{stage}.pt") for stage in ("-aligned", "-flow", "")]
    flow, one = Flow(), Flow()
    flow.load_state_dict(saved[1]["averaged"])
    one.load_state_dict(saved[2]["averaged"])
    later = json.loads(saved[2]["recipe"])
    recipe = replace(
        Recipe(**json.loads(saved[0]["recipe"])), **{key: later[key] for key in ("flow", "one", "distilled")}
    )
    return Trained(aligned, flow, one, scale, recipe, sum(s["seconds"] for s in saved), saved[0]["machine"])


def align(windows: Windows, path: Path, recipe: Recipe) -> tuple[Aligned, float]:
    """Train stage one, or go on with it; return it, and the standard deviation of its latent."""
    alone = replace(recipe, flow=0, one=0, distilled=0.0)
    run = Run(Aligned(), alone, len(windows) // recipe.batch, path, {})
    for epoch, g in run.epochs():
        rng = np.random.default_rng(1000 * recipe.seed + epoch)
        for rows in run.batches(len(windows), g):
            batch = windows.batch(rows.numpy(), rng)
            with reduced():
                loss = alignment(run.net, batch, recipe)
            run.step(loss)
        run.report(epoch, "")
    return _aligned(path, windows)


def alignment(net: nn.Module, batch: Batch, recipe: Recipe) -> Tensor:
    """All that stage one wants, for one batch."""
    assert isinstance(net, Aligned)
    answer: Answer = net.pulse(batch.pulse)
    mean, logvar = net.ecg(batch.ecg)
    latent = mean + torch.randn_like(mean) * (logvar / 2).exp()
    divergence = (mean.square() + logvar.exp() - 1 - logvar).float().mean() / 2
    loss = likeness(net.decoder(latent), batch.ecg) + recipe.divergence * divergence
    loss = loss + recipe.cross * likeness(net.decoder(net.cross(answer.features)), batch.ecg)
    pulse = normalize(net.pulse_shared(answer.features).float().flatten(1), dim=1)
    ecg = normalize(net.ecg_shared(mean).float().flatten(1), dim=1)
    alike, which = 10 * pulse @ ecg.T, torch.arange(len(pulse))
    loss = loss + recipe.shared * (cross_entropy(alike, which) + cross_entropy(alike.T, which)) / 2
    told = binary_cross_entropy_with_logits(answer.beats.float(), batch.beats) * LENGTH / 100
    out: Tensor = loss + recipe.beats * told + recipe.lag * lateness(answer.lag.float(), batch.lag)
    return out


def likeness(found: Tensor, true: Tensor) -> Tensor:
    """Squared error of an ECG and, as much, of its slopes, relative to the ECG's variance."""
    found = found.float() / ECG_SD
    true = true / ECG_SD
    out: Tensor = mse_loss(found, true) + mse_loss(found.diff(dim=-1), true.diff(dim=-1))
    return out


def lateness(found: Tensor, lag: Tensor) -> Tensor:
    """Likelihood of the lag (s) where it is known, not NaN."""
    known = lag.isfinite()
    mean, logvar = found[known, 0], found[known, 1].clamp(-10, 0)
    out: Tensor = (logvar + (mean - lag[known]).square() * (-logvar).exp()).sum() / 2 / len(lag)
    return out


def _aligned(path: Path, windows: Windows) -> tuple[Aligned, float]:
    """The network of stage one, and the standard deviation of its latent over some training windows."""
    net = Aligned()
    net.load_state_dict(finished(path)["averaged"])
    net.eval().requires_grad_(False)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        mean, _ = net.ecg(windows.batch(rng.permutation(len(windows))[:512], rng).ecg)
    return net, round(float(mean.std()), 4)


def _follow(windows: Windows, aligned: Aligned, scale: float, path: Path, recipe: Recipe) -> None:
    run = Run(
        Flow(),
        replace(recipe, epochs=recipe.flow, one=0, distilled=0.0),
        len(windows) // recipe.batch,
        path,
        {},
    )
    for epoch, g in run.epochs():
        rng = np.random.default_rng(2000 * recipe.seed + epoch)
        for rows in run.batches(len(windows), g):
            batch = windows.batch(rows.numpy(), rng)
            with reduced():
                with torch.no_grad():
                    timing = timed(aligned.pulse(batch.pulse).beats)
                    latent = aligned.ecg(batch.ecg)[0] / scale
                noise = torch.randn(latent.shape, generator=g)
                time = torch.sigmoid(torch.randn(len(latent), generator=g))
                between = noise + (latent - noise) * time[:, None, None, None]
                velocity = run.net(between, timing, time)
            run.step(mse_loss(velocity.float(), (latent - noise).float()))
        run.report(epoch, "")


def _shorten(windows: Windows, aligned: Aligned, scale: float, work: Path, recipe: Recipe) -> None:
    teacher, student = Flow(), Flow()
    for flow in (teacher, student):
        flow.load_state_dict(finished(work / "ppg2ecg-flow.pt")["averaged"])
    teacher.eval().requires_grad_(False)
    nothing = torch.zeros(recipe.batch, LATENT, 1, LENGTH // STEP)
    run = Run(
        student, replace(recipe, epochs=recipe.one), len(windows) // recipe.batch, work / "ppg2ecg.pt", {}
    )
    for epoch, g in run.epochs():
        rng = np.random.default_rng(3000 * recipe.seed + epoch)
        for rows in run.batches(len(windows), g):
            batch = windows.batch(rows.numpy(), rng)
            with reduced():
                with torch.no_grad():
                    timing = timed(aligned.pulse(batch.pulse).beats)
                    goal = integrated(teacher, nothing, timing, TEACHER_STEPS)
                found = integrated(student, nothing, timing, 1)
                ecg = aligned.decoder(found * scale)
            told = mse_loss(ecg.float() / ECG_SD, batch.ecg / ECG_SD)
            run.step(told + recipe.distilled * mse_loss(found.float(), goal.float()))
        run.report(epoch, "")
