"""How well the time of every sample is known: a simulated sensor with known truth, through the real timeline.

    python -m benchmarks.clock [--minutes 60] [--out FOLDER]

A 250 Hz sensor sends frames of 0.1 s over a link that delays each by 5 to 50 ms and one in a hundred by 0.3 to 3 s,
in order, and loses one frame in a thousand. Its oscillator is off by 2 % of the stated rate, its clock by 100 ppm, and
it restarts three times an hour for 2 to 10 s. Three kinds: with a clock, with a counter only, with neither. The
error is that of the host time given to each sample as it comes, less the shortest delay of the link, which nobody can
see from one side; `SETTLE_S` from the start and from each restart on are not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks import machine
from wearecg.block import SignalBlock
from wearecg.pipeline.timeline import Timeline

FS = 250.0
FRAME = 25
DELAY_S, JITTER_S = 0.005, 0.045
STALLS, STALL_S = 0.01, (0.3, 3.0)
RESTARTS_AN_HOUR, OFF_S = 3, (2.0, 10.0)
SETTLE_S = 60.0
"""The line under the deliveries needs a minute of them: it is first drawn after 20 s."""

Kind = Literal["clock", "counter", "neither"]
CASES: tuple[tuple[Kind, float], ...] = (
    ("clock", 1e-3),
    ("counter", 1e-3),
    ("neither", 0.0),
    ("neither", 1e-3),
)
"""Kind of sensor, and share of frames that are lost."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What is wrong with a sensor and its link."""

    kind: Kind
    ppm: float = 0.0
    rate_error: float = 0.0
    loss: float = 1e-3
    restarts: int = 0
    seed: int = 0

    def frames(self, seconds: float) -> Iterator[tuple[SignalBlock, float, float]]:
        """Yield each frame that gets through, its arrival, and the host time since when the sensor has been on.

        The value of a sample is the host time at which it was taken.
        """
        rng = np.random.default_rng(self.seed)
        own = FS * (1 + self.rate_error)
        period = 1 / own / (1 + self.ppm * 1e-6)
        breaks = sorted(rng.uniform(SETTLE_S, seconds, self.restarts).tolist())
        on, n, arrival, lost = 0.0, 0, 0.0, 0
        while (begin := on + n * period) < seconds:
            if breaks and begin > breaks[0]:
                breaks.pop(0)
                on, n, lost = begin + rng.uniform(*OFF_S), 0, 0
                continue
            stall = rng.uniform(*STALL_S) if rng.random() < STALLS else 0.0
            end = begin + FRAME * period
            arrival = max(arrival, end + DELAY_S + rng.uniform(0, JITTER_S) + stall)
            if rng.random() < self.loss:
                lost += FRAME if self.kind == "counter" else 0
            else:
                truth = (begin + np.arange(FRAME) * period)[:, None]
                start = round(n / own, 6) if self.kind == "clock" else float("nan")
                # float64: the host time must be exact; the timeline does not look at the samples.
                yield SignalBlock(truth, FS, ("II",), start, lost), arrival, on
                lost = 0
            n += FRAME


def errors(sensor: Sensor, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the error of the first sample of every placed block, seconds, once the clock has settled."""
    timeline, found, last = Timeline(), [], -1.0
    for frame, arrival, on in sensor.frames(seconds):
        for placed in timeline.feed(frame, arrival):
            if not isinstance(placed, SignalBlock) or not len(placed):
                continue
            if not placed.start > last:
                raise AssertionError(f"{placed.start} s comes after {last} s")
            last = placed.start
            host = timeline.fit(placed.start).host
            truth = float(placed.samples[0, 0])
            if host is not None and truth - on > SETTLE_S:
                found.append(host - DELAY_S - truth)
    return np.array(found)


def main() -> None:
    """Print the table and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="folder for the JSON")
    args = parser.parse_args()
    restarts = round(RESTARTS_AN_HOUR * args.minutes / 60)
    rows = []
    print(machine.line())
    print(f"\n{'sensor':34} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for kind, loss in CASES:
        for rate_error in (-0.02, 0.0, 0.02):
            sensors = [
                Sensor(kind, ppm, rate_error, loss, restarts, seed)
                for seed, ppm in enumerate((-100.0, 100.0))
            ]
            off = np.concatenate([errors(sensor, 60 * args.minutes) for sensor in sensors])
            p50, p99, most = np.percentile(np.abs(off) * 1e3, (50, 99, 100)).round(2).tolist()
            name = f"{kind}, rate {rate_error:+.0%}, {loss:.1%} lost"
            print(f"{name:34} {p50:8.2f} {p99:8.2f} {most:8.2f}", flush=True)
            measured = {"p50_ms": p50, "p99_ms": p99, "max_ms": most}
            rows.append({"kind": kind, "rate_error": rate_error, "loss": loss, **measured})
    result = {"minutes": args.minutes, "settle_s": SETTLE_S, "rows": rows}
    print(f"\nwritten to {machine.write('clock', result, args.out)}")


if __name__ == "__main__":
    main()
