"""What a recording format has to do: keep the record of one stream on the disk. `Recorder` does everything else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from wearecg.block import Notice, Samples, SignalBlock, StreamInfo


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation at one sample of a record.

    Attributes
    ----------
    sample : int
        From 0, the first of the record.
    kind : {"beat", "note", "quality"}
    text : str
    channel : int
        Which of the stream's leads it is about, from 0.
    usable : bool
        Of quality: whether the signal can be used from here on.
    code : str
        Of a beat: its class by AAMI, ``N S V F Q``; ``Q`` where none is known.
    """

    sample: int
    kind: Literal["beat", "note", "quality"]
    text: str = ""
    channel: int = 0
    usable: bool = True
    code: str = "Q"


class OpenRecord(ABC):
    """The record of one stream while it is being written. A full disk is not an error: tell it in `notices`.

    Attributes
    ----------
    length : int
        Samples so far, missing ones included.
    size : int
        Bytes that were handed over for writing.
    notices : list of Notice
        Messages for the user; the recorder removes them.
    gone : bool
        Whether its files, or their folder, were deleted while it was written, as `flush` found: nothing more is
        written then, and the recorder begins a new record.
    """

    length: int = 0
    size: int = 0
    gone: bool = False

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    @abstractmethod
    def write(self, samples: Samples, at: int) -> None:
        """Append ``samples`` [n, leads], the first of them number ``at`` of the record.

        Those between `length` and ``at`` are missing. Those before `length` were sent twice: leave them out.
        """

    def extend(self, length: int) -> None:
        """Note that the record of a stream without samples is at least so long."""
        self.length = max(self.length, length)

    @abstractmethod
    def annotate(self, annotation: Annotation) -> None:
        """Take an annotation; they come somewhat out of order."""

    @abstractmethod
    def flush(self, now: float, before: float) -> None:
        """Write everything to the files, so that a reader finds it and a kill does not lose it.

        ``now`` is in monotonic seconds. Annotations from sample ``before`` on may be kept: earlier ones may come yet.
        """

    def end(self) -> None:  # noqa: B027 (a format may have nothing to do)
        """Finish the samples; annotations may come yet."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left and close all files; safe to call twice."""


class RecordFormat(ABC):
    r"""How records lie on the disk.

    Attributes
    ----------
    name : str
        For messages: the scheme of its URI.
    files : str
        A regular expression for what follows the record's name in the names of its files, as ``\.txt``. While a file
        is being written, `wearecg.sinks.upkeep.claim` it, so that no other process deletes it.
    """

    name: ClassVar[str]
    files: ClassVar[str]

    @abstractmethod
    def open(self, place: Path, info: StreamInfo, epoch: float, first: SignalBlock | None) -> OpenRecord:
        """Begin a record.

        Parameters
        ----------
        place : Path
            Folder and name of the record, without a suffix.
        info : StreamInfo
        epoch : float
            Unix time of the record's first sample; not finite where it is not known.
        first : SignalBlock or None
            The block that `OpenRecord.write` will be given next, to choose a coding by; None if the stream has no
            samples.
        """

    @abstractmethod
    def signed(self, path: Path) -> bool:
        """Return whether a file (of a matching name) says that wearecg wrote it. Others' are never deleted."""

    def repair(self, directory: Path) -> list[Notice]:
        """Put right what a power cut left, before recording begins, and tell of it.

        What cannot be read or put right is left alone, and told: it must not keep us from recording.
        """
        del directory
        return []
