"""Reading recordings, in any format that is registered here: by what the file begins with, then by how its name ends.

To add a format: one module with a `Format` and one line in `FORMATS`; or, from a package of your own, an entry point of
the group ``wearecg.formats``, whose value is the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wearecg import registry
from wearecg.arguments import typed
from wearecg.ecg.leads import names_of
from wearecg.errors import SourceError
from wearecg.formats.base import HEAD_BYTES, Format, Told
from wearecg.formats.recording import BEAT_SYMBOLS, RR_UNKNOWN, Annotations, Recording, RRSeries, Stored
from wearecg.rates import as_rate

__all__ = [
    "BEAT_SYMBOLS",
    "ENTRY_POINTS",
    "FORMATS",
    "RR_UNKNOWN",
    "Annotations",
    "Format",
    "RRSeries",
    "Recording",
    "Stored",
    "Told",
    "formats",
    "open_recording",
    "read_recording",
]

FORMATS: dict[str, tuple[str, str]] = {
    "wfdb": ("wearecg.formats.wfdb_record", "Wfdb"),
    "edf": ("wearecg.formats.edf", "Edf"),
    "aecg": ("wearecg.formats.aecg", "Aecg"),
    "muse": ("wearecg.formats.muse", "Muse"),
    "cardiosoft": ("wearecg.formats.cardiosoft", "CardioSoft"),
    "sierra": ("wearecg.formats.sierra", "Sierra"),
    "scp": ("wearecg.formats.scp", "Scp"),
    "ishne": ("wearecg.formats.ishne", "Ishne"),
    "atc": ("wearecg.formats.atc", "Atc"),
    "dicom": ("wearecg.formats.dicom", "Dicom"),
    "fhir": ("wearecg.formats.fhir", "Fhir"),
    "parquet": ("wearecg.formats.parquet", "Parquet"),
    "opensignals-h5": ("wearecg.formats.opensignals_h5", "OpenSignalsH5"),
    "acq": ("wearecg.formats.acq", "Acq"),
    "fit": ("wearecg.formats.fit", "Fit"),
    "openbci": ("wearecg.formats.openbci", "OpenBci"),
    "movesense": ("wearecg.formats.movesense", "Movesense"),
    "apple-csv": ("wearecg.formats.apple", "AppleCsv"),
    "apple-export": ("wearecg.formats.apple", "AppleExport"),
    "empatica": ("wearecg.formats.empatica", "Empatica"),
    "embrace": ("wearecg.formats.embrace", "Embrace"),
    "bids": ("wearecg.formats.bids", "Bids"),
    "rr": ("wearecg.formats.rr_text", "RRText"),
    "brainflow": ("wearecg.formats.brainflow", "BrainFlow"),
    "mat": ("wearecg.formats.arrays", "Mat"),
    "npz": ("wearecg.formats.arrays", "Npz"),
    "csv": ("wearecg.formats.csv", "Csv"),
}
"""Name: module and class, asked in this order."""
ENTRY_POINTS = "wearecg.formats"


def formats() -> list[Format]:
    """Return every format that is known, in the order in which they are asked; those of other packages come first."""
    others = sorted(registry.names({}, ENTRY_POINTS) - set(FORMATS))
    return [registry.find(name, FORMATS, ENTRY_POINTS)() for name in [*others, *FORMATS]]


@typed
def read_recording(
    path: str | Path,
    fs: float | None = None,
    leads: str | Sequence[str] = (),
    lsb: float | None = None,
) -> Recording:
    """Read a recording, in any format that ``wearecg formats`` lists.

    Parameters
    ----------
    path : str or Path
    fs : float, optional
        Samples per second, for a file that does not say.
    leads : str or sequence of str
        What the channels of a file are, if it does not say; an empty name leaves one out.
    lsb : float, optional
        mV of one count, for a file of counts that does not say.

    Raises
    ------
    SourceError
        No such file, a format that is not known, a broken file, or a rate that is not given.
    SignalError
        A recording without any sample or any measurement, and without RR intervals.
    MissingExtraError
        The format needs a package that is not installed.
    """
    return open_recording(path, fs, leads, lsb).whole()


def open_recording(
    path: str | Path,
    fs: float | None = None,
    leads: str | Sequence[str] = (),
    lsb: float | None = None,
) -> Stored:
    """Open a recording, as `read_recording` reads it, to read it piece by piece if its format allows that."""
    path = Path(path)
    path = path if path.name else path.resolve()
    names_of(leads)  # refuses what are no names
    named = tuple(leads.split(",")) if isinstance(leads, str) and leads else tuple(leads)
    told = Told(None if fs is None else as_rate(fs), named, lsb)
    stored = _format_of(path).open(path, told)
    stored.check(str(path))
    return stored


def _format_of(path: Path) -> Format:
    head = b""
    if path.is_file():
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    known = formats()
    for one in known:
        if one.recognise(head, path):
            return one
    for one in known:
        if path.suffix.lower() in one.suffixes:
            if not path.exists() and one.name != "wfdb":  # whose records have no ending
                raise SourceError(f"no such recording: {path}")
            return one
    raise SourceError(
        f"{path}: recordings of type {path.suffix!r} are not known; `wearecg formats` lists those that are"
    )
