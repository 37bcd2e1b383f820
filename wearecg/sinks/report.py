"""``report:DIR``: the report of what is being recorded, written anew every few minutes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from wearecg import overwrite
from wearecg.block import Entry, Event, SignalBlock
from wearecg.errors import SinkError
from wearecg.report.gather import Gathered
from wearecg.report.page import html
from wearecg.sinks.base import Context, Sink, check_options

EVERY_S = 300.0
"""How often the page is written while the stream runs."""
NAME = "report.html"


def open_report(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``report:DIR`` or ``report:FILE.html``."""
    del context
    check_options("report", options)
    if not place:
        raise SinkError("report: name a folder or a file: report:DIR")
    return ReportSink(Path(place))


class ReportSink(Sink):
    """Gathers the report of a session, and writes it every `EVERY_S` and at the end.

    Parameters
    ----------
    place : Path
        A folder, for ``report.html`` in it; or a file whose suffix is one of `WRITERS`.
    gathered : Gathered, optional
        What is known before: a name, settings.

    Raises
    ------
    SinkError
        A file is there that is no report, the folder cannot be made, or the file cannot be written.
    """

    wants = (Entry, SignalBlock)

    def __init__(self, place: Path, gathered: Gathered | None = None) -> None:
        super().__init__()
        self.path = place if place.suffix in WRITERS else place / NAME
        self.gathered = gathered or Gathered()
        self._written: float | None = None
        self._closed = False
        overwrite.check(self.path, MARKS[self.path.suffix], "a report")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"report: cannot make {self.path.parent}: {error.strerror}") from error

    def write(self, event: Event) -> None:
        """Take one event."""
        self.gathered.feed(event)

    def tick(self, now: float) -> None:
        """Write the page when it is time."""
        if self._written is None:
            self._written = now
        if now - self._written >= EVERY_S:
            self._written = now
            self._write()

    def close(self) -> None:
        """Write it for the last time."""
        if not self._closed:
            self._closed = True
            if self.gathered.strips:
                self.gathered.strips.flush()
            self._write()

    def _write(self) -> None:
        text = WRITERS[self.path.suffix](self.gathered)
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, self.path)  # whoever reads it sees the old page or the new one
        except OSError as error:
            raise SinkError(f"report: cannot write {self.path}: {error.strerror}") from error


def as_json(gathered: Gathered) -> str:
    """Return the report as JSON."""
    from wearecg.report.data import data

    return json.dumps(data(gathered), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


WRITERS: dict[str, Callable[[Gathered], str]] = {".html": html, ".json": as_json}
"""By the suffix of the file, what makes it."""
MARKS = {
    ".html": (b"<!doctype html>", b": ECG report</title>"),
    ".json": (b"{", b'"schema": "wearecg-report/'),
}
"""By the suffix, what begins a report, and what else is near its beginning."""
