"""What in an EDF+ file is ours, and what its annotations say that its samples say too."""

from __future__ import annotations

EQUIPMENT = "wearecg"
"""The recording equipment in headers of ours."""
GAP = "Recording gap"
"""A stretch that was filled, in EDF+C, for readers that know no gaps."""
END = "Recording ends"
"""Behind it the last record is filled."""
SILENT = ": no sample"
"""Behind the name of a lead: a stretch in which others have samples."""


def is_ours(head: bytes) -> bool:
    """Whether a header says that wearecg wrote the file: then the smallest count of a signal is no measurement."""
    return f" {EQUIPMENT}-".encode() in head[88:168]


def in_samples(text: str) -> bool:
    """Whether an annotation says nothing that missing samples do not."""
    return text in (GAP, END) or text.endswith(SILENT)
