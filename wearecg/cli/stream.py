"""``wearecg stream``: a live sensor, scored as it comes."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wearecg.block import Event, Notice, Summary, Trace
from wearecg.cli import config, pulse, recording, twelve
from wearecg.cli.arguments import positive

if TYPE_CHECKING:
    from wearecg.sinks.threaded import ThreadedSink


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "stream",
        help="score a live sensor, and record it",
        description="Score a live sensor, and record it. Ctrl-C ends it and closes the recording.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", help="serial port: /dev/ttyUSB0, COM3, socket://HOST:PORT")
    where.add_argument(
        "--ble", metavar="NAME", help="Bluetooth sensor: its name, a part of that, or its address"
    )
    where.add_argument(
        "source", nargs="?", metavar="SOURCE", help="or a recording to replay, or simulate:SCENARIO"
    )
    parser.add_argument(
        "--device",
        help="the sensor (default bridge on a port, found out on Bluetooth; auto finds it out on a port, too, which "
        "takes a second for a sensor that talks and several for one that waits; see `wearecg devices`)",
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="SOURCE",
        help="a further sensor of the same person, on the same time axis: a port, ble:NAME (repeatable)",
    )
    parser.add_argument(
        "--streams",
        type=lambda text: text.split(","),
        default=[],
        metavar="ecg,acc",
        help="what to ask a Bluetooth sensor for",
    )
    parser.add_argument("--baud", type=int, help="baud rate, if not the device's usual one")
    parser.add_argument("--fs", type=positive, help="samples per second, for a sensor that does not say")
    parser.add_argument(
        "--lsb",
        type=positive,
        metavar="MV",
        help="mV at the electrodes of one count, for a sensor on a port that does not say",
    )
    parser.add_argument("--leads", type=lambda text: text.split(","), default=[], help="e.g. II,V1,V5")
    parser.add_argument(
        "--model", default="encoder", help="model that scores (default encoder; none for none)"
    )
    parser.add_argument(
        "--to", action="append", default=[], metavar="URI", help="jsonl:- jsonl:FILE wfdb:DIR live:"
    )
    parser.add_argument("--record", metavar="DIR", help="record WFDB into DIR; short for --to wfdb:DIR")
    parser.add_argument(
        "--capture",
        type=Path,
        metavar="FILE",
        help="write the raw bytes of the port into a new file, to send in when something is wrong: docs/devices.md",
    )
    parser.add_argument("--duration", type=positive, metavar="S", help="end after this many seconds")
    recording.add_arguments(parser)
    twelve.add_arguments(parser)
    pulse.add_arguments(parser)
    config.add_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stream until the source ends or the user does."""
    from wearecg.errors import ConfigError, SourceError
    from wearecg.models.model import load_scorer
    from wearecg.service.notify import Notifier, Pulse, await_port
    from wearecg.session import run as run_session
    from wearecg.sinks import open_sink
    from wearecg.sinks.journal import is_journal
    from wearecg.sinks.live import LiveSink
    from wearecg.sinks.threaded import ThreadedSink
    from wearecg.sinks.wfdb import WfdbSink
    from wearecg.sources import open_ble, open_port, open_source
    from wearecg.transports.base import Source
    from wearecg.transports.several import SeveralSources

    args = config.settle(args)
    if not (args.port or args.ble or args.source):
        args.parser.error(
            "say where the signal comes from: SOURCE, --port, --ble, or --config with one of them in it"
        )
    uris = [*args.to, *([f"wfdb:{args.record}"] if args.record else [])]
    recordings = ", ".join(uri.removeprefix("wfdb:") for uri in uris if uri.startswith("wfdb:"))
    if not any(uri.startswith(("live:", "journal:")) or uri == "jsonl:-" for uri in uris):
        uris.append("journal:" if is_journal(sys.stdout) else "live:")
    upkeep = recording.upkeep(args)
    if upkeep is not None and not recordings:
        raise ConfigError(
            "--rotate, --keep-free and --sync say how to record, but nothing is: add --record DIR"
        )
    reconstructor, drawer = twelve.reconstructor(args), pulse.spec(args)
    model = None if args.model == "none" else load_scorer(args.model)
    if args.streams and not args.ble:
        raise SourceError("--streams is for Bluetooth sensors: name one with --ble")
    if (args.capture or args.lsb) and not args.port:
        raise SourceError("--capture and --lsb are for serial ports: name one with --port")
    if args.ble:
        source: Source = open_ble(args.ble, args.device, args.streams, args.fs, args.leads)
    elif args.port:
        source = open_port(args.port, args.device, args.baud, args.fs, args.leads, args.lsb, args.capture)
    else:
        source = open_source(args.source, args.device, args.baud, args.fs, args.leads)
    if args.also:
        source = SeveralSources([source, *map(open_source, args.also)])
    stop = threading.Event()
    sinks: list[ThreadedSink] = []
    summaries: list[Summary] = []
    failures: list[Notice] = []
    try:
        for uri in uris:
            sink = open_sink(uri)
            if isinstance(sink, LiveSink):
                sink.recording = recordings
            if isinstance(sink, WfdbSink) and upkeep is not None:
                sink.upkeep = upkeep
            sinks.append(ThreadedSink(sink, uri, lossless=sink.lossless or not source.realtime))
        shown = any(Trace not in output.sink.ignores for output in sinks)
        notifier = Notifier()
        watchdog = Pulse(notifier)

        def turn(scored: int) -> None:
            watchdog.turn(scored, all(output.alive for output in sinks), time.monotonic())

        # An empty name leaves out a channel of a sensor that does not name them itself.
        leads = [lead for lead in args.leads if lead]
        session = run_session(source, model, leads, args.duration, stop, shown, reconstructor, turn, drawer)

        def all_events() -> Iterator[Event]:
            if args.port and notifier.active:
                yield from await_port(args.port, watchdog, stop)
            if not stop.is_set():
                yield from session

        with _ending_cleanly(stop), closing(session):
            for event in all_events():
                watchdog.see(event)
                notices = [notice for output in sinks for notice in output.drain_notices()]
                failures += [notice for notice in notices if notice.level == "error"]
                for output in sinks:
                    for item in (*notices, event):
                        output.write(item)
                if not any(output.alive for output in sinks):
                    break
                if isinstance(event, Summary):
                    summaries.append(event)
            watchdog.end()
    finally:
        for output in sinks:
            output.close()
    for summary in summaries:
        print(describe(summary), file=sys.stderr)
    failures += [n for output in sinks for n in output.drain_notices() if n.level == "error"]
    for failure in failures:
        print(f"wearecg: {failure.message}", file=sys.stderr)
    return 5 if failures else 0


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
    """Let Ctrl-C and SIGTERM set ``stop``; a second one does not wait."""

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    # SIGHUP: the terminal went away (a dropped ssh session); Windows has none.
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before: dict[int, Any] = {n: signal.signal(n, end) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
