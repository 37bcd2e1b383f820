"""What the encoder should not be believed on: a head that tells it, and how well it does.

The head is fitted on the finished encoder's features, with outliers made of training recordings,
recorded noise and pulse waves (outlier exposure, Hendrycks et al., ICLR 2019). It is measured on
other patients, the other half of the noise and other persons' pulses.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from export.datasets import bidmc, nstdb, ptbxl
from export.evaluate import Fold, in_chunks
from export.loop import TRAIN_FOLDS, conditioned
from export.metrics import interval, patient_draws
from export.models.encoder.augment import LEAD_SETS, augment, slowed
from export.models.encoder.evaluate import DRAWS, SEED
from export.models.encoder.net import Encoder
from export.models.encoder.outliers import Make, kinds, pulses, wrong_gain
from export.models.encoder.unlike import Unlike, features, pooled
from wearecg.models.card import Card, Measured
from wearecg.models.preprocess import Preprocessing
from wearecg.models.runner import Runner

log = logging.getLogger("export.trust")

EPOCHS = 8
BATCH = 64
ODD = 24
"""Of each batch, how many windows are made outliers."""
PEAK_RATE = 3e-3
FALSE_ALARMS = 0.005
"""Share of real ECGs that may be called unlike, over the reported lead sets together."""
METRIC = "share called unlike"
REAL = "real ECG"


@dataclass(frozen=True, eq=False)
class Outliers:
    """What to learn outliers from, and what to measure them with."""

    learn: dict[str, Make]
    """Not a wrong gain: a head that knew it refused the large QRS complexes of another database."""
    measure: dict[str, Make]
    noise: NDArray[np.float32]
    """That the real windows get in training."""

    @classmethod
    def read(cls, root: Path) -> Outliers:
        """Read NSTDB and BIDMC under ``root``."""
        records = bidmc.load(root)
        first, second = nstdb.halves(nstdb.load(root))
        return cls(
            kinds(first, pulses([r for r in records if not r.held_out])),
            kinds(second, pulses([r for r in records if r.held_out])) | {"gain 2 to 4": wrong_gain},
            first,
        )


def fit(encoder: Encoder, data: ptbxl.PtbXl, outliers: Outliers, seed: int = 1) -> Unlike:
    """Fit the head on folds 1 to 8; the encoder stays as it is."""
    torch.manual_seed(seed)
    encoder = encoder.eval()
    rows = data.rows(TRAIN_FOLDS)
    signal, present = conditioned(data, rows, Preprocessing())
    head = Unlike(features(encoder))
    steps = len(rows) // BATCH
    optimizer = torch.optim.AdamW(head.parameters(), PEAK_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=EPOCHS * steps)
    noise, makers = torch.from_numpy(outliers.noise), list(outliers.learn.values())
    g = torch.Generator().manual_seed(seed)
    odd = (torch.arange(BATCH) < ODD).float()
    for epoch in range(EPOCHS):
        order, total = torch.randperm(len(rows), generator=g), 0.0
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            x = signal[batch].float() / 1000
            made, made_mask = augment(makers[step % len(makers)](x[:ODD], g), g, ptbxl.FS)
            real, real_mask = augment(x[ODD:], g, ptbxl.FS, noise)
            mask = torch.cat([made_mask, real_mask]) * present[batch]
            shown = slowed(torch.cat([made, real]), g, ptbxl.FS)
            logit = head(pooled(encoder, shown * mask.unsqueeze(-1), mask))[:, 0]
            loss = binary_cross_entropy_with_logits(logit, odd)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        log.info("head for unlike input, epoch %d/%d  loss %.4f", epoch + 1, EPOCHS, total / steps)
    return head.eval()


def threshold(logits: NDArray[np.floating]) -> float:
    """Return the logit that ``FALSE_ALARMS`` of these real windows exceed."""
    return round(float(np.quantile(logits, 1 - FALSE_ALARMS)), 3)


def measure(
    card: Card, folder: Path, precision: str, runtime: str, fold: Fold, outliers: Outliers
) -> list[Measured]:
    """Measure how often each kind is called unlike, on the patients that the threshold has not seen."""
    assert card.outputs.unlike is not None
    runner = Runner(card, folder, precision, runtime)
    rows = np.flatnonzero(fold.unseen)
    draws = patient_draws(fold.patient[rows], DRAWS, SEED)
    signal = torch.from_numpy(fold.signal[rows])
    inputs: dict[str, Tensor] = {REAL: signal}
    g = torch.Generator().manual_seed(SEED)
    inputs |= {name: make(signal, g) for name, make in outliers.measure.items()}
    inputs["gain 2"] = (2 * signal).clamp(-5, 5)
    found = []
    for name, x in inputs.items():
        for leads in LEAD_SETS:
            mask = fold.masked(LEAD_SETS[leads])[1][rows]
            shown = x.numpy() * mask[..., None]
            called = in_chunks(runner, shown, mask)["unlike"][:, 0] >= card.outputs.unlike
            low, high = interval((draws @ called) / draws.sum(axis=1))
            found.append(
                Measured(
                    data=fold.name,
                    metric=METRIC,
                    group=name,
                    leads=leads,
                    precision=precision,
                    runtime=runtime,
                    records=len(rows),
                    value=round(float(called.mean()), 4),
                    low=round(low, 4),
                    high=round(high, 4),
                )
            )
    return found
