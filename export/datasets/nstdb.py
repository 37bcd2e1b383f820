"""MIT-BIH Noise Stress Test Database (Moody et al., Computers in Cardiology 11:381, 1984): its noise.

Half an hour each of baseline wander, electrode motion and muscle noise, two channels, from
persons who exercised, with electrodes where no ECG can be seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import SourceError
from wearecg.models.preprocess import Preprocessing, highpass

FS = 360
KINDS = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle noise"}


def load(root: Path, fs: int = 100) -> NDArray[np.float32]:
    """Return ``[6, n]``: two channels of each of ``KINDS`` in mV at ``fs`` Hz, high-passed as models see it.

    ``root`` is the folder of ``bw.dat``, or the one above it. The first half of the time is for
    training, the second for measuring: see :func:`halves`.

    Raises
    ------
    SourceError
        ``root`` does not hold the three records.
    """
    from scipy.signal import resample_poly

    base = next((d for d in (root, root / "nstdb") if (d / "bw.dat").is_file()), None)
    if base is None:
        raise SourceError(f"no bw.dat in {root} or {root / 'nstdb'}: give the NSTDB folder")
    spec = Preprocessing()
    channels = np.concatenate([_record(base / kind) for kind in KINDS])
    channels -= channels.mean(axis=1, keepdims=True)
    slow = resample_poly(channels, fs, FS, axis=1)
    return highpass(slow, fs, spec.highpass_hz, spec.pad_s).astype(np.float32)


def halves(noise: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the part for training and the part for measuring."""
    middle = noise.shape[-1] // 2
    return noise[..., :middle], noise[..., middle:]


def _record(path: Path) -> NDArray[np.float64]:
    """Read one record as mV ``[2, n]``: format 212, two 12-bit samples in three bytes, 200 steps per mV."""
    try:
        raw = np.fromfile(path.with_suffix(".dat"), np.uint8).reshape(-1, 3).astype(np.int16)
    except (OSError, ValueError) as error:
        raise SourceError(f"NSTDB record {path}: {error}") from error
    first = raw[:, 0] | (raw[:, 1] & 0x0F) << 8
    second = raw[:, 2] | (raw[:, 1] & 0xF0) << 4
    samples = np.stack([first, second])
    return np.where(samples > 2047, samples - 4096, samples) / 200.0
