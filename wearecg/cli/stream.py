"""``wearecg stream``: a live sensor, scored as it comes."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wearecg.block import Notice, Summary
from wearecg.cli import config, pulse, recording, scoring, twelve
from wearecg.cli.arguments import positive
from wearecg.cli.options import NUMBER, TEXTS, WHOLE, UsageError, add_options, option, texts

if TYPE_CHECKING:
    from wearecg.models.runtimes import DeadRuntimeError
    from wearecg.observers import Observer
    from wearecg.transports.base import Source


@dataclass(frozen=True, kw_only=True)
class StreamOptions(recording.RecordingOptions, twelve.TwelveOptions, pulse.PulseOptions):
    """What ``wearecg stream`` can be told."""

    port: str | None = option(
        "--port", group="where", help="serial port: /dev/ttyUSB0, COM3, socket://HOST:PORT"
    )
    ble: str | None = option(
        "--ble",
        group="where",
        metavar="NAME",
        help="Bluetooth sensor: its name, a part of that, or its address",
    )
    source: str | None = option(
        "source", group="where", metavar="SOURCE", help="or a recording to replay, or simulate:SCENARIO"
    )
    device: str | None = option(
        "--device",
        help="the sensor (default bridge on a port, detected on Bluetooth; auto detects it on a port, too, which "
        "takes a second for a sensor that talks and several for one that waits; see `wearecg devices`)",
    )
    also: tuple[str, ...] = option(
        "--also",
        default=(),
        kind=TEXTS,
        repeatable=True,
        metavar="SOURCE",
        help="a further sensor of the same person, on the same time axis: a port, ble:NAME (repeatable)",
    )
    streams: tuple[str, ...] = option(
        "--streams",
        default=(),
        kind=TEXTS,
        parse=texts,
        metavar="ecg,acc",
        help="what to ask a Bluetooth sensor for",
    )
    baud: int | None = option(
        "--baud", kind=WHOLE, parse=int, help="baud rate, if not the device's usual one"
    )
    fs: float | None = option(
        "--fs", kind=NUMBER, parse=positive, help="samples per second, for a sensor that does not say"
    )
    lsb: float | None = option(
        "--lsb",
        kind=NUMBER,
        parse=positive,
        metavar="MV",
        help="mV at the electrodes of one count, for a sensor on a port that does not say",
    )
    leads: tuple[str, ...] = option("--leads", default=(), kind=TEXTS, parse=texts, help="e.g. II,V1,V5")
    capture: Path | None = option(
        "--capture",
        parse=Path,
        metavar="FILE",
        help="write the raw bytes of the port into a new file, to send in when something is wrong: docs/devices.md",
    )
    duration: float | None = option(
        "--duration", kind=NUMBER, parse=positive, metavar="S", help="end after this many seconds"
    )

    def __post_init__(self) -> None:
        """Refuse to stream from nowhere, and what the place is not asked."""
        super().__post_init__()
        if not (self.port or self.ble or self.source):
            raise UsageError(
                "say where the signal comes from: SOURCE, --port, --ble, or --config with one of them in it"
            )
        if self.streams and not self.ble:
            raise UsageError("--streams is for Bluetooth sensors: name one with --ble")
        if (self.capture or self.lsb) and not self.port:
            raise UsageError("--capture and --lsb are for serial ports: name one with --port")


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "stream",
        help="score a live sensor, and record it",
        description="Score a live sensor, and record it. Ctrl-C ends it and closes the recording.",
    )
    add_options(parser, StreamOptions)
    config.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stream until the source ends or the user does."""
    from wearecg.account import Account, text
    from wearecg.service.notify import Notifier, Watchdog, await_port
    from wearecg.session import Session
    from wearecg.sinks.journal import is_journal

    options = config.settle(args, StreamOptions)
    observers, dead = _observers(options)
    stop = threading.Event()
    notifier = Notifier()
    watchdog = Watchdog(notifier)

    def turn(session: Session) -> None:
        watchdog.turn(session.scored, session.outputs.whole, time.monotonic())

    # An empty name leaves out a channel of a sensor that does not name them itself.
    leads = [lead for lead in options.leads if lead]
    session = Session(
        _source(options),
        observers,
        _outputs(options),
        leads=leads,
        duration=options.duration,
        stop=stop,
        turn=turn,
    )
    account = Account()
    summaries: list[Summary] = []
    with closing(session), _ending_cleanly(stop):
        for error in dead:
            session.outputs.write(Notice(f"{error}; the recording goes on without it", "error"))
        if options.port and notifier.active:
            for link in await_port(options.port, watchdog, stop):
                watchdog.see(link)
                session.outputs.write(link)
        for event in session:
            watchdog.see(event)
            account.feed(event)
            if isinstance(event, Summary):
                summaries.append(event)
            if not session.outputs.alive:
                break
        watchdog.end()
    for summary in summaries:
        print(describe(summary), file=sys.stderr)
    if not is_journal(sys.stderr):
        print(text.describe(account, session.source.name), file=sys.stderr)
    for failure in session.outputs.failures:
        print(f"wearecg: {failure.message}", file=sys.stderr)
    return 5 if session.outputs.failures else 0


