"""Golden pairs: a few inputs of a model, and the outputs of each of its files where it was published.

One ``.npz`` beside the card: ``signal`` int16 [n, leads, length] in uV (what
:func:`wearecg.models.preprocess.condition` gives, in whole microvolts), ``mask`` uint8 [n, leads],
and ``FORM.OUTPUT`` float32 [n, ...] for each file and each of its outputs.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import TWELVE
from wearecg.errors import ModelError
from wearecg.models.card import PPG, Card, GoldenFile, Input
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner, verified
from wearecg.person import Person

Array = NDArray[np.float32]

CASES: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("sinus", TWELVE, 1.0),
    ("af", ("II", "V1", "V5"), 1.0),
    ("pvc", ("I", "II"), 1.0),
    ("st-inferior", ("II",), 1.0),
    ("bigeminy+noise", ("I",), 1.0),
    ("sinus", ("II", "V1", "V2", "V3", "V4", "V5"), 6.0),
)
"""Scenario of a synthetic person, leads (or else the pulse), and gain. The last fills the whole range of the input:
accumulators that are too narrow overflow there first."""


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Inputs as a :class:`Runner` takes them, and the outputs expected of each form of the model."""

    signal: Array
    mask: Array
    expected: Mapping[str, Mapping[str, Array]]


def windows(spec: Input) -> tuple[Array, Array]:
    """Return signal and mask of the ``CASES``, always the same."""
    signals, masks = [], []
    for seed, (scenario, leads, gain) in enumerate(CASES):
        person = Person(seed, scenario, spec.fs)
        shown = leads[:1] if spec.any_lead else [name for name in (*leads, *PPG) if name in spec.leads]
        x = np.full((len(spec.leads), spec.length), np.nan, np.float32)
        rows = [0] if spec.any_lead else [spec.leads.index(name) for name in shown]
        x[rows] = gain * person.samples(spec.length)[:, [person.leads.index(name) for name in shown]].T
        signal, mask = condition(x, spec.fs, spec.preprocessing)
        signals.append(signal)
        masks.append(mask)
    return np.stack(signals), np.stack(masks)


def make(card: Card, folder: Path, signal: Array, mask: Array) -> Golden:
    """Run every file of a card on these windows, rounded to whole microvolts."""
    signal = _millivolts(_microvolts(signal))
    expected = {
        file.form: Runner(card, folder, file.precision, file.runtime).run(signal, mask) for file in card.files
    }
    return Golden(signal, mask, expected)


def write(golden: Golden, path: Path) -> GoldenFile:
    """Write the pairs; return their entry for the card."""
    arrays: dict[str, Any] = {
        f"{form}.{name}": values for form, out in golden.expected.items() for name, values in out.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, signal=_microvolts(golden.signal), mask=golden.mask.astype(np.uint8), **arrays
    )
    content = buffer.getvalue()
    path.write_bytes(content)
    return GoldenFile(path.name, len(golden.signal), len(content), hashlib.sha256(content).hexdigest())


def read(card: Card, folder: Path) -> Golden:
    """Read the pairs of a card.

    Raises
    ------
    ModelError
        The file is missing, is not the card's, or lacks outputs of a model file.
    """
    content = verified(folder, card.golden, card.source)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            expected = {
                file.form: {name: arrays[f"{file.form}.{name}"] for name in card.outputs.places}
                for file in card.files
            }
            return Golden(_millivolts(arrays["signal"]), arrays["mask"].astype(np.float32), expected)
    except (ValueError, KeyError, OSError) as error:
        raise ModelError(f"golden pairs {folder / card.golden.path} cannot be used: {error}") from error


def _microvolts(signal: Array) -> NDArray[np.int16]:
    return np.rint(signal * 1000).astype(np.int16)


def _millivolts(signal: NDArray[np.int16]) -> Array:
    return (signal / np.float32(1000)).astype(np.float32)
