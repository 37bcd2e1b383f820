"""A folder of recordings of one person, one after another: what `wearecg stream --record --rotate` leaves behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wearecg.block import LinkState, Notice, SignalBlock
from wearecg.ecg.leads import is_ecg
from wearecg.errors import LeadError, MissingExtraError, SignalError, SourceError
from wearecg.formats import Recording, Stored, formats, open_recording
from wearecg.formats.wfdb_header import read_header
from wearecg.transports.base import Item, Source
from wearecg.transports.replay import TOGETHER_S, replay

HEADER = ".hea"
OVERLAP_S = 1.0
"""A recording that begins so much before the end of the last one is another one's."""


class FolderSource(Source):
    """Plays the recordings of a folder in the order of their time, as fast as they are read; a gap stays a gap.

    Those without an ECG or RR intervals, of another rate or other leads than the first, and those that overlap are left
    out, which is told.

    Parameters
    ----------
    folder : Path
    fs, leads, lsb
        As for `open_recording`.

    Raises
    ------
    SourceError
        There is no recording in it that can be read.
    """

    realtime = False

    def __init__(
        self, folder: Path, fs: float | None = None, leads: Sequence[str] = (), lsb: float | None = None
    ) -> None:
        self._said: list[Item] = []
        found = [
            (path, stored)
            for path in _recordings(folder)
            if (stored := self._opened(path, fs, leads, lsb)) is not None
        ]
        found.sort(key=lambda one: (one[1].recording.epoch or 0.0, str(one[0])))
        if not found:
            raise SourceError(f"{folder}: no recording with an ECG or RR intervals in it")
        first = found[0][1].recording
        self.parts: list[tuple[float, Stored]] = []
        """Seconds from the beginning of the first, and the recording."""
        end = 0.0
        for path, stored in found:
            recording = stored.recording
            if _kind(recording) != _kind(first):
                self._tell(f"{path.name}: left out, it is of other leads or of another rate than the first")
                continue
            start = end
            if recording.epoch is not None and first.epoch is not None:
                start = recording.epoch - first.epoch
            elif self.parts:
                self._tell(f"{path.name}: its time is not known; it is put right behind the one before")
            if start < end - OVERLAP_S:
                self._tell(f"{path.name}: left out, it begins before the end of the one before")
                continue
            self.parts.append((max(start, end), stored))
            end = max(start, end) + _seconds(stored)
        self.name = f"{folder.name or folder} ({len(self.parts)} recordings)"
        self.rate_note = "given by the recordings"
        self.epoch = first.epoch
        self.uncalibrated = replay(self.parts[0][1], math.inf).uncalibrated
        self._fs = first.fs
        self._number = -1
        self._playing: Source | None = None
        self._end = 0.0

    def open(self) -> None:
        """Nothing is opened before it is read."""

    def read(self, timeout: float) -> list[Item] | None:
        """Return what comes next; None after the last recording."""
        if self._said:
            said, self._said = self._said, []
            return said
        items = self._playing.read(timeout) if self._playing else None
        while items is None:
            self.close()
            self._number += 1
            if self._number == len(self.parts):
                return None
            _, stored = self.parts[self._number]
            self._playing = replay(stored, math.inf, TOGETHER_S)
            self._playing.open()
            items = self._playing.read(timeout)
        start, _ = self.parts[self._number]
        return [
            self._placed(item, start)
            for item in items
            if self._number == 0 or not isinstance(item, LinkState)
        ]

    def close(self) -> None:
        """Let go of the recording that is being read."""
        if self._playing:
            self._playing.close()
            self._playing = None

    def _placed(self, item: Item, start: float) -> Item:
        """Put what comes at its place in the whole."""
        if isinstance(item, LinkState | Notice):
            return item
        measured, arrival = item
        if isinstance(measured, SignalBlock):
            begins = measured.start + start
            lost = max(0, round((begins - self._end) * self._fs))
            measured = replace(measured, start=begins, lost=lost, reason="recording")
            self._end = measured.end
        return measured, arrival + start

    def _opened(self, path: Path, fs: float | None, leads: Sequence[str], lsb: float | None) -> Stored | None:
        try:
            stored = open_recording(path, fs, leads, lsb)
        except (SourceError, SignalError, LeadError, MissingExtraError) as error:
            self._tell(str(error))
            return None
        recording = stored.recording
        there = recording.intervals is not None or any(map(is_ecg, recording.leads))
        return stored if there else None

    def _tell(self, message: str) -> None:
        self._said.append(Notice(message, "warning"))


def _recordings(folder: Path) -> list[Path]:
    """Return the recordings of a folder: what has a suffix that is known, without the parts that others consist of."""
    known = {suffix for one in formats() for suffix in one.suffixes if suffix}
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in known and path.is_file())
    headers = [path for path in paths if path.suffix == HEADER]
    parts = {path.stem for path in headers}
    segments: set[str] = set()
    for path in headers:
        try:
            segments |= {name for name, _ in read_header(path).segments}
        except (SourceError, SignalError):
            continue  # told when it is opened
    return [
        path
        for path in paths
        if path.stem not in segments and (path.suffix == HEADER or path.stem not in parts)
    ]


def _kind(recording: Recording) -> tuple[object, ...]:
    return recording.fs, recording.leads, recording.intervals is None


def _seconds(stored: Stored) -> float:
    intervals = stored.recording.intervals
    if intervals is not None:
        return float(intervals.times[-1])
    return stored.length / stored.recording.fs
