"""PTB-XL (Wagner et al., Sci Data 7:154, 2020) at 100 Hz, in its publisher's layout.

Label sets as in the PTB-XL benchmark (Strodthoff et al., IEEE JBHI 25:1519, 2021): a record
carries a statement when its ``scp_codes`` name it, whatever the likelihood beside it; diagnostic
statements are gathered into 5 superclasses and 23 subclasses, 19 form and 12 rhythm statements
stand for themselves. A task is scored on the records that carry at least one of its statements.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.datasets.cache import MISSING, gathered, millivolts
from wearecg.ecg.leads import TWELVE, canonical
from wearecg.errors import SourceError

FS = 100.0
LENGTH = 1000
EINTHOVEN_MV = 0.1
"""So far II may be from the sum of I and III, through rounding."""
SUPERCLASSES = {
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}
GROUPS = ("superclass", "subclass", "form", "rhythm")


@dataclass(frozen=True, eq=False)
class PtbXl:
    """The recordings and their labels, row for row.

    Attributes
    ----------
    signals : int16 [n, 12, 1000]
        Microvolts, leads in standard order; ``MISSING`` where a sample is missing.
    labels : dict of bool [n, statements]
        For each group of ``GROUPS``.
    statements : dict of dict
        For each group, code to text, in the order of the label columns.
    fold, patient : int [n]
        The official fold (1 to 10) and the patient's number.
    broken : bool [n]
        Said (in a column ``einthoven_ok``, which not every copy has) to break Einthoven's law.
    """

    signals: NDArray[np.int16]
    labels: dict[str, NDArray[np.bool_]]
    statements: dict[str, dict[str, str]]
    fold: NDArray[np.int64]
    patient: NDArray[np.int64]
    broken: NDArray[np.bool_]

    def millivolts(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return ``[rows, 12, 1000]`` in mV, NaN where a sample is missing."""
        return millivolts(self.signals[rows])

    def lawful(self) -> PtbXl:
        """Return the set without the recordings whose limb leads contradict each other (put in fold 0)."""
        broken = self.broken.copy()
        for at in range(0, len(broken), 512):
            one, two, three = self.millivolts(np.arange(at, min(at + 512, len(broken))))[:, :3].swapaxes(0, 1)
            with np.errstate(invalid="ignore"):
                broken[at : at + 512] |= (np.abs(two - one - three) > EINTHOVEN_MV).any(axis=1)
        return replace(self, fold=np.where(broken, 0, self.fold))

    def rows(self, folds: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of these folds."""
        return np.flatnonzero(np.isin(self.fold, folds))


def load(root: Path, cache: Path) -> PtbXl:
    """Read the set under ``root`` (the folder of ``ptbxl_database.csv``, or the one above it).

    The samples are gathered once into one memory-mapped array in the folder ``cache``.

    Raises
    ------
    SourceError
        ``root`` is not a PTB-XL download, or one of its records cannot be read.
    """
    base = next((d for d in (root, root / "ptbxl") if (d / "ptbxl_database.csv").is_file()), None)
    if base is None:
        raise SourceError(f"no ptbxl_database.csv in {root} or {root / 'ptbxl'}: give the PTB-XL folder")
    table = _table(base / "ptbxl_database.csv")
    groups = _statements(_table(base / "scp_statements.csv"))
    codes = [ast.literal_eval(row["scp_codes"]) for row in table]
    names = [row["filename_lr"] for row in table]
    labels = {}
    for group, (columns, belongs) in groups.items():
        labels[group] = np.array(
            [[c in have for c in columns] for have in ({belongs(c) for c in row} for row in codes)]
        )
    return PtbXl(
        signals=gathered(cache, "ptbxl-100hz", base, names, (len(TWELVE), LENGTH), _record),
        labels=labels,
        statements={group: columns for group, (columns, _) in groups.items()},
        fold=np.array([int(row["strat_fold"]) for row in table]),
        patient=np.array([int(float(row["patient_id"])) for row in table]),
        broken=np.array([row.get("einthoven_ok") == "0" for row in table]),
    )


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _statements(
    table: list[dict[str, str]],
) -> dict[str, tuple[dict[str, str], Callable[[str], str | None]]]:
    """For each group: its columns (code to text), and which column a statement counts for."""
    index = next(iter(table[0]))
    rows = {row[index]: row for row in table}

    def marked(kind: str) -> dict[str, str]:
        return {code: row["description"] for code, row in rows.items() if row[kind] and float(row[kind]) == 1}

    diagnostic = marked("diagnostic")
    super_of = {code: rows[code]["diagnostic_class"] for code in diagnostic}
    sub_of = {code: rows[code]["diagnostic_subclass"] for code in diagnostic}
    subs = {sub: rows[sub]["description"] if sub in rows else sub for sub in sorted(set(sub_of.values()))}
    form, rhythm = marked("form"), marked("rhythm")
    return {
        "superclass": (SUPERCLASSES, super_of.get),
        "subclass": (subs, sub_of.get),
        "form": (form, lambda code: code if code in form else None),
        "rhythm": (rhythm, lambda code: code if code in rhythm else None),
    }


def _record(path: Path) -> NDArray[np.int16]:
    """Read one WFDB record of format 16, all leads in one file, as microvolts ``[12, 1000]``."""
    try:
        head, *lines = path.with_suffix(".hea").read_text().splitlines()
        raw = np.fromfile(path.with_suffix(".dat"), "<i2").reshape(LENGTH, len(TWELVE))
    except (OSError, ValueError) as error:
        raise SourceError(f"PTB-XL record {path}: {error}") from error
    fields = [line.split() for line in lines[: len(TWELVE)]]
    if head.split()[1:3] != ["12", "100"] or tuple(canonical(f[-1]) for f in fields) != TWELVE:
        raise SourceError(f"PTB-XL record {path}: not 12 standard leads at 100 Hz: {head!r}")
    gain, base = np.array([_gain(f[2], f[4]) for f in fields]).T
    microvolts = np.clip(np.rint((raw - base) / gain * 1000), -32767, 32767)
    return np.where(raw == MISSING, MISSING, microvolts).astype(np.int16).T


def _gain(field: str, adc_zero: str) -> tuple[float, float]:
    """Parse ``200(0)/mV``: ADC steps per mV, and the step that is 0 mV (the ADC zero if not given)."""
    number, _, baseline = field.split("/")[0].rstrip(")").partition("(")
    return float(number), float(baseline or adc_zero)
