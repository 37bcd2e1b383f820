"""Converts recordings: any format that is read to any that is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from wearecg.arguments import typed
from wearecg.errors import SinkError, WearECGError
from wearecg.formats import open_recording
from wearecg.writers import writer_of


@typed
def convert(
    source: str | Path,
    target: str | Path,
    *,
    fs: float | None = None,
    leads: str | Sequence[str] = (),
    lsb: float | None = None,
    overwrite: bool = False,
    told: Callable[[str], object] | None = None,
) -> tuple[str, ...]:
    r"""Convert a recording to another format, piece by piece.

    Parameters
    ----------
    source : str or Path
        A recording of any format that ``wearecg formats`` lists.
    target : str or Path
        The file to write, its format by its ending (``rec.edf``, ``rec.dcm``, ``rec.json``), or before a colon, with
        options: ``edf:rec.edf?discontinuous=1``.
    fs, leads, lsb
        What the file does not say, as for `read_recording`.
    overwrite : bool
        Whether a file that is there is replaced; the source never is.
    told : callable, optional
        Is given each line of what is returned, before anything is written.

    Returns
    -------
    tuple of str
        What the format cannot hold, and what had to be assumed about the source.

    Raises
    ------
    SourceError, SignalError, MissingExtraError
        The recording cannot be read, as by `read_recording`.
    SinkError
        A format that is not written, a file that is there already, or one that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import wearecg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "ecg.csv"
    ...     _ = table.write_text("time,II\n" + "".join(f"{k / 100},{k % 7 / 10}\n" for k in range(100)))
    ...     lost = wearecg.convert(table, Path(folder) / "ecg.edf")
    ...     wearecg.read_recording(Path(folder) / "ecg.edf").leads
    ('II',)
    """
    tell = told or str
    writer, place, options = writer_of(str(target))
    path, source = Path(place), Path(source)
    if path.suffix.lower() not in writer.suffixes:
        path = path.with_name(path.name + writer.suffixes[0])
    _check(path, source, overwrite)
    stored = open_recording(source, fs, leads, lsb)
    lost = [*stored.recording.remarks, *writer.lost(stored, options)]
    for line in lost:
        tell(line)
    try:
        with TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            later = writer.write(stored, Path(folder) / path.name, options)
            for line in later:
                tell(line)
            written = [(file, path.parent / file.name) for file in writer.files(Path(folder))]
            for _, there in written:
                _check(there, source, overwrite)
            for file, there in written:
                os.replace(file, there)
    except OSError as error:
        if isinstance(error, WearECGError):
            raise
        raise SinkError(f"{path} cannot be written: {error.strerror or error}") from error
    return (*lost, *later)


def _check(path: Path, source: Path, overwrite: bool) -> None:
    """Raise `SinkError` if ``path`` belongs to the source, or is there and may not be overwritten."""
    if not path.exists():
        return
    header = source.with_name(source.name + ".hea")
    own = [source, header, *(source.with_suffix(suffix) for suffix in (".hea", ".dat"))]
    if any(one.exists() and path.samefile(one) for one in own):
        raise SinkError(f"{path} is the recording itself: choose another name")
    if not overwrite or not path.is_file():
        hint = "choose another name, or say that it is to be replaced (--overwrite)"
        raise SinkError(f"{path} is there already: {hint}")
