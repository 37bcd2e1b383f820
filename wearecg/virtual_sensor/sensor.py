"""The virtual sensor: a playback, a device's bytes, and a port, on an exact schedule."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from wearecg import overwrite
from wearecg.block import Samples
from wearecg.devices.base import SimulatedDevice
from wearecg.errors import SourceError
from wearecg.virtual_sensor.faults import Fault, FaultyWire
from wearecg.virtual_sensor.playback import Playback, Truth
from wearecg.virtual_sensor.port import PseudoPort

_LONGEST_WAIT = 0.05
MOST_PPM = 1e6
_LINGER = 0.5
"""Seconds that a host is given to read the last bytes before the port closes."""


@dataclass(slots=True)
class Report:
    """What a virtual sensor has done so far."""

    samples: int = 0
    """Played, whether or not anybody listened."""
    frames: int = 0
    """Handed to the wire whole."""
    dropped_frames: int = 0
    """Lost: by a fault, while unplugged, with nobody listening, or because the host was too slow."""
    bytes: int = 0
    beats: int = 0


class VirtualSensor:
    """Plays a `Playback` as a device over a pseudo-terminal.

    The sensor starts measuring when a host has first opened the port and asked for data; from then on it
    measures whatever the host does. Use it as a context manager (it runs in a thread), or call `run`.

    Parameters
    ----------
    playback : Playback
    device : callable
        Makes the `SimulatedDevice` that packs ``playback``; called again when a fault resets the sensor.
    link : Path, optional
        Symlink to the port, replaced on every replug.
    speed : float
        Seconds of signal in one second.
    faults : sequence of Fault
    ppm : float
        How much faster the sensor's crystal runs than the host's clock, parts per million.
    jitter : float
        Each block is sent up to so many seconds late, at random.
    truth : Path, optional
        JSON Lines file of the true beats: ``time`` (seconds of signal), ``device_time`` (the sensor's own
        clock), ``boot`` (how often it was reset), ``kind`` (WFDB symbol).
    seed : int
        For faults and jitter.

    Raises
    ------
    SourceError
        A speed, link or truth file that is not possible, or a system without pseudo-terminals.
    SinkError
        The truth file is there, and is something else.
    """

    def __init__(
        self,
        playback: Playback,
        device: Callable[[], SimulatedDevice],
        link: Path | None = None,
        speed: float = 1.0,
        faults: Sequence[Fault] = (),
        ppm: float = 0.0,
        jitter: float = 0.0,
        truth: Path | None = None,
        seed: int = 0,
    ) -> None:
        check_pace(speed, ppm, jitter)
        self._playback, self._make_device, self._link = playback, device, link
        self._rate = playback.fs * speed * (1 + ppm * 1e-6)
        self._speed, self._jitter = speed, jitter
        self._faults = sorted(faults, key=lambda fault: fault.start)
        self._wire = FaultyWire(self._faults, seed)
        self._rng = np.random.default_rng((seed, 4))
        self._device = device()
        self._truth = playback.truth()
        self._coming: Truth | None = next(self._truth, None)
        self._truth_file: IO[str] | None = open_truth(truth)
        self._port: PseudoPort | None = PseudoPort(link)
        self._boot, self._boot_sample = 0, 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self.path = self._port.path
        self.report = Report()

    def run(self) -> None:
        """Play until the playback ends or `stop` is called; then the port is gone."""
        try:
            self._wait_for_host()
            began, position = time.monotonic(), 0
            while not self._stop.is_set():
                block = self._playback.next()
                if block is None:
                    self._linger()
                    return
                samples, lead_off = block
                self._serve_until(began + (position + len(samples)) / self._rate + self._lateness())
                if self._stop.is_set():
                    return
                self._play(samples, lead_off, position)
                position += len(samples)
        finally:
            if self._port:
                self._port.close()
            if self._truth_file:
                self._truth_file.close()

    def stop(self) -> None:
        """End `run` from another thread or a signal handler."""
        self._stop.set()

    def __enter__(self) -> VirtualSensor:
        self._thread = threading.Thread(target=self._run_in_thread, name="virtual-sensor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.join()

    def join(self) -> None:
        """Wait for the end of a sensor that runs in a thread; raises what it failed with."""
        if self._thread:
            self._thread.join()
        if self._failure:
            raise self._failure

    def _run_in_thread(self) -> None:
        try:
            self.run()
        except BaseException as failure:
            self._failure = failure

    def _wait_for_host(self) -> None:
        while not self._stop.is_set() and not (self._listening() and self._device.running):
            self._serve_until(time.monotonic() + 0.01)

    def _serve_until(self, due: float) -> None:
        """Answer the host until ``due`` (monotonic seconds)."""
        while not self._stop.is_set():
            wait = min(due - time.monotonic(), _LONGEST_WAIT)
            if not self._listening():
                if wait <= 0:
                    return
                time.sleep(wait)
                continue
            assert self._port is not None
            data = self._port.read(wait)
            if data:
                for answer in self._device.receive(data):
                    self._port.write(answer)
            elif wait <= 0:
                return

    def _play(self, samples: Samples, lead_off: tuple[bool, ...], position: int) -> None:
        """Send one block, the first sample of which is number ``position``."""
        now = position / self._playback.fs
        self._plug(now)
        self._reset(now, position)
        self.report.samples += len(samples)
        self._tell_truth((position + len(samples)) / self._playback.fs)
        start = (position - self._boot_sample) / self._playback.fs
        frames = self._device.encode(samples, start, lead_off)
        if not self._device.running:
            return
        lost_before = self._wire.dropped
        outgoing = self._wire.send(frames, now)
        self.report.dropped_frames += self._wire.dropped - lost_before
        port = self._port if self._listening() else None
        for frame in outgoing:
            if port is not None and port.write(frame):
                self.report.frames += 1
                self.report.bytes += len(frame)
            else:
                self.report.dropped_frames += 1

    def _plug(self, now: float) -> None:
        """Pull the cable or push it in again, as the faults say."""
        unplugged = any(fault.kind == "unplug" and fault.active(now) for fault in self._faults)
        if unplugged and self._port is not None:
            self._port.close()
            self._port = None
        elif not unplugged and self._port is None:
            self._port = PseudoPort(self._link)
            self.path = self._port.path

    def _reset(self, now: float, position: int) -> None:
        due = sum(fault.kind == "reset" and fault.start <= now for fault in self._faults)
        if due > self._boot:
            self._boot, self._boot_sample = due, position
            self._device = self._make_device()

    def _tell_truth(self, until: float) -> None:
        while self._coming is not None and self._coming.time < until:
            self.report.beats += 1
            if self._truth_file:
                line = {
                    "time": round(self._coming.time, 6),
                    "device_time": round(self._coming.time - self._boot_sample / self._playback.fs, 6),
                    "boot": self._boot,
                    "kind": self._coming.kind,
                }
                self._truth_file.write(json.dumps(line) + "\n")
                self._truth_file.flush()
            self._coming = next(self._truth, None)

    def _listening(self) -> bool:
        return self._port is not None and self._port.opened()

    def _lateness(self) -> float:
        return float(self._rng.uniform(0, self._jitter)) if self._jitter else 0.0

    def _linger(self) -> None:
        end = time.monotonic() + _LINGER
        while self._listening() and time.monotonic() < end:
            self._serve_until(time.monotonic() + 0.02)


def check_pace(speed: float, ppm: float, jitter: float) -> None:
    """Raise `SourceError` unless a sensor can have this speed, clock and lateness."""
    if not 0 < speed < float("inf"):
        raise SourceError(f"a virtual sensor cannot run at speed {speed:g}; 1 is real time")
    if not abs(ppm) < MOST_PPM:
        raise SourceError(f"a clock is not off by {ppm:g} parts per million: give less than {MOST_PPM:g}")
    if not 0 <= jitter < float("inf"):
        raise SourceError(f"nothing is sent {jitter:g} s late: give 0 or more")


def open_truth(path: Path | None) -> IO[str] | None:
    """Open the file of the true beats; raises `SinkError` where one is that is something else."""
    if path:
        overwrite.check(path, (b'{"time":',), "a file of true beats")
    try:
        return path.open("w", encoding="utf-8") if path else None
    except OSError as error:
        raise SourceError(f"the truth file {path} cannot be written: {error.strerror}") from error
