"""Keeps room on the disk: finds the recordings in a folder and deletes the oldest when space runs out.

A recording is what `wearecg.sinks.recorder` writes between two rotations: ``wearecg_<UTC>`` with the records of all
streams. Deleted are only recordings that have that name and whose files say that wearecg wrote them, the oldest
first, and none that a process still writes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from wearecg.block import Notice
from wearecg.sinks.record_format import RecordFormat

try:
    import fcntl
except ImportError:  # Windows keeps an open file from being deleted by itself
    fcntl = None  # type: ignore[assignment]

CHECK_S = 10.0
"""Seconds between two looks at the free space."""
PATIENCE_S = 600.0
"""The same when there was nothing to delete."""

_NAME = r"(?P<recording>wearecg_\d{8}T\d{6}Z(_[1-9]\d{0,2})?)(_[a-z][a-z0-9]*(-[a-z0-9]+)*)?"
"""Recording and stream, of which the number of the sensor is a part (``_ecg-2``)."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How recordings are kept.

    Attributes
    ----------
    seconds, size : float
        A recording that is so long, or has so many bytes, ends and the next begins, without losing a sample.
    keep_free : float
        Bytes: below this much free space the oldest recordings are deleted.
    every : float or None
        Seconds between two writes, each of which reaches the disk: what a kill or a power cut loses at most. None:
        what comes is handed to the system at once, and reaches the disk within some seconds.
    """

    seconds: float = float("inf")
    size: float = float("inf")
    keep_free: float = 0.0
    every: float | None = None


@dataclass(slots=True)
class Recording:
    """The files of one recording in a folder."""

    name: str
    form: RecordFormat
    files: list[Path] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        total = 0
        for path in self.files:
            with suppress(OSError):
                status = path.stat()
                total += getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
        return total

    @property
    def ours(self) -> bool:
        """Whether a file of it says that wearecg wrote it."""
        return any(map(self.form.signed, self.files))

    @property
    def in_use(self) -> bool:
        """Whether a process still writes it."""
        return any(map(in_use, self.files))

    def delete(self) -> None:
        """Delete it, signed files last: what an interruption leaves is found and deleted the next time."""
        for path in sorted(self.files, key=lambda path: (self.form.signed(path), -len(path.name))):
            path.unlink(missing_ok=True)


def recordings(directory: Path, form: RecordFormat) -> list[Recording]:
    """Return the recordings of a format, oldest first. Anything else in the folder, and links, are passed over."""
    ours = re.compile(_NAME + form.files)
    found: dict[str, Recording] = {}
    for entry in os.scandir(directory):
        match = ours.fullmatch(entry.name)
        if match and entry.is_file(follow_symlinks=False):
            name = match["recording"]
            found.setdefault(name, Recording(name, form)).files.append(Path(entry.path))
    # By the time in the name, then by the number behind it.
    return sorted(
        found.values(), key=lambda recording: (recording.name[:24], len(recording.name), recording.name)
    )


def make_room(
    directory: Path, form: RecordFormat, keep_free: float, writing: Collection[str] = ()
) -> tuple[bool, list[Notice]]:
    """Delete the oldest recordings until ``keep_free`` bytes are free; return whether they are, and tell each.

    ``writing`` are records (of this process) that are being written. Raises OSError if the folder cannot be read.
    """
    free = shutil.disk_usage(directory).free
    if free >= keep_free:
        return True, []
    notices = []
    for recording in recordings(directory, form):
        if any(name == recording.name or name.startswith(f"{recording.name}_") for name in writing):
            continue
        if recording.in_use or not recording.ours:
            continue
        gained = recording.size
        try:
            recording.delete()
        except OSError as error:
            where = directory / recording.name
            notices.append(Notice(f"{where} cannot be deleted to make room: {error.strerror}", "warning"))
            continue
        # Reckoned, because some file systems give the space back only later.
        free += gained
        notices.append(
            Notice(
                f"deleted the oldest recording {directory / recording.name} ({in_words(gained)}) to keep "
                f"{in_words(keep_free)} free; now {in_words(free)} are",
                "warning",
            )
        )
        if free >= keep_free:
            return True, notices
    notices.append(
        Notice(
            f"{in_words(free)} are free where {directory} is, less than the {in_words(keep_free)} to keep, and there "
            "is no finished recording to delete: make room there, or the recording stops when the disk is full",
            "warning",
        )
    )
    return False, notices


def in_words(amount: float) -> str:
    """``512 MB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if amount >= factor:
            return f"{amount / factor:.3g} {unit}"
    return f"{amount:.0f} bytes"


def claim(fd: int) -> None:
    """Mark an open file as being written, until it is closed: no process deletes it to make room."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def deleted(fd: int, path: Path) -> bool:
    """Whether an open file was deleted; False for a negative ``fd``."""
    # Some file systems count no names at all.
    return fd >= 0 and os.fstat(fd).st_nlink == 0 and not path.exists()


def in_use(path: Path) -> bool:
    """Whether a process has claimed the file."""
    if fcntl is None:
        return False
    try:
        with open(path, "rb") as file:
            return not _lockable(file)
    except OSError:
        return True


def _lockable(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
