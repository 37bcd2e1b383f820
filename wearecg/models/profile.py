"""A correction for one person, from one twelve-lead recording of theirs: ten seconds are enough to be of use.

Ridge regression (Hoerl and Kennard, Technometrics 12:55, 1970), in closed form, from what the model said of the
eight independent leads, the leads measured, and a constant, to what the model got wrong. It is pulled to zero
hard: a short recording must not teach what it cannot know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg import overwrite
from wearecg.arguments import typed
from wearecg.block import Samples
from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE, canonical_all, names_of, select
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models import sealed
from wearecg.models.inputs import as_columns
from wearecg.models.preprocess import condition
from wearecg.models.strict_json import build
from wearecg.pipeline.resample import resample
from wearecg.rates import as_rate

if TYPE_CHECKING:
    from wearecg.models.lead12 import Reconstructor

FORMAT = 1
RIDGE = 0.03
"""Pull to zero, in units of the mean power of what the regression looks at. Of 0.003 to 10, chosen on the second
recordings of people whose first was fitted (PTB-XL folds 6 and 7, lead12 from II V1 V5): the hardest pull that is
within 1 % of the best. The error is flat below, and a reference of ten seconds must not teach what it cannot know."""


MOST = 10.0
"""mV that a lead may be corrected by if all that the correction looks at is 1 mV. Of 240 fits (60 people of LUDB, 15
scenarios and seeds of the synthetic person) the largest was 3.7, one in twenty above 1.9."""
_MARKS = b"{", b'"model"', b'"leads"', b'"targets"'
"""What a profile begins with, and has near its beginning."""
_REMEDY = "run `wearecg calibrate` again"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the model gets wrong in one person.

    Attributes
    ----------
    model : str
        ``model@version`` that it corrects.
    leads : tuple of str
        The measured leads that it is for, in standard order.
    targets : tuple of str
        The independent leads that it corrects.
    weights : tuple of tuple of float
        For each target, of the eight estimates, the measured leads, and a constant 1 mV.
    before, after : tuple of float
        For each target: root mean square error (mV) on the half of the recording that was not fitted,
        without and with the correction.
    created, reference : str
        Date (ISO 8601) and the recording.
    seconds : float
        How much of it could be used.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=100)
    >>> plain = wearecg.load_model("lead12-linear")
    >>> profile = calibrate(plain, person.samples(2000), 100, person.leads, "II,V1,V5")
    >>> fitted = wearecg.load_model("lead12-linear", profile=profile)
    >>> fitted.profile.seconds
    20.0
    """

    model: str
    leads: tuple[str, ...]
    targets: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    created: str
    reference: str
    seconds: float
    format: int = FORMAT

    def check_model(self, source: str) -> None:
        """Raise `ModelError` unless it was made with this model."""
        if source != self.model:
            raise ModelError(
                f"the profile of {self.reference} was made with {self.model}, not {source}; "
                "run `wearecg calibrate` again"
            )

    def check_leads(self, leads: Sequence[str]) -> None:
        """Raise `LeadError` unless it was made for these leads."""
        if set(leads) != set(self.leads):
            raise LeadError(
                f"the profile of {self.reference} is for leads {', '.join(self.leads)}, not {', '.join(leads)}; "
                "run `wearecg calibrate` again with these --leads"
            )

    def corrected(self, mean: Samples, signal: Samples) -> Samples:
        """Return the estimates ``[N, 8, n]`` corrected; ``signal`` [N, 12, n] is what the model saw."""
        better = mean.copy()
        rows = [INDEPENDENT.index(lead) for lead in self.targets]
        better[:, rows] += (np.asarray(self.weights) @ _features(mean, signal, self.leads)).astype(np.float32)
        return better

    def write(self, path: str | Path) -> None:
        """Write it as JSON with a seal, for `read_profile`; raises `SinkError` where another file than a profile is."""
        overwrite.check(Path(path), _MARKS, "a profile")
        sealed.write(asdict(self), Path(path))


def read_profile(path: str | Path) -> Profile:
    """Read a profile.

    Parameters
    ----------
    path : str or Path
        What `wearecg calibrate` or `Profile.write` wrote.

    Returns
    -------
    Profile

    Raises
    ------
    ModelError
        It cannot be read, has no seal or not its own, is of another version, or corrects as no person needs it.
    """
    body = sealed.read(Path(path), "profile", _REMEDY)
    if body.get("format") != FORMAT:
        raise ModelError(f"{path} is no profile of format {FORMAT}; `wearecg calibrate` makes one")
    profile = build(Profile, body, f"profile {path}")
    shape = (len(profile.targets), len(INDEPENDENT) + len(profile.leads) + 1)
    if np.shape(profile.weights) != shape or not np.isfinite(profile.weights).all():
        raise ModelError(f"profile {path}: weights are not {shape[0]} rows of {shape[1]} numbers")
    if not (set(profile.leads) <= set(TWELVE) and set(profile.targets) <= set(INDEPENDENT)):
        raise ModelError(f"profile {path}: {profile.leads} or {profile.targets} are not standard leads")
    largest = _largest(profile.weights)
    if largest > MOST:
        raise ModelError(
            f"profile {path} corrects a lead by up to {largest:.6g} mV for each mV measured, {MOST:g} is the most that "
            f"is believed: {_REMEDY} with a clean recording"
        )
    return profile


