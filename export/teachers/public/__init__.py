"""Adapters for public checkpoints: the authors' weights, our code, their preprocessing. See README.md."""

from __future__ import annotations

from pathlib import Path

from export.errors import ExportError
from export.teachers.public.checkpoint import read
from export.teachers.public.csfm import CardiacSensing
from export.teachers.public.ecg_fm import EcgFm
from export.teachers.public.ecgfounder import ECGFounder
from export.teachers.public.jepa_kim import KimJepa
from export.teachers.public.jepa_weimann import WeimannJepa
from export.teachers.public.merl import Merl
from export.teachers.public.teacher import Opinion, Teacher

__all__ = ["TEACHERS", "Opinion", "Teacher", "load_teacher"]

TEACHERS: dict[str, type[Teacher]] = {
    teacher.name: teacher for teacher in (ECGFounder, WeimannJepa, KimJepa, Merl, EcgFm, CardiacSensing)
}


def load_teacher(name: str, weights: Path) -> Teacher:
    """Load a published teacher from the authors' own file.

    Parameters
    ----------
    name : str
        A key of :data:`TEACHERS`.
    weights : Path
        The checkpoint as it was downloaded.

    Raises
    ------
    ExportError
        No such teacher or file, a file that holds more than weights, or weights that do not fit it
        name for name and shape for shape.
    """
    if name not in TEACHERS:
        raise ExportError(f"there is no teacher {name!r}; there are {', '.join(TEACHERS)}")
    return TEACHERS[name].from_checkpoint(read(weights), str(weights))
