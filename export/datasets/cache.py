"""Recordings gathered once into one memory-mapped array of microvolts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSING = -32768


def gathered(
    cache: Path,
    name: str,
    base: Path,
    records: Sequence[str],
    shape: tuple[int, int],
    read: Callable[[Path], NDArray[np.int16]],
) -> NDArray[np.int16]:
    """Return ``[records, leads, samples]``, read by ``read`` the first time and kept in the folder ``cache``.

    Parameters
    ----------
    name : str
        How the file in ``cache`` begins; the rest stands for ``base`` and ``records``.
    shape : (leads, samples)
        Of one record. What ``read`` returns may be shorter: the rest is ``MISSING``.
    """
    key = hashlib.sha256("\n".join([str(base.resolve()), *records]).encode()).hexdigest()[:12]
    path = cache / f"{name}-{key}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npy")
        out = np.lib.format.open_memmap(part, "w+", np.int16, (len(records), *shape))
        for i, record in enumerate(records):
            samples = read(base / record)
            out[i, :, : samples.shape[1]] = samples
            out[i, :, samples.shape[1] :] = MISSING
        out.flush()
        part.rename(path)
    signals: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return signals


def microvolts(x: NDArray[np.floating]) -> NDArray[np.int16]:
    """Turn mV into int16 microvolts; NaN becomes ``MISSING``."""
    steps = np.clip(np.rint(x * 1000), -32767, 32767)
    return np.where(np.isnan(x), MISSING, steps).astype(np.int16)


def millivolts(raw: NDArray[np.int16]) -> NDArray[np.float32]:
    """Turn int16 microvolts into mV; ``MISSING`` becomes NaN."""
    return np.where(raw == MISSING, np.nan, raw / np.float32(1000)).astype(np.float32)