@typed
def calibrate(
    model: Reconstructor,
    samples: ArrayLike,
    fs: float,
    names: str | Sequence[str],
    leads: str | Sequence[str],
    reference: str = "samples",
    created: str | None = None,
    ridge: float = RIDGE,
) -> Profile:
    """Fit a profile to a recording of one person.

    Parameters
    ----------
    model : Reconstructor
    samples : [n, names]
        mV; NaN where a sample is missing. Ten seconds or more.
    fs : float
        Samples per second.
    names : str or sequence of str
        Of the columns; `leads` and all independent leads (I, II, V1 to V6) must be among them.
    leads : str or sequence of str
        Those that will be measured from now on.
    reference, created : str
        The recording and the date (ISO 8601; by default today), as the profile will state them.
    ridge : float
        How hard the correction is pulled to zero, in the units of `RIDGE`.

    Returns
    -------
    Profile

    Raises
    ------
    LeadError
        The recording lacks a lead that is needed, or there is nothing to correct.
    SignalError
        It is too short, no stretch of it has all leads, or it asks for a correction that no person needs.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=100)
    >>> model = wearecg.load_model("lead12")
    >>> profile = calibrate(model, person.samples(2000), 100, person.leads, "II,V1,V5")
    >>> profile.leads, profile.targets
    (('II', 'V1', 'V5'), ('I', 'V2', 'V3', 'V4', 'V6'))
    """
    if not 0 < ridge < inf:
        raise SignalError(f"ridge is {ridge}: give a number above 0")
    fs, names = as_rate(fs), canonical_all(names_of(names))
    x = as_columns(samples, names)
    wanted = select(names_of(leads), names, reference)
    given = tuple(lead for lead in TWELVE if lead in [names[i] for i in wanted])
    model.check(given, fs)
    targets = tuple(lead for lead in INDEPENDENT if lead not in given)
    if not targets:
        raise LeadError(f"with {', '.join(given)} measured there is nothing to correct")
    select(targets, names, reference)
    columns = [names.index(lead) for lead in TWELVE if lead in names]
    all_leads = np.full((len(x), len(TWELVE)), np.nan, np.float32)
    all_leads[:, [TWELVE.index(names[i]) for i in columns]] = x[:, columns]
    at_model = all_leads if fs == model.fs else resample(all_leads, fs, model.fs)
    pairs = _pairs(model, at_model, given, targets)
    if not pairs:
        raise SignalError(
            f"{reference}: no {model.input.seconds:g} s in which {', '.join((*given, *targets))} all vary and are "
            "hardly ever missing; record once more"
        )
    features, wrong = (np.concatenate(part, axis=1) for part in zip(*pairs, strict=True))
    weights = fit(features, wrong, ridge)
    largest = _largest(weights)
    if largest > MOST:
        raise SignalError(
            f"{reference} asks for a correction of up to {largest:.6g} mV for each mV measured, {MOST:g} is the most "
            "that is believed: check its units and its leads, or record once more"
        )
    halves = np.array_split(np.arange(features.shape[1]), 2)
    left = np.concatenate(
        [
            wrong[:, test] - fit(features[:, seen], wrong[:, seen], ridge) @ features[:, test]
            for seen, test in (halves, halves[::-1])
        ],
        axis=1,
    )
    return Profile(
        model=model.source,
        leads=given,
        targets=targets,
        weights=tuple(tuple(map(float, row)) for row in weights),
        before=_rms(wrong),
        after=_rms(left),
        created=date.today().isoformat() if created is None else created,
        reference=reference,
        seconds=features.shape[1] / model.fs,
    )


def fit(
    features: NDArray[np.float64], wrong: NDArray[np.float64], ridge: float = RIDGE
) -> NDArray[np.float64]:
    """Return the ridge regression's weights [targets, k] from features [k, n] to errors [targets, n]."""
    power = features @ features.T
    pull = ridge * np.trace(power) / len(power)
    weights: NDArray[np.float64] = np.linalg.solve(power + pull * np.eye(len(power)), features @ wrong.T).T
    return weights


def _largest(weights: ArrayLike) -> float:
    """The most that a lead is corrected by, mV, if all that is looked at is 1 mV."""
    return float(np.abs(weights).sum(axis=1).max(initial=0.0))


def _pairs(
    model: Reconstructor, x: Samples, given: Sequence[str], targets: Sequence[str]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Features and the model's errors in each window of which all leads can be used."""
    pairs = []
    needed = [TWELVE.index(lead) for lead in (*given, *targets)]
    seen = np.isin(TWELVE, given).astype(np.float32)
    rows = [INDEPENDENT.index(lead) for lead in targets]
    for start in range(0, len(x) - model.length + 1, model.length):
        truth, mask = condition(
            x[None, start : start + model.length].transpose(0, 2, 1), model.fs, model.input.preprocessing
        )
        if not mask[0, needed].all():
            continue
        signal = truth * seen[None, :, None]
        answer = model.independent(signal, seen[None])
        if answer is not None:
            features = _features(answer[0], signal, given)[0]
            target = truth[0, [TWELVE.index(lead) for lead in targets]]
            pairs.append((features, target.astype(np.float64) - answer[0][0, rows]))
    return pairs


def _features(mean: Samples, signal: Samples, leads: Sequence[str]) -> NDArray[np.float64]:
    """The eight estimates, the measured leads and a constant 1: ``[N, 8 + leads + 1, n]``."""
    measured = signal[:, [TWELVE.index(lead) for lead in leads]]
    return np.concatenate([mean, measured, np.ones_like(mean[:, :1])], axis=1).astype(np.float64)


def _rms(x: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.sqrt((x**2).mean(axis=1)))
