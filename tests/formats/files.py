"""Tiny writers of the formats that are read, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_edf(
    path: Path,
    signals: Sequence[tuple[str, str, np.ndarray]],
    samples: Sequence[int],
    *,
    duration: float = 1.0,
    kind: str = "",
    onsets: Sequence[float] | None = None,
    notes: Sequence[tuple[float, float, str]] = (),
    limits: tuple[float, float] = (-3.2768, 3.2767),
    bits: int = 16,
    recording: str = "Startdate 01-DEC-2026 X X X",
) -> Path:
    """Write counts of signals (label, unit, counts); ``samples`` of each are in a record of ``duration`` s."""
    top = 1 << (bits - 1)
    records = len(signals[0][2]) // samples[0]
    labels = [(label, unit) for label, unit, _ in signals]
    counts = [x.reshape(records, n) for (_, _, x), n in zip(signals, samples, strict=True)]
    columns = [*samples]
    notes_bytes = 60
    if kind:
        labels.append((f"{'BDF' if bits == 24 else 'EDF'} Annotations", ""))
        columns.append(notes_bytes // (bits // 8))
    fields = [
        ([label for label, _ in labels], 16), ([""] * len(labels), 80), ([unit for _, unit in labels], 8),
        ([f"{limits[0]:g}"] * len(labels), 8), ([f"{limits[1]:g}"] * len(labels), 8),
        ([str(-top)] * len(labels), 8), ([str(top - 1)] * len(labels), 8), ([""] * len(labels), 80),
        ([str(n) for n in columns], 8), ([""] * len(labels), 32),
    ]  # fmt: skip
    version = "\xffBIOSEMI" if bits == 24 else "0"
    head = f"{version:8}{'X X X X':80}{recording:80}{'01.12.26':8}{'10.30.00':8}"
    head += f"{256 * (len(labels) + 1):<8}{kind:44}{records:<8}{duration:<8g}{len(labels):<4}"
    head += "".join(f"{text:{width}}" for texts, width in fields for text in texts)
    body = b""
    for record in range(records):
        for x in counts:
            body += x[record].astype("<i4").view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
        if kind:
            begins = record * duration if onsets is None else onsets[record]
            text = f"+{begins:.4f}\x14\x14\0"
            text += "".join(
                f"+{at:g}\x15{length:g}\x14{said}\x14\0" for at, length, said in notes if not record
            )
            body += text.encode().ljust(notes_bytes, b"\0")
    path.write_bytes(head.encode("latin-1") + body)
    return path
