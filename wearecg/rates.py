"""Sampling rates as users give them."""

from __future__ import annotations

from typing import SupportsFloat

from wearecg.errors import SignalError


def as_rate(fs: SupportsFloat | str) -> float:
    """Return samples per second as a number.

    Raises
    ------
    SignalError
        It is no number, or none above 0.

    Examples
    --------
    >>> import numpy as np
    >>> as_rate(np.float32(250)), as_rate("250")
    (250.0, 250.0)
    """
    try:
        rate = float(fs)
    except (TypeError, ValueError):
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise SignalError(f"fs is {fs!r}: give the samples per second")
    return rate
