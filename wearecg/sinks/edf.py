"""``edf:DIR``: EDF+ recordings, or BDF+ where a lead needs 24 bits, that readers open while they are being written.

For each stream of the sensor one file ``wearecg_<UTC of its first sample>.edf`` (``..._ppg.edf`` and so on for others
than the ECG) of records of half a second, each appended when it is whole. A value is the sensor's own count, and an
ECG is in uV, which every reader knows. Missing samples have the smallest count of their signal, which no measurement
has, and an annotation ``Recording gap`` over them, or ``II: no sample`` where other leads go on. So a gap takes as
much room as a measurement; with ``?discontinuous=1`` (EDF+D) one that is longer than a record takes none, but then
pyedflib refuses the file, and others join what they find.

Annotations are those of a WFDB recording (`wearecg.sinks.wfdb`), in words: ``R-wave`` is a beat, ``quality: II lead
off`` what can be used from there on. A sensor of RR intervals has a file of annotations alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Notice, Samples, SignalBlock, StreamInfo
from wearecg.errors import SinkError
from wearecg.formats.edf_notes import END, is_ours
from wearecg.formats.note_texts import text_of
from wearecg.sinks.about import about
from wearecg.sinks.base import Context, Sink, check_options
from wearecg.sinks.coding import Clipped, Coding, unique, unit_of
from wearecg.sinks.edf_file import EdfFile
from wearecg.sinks.edf_header import EdfSignal, Scale, header, label_of, record_length, start_of
from wearecg.sinks.edf_repair import repair
from wearecg.sinks.edf_silence import Silence
from wearecg.sinks.interruption import Interruption
from wearecg.sinks.limits import OPTIONS
from wearecg.sinks.record_format import Annotation, OpenRecord, RecordFormat
from wearecg.sinks.recorder import Recorder

AREA, AREA_ALONE = 120, 60
"""Bytes of annotations in a record; and in one without signals."""
BATCH = 65536
"""Bytes of samples that are held back at most between two flushes."""
SYNC_S = 5.0
_SYMBOLS = {"note": '"', "quality": "~"}


def open_edf(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``edf:DIR?discontinuous=1&rotate=1h,100MB&keep-free=1GB&sync=30``; see `Recorder`."""
    del context
    check_options("edf", options, (*OPTIONS, "discontinuous"))
    discontinuous = options.get("discontinuous", "0")
    if discontinuous not in ("0", "1"):
        raise SinkError(f"edf: discontinuous: {discontinuous!r} is neither 0 nor 1")
    kept = {name: value for name, value in options.items() if name in OPTIONS}
    return Recorder(place, Edf(discontinuous == "1"), kept)


class Edf(RecordFormat):
    """EDF+ and BDF+, see above."""

    name = "edf"
    files = r"\.(edf|bdf)"

    def __init__(self, discontinuous: bool = False) -> None:
        self._kind = "D" if discontinuous else "C"

    def open(self, place: Path, info: StreamInfo, epoch: float, first: SignalBlock | None) -> EdfRecord:
        """Begin a record; its file comes with its first half second."""
        return EdfRecord(place, info, epoch, first, self._kind)

    def signed(self, path: Path) -> bool:
        """Whether its header says that wearecg wrote it."""
        try:
            with path.open("rb") as file:
                return is_ours(file.read(256))
        except OSError:
            return False

    def repair(self, directory: Path) -> list[Notice]:
        """Put right the number of records of files that were not closed."""
        return repair(directory)


