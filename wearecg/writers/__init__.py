"""Writing recordings: every format that `wearecg.convert` writes, chosen by the ending of a name, or by ``name:``.

To add one: a module with a `Writer` and a line in `WRITERS`; or, from a package of your own, an entry point of the
group ``wearecg.writers``, whose value is the class.
"""

from __future__ import annotations

from wearecg import registry
from wearecg.errors import SinkError
from wearecg.writers.base import Writer

__all__ = ["ENTRY_POINTS", "WRITERS", "Writer", "writer_of", "writers"]

WRITERS: dict[str, tuple[str, str]] = {
    "wfdb": ("wearecg.writers.wfdb", "WfdbWriter"),
    "edf": ("wearecg.writers.edf", "EdfWriter"),
    "dicom": ("wearecg.writers.dicom", "DicomWriter"),
    "aecg": ("wearecg.writers.aecg", "AecgWriter"),
    "fhir": ("wearecg.writers.fhir", "FhirWriter"),
    "parquet": ("wearecg.writers.parquet", "ParquetWriter"),
    "csv": ("wearecg.writers.csv", "CsvWriter"),
}
"""Name: module and class."""
ENTRY_POINTS = "wearecg.writers"


def writers() -> list[Writer]:
    """Return every format that is written."""
    return [find(name) for name in sorted(registry.names(WRITERS, ENTRY_POINTS))]


def find(name: str) -> Writer:
    """Return the writer of this name, which is known."""
    writer: Writer = registry.find(name, WRITERS, ENTRY_POINTS)()
    return writer


def writer_of(target: str) -> tuple[Writer, str, dict[str, str]]:
    """Return what writes ``target``, the place in it and its options.

    Parameters
    ----------
    target : str
        ``rec.edf``, or ``edf:rec.edf?discontinuous=1``.

    Raises
    ------
    SinkError
        The format is not known, or not an option of it.
    """
    known = writers()
    place, _, query = target.partition("?")
    name, colon, rest = place.partition(":")
    if colon and name in {one.name for one in known}:
        writer, place = find(name), rest
    else:
        suffix = place.rpartition("/")[2].rpartition(".")
        ending = f".{suffix[2].lower()}" if suffix[1] else ""
        found = next((one for one in known if ending in one.suffixes), None)
        if found is None:
            there = ", ".join(f"{one.name} ({' '.join(one.suffixes)})" for one in known)
            raise SinkError(f"{target}: nothing is written with the ending {ending!r}; there are {there}")
        writer = found
    if not place:
        raise SinkError(
            f"{target}: names no file; say which, for example {name}:recording{writer.suffixes[0]}"
        )
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        option, equals, value = part.partition("=")
        if not equals or option in options or value not in writer.options.get(option, ()):
            allowed = "; ".join(f"{key}={'|'.join(values)}" for key, values in writer.options.items())
            raise SinkError(
                f"{target}: {part!r} is no option of {writer.name}; there are: {allowed or 'none'}"
            )
        options[option] = value
    return writer, place, options
