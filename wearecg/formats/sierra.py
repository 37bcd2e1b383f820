"""Philips Sierra XML 1.03 to 1.04 (``restingecgdata``), compressed (XLI) or not.

In XLI each lead is a chunk: its size, and the first difference, then LZW codes of ten bits. What they stand for are the
high bytes of all values, then the low ones; the values are second differences, less 64. Of the limb leads only I and II
are as they are: of III, aVR, aVL and aVF there is what they differ from what I and II say.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element

import numpy as np

from wearecg.ecg.leads import TWELVE
from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, of_arrays, recording_of, whole
from wearecg.formats.recording import Stored
from wearecg.formats.xml_files import number, numbers, octets, parse, root_of, text_of

MOST_SAMPLES = 10_000_000
_CODE_BITS, _BIAS, _HEADER = 10, 64, 8
_NONE = ("", "none", "uncompressed")


class Sierra(Format):
    """Philips Sierra."""

    name: ClassVar[str] = "sierra"
    title: ClassVar[str] = "Philips Sierra XML 1.03 to 1.04.01: the rhythm, compressed (XLI) or not"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the first element."""
        return root_of(head) == "restingecgdata"

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        root = parse(path)
        waveforms, signal = root.find(".//parsedwaveforms"), root.find(".//signalcharacteristics")
        if waveforms is None:
            raise SignalError(f"{path} holds no rhythm: it has no parsedwaveforms")

        def said(name: str, other: str = "") -> str:
            return waveforms.get(name) or text_of(signal, other or name)

        fs = number(path, waveforms.get("samplespersecond") or text_of(signal, "samplingrate"), "rate")
        labels = tuple((waveforms.get("leadlabels") or "").split()) or TWELVE
        duration = number(path, waveforms.get("durationperchannel"), "duration of a channel") / 1000
        length = round(fs * duration)
        if not 0 < fs < 1e6 or not 0 < length <= MOST_SAMPLES:
            raise SourceError(f"{path}: {duration:g} s at {fs:g} Hz are none")
        step = (
            waveforms.get("resolution")
            or text_of(signal, "resolution")
            or text_of(signal, "signalresolution")
        )
        zero = number(path, said("signaloffset") or "0", "signal offset")
        bits = said("bitspersample") or waveforms.get("nbitspersample") or "16"
        if bits != "16":
            raise SourceError(f"{path}: samples of {bits} bits are not read; known are those of 16")
        counts = _counts(path, waveforms, labels, length, said("signalsigned").casefold() != "false")
        factor = number(path, step, "resolution") if step else 0.0
        unit = "uV" if factor else ""
        channels = [Channel(label, fs, length, unit, factor) for label in labels]
        arrays = [(x - zero) * (factor or 1.0) for x in counts]
        epoch = _epoch(root.find(".//dataacquisition"))
        return whole(recording_of(path, channels, of_arrays(arrays), told, epoch=epoch))


def _counts(path: Path, node: Element, labels: tuple[str, ...], length: int, signed: bool) -> list[Floats]:
    """Return the counts of each lead."""
    method = (node.get("compression") or node.get("compressmethod") or "").casefold()
    compressed = method not in _NONE and (node.get("compressflag") or "true").casefold() != "false"
    encoding, text = node.get("dataencoding", ""), text_of(node)
    if compressed and (method != "xli" or encoding != "Base64"):
        raise SourceError(f"{path}: waveforms in {encoding!r} compressed by {method!r} are not read")
    if compressed:
        leads = _xli(path, octets(path, text, "its waveforms"), len(labels), length)
        return _limb_leads(labels, leads)
    if encoding == "Base64":
        raw = octets(path, text, "its waveforms")
        flat = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2" if signed else "<u2").astype(np.float64)
    elif encoding == "Plain":
        flat = numbers(path, text, "its waveforms")
    else:
        raise SourceError(f"{path}: waveforms in {encoding!r} are not read")
    if len(flat) < len(labels) * length:
        raise SourceError(
            f"{path}: {len(flat)} samples of its waveforms are there, of {len(labels) * length}"
        )
    return list(flat[: len(labels) * length].reshape(len(labels), length))


def _xli(path: Path, data: bytes, leads: int, length: int) -> list[Floats]:
    found, at = [], 0
    for lead in range(leads):
        size = int.from_bytes(data[at : at + 4], "little")
        first = int.from_bytes(data[at + 6 : at + 8], "little", signed=True)
        chunk = data[at + _HEADER : at + _HEADER + size]
        if size == 0 or len(chunk) < size:
            raise SourceError(f"{path}: its waveforms end in lead {lead + 1} of {leads}")
        raw = np.frombuffer(_lzw(chunk, 2 * length + 2), np.uint8)
        half = len(raw) // 2
        values = (raw[:half].astype(np.uint16) << 8 | raw[half : 2 * half]).view(np.int16).astype(np.int64)
        if half < length:
            raise SourceError(f"{path}: lead {lead + 1} has {half} samples, and should have {length}")
        found.append(_integrated(values[:length], first).astype(np.float64))
        at += _HEADER + size
    return found


def _lzw(data: bytes, most: int) -> bytes:
    """Return what LZW codes of ten bits, the highest bit first, stand for; at most so many bytes."""
    known: list[bytes] = [bytes([octet]) for octet in range(256)]
    limit = (1 << _CODE_BITS) - 1
    out = bytearray()
    before = b""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    whole_codes = bits[: len(bits) // _CODE_BITS * _CODE_BITS].reshape(-1, _CODE_BITS)
    for code in (whole_codes @ (1 << np.arange(_CODE_BITS)[::-1])).tolist():
        if code == limit or code > len(known) or (code == len(known) and not before):
            break
        entry = known[code] if code < len(known) else before + before[:1]
        out += entry
        if before and len(known) < limit:
            known.append(before + entry[:1])
        before = entry
        if len(out) >= most:
            break
    return bytes(out)


def _integrated(values: np.ndarray, first: int) -> np.ndarray:
    """Return the samples of which ``values`` are the first two, then the second differences, less a bias, one late."""
    late = np.concatenate([[first], values[2:-1] - _BIAS])
    steps = values[1] - values[0] - np.cumsum(late)
    return np.concatenate([values[:2], values[1] + np.cumsum(steps)])[: len(values)]


def _limb_leads(labels: tuple[str, ...], leads: list[Floats]) -> list[Floats]:
    if labels[:6] != TWELVE[:6]:
        return leads
    # Halves are cut towards 0, as integers are divided where this was written: the differences show that.
    one, two = leads[0], leads[1]
    three = two - one - leads[2]
    right = -np.trunc((one + two) / 2) - leads[3]
    left = np.trunc((one - three) / 2) - leads[4]
    foot = np.trunc((two + three) / 2) - leads[5]
    return [one, two, three, right, left, foot, *leads[6:]]


def _epoch(acquisition: Element | None) -> float | None:
    """Return the Unix time of the acquisition, of a clock that is read as UTC."""
    if acquisition is None:
        return None
    with suppress(ValueError):
        said = f"{acquisition.get('date')} {acquisition.get('time')}"
        return datetime.strptime(said, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    return None