class EdfRecord(OpenRecord):
    """One file and its annotations."""

    def __init__(
        self, place: Path, info: StreamInfo, epoch: float, first: SignalBlock | None, kind: str
    ) -> None:
        super().__init__()
        self._fs, self._kind = info.fs, kind
        names: tuple[str, ...] = ()
        self._coding = Coding(16, (), ())
        if first is not None:
            lsb = tuple(known or step for known, step in zip(info.lsb, first.lsb, strict=True))
            names, self._coding = info.leads, Coding.choose(info.leads, lsb, first.samples, info.uncalibrated)
        units = ["" if lead in info.uncalibrated else unit_of(lead).replace("NU", "") for lead in names]
        bits = self._coding.bits
        scales = [Scale.choose(*scale, bits) for scale in zip(self._coding.steps, units, strict=True)]
        self._coding = Coding(bits, self._coding.steps, tuple(scale.top - 1 for scale in scales))
        self._clipped = Clipped(self._coding, names, units)
        self._leads = names
        self._samples, self._micros = record_length(info.fs)
        self._signals = [
            _signal(name, lead, info, scale, self._samples)
            for name, lead, scale in zip(unique(names), names, scales, strict=True)
        ]
        self._second, self._fraction = start_of(epoch)
        self._file = EdfFile(place.with_name(f"{place.name}.{'bdf' if bits == 24 else 'edf'}"), self._area)
        self._interruption = Interruption(place)
        self.notices = self._interruption.notices
        self._pending: list[NDArray[np.int32]] = []
        self._at = 0
        """Number of the first of the samples that wait for their record to be whole."""
        self._silence = Silence(names, info.fs, self._note)
        self._ended = self._padded = False
        self._synced = 0.0
        for line in about(info):
            self._note(0, line)

    @property
    def _area(self) -> int:
        return AREA if self._leads else AREA_ALONE

    def write(self, samples: Samples, at: int) -> None:
        """Append samples; see `OpenRecord`."""
        samples = samples[max(self.length - at, 0) :]
        if self._interruption.stopped or not len(samples):
            return
        if at > self.length:
            self._skip(at - self.length)
        digital, clipped, missing = self._coding.encode(samples)
        if clipped.any():
            self.notices.extend(self._clipped.tell(clipped))
        self._push(digital, missing)

    def extend(self, length: int) -> None:
        """Lengthen a file without signals."""
        if length > self.length:
            self._skip(length - self.length)

    def annotate(self, annotation: Annotation) -> None:
        """Queue an annotation."""
        symbol = annotation.code if annotation.kind == "beat" else _SYMBOLS[annotation.kind]
        self._note(annotation.sample, text_of(symbol, annotation.text))

    def flush(self, now: float, before: float) -> None:
        """Write whole records, and say how many there are."""
        del before  # annotations need not be in order
        if not self._interruption.over(now) or self._is_gone():
            return
        try:
            self._write_whole()
            if self._ended:
                self._file.place_notes()
            if now - self._synced >= SYNC_S:
                self._synced = now
                self._file.sync()
            self._file.count()
        except OSError as error:
            self._stop(error)
            return
        self._interruption.written()

    def end(self) -> None:
        """Fill the last record up."""
        if self._ended:
            return
        self._ended = True
        if self._is_gone() or self._interruption.stopped:
            return
        self._silence.end(self.length)
        try:
            self._write_whole()
            if self.length > self._at:
                self._pad()
            self._file.count()
        except OSError as error:
            self._stop(error)

    def close(self) -> None:
        """Write the notes that are left, and close the file."""
        self.end()
        if not self._is_gone():
            try:
                while self._file.records and not self._file.place_notes():
                    self._pad()
                self._file.count()
                self._file.sync()
            except OSError as error:
                self._stop(error)
        self._file.close()

    def _note(self, sample: int, text: str, length: int | None = None) -> None:
        duration = None if length is None else self._time(length)
        self._file.note(self._fraction + self._time(sample), text, duration)

    def _time(self, samples: int) -> int:
        """Return the microseconds of so many samples."""
        return round(samples * self._micros / self._samples)

    def _skip(self, missing: int) -> None:
        """Leave out so many samples: as missing ones or, in EDF+D, what is longer than a record as time."""
        filled = missing
        if self._kind == "D" and self.length:
            filled = min(missing, -(self.length - self._at) % self._samples)
        rows = max(BATCH // (4 * max(1, len(self._leads))), 1)
        for start in range(0, filled, rows):
            count = min(rows, filled - start)
            self._push(self._coding.nothing(count), np.ones((count, len(self._leads)), bool))
        if filled < missing and not self._interruption.stopped:
            self._try_whole()
            # What is left out is no silence: the onset of the next record says when the leads go on.
            self._silence.end(self.length)
            self._at += missing - filled
            self.length = self._at

    def _push(self, digital: NDArray[np.int32], missing: NDArray[np.bool_] | None) -> None:
        if self._interruption.stopped:
            return
        self._silence.feed(missing, self.length)
        self._pending.append(digital)
        self.length += len(digital)
        if (self.length - self._at) * max(1, len(self._leads)) * 4 >= BATCH:
            self._try_whole()

    def _try_whole(self) -> None:
        try:
            self._write_whole()
        except OSError as error:
            self._stop(error)

    def _write_whole(self) -> None:
        """Write the records that are whole."""
        count = (self.length - self._at) // self._samples
        if not count:
            return
        digital = np.concatenate(self._pending)
        rows, rest = digital[: count * self._samples], digital[count * self._samples :]
        # One signal after the other in each record.
        by_signal = rows.reshape(count, self._samples, len(self._leads)).swapaxes(1, 2)
        width = self._samples * len(self._leads) * self._coding.bits // 8
        octets = np.frombuffer(self._coding.pack(by_signal), np.uint8).reshape(count, width)
        starts = [self._fraction + self._time(self._at + k * self._samples) for k in range(count)]
        head = b"" if self._file.records else self._header()
        self._file.append(head, octets, starts)
        self._pending, self._at = [rest], self._at + count * self._samples
        self.size = self._file.size

    def _header(self) -> bytes:
        from wearecg import __version__

        return header(
            self._signals, self._coding.bits, self._area, self._micros, self._second, self._kind, __version__
        )

    def _pad(self) -> None:
        """Write a record that is not whole, or none at all, and say where it ends."""
        length = self.length
        if self._leads and not self._padded:
            self._padded = True
            self._note(length, END)
        self._pending.append(self._coding.nothing(self._samples - max(length - self._at, 0)))
        self.length = self._at + self._samples
        self._write_whole()
        self.length = length

    def _is_gone(self) -> bool:
        if not self.gone and self._file.gone:
            self._stop(FileNotFoundError())
        return self.gone

    def _stop(self, error: OSError) -> None:
        self._pending = []
        self.length = self._at
        self._silence = Silence(self._leads, self._fs, self._note)
        self._interruption.stop(error, self.length / self._fs)
        self.gone = self._interruption.gone


def _signal(name: str, lead: str, info: StreamInfo, scale: Scale, samples: int) -> EdfSignal:
    """Return the header of a lead; a label is its name behind ``ECG``, but for leads that nobody measured."""
    if lead in info.reconstructed:
        return EdfSignal(f"{name} reconstr.", scale, samples, "reconstructed by a model, not measured")
    if lead in info.synthetic:
        return EdfSignal(f"{name} synthetic", scale, samples, "drawn by a model from a pulse, not measured")
    return EdfSignal(label_of(name), scale, samples)
