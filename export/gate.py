"""The gate: an int8 model that loses more than its card allows is not published."""

from __future__ import annotations

from collections.abc import Sequence

from export.errors import GateError
from wearecg.models.card import Loss

ALLOWED_LOSS = 0.005
CONVERSION_ERROR = 1e-3
"""ONNX fp32 and torch compute the same: their macro AUROC agree this closely."""


def check(report: Sequence[Loss], allowed: float = ALLOWED_LOSS) -> None:
    """Refuse a report in which any group with any lead set lost more than ``allowed`` macro AUROC.

    Raises
    ------
    GateError
        Names every group and lead set that lost too much (or could not be measured), and how much.
    """
    faults = []
    for row in report:
        where = f"{row.group}, {row.leads}"
        # Written so that NaN fails too.
        if not abs(row.torch - row.fp32) <= CONVERSION_ERROR:
            faults.append(f"{where}: ONNX fp32 {row.fp32:.4f} is not torch's {row.torch:.4f}")
        if not row.fp32 - row.int8 <= allowed:
            faults.append(f"{where}: int8 {row.int8:.4f} against fp32 {row.fp32:.4f}")
    if faults or not report:
        raise GateError(
            f"refused, macro AUROC may fall by {allowed}: " + ("; ".join(faults) or "nothing was measured")
        )


def table(report: Sequence[Loss]) -> str:
    """Lay the report out for people."""
    lines = [f"{'group':12} {'leads':10} {'torch':>7} {'fp32':>7} {'int8':>7} {'loss':>8}"]
    lines += [
        f"{r.group:12} {r.leads:10} {r.torch:7.4f} {r.fp32:7.4f} {r.int8:7.4f} {r.fp32 - r.int8:+8.4f}"
        for r in report
    ]
    return "\n".join(lines)
