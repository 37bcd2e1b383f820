"""Traces as the page gets them: a small header and whole numbers of microvolts, one binary message each."""

from __future__ import annotations

import struct

import numpy as np

from wearecg.block import StreamId, Trace

HEADER = struct.Struct("<BBHfd")
"""The stream's number, leads, samples of each, samples a second, and timeline seconds of the first; little-endian."""
MISSING = -32768
"""Stands for NaN."""
LARGEST = 32767
"""Microvolts; the monitoring band of a heart is within a tenth of it."""
MOST_SAMPLES = 0xFFFF


def pack(trace: Trace, number: int) -> bytes:
    """Return one message: `HEADER`, then int16 [samples, leads] in microvolts, `MISSING` where there is no signal.

    Parameters
    ----------
    trace : Trace
        At most `MOST_SAMPLES` samples.
    number : int
        By which the page knows the stream, below 256.
    """
    microvolts = np.clip(np.rint(1000.0 * trace.samples), -LARGEST, LARGEST)
    whole = np.where(np.isnan(microvolts), MISSING, microvolts).astype("<i2")
    samples, leads = trace.samples.shape
    return HEADER.pack(number, leads, samples, trace.fs, trace.start) + whole.tobytes()


class Numbers:
    """Gives each stream a number, in the order in which they are seen."""

    def __init__(self) -> None:
        self._numbers: dict[StreamId, int] = {}

    def of(self, stream: StreamId) -> int:
        """Return the number of a stream."""
        return self._numbers.setdefault(stream, len(self._numbers))
