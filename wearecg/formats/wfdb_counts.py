"""The counts in the signal files of a WFDB record (signal(5)).

Formats 16 and 212, in which nearly all records are, are read here; the others are by the ``wfdb`` package, which takes
77 MB and a third of a second to import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import MissingExtraError, SourceError
from wearecg.formats.wfdb_header import Header, plain_text
from wearecg.text import one_line

Counts = NDArray[np.int64]


def counts(header_file: Path, header: Header, first: int, last: int) -> list[Counts]:
    """Read the frames from ``first`` up to ``last`` of every signal.

    Raises
    ------
    SourceError
        A signal file cannot be read.
    MissingExtraError
        It takes the ``wfdb`` package to read it, which is not installed.
    """
    formats = {line.format for line in header.signals}
    if formats <= READERS.keys() and not any(line.skew for line in header.signals):
        return _read(header_file, header, first, last)
    return _read_by_package(header_file, header, first, last)


def _package() -> Any:
    """Return the ``wfdb`` package. Raises `MissingExtraError` where it is not installed."""
    try:
        import wfdb
    except ImportError:
        raise MissingExtraError("wfdb", "formats", "reading WFDB records") from None
    return wfdb


@contextmanager
def _errors_told(file: Path, what: str) -> Iterator[None]:
    """Tell which file is damaged: the ``wfdb`` package raises whatever its parser stumbles over."""
    try:
        yield
    except Exception as error:
        raise SourceError(f"{file} cannot be read as {what}: {one_line(error)}") from error


def _of_16(file: Path, offset: int, first: int, last: int) -> Counts:
    return np.fromfile(file, "<i2", last - first, offset=offset + 2 * first).astype(np.int64)


def _of_212(file: Path, offset: int, first: int, last: int) -> Counts:
    """Two samples in three bytes; the low halves of the one between them are the upper bits of the first."""
    even = first // 2 * 2
    octets = np.fromfile(file, np.uint8, -(-(last - even) // 2) * 3, offset=offset + even // 2 * 3)
    octets = np.append(octets, np.zeros(-len(octets) % 3, np.uint8)).astype(np.int64)
    low, middle, high = octets.reshape(-1, 3).T
    pairs = np.stack([low | (middle & 15) << 8, high | (middle & 240) << 4], axis=1).reshape(-1)
    pairs -= (pairs & 2048) << 1
    return pairs[first - even : last - even]


READERS: dict[str, Callable[[Path, int, int, int], Counts]] = {"16": _of_16, "212": _of_212}
"""By format what reads the samples from one number up to another of a file that begins with a preamble (bytes)."""


def _read(header_file: Path, header: Header, first: int, last: int) -> list[Counts]:
    signals: dict[int, Counts] = {}
    for file in dict.fromkeys(line.file for line in header.signals):
        within = {k: line for k, line in enumerate(header.signals) if line.file == file}
        ends = list(accumulate(line.frame for line in within.values()))
        line = next(iter(within.values()))
        with _errors_told(header_file, "a WFDB record"):
            read = READERS[line.format]
            frames = read(header_file.parent / file, line.offset, first * ends[-1], last * ends[-1])
            frames = frames.reshape(last - first, ends[-1])
        for (k, line), end in zip(within.items(), ends, strict=True):
            signals[k] = frames[:, end - line.frame : end].reshape(-1)
    return [signals[k] for k in range(len(header.signals))]


def _read_by_package(header_file: Path, header: Header, first: int, last: int) -> list[Counts]:
    wfdb = _package()
    with _errors_told(header_file, "a WFDB record"), TemporaryDirectory() as folder:
        stem = header_file.with_suffix("")
        if not header.plain or not header.length:
            # The package stumbles over dates in other forms, names with an ending, and lengths that are not given.
            stem = Path(folder) / "record"
            given = dict.fromkeys(line.file for line in header.signals)
            files = {name: f"{number}.dat" for number, name in enumerate(given)}
            stem.with_suffix(".hea").write_text(plain_text(header, stem.name, last, files))
            for name, link in files.items():
                (Path(folder) / link).symlink_to((header_file.parent / name).resolve())
        # Differences mean nothing without what is before them.
        start = 0 if any(line.format == "8" for line in header.signals) else first
        record = wfdb.rdrecord(
            str(stem), sampfrom=start, sampto=last, physical=False, smooth_frames=False, ignore_skew=False
        )
    skipped = [(first - start) * line.frame for line in header.signals]
    return [np.asarray(x, np.int64)[n:] for x, n in zip(record.e_d_signal, skipped, strict=True)]
