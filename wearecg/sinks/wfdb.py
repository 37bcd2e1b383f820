"""``wfdb:DIR``: recordings that WFDB tools open at every moment, while they are being written.

For each stream of the sensor one record ``wearecg_<UTC of its first sample>`` (``..._ppg`` and so on for others than
the ECG), and beside it, in ``.wea``, its annotations. Leads that were not measured are called so in their description
(``V2 reconstructed``, ``II* synthetic``), and have no sample where they are not known. A heart rate sensor that gives
RR intervals and no waveform has a record without signals; its beats are all there is.

``N S V F Q``
    A beat, on the lead (``chan``) where it was located, by its class. ``Q`` is also one whose class nobody told: ``N``
    would say that it was: an ectopic beat must not turn up in NN intervals. WFDB tools count ``Q`` as a QRS.
``"``
    A finding begins, ends, or why nothing was scored, put at the end of the window that it rests on:
    ``AFIB p=0.93 since=12.0s encoder@0.1.0``. In a recording that was rotated it says again what holds on, with a
    negative ``since`` for what began before. After a minute: the measured sampling rate; a record counts its seconds at
    the stated one.
``~``
    Signal quality. Subtype -1 where a gap begins or a lead becomes unusable, 0 where that ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from wearecg.block import Notice, Samples, SignalBlock, StreamInfo
from wearecg.formats.mit_annotations import CODES, NOTE, QUALITY
from wearecg.sinks.about import about
from wearecg.sinks.annotations import AnnotationFile
from wearecg.sinks.base import Context, Sink
from wearecg.sinks.coding import Coding, unit_of
from wearecg.sinks.record import SYNC_S, RecordWriter
from wearecg.sinks.record_format import Annotation, OpenRecord, RecordFormat
from wearecg.sinks.recorder import Recorder
from wearecg.sinks.wfdb_headers import Signals, repair, replace_file
from wearecg.text import visible

ANNOTATOR = "wea"
SIGNATURE = "# wearecg "
"""A comment line that every header of ours has."""
_CODES = {"note": NOTE, "quality": QUALITY}


def open_wfdb(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``wfdb:DIR?rotate=1h,100MB&keep-free=1GB&sync=30``; see `Recorder`."""
    del context
    return Recorder(place, Wfdb(), options)


class Wfdb(RecordFormat):
    """The WFDB format, see above."""

    name = "wfdb"
    files = r"(_\d{4,}|_layout)?\.(hea|dat|wea)"

    def open(self, place: Path, info: StreamInfo, epoch: float, first: SignalBlock | None) -> WfdbRecord:
        """Begin a record; its files come with the first flush."""
        return WfdbRecord(place, info, epoch, first)

    def signed(self, path: Path) -> bool:
        """Whether it is a header with our signature."""
        if path.suffix != ".hea":
            return False
        try:
            return any(line.startswith(SIGNATURE) for line in path.read_text("utf-8", "replace").splitlines())
        except OSError:
            return False

    def repair(self, directory: Path) -> list[Notice]:
        """Shorten what headers claim to what their signal files hold."""
        return repair(directory)


class WfdbRecord(OpenRecord):
    """A record and its annotations."""

    def __init__(self, place: Path, info: StreamInfo, epoch: float, first: SignalBlock | None) -> None:
        self._signal = _signal(place, info, epoch, first)
        self._notes = AnnotationFile(place.with_name(f"{place.name}.{ANNOTATOR}"))
        self._synced = 0.0
        super().__init__()
        self.notices = self._signal.notices

    def write(self, samples: Samples, at: int) -> None:
        """Append samples; see `RecordWriter`."""
        self._signal.write(samples, at)
        self._update_length()

    def extend(self, length: int) -> None:
        """Lengthen a record without signals."""
        self._signal.extend(length)
        self._update_length()

    def annotate(self, annotation: Annotation) -> None:
        """Queue an annotation."""
        subtype = 0 if annotation.usable else -1
        code = CODES[annotation.code] if annotation.kind == "beat" else _CODES[annotation.kind]
        self._notes.add(annotation.sample, code, subtype, annotation.channel, visible(annotation.text))

    def flush(self, now: float, before: float) -> None:
        """Write samples, header and annotations."""
        self._signal.flush(now)
        with suppress(OSError):  # kept until there is room again; the signal has told the user
            self._notes.flush(before)
            if now - self._synced >= SYNC_S:
                self._synced = now
                self._notes.sync()
        self.gone = self._signal.gone or self._notes.gone
        self._update_length()

    def end(self) -> None:
        """Close the signal file."""
        self._signal.close()
        self._update_length()

    def close(self) -> None:
        """Write the annotations that are left, and close all."""
        self.end()
        if not self.gone:
            with suppress(OSError):
                self._notes.flush()
        self._notes.close()

    def _update_length(self) -> None:
        self.length, self.size = self._signal.length, self._signal.size or self._notes.size


class NoSignals:
    """In the place of a `RecordWriter` where a stream has no samples: a header without signals, that tells a length."""

    size = 0

    def __init__(self, place: Path, signals: Signals) -> None:
        self.length = 0
        self.notices: list[Notice] = []
        self._place, self._signals = place, signals
        self._listed = 0
        self._stopped = False
        self.gone = False

    def write(self, samples: Samples, at: int) -> None:
        """Lengthen it: there is nothing else to keep of samples without a lead."""
        self.extend(at + len(samples))

    def extend(self, length: int) -> None:
        """Note that it is at least so long."""
        self.length = max(self.length, length)

    def flush(self, now: float) -> None:  # noqa: ARG002
        """Write the header, if it became longer."""
        if self.length == self._listed:
            return
        header = self._signals.segment(self._place.name, "", self.length, 0, (), ())
        try:
            replace_file(self._place.with_name(f"{self._place.name}.hea"), header)
        except FileNotFoundError:
            self.gone = True
            return
        except OSError as error:
            if not self._stopped:
                self._stopped = True
                remedy = "what comes is kept and written when there is room again"
                self.notices.append(
                    Notice(f"recording {self._place} stopped: {error.strerror}; {remedy}", "error")
                )
            return
        self._listed = self.length
        if self._stopped:
            self._stopped = False
            self.notices.append(Notice(f"recording {self._place} goes on"))

    def close(self) -> None:
        """Write the header."""
        self.flush(0.0)


def _signal(
    place: Path, info: StreamInfo, epoch: float, first: SignalBlock | None
) -> RecordWriter | NoSignals:
    comments = about(info)
    if first is None:
        return NoSignals(place, Signals(info.fs, (), (), (), 16, epoch, comments))
    marks = dict.fromkeys(info.reconstructed, " reconstructed") | dict.fromkeys(info.synthetic, " synthetic")
    names = tuple(lead + marks.get(lead, "") for lead in info.leads)
    lsb = tuple(known or step for known, step in zip(info.lsb, first.lsb, strict=True))
    coding = Coding.choose(info.leads, lsb, first.samples, info.uncalibrated)
    units = ["NU" if lead in info.uncalibrated else unit_of(lead) for lead in info.leads]
    return RecordWriter(place.parent, place.name, info.fs, names, coding, epoch, comments, units)
