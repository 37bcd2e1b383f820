"""What a model is worth in recorded noise, and which windows the quality gate turns away before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.augment import disturb
from export.datasets import ptbxl
from export.evaluate import in_chunks
from export.metrics import interval, macro_auroc, patient_draws
from export.models.encoder.augment import LEAD_SETS
from export.models.encoder.card import METRIC
from export.models.encoder.evaluate import DRAWS, SEED
from wearecg.block import Quality, SignalBlock
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import Card, Measured
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner
from wearecg.pipeline.frontend import FrontEnd

SNR_DB = (24.0, 12.0, 6.0, 0.0)
CASES = ("12 leads", "II")
REFUSED = "share of windows turned away"


def measure(
    card: Card, folder: Path, precision: str, runtime: str, data: ptbxl.PtbXl, noise: NDArray[np.float32]
) -> list[Measured]:
    """Measure fold 9 as a user would meet it: each window's unusable leads are left out by the quality gate.

    ``noise`` is recorded noise ``[channels, samples]`` that no model has learnt from; the ratio is that
    of the mean powers over all leads of a window. The AUROC is over the windows that were scored.
    """
    runner = Runner(card, folder, precision, runtime)
    rows = data.rows([9])
    raw = np.nan_to_num(data.millivolts(rows))
    clean, _ = condition(raw, ptbxl.FS, card.input.preprocessing)
    found = []
    for snr in (None, *SNR_DB):
        added = np.float32(0) if snr is None else _noise(clean, noise, snr)
        name = "clean" if snr is None else f"{snr:g} dB"
        for case in CASES:
            x = raw + added
            usable = np.stack([_usable(window, LEAD_SETS[case]) for window in x])
            scored = usable.any(axis=1)
            signal, mask = condition(x, ptbxl.FS, card.input.preprocessing)
            mask = mask * usable
            signal = signal * mask[..., None]
            out = in_chunks(runner, signal, mask)
            draws = patient_draws(data.patient[rows], DRAWS, SEED)
            values = {REFUSED: (float(np.mean(~scored)), (draws @ ~scored) / draws.sum(axis=1), len(rows))}
            for group in card.outputs.groups:
                z = out[group.name][scored]
                y = data.labels[group.name][rows][scored]
                spread = macro_auroc(z, y, draws[:, scored])
                values[group.name] = (float(macro_auroc(z, y)[0]), spread, int(scored.sum()))
            for group_name, (value, spread, records) in values.items():
                low, high = interval(spread)
                found.append(
                    Measured(
                        data=f"PTB-XL 1.0.3 fold 9 with noise of NSTDB, {name}",
                        metric=REFUSED if group_name == REFUSED else METRIC,
                        group="quality gate" if group_name == REFUSED else group_name,
                        leads=case,
                        precision=precision,
                        runtime=runtime,
                        records=records,
                        value=round(value, 4),
                        low=round(low, 4),
                        high=round(high, 4),
                    )
                )
    return found


def _noise(clean: NDArray[np.float32], noise: NDArray[np.float32], snr: float) -> NDArray[np.float32]:
    g = torch.Generator().manual_seed(SEED)
    x = torch.from_numpy(clean)
    noisy = disturb(x, torch.from_numpy(noise), torch.full((len(clean),), snr), g)
    added: NDArray[np.float32] = (noisy - x).numpy()
    return added


def _usable(window: NDArray[np.float32], leads: tuple[str, ...]) -> NDArray[np.bool_]:
    """Say which of the 12 leads the live front end would let a model see, ``[12]``."""
    columns = [TWELVE.index(name) for name in leads]
    front = FrontEnd(ptbxl.FS, leads)
    samples = np.ascontiguousarray(window[columns].T, dtype=np.float32)
    front.feed(SignalBlock(samples, ptbxl.FS, leads, 0.0))
    quality: Quality = front.quality_between(0.0, window.shape[1] / ptbxl.FS)
    bad = {lead.lead for lead in quality.leads if lead.verdict == "unusable"}
    return np.array([name in leads and name not in bad for name in TWELVE])
