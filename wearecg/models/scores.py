"""What a model says about a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import TWELVE, UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a model says about a recording, or about one window of it.

    Attributes
    ----------
    probabilities : dict of dict of float
        For each group, statement code to calibrated probability; the mean over the windows, so
        look at ``windows`` for what comes and goes.
    embedding : float32 [size]
        The mean over the windows.
    uncertainty : dict of float
        For each group, the chance that at least one of its statements is called wrongly; the mean
        over the windows.
    unlike : float
        Share of the windows that are not like those the model knows (noise, a pulse wave, exchanged
        electrodes, a wrong gain): what it says of them is not to be believed. NaN where the model
        cannot tell.
    start, end : float
        Seconds from the first sample.
    leads : tuple of str
        The leads that were looked at (in any window).
    source : str
        ``model@version``.
    windows : tuple of Scores
        One for each window that was scored.
    skipped : tuple of (float, str)
        Start and reason of each window that was not.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> lead = person.samples(250 * 25)[:, [person.leads.index("II")]]
    >>> scores = wearecg.load_model("encoder")(lead, 250, "II")
    >>> rhythm = scores.probabilities["rhythm"]
    >>> max(rhythm, key=rhythm.get), [window.start for window in scores.windows]
    ('SR', [0.0, 10.0, 15.0])
    """

    probabilities: Mapping[str, Mapping[str, float]]
    embedding: NDArray[np.float32]
    uncertainty: Mapping[str, float]
    unlike: float
    start: float
    end: float
    leads: tuple[str, ...]
    source: str
    windows: tuple[Scores, ...] = ()
    skipped: tuple[tuple[float, str], ...] = ()


def mean(windows: Sequence[Scores], skipped: Sequence[tuple[float, str]]) -> Scores:
    """Return the scores of a recording, given those of its windows and what was skipped of it."""
    first = windows[0]
    return Scores(
        probabilities={
            group: _mean_of([w.probabilities[group] for w in windows]) for group in first.probabilities
        },
        embedding=np.mean([w.embedding for w in windows], axis=0),
        uncertainty=_mean_of([w.uncertainty for w in windows]),
        unlike=float(np.mean([w.unlike for w in windows])),
        start=first.start,
        end=windows[-1].end,
        leads=tuple(name for name in (*TWELVE, UNKNOWN) if any(name in w.leads for w in windows)),
        source=first.source,
        windows=tuple(windows),
        skipped=tuple(skipped),
    )


def _mean_of(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    table = np.array([list(one.values()) for one in values])
    return dict(zip(values[0], table.mean(axis=0).tolist(), strict=True))
