"""From a network to files in the zoo: convert, quantise, list, verify, install; the same for every model."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from export import gate, to_onnx, to_tflite
from export.errors import GateError
from export.layers import fold
from export.quantize import FIRST, quantize_onnx, quantize_tflite
from wearecg.models import golden
from wearecg.models.card import RUNTIMES, Card, ModelFile
from wearecg.models.runner import Runner
from wearecg.models.verify import verify

log = logging.getLogger("export.package")

CLIPS = {"onnx": (99.9, 99.99, 99.999, 100.0), "tflite": (95.0, 98.0, 99.0, 100.0)}
"""Percentiles that are tried; the one with the smallest error on other training windows is used."""
QUANTIZE = {"onnx": quantize_onnx, "tflite": quantize_tflite}
STAMP = {"onnx": to_onnx.stamp, "tflite": to_tflite.stamp}
NUMBERS = {1: "first", 2: "first two"}
METHOD = (
    "Convolutions static int8, weights per channel; the {first} and the last, fully connected layers, sums and pooling "
    "in floating point; calibrated on {windows} training windows as training shows them. ONNX Runtime: uint8 "
    "activations, reduced range, {onnx:g} % percentile of the values. TFLite: int8 activations, {tflite:g} % "
    "percentile of the windows' extremes. The percentiles are those of the smallest error of the outputs on as "
    "many other training windows"
)

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Signal and mask, from :func:`wearecg.models.preprocess.condition`."""


@dataclass(frozen=True, eq=False)
class Draft:
    """A model without files yet.

    Attributes
    ----------
    card : Card
        As far as known.
    net : nn.Module
        In evaluation mode; ``net(signal, mask)`` gives the card's outputs in their order.
    windows : Batch
        Training windows: int8 is calibrated on the first half, the percentile chosen on the second.
    max_int8 : int
        Size limit of an int8 file, bytes.
    first : int
        How many layers after the inputs stay in floating point.
    pairs : slice
        Which of the golden windows become golden pairs.
    """

    card: Card
    net: nn.Module
    windows: Batch
    max_int8: int
    first: int = FIRST
    pairs: slice = field(default_factory=lambda: slice(None))


def build(draft: Draft, stage: Path) -> Card:
    """Write the stamped model files into ``stage``; return the card that lists them.

    Raises
    ------
    GateError
        A file must not be shipped.
    """
    card, (signal, mask) = draft.card, draft.windows
    leads, length, net = len(card.input.leads), card.input.length, fold(draft.net)
    to_onnx.to_onnx(net, stage / f"{card.name}.fp32.onnx", leads, length, list(card.outputs.in_file))
    to_tflite.to_tflite(net, stage / f"{card.name}.fp32.tflite", leads, length)
    half = len(signal) // 2
    files, chosen = [], {}
    for runtime in RUNTIMES:
        fp32 = _listed(card, stage / f"{card.name}.fp32.{runtime}", "fp32", runtime)
        clip = _best_clip(draft, fp32, stage, (signal[:half], mask[:half]), (signal[half:], mask[half:]))
        int8 = stage / f"{card.name}.int8.{runtime}"
        QUANTIZE[runtime](stage / fp32.path, int8, signal[:half], mask[:half], clip, draft.first)
        files += [fp32, _listed(card, int8, "int8", runtime)]
        chosen[runtime] = clip
    for file in files:
        gate.check_file(stage / file.path, gate.MAX_BYTES if file.precision == "fp32" else draft.max_int8)
    method = METHOD.format(windows=half, first=NUMBERS[draft.first], **chosen)
    quantisation = dataclasses.replace(card.quantisation, method=method)
    return dataclasses.replace(card, files=tuple(files), quantisation=quantisation)


def install(card: Card, stage: Path, zoo: Path, windows: Batch) -> None:
    """Make the golden pairs from ``windows``, verify the staged model as a user would, copy it to the zoo.

    Raises
    ------
    GateError
        A file does not agree with its own pairs; the zoo is unchanged.
    """
    pairs = golden.make(card, stage, *windows)
    entry = golden.write(pairs, stage / f"{card.name}.golden.npz")
    card = dataclasses.replace(card, golden=entry)
    path = stage / f"{card.name}.json"
    card.write(path)
    faults = [check for check in verify(path) if check.ok is False]
    if faults:
        raise GateError(f"refused: {faults[0].file} does not verify: {faults[0].problem}")
    zoo.mkdir(parents=True, exist_ok=True)
    for name in [*(file.path for file in card.files), entry.path, path.name]:
        shutil.copyfile(stage / name, zoo / name)


def _best_clip(draft: Draft, fp32: ModelFile, stage: Path, fit: Batch, held: Batch) -> float:
    """Return the percentile whose int8 form is nearest to fp32 on the held-out windows."""
    card = draft.card
    expected = _outputs(card, fp32, stage, held)
    spread = np.maximum(expected.var(axis=0), 1e-12)
    errors = {}
    with tempfile.TemporaryDirectory() as folder:
        for clip in CLIPS[fp32.runtime]:
            tried = Path(folder) / f"{clip}.{fp32.runtime}"
            QUANTIZE[fp32.runtime](stage / fp32.path, tried, *fit, clip, draft.first)
            got = _outputs(card, _listed(card, tried, "int8", fp32.runtime), tried.parent, held)
            errors[clip] = float(np.mean((got - expected) ** 2 / spread))
    shares = ", ".join(f"{clip:g} %: {error:.5f}" for clip, error in errors.items())
    log.info("%s, variance of the outputs lost at each percentile: %s", fp32.runtime, shares)
    return min(errors, key=errors.__getitem__)


def _outputs(card: Card, file: ModelFile, folder: Path, windows: Batch) -> NDArray[np.float32]:
    """Run a file that may not be on the card yet; all it gives but the embedding, side by side."""
    runner = Runner(dataclasses.replace(card, files=(file,)), folder, file.precision, file.runtime)
    out = runner.run(*windows)
    rows = [values.reshape(len(values), -1) for name, values in out.items() if name != "embedding"]
    return np.concatenate(rows, axis=1)


def _listed(card: Card, path: Path, precision: str, runtime: str) -> ModelFile:
    """Stamp a file; return its entry for the card."""
    STAMP[runtime](path, card.stamp(precision))
    content = path.read_bytes()
    return ModelFile(path.name, precision, runtime, len(content), hashlib.sha256(content).hexdigest())
