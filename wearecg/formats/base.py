"""What a format is, and how its channels become a recording."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples
from wearecg.ecg.leads import UNKNOWN, canonical, canonical_all, is_ecg, is_known
from wearecg.errors import SignalError, SourceError
from wearecg.formats.lead_names import lead_of
from wearecg.formats.recording import Annotations, Recording, RRSeries, Stored
from wearecg.formats.units import millivolts
from wearecg.text import visible

Floats = NDArray[np.float64]

HEAD_BYTES = 4096
"""What a format is recognised by."""
PIECE_S = 600.0
"""So much is held in memory at a time."""
RR_FS = 1000.0
"""Hz of the clock of recordings of RR intervals."""
LONGEST_HOLE_DAYS = 7
"""A recording that lacks more than this is not laid out."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller says where a file does not: rate (Hz), what its channels are, and the mV of a count."""

    fs: float | None = None
    leads: tuple[str, ...] = ()
    lsb: float | None = None


class Format(ABC):
    """One format of recordings. Chosen by its content; where that says nothing, by the ending of the name."""

    name: ClassVar[str]
    title: ClassVar[str]
    """For people: what is read."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    package: ClassVar[tuple[str, str]] = ("", "")
    """The package that it needs, if any, and the extra that installs it."""

    @abstractmethod
    def recognise(self, head: bytes, path: Path) -> bool:
        """Whether the file that begins with ``head`` is of this format; ``head`` is empty if there is no file."""

    @abstractmethod
    def open(self, path: Path, told: Told) -> Stored:
        """Open the recording at ``path``.

        Raises
        ------
        WearECGError
            It cannot be read, or holds nothing to look at; in one line.
        """


@dataclass(frozen=True, slots=True)
class Channel:
    """One signal of a file.

    Attributes
    ----------
    name : str
        As the file has it.
    fs : float
        Samples per second.
    length : int
        Samples.
    unit : str
        As the file has it, of the numbers that are read; empty where it is not known.
    lsb : float
        The unit's share of one ADC step; 0 where unknown.
    derived : bool
        Whether it was computed from other channels.
    """

    name: str
    fs: float
    length: int
    unit: str
    lsb: float = 0.0
    derived: bool = False


def read_bytes(path: Path, first: int = 0, count: int = -1) -> bytes:
    """Return bytes of a file, all by default. Raises `SourceError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(first)
            return file.read(count)
    except FileNotFoundError:
        raise SourceError(f"no such recording: {path}") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


Read = Callable[[Sequence[int], int, int], Floats]
"""Takes the numbers of channels of one rate, and of the first sample and the one behind the last.

Returns a new array [n, channels]."""


def of_arrays(arrays: Sequence[NDArray[np.generic]]) -> Read:
    """Return what reads channels that are in memory."""

    def read(columns: Sequence[int], first: int, last: int) -> Floats:
        found = np.full((last - first, len(columns)), np.nan)
        for place, column in enumerate(columns):
            part = arrays[column][first:last]
            found[: len(part), place] = part
        return found

    return read


def recording_of(
    path: Path,
    channels: Sequence[Channel],
    read: Read,
    told: Told,
    *,
    epoch: float | None = None,
    annotations: Annotations | None = None,
    comments: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> Stored:
    """Return a recording of the channels that have the rate of the ECG, or of a pulse where there is none.

    Raises
    ------
    SignalError
        Neither is among them.
    SourceError
        ``told`` does not fit.
    """
    none = next((channel.fs for channel in channels if not 0 < channel.fs < float("inf")), None)
    if none is not None:
        raise SourceError(f"{path}: a rate of {none:g} Hz is none")
    names = _named(path, channels, told.leads)
    wanted = [k for k, name in names.items() if is_ecg(name)] or [
        k for k, name in names.items() if name == "PPG"
    ]
    if not wanted:
        written = ", ".join(visible(channel.name) or "a signal without a name" for channel in channels)
        hint = "; if one is an ECG, say so with --leads II,,V1" if channels else ""
        raise SignalError(f"{path} holds no ECG: it has {written or 'nothing'}{hint}")
    fs = max(channels[k].fs for k in wanted)
    if told.fs is not None and abs(told.fs / fs - 1) > 1e-3:
        raise SourceError(f"{path} says {fs:g} Hz; leave out the rate of {told.fs:g} Hz")
    found = [
        _of_rate(
            path, {k: name for k, name in names.items() if channels[k].fs == rate}, channels, read, told.lsb
        )
        for rate in (fs, *sorted({channels[k].fs for k in names} - {fs}, reverse=True))
    ]
    if told.lsb and told.lsb not in found[0].recording.lsb:
        raise SourceError(f"{path} states its scale: leave out the {told.lsb:g} mV of a count")
    recording = replace(
        found[0].recording,
        annotations=annotations,
        comments=tuple(comments),
        epoch=epoch,
        remarks=(*remarks, *found[0].recording.remarks),
    )
    others = tuple(replace(one, recording=replace(one.recording, epoch=epoch)) for one in found[1:])
    return replace(found[0], recording=recording, others=others)


def _of_rate(
    path: Path, names: dict[int, str], channels: Sequence[Channel], read: Read, lsb: float | None
) -> Stored:
    """Return the recording of the channels ``names``, which have one rate."""
    kept, leads, said = list(names), tuple(names.values()), list[str]()
    fs = channels[kept[0]].fs
    scales, steps, unknown = _scales(leads, [channels[k] for k in kept], lsb, said)
    plain = bool((scales == 1).all())

    def piece(first: int, last: int) -> Samples:
        values = read(kept, first, last)
        if not plain:
            values *= scales
        try:
            with np.errstate(over="raise"):
                return values.astype(np.float32)
        except FloatingPointError:  # such a number was measured by nobody
            values[np.abs(values) > np.finfo(np.float32).max] = np.nan
            return values.astype(np.float32)

    recording = Recording(
        samples=np.empty((0, len(leads)), np.float32),
        fs=fs,
        leads=leads,
        name=path.name.partition(".")[0] or path.name,
        lsb=tuple(steps),
        uncalibrated=tuple(unknown),
        derived=tuple(names[k] for k in kept if channels[k].derived),
        units=tuple(
            ("" if names[k] in unknown else "mV") if is_ecg(names[k]) else channels[k].unit for k in kept
        ),
        remarks=tuple(said),
    )
    return Stored(recording, max(channels[k].length for k in kept), piece, max(1, round(PIECE_S * fs)))


def _named(path: Path, channels: Sequence[Channel], leads: Sequence[str]) -> dict[int, str]:
    """Return the names of the channels that are kept: those that ``leads`` give where the file's say nothing."""
    names = [lead_of(channel.name) for channel in channels]
    certain = any(is_known(name) and name.partition("_")[0] != UNKNOWN for name in names)
    if not leads or certain:
        return dict(enumerate(canonical_all(names)))
    if len(leads) != len(names):
        # The leads of an ECG alone may be named, where other signals have names of their own.
        places = [k for k, name in enumerate(names) if is_ecg(name)]
        if len(leads) != len(places):
            written = ", ".join(visible(channel.name) for channel in channels)
            raise SourceError(f"{path} has {written}; name each, or leave one empty: --leads II,,V1")
        named = dict(zip(places, leads, strict=True))
        leads = [named.get(k, name) for k, name in enumerate(names)]
    kept = [k for k, lead in enumerate(leads) if lead]
    return dict(zip(kept, canonical_all(canonical(leads[k]) for k in kept), strict=True))


def _scales(
    leads: Sequence[str], channels: Sequence[Channel], lsb: float | None, remarks: list[str]
) -> tuple[Floats, list[float], list[str]]:
    """Return the mV of the unit of each channel and of its steps, and the leads for which they are not known."""
    scales, steps, unknown = np.ones(len(leads)), [], []
    for k, (lead, channel) in enumerate(zip(leads, channels, strict=True)):
        scale: float | None = 1.0
        if is_ecg(lead):
            scale = millivolts(channel.unit) or lsb
            if scale is None:
                why = f"its unit {channel.unit!r} is not known" if channel.unit else "its unit is not given"
                remarks.append(f"{lead}: {why}; no statement that needs millivolts rests on it")
                unknown.append(lead)
        scales[k] = scale or 1.0
        given = lsb if is_ecg(lead) and not millivolts(channel.unit) else None
        steps.append(given or (float(channel.lsb * scales[k]) if scale else 0.0))
    return scales, steps, unknown


def of_intervals(
    path: Path,
    times: Sequence[float],
    intervals: Sequence[float],
    told: Told,
    *,
    epoch: float | None = None,
    remarks: Sequence[str] = (),
) -> Stored:
    """Return a recording of RR intervals (s) and the times of their beats (s), which rise; NaN is not known."""
    if told != Told():
        raise SourceError(f"{path} holds RR intervals: leave out rate, leads and scale")
    at = np.asarray(times, np.float64)
    rr = np.asarray(intervals, np.float64)
    rr = np.where((rr > 0) & np.isfinite(rr), rr, np.nan)
    if len(at) and (not np.isfinite(at).all() or (np.diff(at) < 0).any()):
        raise SourceError(f"{path}: the times of its beats must rise")
    length = round(float(at[-1]) * RR_FS) + 1 if len(at) else 0
    recording = Recording(
        samples=np.empty((length, 0), np.float32),
        fs=RR_FS,
        leads=(),
        name=path.name.partition(".")[0] or path.name,
        epoch=epoch,
        intervals=RRSeries(at, rr),
        remarks=tuple(remarks),
    )
    return Stored.of(recording)


def whole(stored: Stored) -> Stored:
    """Return a recording that is all read, and kept: of formats that are small."""
    samples = stored.read(0, stored.length)
    return replace(Stored.of(replace(stored.recording, samples=samples)), others=stored.others)
