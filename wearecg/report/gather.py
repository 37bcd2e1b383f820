"""What a report is made of, gathered while a session runs."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from wearecg.account import Account
from wearecg.block import (
    Beat,
    BeatClass,
    Event,
    Finding,
    Measure,
    SignalBlock,
    StreamId,
    StreamInfo,
)
from wearecg.ecg.leads import is_ecg
from wearecg.report.disclosure import Disclosure
from wearecg.report.strips import Strips


@dataclass(slots=True)
class Gathered:
    """The account of a session, strips of it, and the whole signal of its first ECG; `feed` it every event.

    Attributes
    ----------
    name : str
        What the recording is called.
    settings : tuple of str
        How it was made, for people.
    """

    name: str = ""
    settings: tuple[str, ...] = ()
    account: Account = field(default_factory=Account)
    strips: Strips | None = None
    disclosure: Disclosure | None = None
    sources: Counter[str] = field(default_factory=Counter)
    """How often each source said something."""
    began: float = field(default_factory=time.time)
    _stream: StreamId | None = None

    def feed(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, SignalBlock):
            if event.stream == self._stream and self.disclosure and self.strips:
                self.disclosure.feed(event, self.strips.offset)
                self.strips.feed(event)
            return
        self.account.feed(event)
        match event:
            case StreamInfo():
                self._begin(event)
            case Finding() | Measure() | BeatClass():
                self.sources[event.source] += 1
        if isinstance(event, Beat | BeatClass | Finding) and event.stream == self._stream and self.strips:
            self.strips.feed(event)

    def _begin(self, info: StreamInfo) -> None:
        self.name = self.name or info.source
        if info.reconstructed or info.synthetic or not any(is_ecg(lead) for lead in info.leads):
            return
        if self._stream is None:
            self._stream = info.stream
            self.strips, self.disclosure = Strips(info), Disclosure(info.leads, info.fs)
        elif info.stream == self._stream and self.strips and self.disclosure:
            main = self.account.main
            self.strips.begin(info, main.offset if main else 0.0)
            self.disclosure.begin(info.leads, info.fs)