def _observers(options: StreamOptions) -> tuple[list[Observer], list[DeadRuntimeError]]:
    """Open what looks at the signal; a runtime that ends the process must not keep the signal from being recorded."""
    from wearecg.models.runtimes import DeadRuntimeError

    openers: list[Callable[[StreamOptions], list[Observer]]] = [
        scoring.observers,
        twelve.observers,
        pulse.observers,
    ]
    observers: list[Observer] = []
    dead: dict[str, DeadRuntimeError] = {}
    for opener in openers:
        try:
            observers += opener(options)
        except DeadRuntimeError as error:
            dead[str(error)] = error
    return observers, list(dead.values())


def _source(options: StreamOptions) -> Source:
    from wearecg.sources import open_ble, open_port, open_source
    from wearecg.transports.several import SeveralSources

    device, baud, fs, leads = options.device, options.baud, options.fs, options.leads
    if options.ble:
        source = open_ble(options.ble, device, options.streams, fs, leads)
    elif options.port:
        source = open_port(options.port, device, baud, fs, leads, options.lsb, options.capture)
    else:
        source = open_source(options.source or "", device, baud, fs, leads)
    return SeveralSources([source, *map(open_source, options.also)]) if options.also else source


def _outputs(options: StreamOptions) -> list[str]:
    """Every output, and a view of the stream where none of them is one and there is a place for it."""
    from wearecg.sinks.base import has_stdout
    from wearecg.sinks.journal import is_journal

    uris = list(options.uris)
    if uris and not has_stdout():
        return uris
    if not any(uri.startswith(("live:", "journal:")) or uri == "jsonl:-" for uri in uris):
        # Beside a page lines are enough, and its link stays to be seen.
        live = "live:lines" if any(uri.startswith("web:") for uri in uris) else "live:"
        uris.append("journal:" if is_journal(sys.stdout) else live)
    return uris


def describe(summary: Summary) -> str:
    """One line for people."""
    lost = ", ".join(f"{count} {reason}" for reason, count in summary.lost.items()) or "none"
    parts = [
        f"{summary.stream}: {summary.duration:.1f} s",
        f"{summary.samples} samples, lost {lost}",
        f"{summary.beats} beats",
        f"{summary.windows_scored} windows scored, {summary.windows_skipped} skipped",
    ]
    clock = summary.clock
    if clock and clock.ppm is not None and clock.ppm_error is not None and clock.error is not None:
        ppm = f"{clock.ppm:+.0f} ± {max(clock.ppm_error, 1):.0f} ppm"
        parts.append(f"sensor clock {ppm}, placed on the host's clock to {clock.error * 1e3:.1f} ms")
    if clock and clock.rate is not None:
        parts.append(f"{clock.rate:.2f} samples a second")
    return "; ".join(parts)


@contextmanager
def _ending_cleanly(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM set ``stop``; a second one does not wait. What is ignored (``nohup``) stays so."""

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    # SIGHUP: the terminal went away (a dropped ssh session); Windows has none.
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before: dict[int, Any] = {number: signal.signal(number, end) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
