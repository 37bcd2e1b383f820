"""What may be written over: a file of the kind that is about to be written, and no other. A recording is never that."""

from __future__ import annotations

from pathlib import Path

from wearecg.errors import SinkError

HEAD = 4096


def check(path: Path, marks: tuple[bytes, ...], what: str) -> None:
    """Raise `SinkError` unless ``path`` is absent, empty, no regular file, or begins as ``what`` of ours does.

    Parameters
    ----------
    path : Path
    marks : tuple of bytes
        The first of them begins the file, the others are in its first `HEAD` bytes.
    what : str
        For the message: ``a report``.

    Examples
    --------
    >>> from pathlib import Path
    >>> check(Path("no-such-file.json"), (b"{",), "a profile")
    """
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from error
    # A run that was killed may have left the beginning of one.
    ours = head.startswith(marks[0]) and all(mark in head for mark in marks[1:])
    if not ours and not marks[0].startswith(head):
        raise SinkError(
            f"{path} is there already and is not {what}: nothing is written over it; choose another name"
        )
