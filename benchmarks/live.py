"""What the live page costs beside streaming alone, and how late a sample is seen.

    python -m benchmarks.live [--seconds 30] [--browsers 20] [--stalled 0] [--out FOLDER]

A synthetic person gives twelve leads at 500 Hz in real time. Streaming alone, with the page but without a viewer, and
with as many viewers as asked for (programs that take everything, and stalled ones that take nothing) are measured one
after the other. Then, in a real Chromium, the time from a sample to the pixel that shows it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import machine
from tests.web.browser import chromium, installed

SETTLE_S = 8.0
STREAM = ("-m", "wearecg", "stream", "simulate:sinus?fs=500", "--model", "none", "--to", "jsonl:/dev/null")
LATENCY = """
(async () => {
  const late = [], page = window.wearecg, until = Date.now() + 8000;
  while (Date.now() < until) {
    await new Promise(requestAnimationFrame);
    const shown = page.shown();
    if (shown) late.push(Date.now() / 1000 - shown);
  }
  return late;
})()
"""


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="measured seconds of each run")
    parser.add_argument("--browsers", type=int, default=20)
    parser.add_argument("--stalled", type=int, default=0, help="of them, those that take nothing")
    parser.add_argument("--out", type=Path, help="folder for the JSON")
    args = parser.parse_args()
    name = f"{args.browsers} browsers, {args.stalled} of them stalled"
    rows = {
        "streaming alone": run(args.seconds, None, 0, 0),
        "with the page, nobody there": run(args.seconds, "0", 0, 0),
        name: run(args.seconds, "0", args.browsers, args.stalled),
    }
    alone = rows["streaming alone"]["cpu"]
    print(f"{'':36}{'CPU ms/s':>10}{'above alone':>13}{'RSS MB':>8}{'least kB/s':>12}")
    for label, row in rows.items():
        extra = f"{100 * (row['cpu'] - alone):.1f} %"
        print(f"{label:36}{1e3 * row['cpu']:10.1f}{extra:>13}{row['rss']:8.0f}{row['rate']:12.1f}")
    late = latency()
    if late:
        print(f"sample to pixel: median {late['median']:.0f} ms, 95 % {late['p95']:.0f} ms")
    if args.out:
        (args.out / "live.json").write_text(
            json.dumps({"machine": machine.describe(), "rows": rows, "ms": late}, indent=1) + "\n"
        )


def run(seconds: float, web: str | None, browsers: int, stalled: int) -> dict[str, float]:
    """Return CPU seconds a second, MB, and the kB/s that a browser got."""
    with tempfile.TemporaryDirectory() as folder:
        process, url = start(Path(folder), [] if web is None else ["--web", web])
        try:
            return asyncio.run(watched(process, url, seconds, browsers, stalled))
        finally:
            process.terminate()
            process.wait()


async def watched(
    process: subprocess.Popen[bytes], url: str, seconds: float, browsers: int, stalled: int
) -> dict[str, float]:
    """Let viewers come, and return what the process uses meanwhile."""
    got = [0] * (browsers - stalled)

    async def take(place: int, browser: ClientConnection) -> None:
        async for message in browser:
            got[place] += len(message)

    opened = [await connect(f"{url.replace('http', 'ws')}live", compression=None) for _ in range(browsers)]
    for browser in opened:
        await browser.send(json.dumps({"token": ""}))
    for browser in opened[len(got) :]:
        browser.transport.pause_reading()
    tasks = [asyncio.create_task(take(place, browser)) for place, browser in enumerate(opened[: len(got)])]
    await asyncio.sleep(SETTLE_S)
    got[:] = [0] * len(got)
    seen = psutil.Process(process.pid)
    before = seen.cpu_times()
    await asyncio.sleep(seconds)
    after = seen.cpu_times()
    for task in tasks:
        task.cancel()
    for browser in opened:
        browser.transport.abort()
    return {
        "cpu": (after.user + after.system - before.user - before.system) / seconds,
        "rss": seen.memory_info().rss / 1e6,
        "rate": min(got, default=0) / seconds / 1e3,
    }


def latency() -> dict[str, float] | None:
    """Return milliseconds from a sample to its pixel, in Chromium; None without one."""
    if not installed():
        return None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process, url = start(Path(folder), ["--web", "0"])
        try:
            with chromium(Path(folder) / "profile") as tab:
                tab.open(url)
                time.sleep(SETTLE_S)
                late = sorted(1e3 * one for one in tab.value(LATENCY))
        finally:
            process.terminate()
            process.wait()
    return {"median": statistics.median(late), "p95": late[int(0.95 * len(late))], "frames": len(late)}


def start(folder: Path, options: list[str]) -> tuple[subprocess.Popen[bytes], str]:
    """Start streaming, and wait for the link of the page if there is one."""
    log = folder / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, *STREAM, *options], stdout=out, stderr=subprocess.STDOUT)
    if not options:
        return process, ""
    while (found := re.search(r"http://\S+", log.read_text())) is None:
        if process.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    return process, found[0]


if __name__ == "__main__":
    main()
