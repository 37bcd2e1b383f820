"""Whether this machine computes what was published: hash, card, and golden pairs of every file of a model.

How much may differ:

fp32
    No output by more than ``1e-4``. Sums taken in another order differ by 1e-5 at most (8e-6 was seen
    between AVX-512, AVX2, SSE and plain kernels, on outputs up to 24); a wrong kernel by far more.
int8
    Kernels may round an activation one step apart (by design: a fixed-point or a floating-point
    rescale), and such steps add up differently on every window. The yardstick is how much quantisation
    itself, half a step at most in each activation, changed the outputs for that window: the root mean
    square between the published int8 and fp32 outputs of the pair. Two machines with independent
    rounding would differ by 1.4 of it; 2 are allowed. LiteRT's XNNPACK, plain and
    reference kernels and tflite-runtime 2.14 stay below 0.6 of it; ONNX Runtime gave the same bits on
    every processor tried. A kernel that ignores a scale or mixes channels up is far outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import MissingExtraError, ModelError
from wearecg.models.card import Card, ModelFile, card_path, load_card
from wearecg.models.golden import Golden, read
from wearecg.models.runner import ENGINES, Runner

FP32_TOLERANCE = 1e-4
INT8_TOLERANCE = 2.0
"""As a multiple of the effect of quantisation on the pair."""


@dataclass(frozen=True, slots=True)
class Check:
    """One model file in one engine.

    Attributes
    ----------
    file, engine : str
    difference : float or None
        Largest difference of any output from the one published; None where it could not be run.
    share : float or None
        Difference as a share of the allowed one, for the worst pair: above 1 it disagrees.
    problem : str
        Why it disagrees or was not run; empty where all is well.
    ok : bool or None
        None where the engine is not installed.
    """

    file: str
    engine: str
    difference: float | None
    share: float | None
    problem: str
    ok: bool | None


def verify(name: str | Path = "encoder") -> list[Check]:
    """Check every file of a model in every engine for it.

    Raises
    ------
    ModelError
        The card or the golden pairs cannot be used.
    """
    path = card_path(name)
    card = load_card(path)
    golden = read(card, path.parent)
    return [
        _check(card, path.parent, file, engine, golden)
        for file in card.files
        for engine in ENGINES[file.runtime]
    ]


def table(checks: list[Check]) -> str:
    """Return the checks as a table."""
    lines = [f"{'file':24} {'engine':24} {'max difference':>14} {'of allowed':>10}  verdict"]
    for c in checks:
        numbers = ("", "") if c.difference is None else (f"{c.difference:.1e}", f"{c.share:.0%}")
        verdict = c.problem or "agrees"
        lines.append(f"{c.file:24} {c.engine:24} {numbers[0]:>14} {numbers[1]:>10}  {verdict}")
    return "\n".join(lines)


def _check(card: Card, folder: Path, file: ModelFile, engine: str, golden: Golden) -> Check:
    if find_spec(engine) is None:
        return Check(file.path, engine, None, None, "not installed", None)
    try:
        runner = Runner(card, folder, file.precision, file.runtime, engine)
        got = _joined(runner.run(golden.signal, golden.mask))
    except (ModelError, MissingExtraError) as error:
        return Check(file.path, engine, None, None, str(error), False)
    expected = _joined(golden.expected[file.form])
    difference = np.abs(got - expected)
    if file.precision == "fp32":
        share = float(difference.max()) / FP32_TOLERANCE
    else:
        moved = _rms(expected - _joined(golden.expected[f"fp32_{file.runtime}"]))
        allowed = INT8_TOLERANCE * np.maximum(moved, FP32_TOLERANCE)
        share = float((_rms(difference) / allowed).max())
    # Not ``share > 1``: NaN must fail, too.
    ok = share <= 1
    return Check(file.path, runner.engine, float(difference.max()), share, "" if ok else "DISAGREES", ok)


def _joined(outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Concatenate the outputs of each pair into one row."""
    rows = [outputs[name].reshape(len(outputs[name]), -1) for name in sorted(outputs)]
    return np.concatenate(rows, axis=1).astype(np.float64)


def _rms(x: NDArray[np.float64]) -> NDArray[np.float64]:
    root: NDArray[np.float64] = np.sqrt(np.mean(x**2, axis=1))
    return root
