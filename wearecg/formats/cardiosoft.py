"""CardioSoft XML (``CardiologyXML``), the strips of a resting ECG: numbers as text, one element a lead."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, recording_of, whole
from wearecg.formats.recording import Stored
from wearecg.formats.xml_files import number, numbers, parse, root_of, text_of

_UV_PER_COUNT = "uvperlsb"
_DATE = ("Year", "Month", "Day", "Hour", "Minute", "Second")


class CardioSoft(Format):
    """CardioSoft."""

    name: ClassVar[str] = "cardiosoft"
    title: ClassVar[str] = "CardioSoft XML: the strips; not full disclosure"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the first element."""
        return root_of(head) == "CardiologyXML"

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        root = parse(path)
        strip = root.find(".//StripData")
        if strip is None:
            raise SignalError(f"{path} holds no strip; full disclosure is not read")
        fs = number(path, text_of(strip, "SampleRate"), "rate")
        if not 0 < fs < 1e6:
            raise SourceError(f"{path}: a rate of {fs:g} Hz is none")
        resolution = strip.find("Resolution")
        known = resolution is not None and resolution.get("units", "").casefold() == _UV_PER_COUNT
        step = number(path, text_of(resolution), "resolution") if known else 1.0
        channels, arrays = [], []
        for lead in strip.iter("WaveformData"):
            samples = numbers(path, text_of(lead), f"lead {lead.get('lead')}") * step
            channels.append(Channel(lead.get("lead", ""), fs, len(samples), "uV" if known else "", step))
            arrays.append(samples)
        return whole(recording_of(path, channels, of_arrays(arrays), told, epoch=_epoch(root)))


def _epoch(root: Element) -> float | None:
    """Return the Unix time of the observation, of a clock that is read as UTC."""
    when = root.find("ObservationDateTime")
    with suppress(ValueError, OverflowError):
        year, month, day, hour, minute, second = (int(text_of(when, part)) for part in _DATE)
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    return None
