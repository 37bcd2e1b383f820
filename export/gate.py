"""The gate: a model that lost more than its card allows on its way to the device is not published.

Every form is measured on the same windows of fold 9, with every reported lead set, by the runner that
users have. The rule is one for all groups, and it looks at the point estimate: the loss is a difference
on the same windows, far less uncertain than the macro AUROC itself. For the form statements, some of
which a dozen records carry, a loss of 0.003 is within what another calibration set would give; such a
model is refused all the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from export.errors import GateError
from export.to_tflite import dynamic_range, read_graph
from wearecg.models.card import Loss
from wearecg.models.describe import gate_table

ALLOWED_LOSS = 0.003
CONVERSION_ERROR = 2e-4
"""fp32 in either format and torch compute the same: their macro AUROC agree this closely."""
MAX_BYTES = {"fp32": 2_000_000, "int8": 600_000}
LOCAL = re.compile(rb"site-packages|/home/|/root/|/tmp/|\.py\b")
"""What only a trace of the machine that made a file looks like."""


def check(report: Sequence[Loss], allowed: float = ALLOWED_LOSS) -> None:
    """Refuse a report in which a form lost more than ``allowed`` macro AUROC in any row.

    Raises
    ------
    GateError
        Names every group and lead set that lost too much (or could not be measured), and how much.
    """
    faults = []
    for row in report:
        # Written so that NaN fails too.
        wrong = [
            f
            for f in ("fp32_onnx", "fp32_tflite")
            if not abs(row.torch - getattr(row, f)) <= CONVERSION_ERROR
        ]
        wrong += [f for f in ("int8_onnx", "int8_tflite") if not row.torch - getattr(row, f) <= allowed]
        faults += [
            f"{row.group}, {row.leads}: {f} {getattr(row, f):.4f} against torch {row.torch:.4f}"
            for f in wrong
        ]
    if not report:
        faults.append("nothing was measured")
    if faults:
        raise GateError(
            f"refused, macro AUROC may fall by {allowed}: {'; '.join(faults)}\n{gate_table(tuple(report))}"
        )


def check_file(path: Path, precision: str) -> None:
    """Refuse a file that is too large, names the machine it was made on, or has dynamic-range layers.

    Raises
    ------
    GateError
        Names the file and what is wrong with it.
    """
    content = path.read_bytes()
    if len(content) > MAX_BYTES[precision]:
        raise GateError(f"refused: {path.name} has {len(content)} bytes, {MAX_BYTES[precision]} are allowed")
    if trace := LOCAL.search(content):
        around = content[max(0, trace.start() - 40) : trace.end() + 40]
        raise GateError(f"refused: {path.name} names the machine that made it: {around!r}")
    if path.suffix == ".tflite" and (hybrid := dynamic_range(read_graph(content))):
        raise GateError(
            f"refused: {path.name} has dynamic-range layers ({', '.join(hybrid)}), "
            "which tflite-runtime 2.14 computes wrong; quantise statically"
        )
