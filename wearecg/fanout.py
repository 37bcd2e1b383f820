"""One stream of events to many outputs, each in its own thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from wearecg.block import Event, Mark, Notice, Summary, Trace
from wearecg.floods import Floods
from wearecg.sinks import Context, Sink, open_sink
from wearecg.sinks.threaded import ThreadedSink


class Fanout:
    """Hands every event to every output; what an output has to say to the user is told by all of them.

    Notices that come in a flood are told once, then counted.

    Parameters
    ----------
    outputs : sequence of str or Sink
        URIs (``jsonl:-``, ``wfdb:DIR``), or sinks that are open already.
    patient : bool
        Whether the source waits: then every output may hold it up, and nothing is skipped.

    Raises
    ------
    SinkError
        An output cannot be opened; those before it are closed again.
    """

    def __init__(self, outputs: Sequence[str | Sink], patient: bool = False) -> None:
        self.failures: list[Notice] = []
        """What went wrong with an output."""
        self._outputs: list[ThreadedSink] = []
        self._floods = Floods()
        self._said: list[Notice | Mark] = []
        try:
            # Displays come last: they show where the others record.
            for output in sorted(outputs, key=lambda output: str(output).startswith(("live:", "web:"))):
                sink = self._open(output) if isinstance(output, str) else output
                name = output if isinstance(output, str) else ""
                self._outputs.append(ThreadedSink(sink, name, lossless=sink.lossless or patient))
        except BaseException:
            self.close()
            raise

    def _open(self, uri: str) -> Sink:
        places = [output.sink.place for output in self._outputs]
        return open_sink(uri, Context(recording=", ".join(filter(None, places))))

    @property
    def alive(self) -> int:
        """How many outputs still take events."""
        return sum(output.alive for output in self._outputs)

    @property
    def whole(self) -> bool:
        """Whether all of them do."""
        return self.alive == len(self._outputs)

    @property
    def shows_trace(self) -> bool:
        """Whether an output draws the filtered signal."""
        return any(Trace in output.sink.wants for output in self._outputs)

    def write(self, event: Event) -> None:
        """Hand on an event, and before it what the outputs have to say; never raises."""
        if not self._outputs:
            return
        now = time.monotonic()
        # A summary is the last of its stream.
        told: list[Event] = [*(self._floods.flush() if isinstance(event, Summary) else self._floods.due(now))]
        for item in (*self._told_by_outputs(), event):
            told += self._floods.feed([item], now) if isinstance(item, Notice) else [item]
        self._tell(told)

    def said(self) -> list[Notice | Mark]:
        """Return what the outputs themselves have said, and what was marked there, since the last call."""
        said, self._said = self._said, []
        return said

    def close(self) -> None:
        """Let every output write what it has and end; safe to call twice."""
        self._tell(self._floods.flush())
        for output in self._outputs:
            output.close()
        self._told_by_outputs()

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for output in self._outputs:
                output.write(event)

    def _told_by_outputs(self) -> Iterable[Notice | Mark]:
        said = [one for output in self._outputs for one in output.drain()]
        self._said += said
        self.failures += [one for one in said if isinstance(one, Notice) and one.level == "error"]
        return said
