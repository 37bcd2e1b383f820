"""GE MUSE XML (``RestingECG``): eight leads are stored, in base64; III, aVR, aVL and aVF are computed of I and II."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, of_arrays, recording_of, whole
from wearecg.formats.limb_leads import LIMB, limb_lead
from wearecg.formats.recording import Stored
from wearecg.formats.xml_files import number, octets, parse, root_of, text_of
from wearecg.text import visible

_UNITS = {"MICROVOLTS": "uV", "MILLIVOLTS": "mV", "VOLTS": "V"}
_BYTES = {"2": "<i2", "4": "<i4"}


class Muse(Format):
    """GE MUSE."""

    name: ClassVar[str] = "muse"
    title: ClassVar[str] = "GE MUSE XML: the rhythm; the limb leads that are not stored are computed"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the first element."""
        return root_of(head) == "RestingECG"

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        root = parse(path)
        waveforms = {text_of(one, "WaveformType").casefold(): one for one in root.iter("Waveform")}
        rhythm = waveforms.get("rhythm")
        if rhythm is None:
            raise SignalError(
                f"{path} holds no rhythm: its waveforms are {', '.join(map(visible, waveforms)) or 'none'}"
            )
        fs = number(path, text_of(rhythm, "SampleBase"), "rate") * 10 ** number(
            path, text_of(rhythm, "SampleExponent") or "0", "exponent of the rate"
        )
        if not 0 < fs < 1e6:
            raise SourceError(f"{path}: a rate of {fs:g} Hz is none")
        channels, arrays = [], []
        for lead in rhythm.iter("LeadData"):
            channel, samples = _lead(path, lead, fs)
            channels.append(channel)
            arrays.append(samples)
        _compute_limb_leads(channels, arrays, fs)
        return whole(recording_of(path, channels, of_arrays(arrays), told, epoch=_epoch(root)))


def _lead(path: Path, lead: Element, fs: float) -> tuple[Channel, Floats]:
    name = text_of(lead, "LeadID")
    size = text_of(lead, "LeadSampleSize") or "2"
    if size not in _BYTES:
        raise SourceError(f"{path}: lead {name} has samples of {size} bytes; known are 2 and 4")
    raw = octets(path, text_of(lead, "WaveFormData"), f"lead {name}")
    counts = np.frombuffer(raw[: len(raw) // int(size) * int(size)], _BYTES[size]).astype(np.float64)
    step = number(path, text_of(lead, "LeadAmplitudeUnitsPerBit"), f"scale of lead {name}")
    unit = text_of(lead, "LeadAmplitudeUnits")
    first = text_of(lead, "FirstValid") or "0"
    return Channel(name, fs, len(counts), _UNITS.get(unit.upper(), unit), abs(step)), _valid(
        counts * step, first
    )


def _valid(samples: Floats, first: str) -> Floats:
    """Mark what is before the first valid sample as missing."""
    if first.isdigit() and int(first):
        samples[: int(first)] = np.nan
    return samples


def _compute_limb_leads(channels: list[Channel], arrays: list[Floats], fs: float) -> None:
    by_name = {channel.name.upper(): k for k, channel in enumerate(channels)}
    if "I" not in by_name or "II" not in by_name:
        return
    one, two = by_name["I"], by_name["II"]
    if channels[one].unit != channels[two].unit or len(arrays[one]) != len(arrays[two]):
        return
    for name in LIMB:
        if name.upper() not in by_name:
            arrays.append(limb_lead(name, arrays[one], arrays[two]))
            unit = channels[one].unit
            channels.append(Channel(name, fs, len(arrays[-1]), unit, channels[one].lsb / 2, derived=True))


def _epoch(root: Element) -> float | None:
    """Return the Unix time of the acquisition, of a clock that is read as UTC."""
    said = f"{text_of(root, './/AcquisitionDate')} {text_of(root, './/AcquisitionTime')}"
    for pattern in ("%m-%d-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"):
        with suppress(ValueError):
            return datetime.strptime(said, pattern).replace(tzinfo=UTC).timestamp()
    return None
