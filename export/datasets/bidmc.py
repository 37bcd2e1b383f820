"""BIDMC (Pimentel et al., IEEE TBME 64(8), 2016): eight minutes of PPG and ECG in intensive care."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.datasets.folds import fold
from wearecg.ecg.leads import is_ecg
from wearecg.errors import SourceError
from wearecg.formats.wfdb_record import stored

FS = 125.0
SUBJECT = re.compile(r"/(s\d+)/")
"""In the header's comment; some subjects have several records."""


@dataclass(frozen=True, eq=False)
class Record:
    """One record: the pulse ``[n]`` without unit, the ECG ``[n, leads]`` in mV (NaN where missing), at 125 Hz."""

    name: str
    subject: str
    ppg: NDArray[np.float32]
    leads: NDArray[np.float32]
    """Lead II first."""

    @property
    def ecg(self) -> NDArray[np.float32]:
        """Lead II."""
        return self.leads[:, 0]

    @property
    def held_out(self) -> bool:
        """Whether the subject is of the third that no model of ours learns from."""
        return fold(self.subject, 3) == 3


def load(root: Path) -> list[Record]:
    """Read every record under ``root`` (the folder of ``bidmc01.hea``, or the one above it).

    Raises
    ------
    SourceError
        There are none, or one has no pulse, no lead II or no subject.
    """
    base = next((d for d in (root, root / "bidmc") if any(d.glob("bidmc??.hea"))), None)
    if base is None:
        raise SourceError(f"no bidmc01.hea in {root} or {root / 'bidmc'}: give the BIDMC folder")
    records = []
    for path in sorted(base.glob("bidmc??.hea")):
        recording = stored(path, None).whole()
        subject = SUBJECT.search(" ".join(recording.comments))
        if subject is None or not {"PPG", "II"} <= set(recording.leads):
            raise SourceError(f"{path}: expected PLETH, II and a subject, found {', '.join(recording.leads)}")
        ecg = ["II", *(lead for lead in recording.leads if is_ecg(lead) and lead != "II")]
        ppg, leads = (
            recording.samples[:, [recording.leads.index(n) for n in names]] for names in (["PPG"], ecg)
        )
        records.append(Record(path.stem, subject[1], ppg[:, 0], leads))
    return records
