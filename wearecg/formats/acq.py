"""Biopac AcqKnowledge (ACQ), through the ``bioread`` package."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.errors import MissingExtraError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, recording_of
from wearecg.formats.recording import Stored
from wearecg.text import one_line

_UNITS = {"volts": "V", "millivolts": "mV", "microvolts": "uV"}


class Acq(Format):
    """Biopac AcqKnowledge."""

    name: ClassVar[str] = "acq"
    title: ClassVar[str] = "Biopac AcqKnowledge 3 to 5, compressed or not; held in memory"
    suffixes: ClassVar[tuple[str, ...]] = (".acq",)
    package: ClassVar[tuple[str, str]] = ("bioread", "acq")

    def recognise(self, head: bytes, path: Path) -> bool:
        """Its first bytes say too little: by its name."""
        return False

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        try:
            import bioread
        except ImportError:
            raise MissingExtraError("bioread", "acq", "reading ACQ files") from None
        heard = _Heard()
        logger = logging.getLogger("bioread")
        # The package writes on stderr of its own; what it says there is told as everything else is.
        own, logger.handlers = logger.handlers, [heard]
        try:
            data = bioread.read_file(str(path))
            channels, arrays = [], []
            for one in data.channels:
                arrays.append(np.asarray(one.data, np.float64))
                unit = str(one.units).strip()
                fs = float(one.samples_per_second)
                channels.append(
                    Channel(str(one.name), fs, len(arrays[-1]), _UNITS.get(unit.casefold(), unit))
                )
            begun = getattr(data, "earliest_marker_created_at", None)
        except Exception as error:  # the package raises whatever it stumbles over
            why = heard.messages[0] if heard.messages else one_line(error)
            raise SourceError(f"{path} cannot be read as ACQ: {why}") from error
        finally:
            logger.handlers = own
        epoch = begun.timestamp() if begun else None
        remarks = [f"{path.name} is damaged: {heard.messages[0]}"] if heard.messages else []
        return recording_of(path, channels, of_arrays(arrays), told, epoch=epoch, remarks=remarks)


class _Heard(logging.Handler):
    """What the package says while it reads on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(one_line(record.getMessage()))
