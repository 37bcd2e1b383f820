"""JSON Lines: one object a line, documented in ``docs/jsonl.md``."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from wearecg import overwrite
from wearecg.block import Event, Notice
from wearecg.errors import SinkError
from wearecg.sinks.base import Context, Sink, check_options, need_stdout
from wearecg.sinks.encode import Encoder, Record
from wearecg.sinks.threaded import OutputGoneError
from wearecg.sinks.upkeep import deleted

SCHEMA = "wearecg/1"
_MARK = b'{"type":"'
"""Begins each line of ours."""


def open_jsonl(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``jsonl:-`` (stdout) or ``jsonl:PATH`` (appended to)."""
    del context
    check_options("jsonl", options)
    if place in ("", "-"):
        need_stdout("jsonl")
        return JsonlSink()
    return JsonlSink(Path(place))


class JsonlSink(Sink):
    """Writes events as JSON Lines to stdout (each line at once) or appends them to a file (at each tick).

    A file is lossless; stdout and named pipes are not, because a reader that stops reading must not stop the
    recording. A file that is deleted while it is written is begun anew.

    Raises
    ------
    SinkError
        The file is there and is something else. It cannot be opened, or (later) not be written; a half-written line
        is taken back then. Nobody reads the named pipe.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self._path = path
        self._fd = -1 if path is None else _open(path)
        self.lossless = self._fd >= 0 and _is_file(self._fd)
        self._lines: list[str] = []
        self._encoder = Encoder()
        self._started = False
        self._closed = False

    def write(self, event: Event) -> None:
        """Write one event."""
        if self._closed:
            return
        record = self._encoder.encode(event)
        if record is not None:
            self._put(record)

    def tick(self, now: float) -> None:  # noqa: ARG002
        """Flush a file."""
        if self._path and self.lossless and deleted(self._fd, self._path):
            self._begin_anew(self._path)
        self._flush()

    def close(self) -> None:
        """Flush and close."""
        if self._closed:
            return
        try:
            self._flush()
        finally:
            self._closed = True
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _put(self, record: Record) -> None:
        if not self._started:
            self._started = True
            self._lines.append(_schema())
        self._lines.append(_line(record))
        if self._path is None:
            self._flush()

    def _flush(self) -> None:
        if not self._lines:
            return
        text = "".join(self._lines)
        self._lines.clear()
        if self._path is None:
            self._print(text)
        else:
            self._append(self._path, text.encode())

    def _print(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self._closed = True
            # The interpreter flushes stdout once more at exit; let that go to nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OutputGoneError("the reader of stdout closed the pipe") from None
        except OSError as error:
            self._closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SinkError(f"the standard output cannot be written: {error.strerror}") from error

    def _begin_anew(self, path: Path) -> None:
        os.close(self._fd)
        self._fd, self._closed = -1, True
        self._fd, self._closed = _open(path), False
        self._lines.insert(0, _schema())
        self.notices.append(Notice(f"{path} was deleted while it was written: it is begun anew", "warning"))

    def _append(self, path: Path, data: bytes) -> None:
        size = os.fstat(self._fd).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            self._closed = True
            with suppress(OSError):  # a pipe or a device
                os.ftruncate(self._fd, size + data.rfind(b"\n", 0, written) + 1)
            os.close(self._fd)
            self._fd = -1
            if isinstance(error, BrokenPipeError):
                raise SinkError(
                    f"nobody reads {path} any more; what comes from here on is not told"
                ) from error
            raise SinkError(
                f"{path} cannot be written any more: {error.strerror}; it ends with its last whole line"
            ) from error


def _schema() -> str:
    from wearecg import __version__

    return _line({"type": "schema", "schema": SCHEMA, "wearecg": __version__})


def _line(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _open(path: Path) -> int:
    pipe = False
    overwrite.check(path, (_MARK,), "JSON Lines of ours")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pipe = path.is_fifo()
        # Opened for writing alone and without waiting, a pipe that nobody reads is refused.
        way = os.O_WRONLY | os.O_NONBLOCK if pipe else os.O_RDWR | os.O_CREAT
        fd = os.open(path, way | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        if pipe:
            os.set_blocking(fd, True)
    except OSError as error:
        if pipe:
            raise SinkError(f"jsonl: nobody reads the pipe {path}: start its reader first") from error
        raise SinkError(
            f"jsonl: cannot write {path}: {error.strerror}; choose a file in a folder of yours"
        ) from error
    size = os.fstat(fd).st_size if _is_file(fd) else 0
    if size:  # a run that was killed may have left half a line
        os.lseek(fd, size - 1, os.SEEK_SET)
        if os.read(fd, 1) != b"\n":
            os.write(fd, b"\n")
    return fd


def _is_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)
