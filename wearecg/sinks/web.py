"""``web:HOST:PORT``: the stream as a live page in the browser."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

from wearecg.account import Account, text
from wearecg.block import (
    Beat,
    BeatClass,
    Entry,
    Event,
    Finding,
    Gap,
    HeartRate,
    LinkState,
    Mark,
    Notice,
    Quality,
    StreamId,
    StreamInfo,
    Trace,
)
from wearecg.ecg.leads import is_ecg
from wearecg.errors import MissingExtraError, SinkError
from wearecg.sinks.base import Context, Sink, check_options
from wearecg.sinks.encode import Encoder
from wearecg.web.frames import MOST_SAMPLES, Numbers, pack
from wearecg.web.guard import address

ACCOUNT_S = 2.0
"""How often the account is told."""
TREND_S = 10.0
"""Seconds between two heart rates of the trend."""
TREND_POINTS = 4320


def open_web(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``web:``, ``web:PORT`` and ``web:HOST:PORT``."""
    check_options("web", options)
    try:
        host, port = address(place)
    except ValueError as error:
        raise SinkError(f"web: {error}") from error
    sink = WebSink(host, port, context.recording)
    if sink.server.guard.token and sys.stderr.isatty():
        import segno

        segno.make(sink.server.url).terminal(sys.stderr, compact=True)
    return sink


class WebSink(Sink):
    """Serves a page that shows what happens now, and the last hours.

    Parameters
    ----------
    host, port
        Where to listen; port 0 is any that is free. Anywhere but on the loopback address a token is asked for.
    recording : str
        Where the stream is being recorded, to be shown.

    Raises
    ------
    SinkError
        It cannot listen there.
    MissingExtraError
        The package ``websockets`` is not installed.
    """

    wants = (Entry, Trace)

    def __init__(self, host: str, port: int, recording: str = "") -> None:
        super().__init__()
        try:
            from wearecg.web.server import LiveServer
        except ModuleNotFoundError as error:
            raise MissingExtraError("websockets", "web", "the live page") from error
        self.server = LiveServer(host, port, self._marked)
        self._encoder = Encoder()
        self._numbers = Numbers()
        self._account = Account()
        self._told: list[str] = []
        self._told_at = float("-inf")
        self._shown: StreamId | None = None
        """The stream by whose time the page goes."""
        self._newest = 0.0
        self._trend: deque[tuple[float, float | None]] = deque(maxlen=TREND_POINTS)
        self._hold(("recording",), {"type": "recording", "place": recording})
        self.notices.append(Notice(f"live page: {self.server.url}"))

    def write(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Trace):
            self._trace(event)
            return
        self._account.feed(event)
        record = self._encoder.encode(event)
        match event:
            case StreamInfo():
                self._begin(event, record)
            case Finding():
                key = ("finding", *event.key)
                if event.change == "ends":
                    message = _json(record)
                    self.server.post(lambda hub: hub.release(key, message))
                else:
                    self._hold(key, record)
            case Beat() | BeatClass() | Gap() | Mark():
                self._tell(_json(record), (event.start, event.end))
            case LinkState():
                self._hold(("link", event.sensor), record)
            case HeartRate() | Quality():
                self._hold((event.kind, event.stream), record)
                if isinstance(event, HeartRate) and event.stream == self._shown:
                    self._remember(event)
            case Notice():
                self._tell(_json(record))

    def tick(self, now: float) -> None:
        """Tell the account when it is time, and it has changed."""
        if now - self._told_at < ACCOUNT_S:
            return
        self._told_at = now
        streams = list(self._account)
        lines = [line for stream in streams for line in text.lines(stream)]
        if lines != self._told:
            self._told = lines
            self._hold(("account",), {"type": "account", "lines": lines})

    def close(self) -> None:
        """End the page; safe to call twice."""
        self.server.close()

    def _begin(self, info: StreamInfo, record: dict[str, Any] | None) -> None:
        message = {**(record or {}), "number": self._numbers.of(info.stream)}
        if self._shown in (None, info.stream) and (not info.waveform or any(map(is_ecg, info.leads))):
            if self._shown:
                self.server.post(lambda hub: hub.begin_anew(info.stream))
            self._shown, self._newest = info.stream, 0.0
            self._trend.clear()
        self._hold(("stream", info.stream), message)

    def _trace(self, trace: Trace) -> None:
        number = self._numbers.of(trace.stream)
        for first in range(0, len(trace.samples), MOST_SAMPLES):
            samples = trace.samples[first : first + MOST_SAMPLES]
            piece = Trace(samples, trace.fs, trace.leads, trace.start + first / trace.fs, trace.stream)
            self._tell(pack(piece, number), (piece.start, piece.end))
        if trace.stream == self._shown:
            self._newest = max(self._newest, trace.end)

    def _remember(self, rate: HeartRate) -> None:
        if self._trend and rate.time < self._trend[-1][0] + TREND_S:
            return
        self._trend.append((round(rate.time, 1), rate.bpm))
        message = _json({"type": "trend", "points": list(self._trend)})
        self.server.post(lambda hub: hub.keep(("trend", rate.stream), message))

    def _marked(self, words: str, time: float | None) -> None:
        """Take what a wearer marks at the page; called in the server's thread."""
        newest = self._newest
        at = newest if time is None else min(max(time, 0.0), newest)
        self.marks.append(Mark(at, words, "page", self._shown or StreamId("ecg")))

    def _hold(self, key: tuple[Any, ...], record: Mapping[str, Any] | None) -> None:
        message = _json(record)
        self.server.post(lambda hub: hub.hold(key, message))

    def _tell(self, message: bytes | str, stretch: tuple[float, float] | None = None) -> None:
        self.server.post(lambda hub: hub.tell(message, stretch))


def _json(record: Mapping[str, Any] | None) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
