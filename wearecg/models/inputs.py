"""Checks of the samples that users give to a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from wearecg.arguments import as_numbers
from wearecg.block import Samples
from wearecg.ecg.leads import canonical, names_of
from wearecg.errors import LeadError, SignalError
from wearecg.models.card import Input


def check_rate(fs: float, spec: Input, source: str) -> None:
    """Raise `SignalError` unless the model ``source`` takes an ECG at ``fs`` samples per second."""
    if not spec.min_fs <= fs < float("inf"):
        raise SignalError(
            f"a rate of {fs:g} Hz is too low: {source} needs at least {spec.min_fs:g} Hz, "
            "below that the QRS complex is lost"
            if fs < spec.min_fs
            else f"fs is {fs}: give the samples per second"
        )


def check_length(samples: int, fs: float, spec: Input, source: str) -> None:
    """Raise `SignalError` unless so many samples at ``fs`` Hz are a window of the model ``source``, or more."""
    if samples < round(spec.seconds * fs):
        raise SignalError(
            f"{samples} samples at {fs:g} Hz are {samples / fs:.2f} s: {source} needs at least {spec.seconds:g} s"
        )


def as_leads(
    leads: str | Sequence[str], takes: Callable[[str], bool], refusal: Callable[[str], str]
) -> list[str]:
    """Return leads in the house spelling.

    Raises `LeadError` for one that is given twice, and, with what ``refusal`` says of the name as it was written, for
    one that the model does not take.
    """
    given = names_of(leads)
    names = [canonical(name) for name in given]
    for written, name in zip(given, names, strict=True):
        if not takes(name):
            raise LeadError(refusal(written))
        if names.count(name) > 1:
            raise LeadError(f"lead {name} is given twice")
    return names


def as_samples(samples: ArrayLike) -> Samples:
    """Return samples as float32, NaN where not finite or masked. Raises `SignalError` if they are not numbers."""
    x = as_numbers(samples)
    return np.where(np.isfinite(x), x, np.float32(np.nan))


def as_columns(samples: ArrayLike, leads: Sequence[str]) -> Samples:
    """Return samples [n, leads], see `as_samples`. Raises `SignalError` for another shape."""
    x = as_samples(samples)
    if x.ndim != 2 or x.shape[1] != len(leads):
        raise SignalError(
            f"samples have shape {x.shape} for {len(leads)} leads: give [n, leads], one column for each lead"
        )
    return x
