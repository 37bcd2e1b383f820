"""What a source is: something that hands over signal and link news when asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from wearecg.block import LinkState, Notice, RRIntervals, SignalBlock
from wearecg.devices.base import Counters, Device
from wearecg.devices.ble_base import BleDevice
from wearecg.ecg.size import Size

Item: TypeAlias = tuple[SignalBlock | RRIntervals, float] | LinkState | Notice
"""A measurement with its host arrival time (monotonic seconds), or news of the link."""


def trouble(device: Device | BleDevice) -> str:
    """Return why there is no signal, in one line: what the driver makes of it, and why it refused what it did."""
    refused = device.counters.bad_frames + device.counters.unknown_frames
    if not refused or not device.refusal:
        return device.diagnose()
    return f"{device.diagnose()} ({refused} frames refused, the last one: {device.refusal})"


def joined(items: list[Item]) -> list[Item]:
    """Put consecutive blocks of a stream together where nothing is missing between them.

    Everything downstream costs by the block, not by the sample. A joined block has the arrival of its last part.
    """
    runs: list[list[tuple[SignalBlock, float]] | Item] = []
    latest: dict[str, list[tuple[SignalBlock, float]]] = {}
    for item in items:
        if isinstance(item, LinkState | Notice):
            latest.clear()
            runs.append(item)
            continue
        block, arrival = item
        if isinstance(block, RRIntervals):
            runs.append(item)
            continue
        run = latest.get(block.stream)
        if run and _follows(block, run[-1][0]):
            run.append((block, arrival))
        else:
            latest[block.stream] = [(block, arrival)]
            runs.append(latest[block.stream])
    return [_join(run) if isinstance(run, list) else run for run in runs]


def _join(run: list[tuple[SignalBlock, float]]) -> Item:
    if len(run) == 1:
        return run[0]
    samples = np.concatenate([block.samples for block, _ in run])
    return replace(run[0][0], samples=samples), run[-1][1]


def _follows(block: SignalBlock, before: SignalBlock) -> bool:
    # NaN (no clock) fails the comparison of times, and such a sensor's blocks follow each other.
    late = block.start - before.end
    return (
        not block.lost
        and not abs(late) * block.fs > 0.25
        and (block.fs, block.leads, block.lead_off, block.lsb)
        == (before.fs, before.leads, before.lead_off, before.lsb)
    )


class Source(ABC):
    """A live or replayed signal. Opened by ``with``; read by one thread."""

    name: str
    """For people: ``bridge on /dev/ttyUSB0``, ``mitdb/100 at 1x``."""
    rate_note: str = "given by the device"
    realtime: bool = True
    """False: the source waits for us, so nothing needs to be skipped to keep up."""
    counters: Counters | None = None
    uncalibrated: Mapping[str, Size] = MappingProxyType({})
    """Leads whose samples are of no known size: no statement that needs millivolts rests on them."""
    epoch: float | None = None
    """Unix time of the first sample, where the source knows it better than the host's clock (a recording)."""

    @property
    def sensors(self) -> Sequence[Source]:
        """What it consists of, in the order of their numbers."""
        return (self,)

    @abstractmethod
    def open(self) -> None:
        """Start. Raises `SourceError` only for what cannot heal by waiting (unknown recording, no permission)."""

    @abstractmethod
    def read(self, timeout: float) -> list[Item] | None:
        """Whatever has arrived, waiting at most ``timeout`` seconds for the first; None when the source has ended."""

    @abstractmethod
    def close(self) -> None:
        """Tell the sensor to stop and let go of the port; safe to call twice."""

    def __enter__(self) -> Source:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
