"""What writes a format, and what recordings have that a format may not hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.block import Samples
from wearecg.errors import SinkError
from wearecg.formats.recording import RR_UNKNOWN, Annotations, Stored

PIECE_S = 60.0
"""So much is converted at a time."""
SAME_S = 0.002
"""An interval that is this far from the time between its beats is not that."""


class Writer(ABC):
    """One format that recordings are converted to."""

    name: ClassVar[str]
    title: ClassVar[str]
    """For people: what is written."""
    suffixes: ClassVar[tuple[str, ...]]
    package: ClassVar[tuple[str, str]] = ("", "")
    """The package that it needs, if any, and the extra that installs it."""
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Names and the values that each may have."""

    @abstractmethod
    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Return what of the recording the format cannot hold, each in one line; it is told before it is written.

        Raises
        ------
        SinkError
            Nothing of it can be held.
        """

    @abstractmethod
    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write the recording as ``path``, in a folder of its own. Raises OSError.

        Returns what turned out to be lost while it was written; it is told before anybody sees the file.
        """

    def files(self, folder: Path) -> list[Path]:
        """Return what was written into the folder, in the order in which the files are to appear."""
        return sorted(folder.iterdir())


def pieces(stored: Stored, seconds: float = PIECE_S) -> Iterator[tuple[int, Samples]]:
    """Yield number of the first sample and samples [n, leads], some seconds at a time."""
    step = max(1, round(seconds * stored.recording.fs))
    for first in range(0, stored.length, step):
        yield first, stored.read(first, min(first + step, stored.length))


def need_samples(stored: Stored, title: str) -> None:
    """Raise `SinkError` for a recording of RR intervals."""
    if stored.recording.intervals is not None:
        raise SinkError(
            f"{stored.recording.name} has RR intervals and no samples, which {title} cannot hold; WFDB and EDF+ can"
        )


def other_rates(stored: Stored, title: str) -> list[str]:
    """Tell the leads of other rates, for a format of one rate."""
    return [
        f"{title} holds one rate: {lead} is lost, it has {other.recording.fs:g} Hz"
        for other in stored.others
        for lead in other.recording.leads
    ]


def derived_marks(stored: Stored, title: str) -> list[str]:
    """Tell the marks of computed leads."""
    leads = [lead for part in (stored, *stored.others) for lead in part.recording.derived]
    return [f"{title} does not say that {', '.join(leads)} were computed from other leads"] if leads else []


def steps(stored: Stored, title: str) -> list[str]:
    """Tell the steps of the converter."""
    known = any(lsb > 0 for lsb in stored.recording.lsb)
    return [f"{title} does not say how large a count of the sensor was"] if known else []


def all_annotations(stored: Stored, title: str) -> list[str]:
    """Tell the annotations, for a format that has none."""
    found = stored.recording.annotations
    count = len(found.times) if found else 0
    return [f"{title} holds no annotations: {count} are lost"] if count else []


def all_comments(stored: Stored, title: str) -> list[str]:
    """Tell the comments, for a format that has none."""
    comments = stored.recording.comments
    return [f"{title} holds no comments: {len(comments)} lines are lost"] if comments else []


def annotations_of(stored: Stored) -> Annotations:
    """Return its annotations; of a recording of RR intervals that has none, its beats."""
    recording = stored.recording
    if recording.annotations is not None:
        return recording.annotations
    if recording.intervals is None:
        return Annotations(np.empty(0), (), ())
    times, rr = recording.intervals.times, recording.intervals.rr
    known = np.abs(np.diff(times, prepend=0.0) - rr) < SAME_S
    notes = tuple("" if same else RR_UNKNOWN for same in known.tolist())
    return Annotations(times, ("Q",) * len(times), notes)
