"""Records streams, in any format: when a recording begins and ends, what it is called, and room for the next.

A recording is ``wearecg_<UTC of its first sample>``, with one record for each stream: ``..._ppg`` and so on for others
than the ECG. A stream without samples (a heart rate strap) gets its record with its first beat, gap or finding.
Annotations are always in the record of their own stream.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

from wearecg.block import (
    Beat,
    BeatClass,
    ClockFit,
    Event,
    Finding,
    Gap,
    Mark,
    Notice,
    Quality,
    SignalBlock,
    StreamId,
    StreamInfo,
)
from wearecg.errors import SinkError
from wearecg.sinks.base import Sink
from wearecg.sinks.limits import upkeep
from wearecg.sinks.names import Names
from wearecg.sinks.record_format import RecordFormat
from wearecg.sinks.track import Noted, Track
from wearecg.sinks.upkeep import CHECK_S, PATIENCE_S, make_room

FLUSH_S = 0.3
"""With a tick at least every 0.2 s, everything is on disk (in the system's cache) after 0.5 s."""
STEP_S = 2.0
"""A clock that jumps by less is left alone."""
LIVE_S = 60.0
SETTLE_S = 30.0
"""A rotated recording still takes annotations for this time after its last sample; then it is closed."""


class Recorder(Sink):
    """Records every stream, with beats, findings, gaps and quality as annotations.

    Lossless. `notices` tells the user: disk full, recording goes on, a signal beyond the range, recordings that were
    deleted to make room, or by somebody else while they were written: then a new one begins.

    Parameters
    ----------
    place : str or Path
        The folder; it is made if need be.
    form : RecordFormat
    options : mapping of str to str, optional
        ``rotate`` (``1h``, ``100MB``, ``1h,100MB``): begin a new recording after so long, or so much. ``keep-free``
        (``1GB``): delete the oldest finished recordings of this format while less is free. ``sync`` (seconds): write to
        the disk so often, in one go; a kill loses so much.

    Raises
    ------
    SinkError
        No folder is named, it cannot be made or written, or an option is not known or cannot be read. A disk that
        fills up later is no error.

    Examples
    --------
    A recorder of another format is an opener for an entry point of the group ``wearecg.sinks``::

        def open_mine(place, options, context):
            return Recorder(place, MyFormat(), options)
    """

    lossless = True
    wants = (StreamInfo, SignalBlock, Gap, ClockFit, Beat, BeatClass, Finding, Quality, Mark)

    def __init__(
        self, place: str | Path, form: RecordFormat, options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._upkeep = upkeep(form.name, options or {})
        self._form = form
        self._dir = _folder(place, form.name)
        self._names = Names(self._dir)
        self.place = str(place)
        self._tracks: dict[StreamId, Track] = {}
        self._rotated: list[Track] = []
        self._epoch = math.nan
        """Unix time of time 0 of the first stream, on whose timeline recordings begin and end."""
        self._began = 0.0
        self._wall = time.time() - time.monotonic()
        self._live = False
        self._shift = 0.0
        self._stem = ""
        self._deleted = self._unmade = False
        """Whether it was told that recordings were deleted, and that their folder cannot be made."""
        self._flushed = self._next_check = -math.inf
        self.notices += form.repair(self._dir)

    @property
    def records(self) -> tuple[Path, ...]:
        """The records of this run that are being written, without a suffix; known once something was recorded."""
        return tuple(track.place for track in self._tracks.values() if track.record)

    def write(self, event: Event) -> None:
        """Take one event."""
        match event:
            case StreamInfo():
                self._begin(event)
            case SignalBlock() if event.stream in self._tracks:
                self._rotate(event)
                self._tracks[event.stream].write(event)
            case Gap() | ClockFit() | Beat() | BeatClass() | Finding() | Quality() | Mark() if (
                event.stream in self._tracks
            ):
                if isinstance(event, Beat) and not self._tracks[event.stream].info.waveform:
                    self._rotate(event)
                self._track_of(event).note(event)

    def tick(self, now: float) -> None:
        """Flush when it is time, and see that there is room."""
        if now - self._flushed >= (self._upkeep.every or FLUSH_S):
            self._flushed = now
            for track in (*self._rotated, *self._tracks.values()):
                track.flush(now)
                self.notices += track.take_notices()
            self._names.settle()
            self._close_ended()
            self._see_what_is_gone()
        if self._upkeep.keep_free and now >= self._next_check:
            self._make_room(now)

    def close(self) -> None:
        """Write what is held back and close all files."""
        for track in (*self._rotated, *self._tracks.values()):
            track.close()
            self.notices += track.take_notices()
        self._names.release()

    def _track_of(self, event: Noted) -> Track:
        """Return the track of the event's stream: an earlier one if the event belongs to a time before the rotation."""
        track = self._tracks[event.stream]
        if isinstance(event, Gap | ClockFit):
            return track
        at = event.seen if isinstance(event, Finding) and event.change == "ends" else event.end
        newest_first = (old for old in reversed(self._rotated) if old.info.stream == event.stream)
        return next((old for old in newest_first if old.began <= at < track.began), track)

    def _rotate(self, event: SignalBlock | Beat) -> None:
        """Begin a new recording with this event, if it is time and nothing is missing before it, or the old is gone."""
        track = self._tracks[event.stream]
        if track.gone:
            self._begin_anew(track, event)
            return
        start = track.follows(event)
        if start is None:
            return
        at = start + self._offset(track.info)
        size = sum(track.size for track in self._tracks.values() if track.recording >= self._began)
        if at - self._began >= self._upkeep.seconds or size >= self._upkeep.size or self._clock_was_set():
            self._began, self._stem = at, ""
        if track.recording < self._began <= at:
            track.end()
            self._rotated.append(track)
            self._tracks[event.stream] = self._track(track.info)

    def _see_what_is_gone(self) -> None:
        """Tell when recordings were deleted while they were written, and make their folder again."""
        gone = [track for track in self._tracks.values() if track.gone]
        if not gone:
            self._deleted = self._unmade = False
            return
        if not self._deleted:
            self._deleted = True
            what = gone[0].place if self._dir.is_dir() else self._dir
            remedy = "it is begun anew" if self._dir.is_dir() else "it is made again, for a new recording"
            self.notices.append(Notice(f"{what} was deleted while it was recorded: {remedy}", "warning"))
        try:
            self._dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if not self._unmade:
                self._unmade = True
                why = f"cannot be made again: {error.strerror}; recording goes on when it is there"
                self.notices.append(Notice(f"{self._dir} {why}", "error"))

    def _begin_anew(self, track: Track, event: SignalBlock | Beat) -> None:
        """Begin a new recording with this event in the place of one that was deleted, if its folder is there again."""
        if not self._dir.is_dir():
            return
        track.close()
        if track.recording == self._began:  # otherwise another stream has begun it
            self._began, self._stem = track.start_of(event) + self._offset(track.info), ""
        self._tracks[event.stream] = self._track(track.info)

    def _clock_was_set(self) -> bool:
        """Whether the host's clock was, by so much that recordings should have the new time from here on.

        A Raspberry Pi without a battery gets the right time some while after its start.
        """
        wall = time.time() - time.monotonic()
        step = wall - self._wall
        if abs(step) < STEP_S:
            return False
        self._wall = wall
        if not self._live or self._upkeep.seconds == self._upkeep.size == math.inf:
            return False
        self._shift += step
        self.notices.append(
            Notice(f"the clock was set by {step:+.0f} s: a new recording, of the new time, begins", "warning")
        )
        return True

    def _close_ended(self) -> None:
        now = max((self._offset(track.info) + track.newest for track in self._tracks.values()), default=0.0)
        for track in list(self._rotated):
            if now - track.newest - self._offset(track.info) < SETTLE_S:
                continue
            self._rotated.remove(track)
            track.close()
            self.notices += track.take_notices()

    def _make_room(self, now: float) -> None:
        writing = [track.place.name for track in (*self._rotated, *self._tracks.values())]
        try:
            enough, notices = make_room(self._dir, self._form, self._upkeep.keep_free, writing)
        except OSError:  # the folder is gone; the recording tells it
            return
        self.notices += notices
        self._next_check = now + (CHECK_S if enough else PATIENCE_S)

    def _begin(self, info: StreamInfo) -> None:
        if not self._tracks:
            self._epoch = info.epoch
        known = self._tracks.get(info.stream)
        if known:
            if (known.info.fs, known.info.leads, known.info.epoch) == (info.fs, info.leads, info.epoch):
                return
            known.close()
            self.notices += known.take_notices()
            if known.info.epoch != info.epoch and known.recording == self._began:
                self._began, self._stem = self._offset(info), ""
        track = self._tracks[info.stream] = self._track(info)
        # Time 0 of a live stream is now; a recording that is replayed has a time of its own.
        self._live = abs(info.epoch + track.began + self._shift - time.time()) < LIVE_S

    def _offset(self, info: StreamInfo) -> float:
        offset = info.epoch - self._epoch
        return offset if math.isfinite(offset) else 0.0

    def _track(self, info: StreamInfo) -> Track:
        offset = self._offset(info)
        began = max(self._began - offset, 0.0)
        epoch = info.epoch + self._shift + began
        return Track(self._form, self._dir / self._name(info, epoch), info, began, epoch, self._began)

    def _name(self, info: StreamInfo, epoch: float) -> str:
        suffix = "" if info.stream == "ecg" else f"_{info.stream}"
        taken = {track.place.name for track in (*self._rotated, *self._tracks.values())}
        name = f"{self._stem}{suffix}"
        if not self._stem or name in taken or any(self._dir.glob(f"{name}.*")):
            self._stem = self._names.new(epoch, taken)
        return f"{self._stem}{suffix}"


def _folder(place: str | Path, scheme: str) -> Path:
    """Return the folder, made and found to be writable."""
    if not str(place):
        raise SinkError(f"{scheme}: names no folder; say where to record, for example {scheme}:recordings")
    directory = Path(place)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".wearecg-{time.monotonic_ns()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        why = "it is a file" if directory.is_file() else error.strerror
        raise SinkError(
            f"{scheme}: cannot record into {directory}: {why}; choose a folder of yours"
        ) from error
    return directory
