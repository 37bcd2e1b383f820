"""A recording as the readings of an AD8232 on an Arduino Uno: ``python -m firmware_bridge.host.adc RECORD``.

One reading a line, 0 to 1023 against 5 V, with the board's gain of 1100 and its output between 0 and 3.3 V: what
the AD8232 sketch measures (firmware_bridge/arduino). The board's own high-pass is stood in for by the median.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import select
from wearecg.formats import Recording, read_recording
from wearecg.pipeline.resample import resample

RATE = 250
MV_PER_READING = 5000 / 1024 / 1100
ZERO = 338
RAIL = round(3300 / 5000 * 1024)


def readings(
    recording: Recording, lead: str | None = None, seconds: float | None = None
) -> NDArray[np.int64]:
    """Return the readings of ``lead`` (default: the first) at `RATE`.

    Raises
    ------
    LeadError
        The recording does not have ``lead``.
    """
    column = select([lead], recording.leads, recording.name)[0] if lead else 0
    end = None if seconds is None else round(seconds * recording.fs)
    signal = np.nan_to_num(recording.samples[:end, [column]])
    signal = resample(signal - np.median(signal), recording.fs, RATE)[:, 0]
    counts: NDArray[np.int64] = np.rint(signal / MV_PER_READING).astype(np.int64)
    return np.clip(counts + ZERO, 0, RAIL)


def main() -> None:
    """Write the readings to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="WFDB record or .csv")
    parser.add_argument("--lead", help="default: the first")
    parser.add_argument("--duration", type=float, metavar="S", help="only so many seconds")
    args = parser.parse_args()
    for reading in readings(read_recording(args.record), args.lead, args.duration):
        sys.stdout.write(f"{reading}\n")


if __name__ == "__main__":
    main()
