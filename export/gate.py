"""The gate: a model that loses more by conversion or quantisation than its card allows is not published.

Every form is measured on the same windows, with every reported lead set, by the runner that users have. A card has
one rule for all its rows, applied to the point estimate: the loss is a difference on the same windows, far less
uncertain than the macro AUROC itself. For the form statements, some of which only a dozen records have, a loss of
0.003 is within what another calibration set would give; such a model is refused nevertheless.
"""

from __future__ import annotations

import re
from pathlib import Path

from export.errors import GateError
from export.to_tflite import dynamic_range, read_graph
from wearecg.models.card import FORMS, Quantisation
from wearecg.models.describe import gate_table

CONVERSION_ERROR = 2e-4
"""How closely the metrics of torch and of fp32 in either format must agree."""
MAX_BYTES = 2_000_000
"""Size limit of any model file."""
LOCAL = re.compile(rb"site-packages|/home/|/root/|/tmp/|\.py\b")
"""Traces of the machine that made a file."""


def check(rule: Quantisation) -> None:
    """Refuse a report if any form lost more than the card allows in any row.

    Raises
    ------
    GateError
        Names every group and lead set that lost too much or could not be measured, with the values.
    """
    faults = []
    for row in rule.report:
        for form in FORMS:
            loss = rule.loss(row, form)
            # Written so that NaN fails too.
            if not (loss <= rule.allowed_loss if form.startswith("int8") else abs(loss) <= CONVERSION_ERROR):
                value = getattr(row, form)
                faults.append(f"{row.group}, {row.leads}: {form} {value:.4f} against torch {row.torch:.4f}")
    if not rule.report:
        faults.append("nothing was measured")
    if faults:
        raise GateError(f"refused: {'; '.join(faults)}\n{gate_table(rule)}")


def check_file(path: Path, allowed: int = MAX_BYTES) -> None:
    """Refuse a file that is too large, contains traces of the machine that made it, or has dynamic-range layers.

    Raises
    ------
    GateError
        Names the file and what is wrong with it.
    """
    content = path.read_bytes()
    if len(content) > allowed:
        raise GateError(f"refused: {path.name} has {len(content)} bytes, {allowed} are allowed")
    if trace := LOCAL.search(content):
        around = content[max(0, trace.start() - 40) : trace.end() + 40]
        raise GateError(f"refused: {path.name} names the machine that made it: {around!r}")
    if path.suffix == ".tflite" and (hybrid := dynamic_range(read_graph(content))):
        raise GateError(
            f"refused: {path.name} has dynamic-range layers ({', '.join(hybrid)}), "
            "which tflite-runtime 2.14 computes wrong; quantise statically"
        )
