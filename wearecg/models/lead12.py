"""Twelve leads from a few: the network ``lead12``, and ``lead12-linear``, linear regression to compare it with.

Input and output are high-passed at 0.5 Hz (the card's preprocessing) and sampled at 100 Hz. The error bars are the
model's own, scaled by calibration (`Band`). An estimate of a lead is what people with such leads mostly have there;
it does not show what only that lead would have shown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.arguments import typed
from wearecg.block import Samples
from wearecg.ecg.lead12 import INDEPENDENT, twelve
from wearecg.ecg.leads import TWELVE
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models import sealed
from wearecg.models.card import Band, Card, Input, card_path
from wearecg.models.card_check import checked
from wearecg.models.inputs import as_columns, as_leads, check_rate
from wearecg.models.preprocess import condition
from wearecg.models.profile import Profile, read_profile
from wearecg.models.runner import Runner
from wearecg.models.strict_json import build
from wearecg.pipeline.resample import resample
from wearecg.pipeline.twelve import Estimate, Twelve, TwelveStage
from wearecg.rates import as_rate

REACH_S = 2.0
"""A lead is known where the error band, averaged over this time, is narrow enough; it contains a QRS complex."""
LINEAR = Path(__file__).parent / "zoo" / "linear" / "lead12-linear.json"


class Reconstructor(ABC):
    """Reconstructs the leads that were not measured: ``model(samples, fs, leads)``.

    Attributes
    ----------
    source : str
        ``model@version``.
    input : Input
    band : Band
    profile : Profile or None
        The correction for one person.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> measured = person.samples(2500)[:, [person.leads.index(lead) for lead in ("II", "V1", "V5")]]
    >>> twelve = wearecg.load_model("lead12")(measured, 250, "II,V1,V5")
    >>> twelve.mean.shape, twelve.fs, int(twelve.measured.sum())
    ((1000, 12), 100.0, 3)
    """

    def __init__(self, source: str, spec: Input, band: Band, profile: Profile | None = None) -> None:
        self.source, self.input, self.band, self.profile = source, spec, band, profile
        self.fs, self.length, self.limit_mv = spec.fs, spec.length, band.unknown_mv
        if profile:
            profile.check_model(source)

    @property
    def label(self) -> str:
        """Model and profile, for people."""
        return f"{self.source}, profile of {self.profile.reference}" if self.profile else self.source

    @abstractmethod
    def independent(self, signal: Samples, mask: Samples) -> tuple[Samples, Samples] | None:
        """Estimate the leads of ``INDEPENDENT``: mean (mV) and variance ``[N, 8, length]``, not calibrated.

        Takes conditioned signals ``[N, 12, length]`` and mask ``[N, 12]``. None if it knows no answer from
        these leads.
        """

    def check(self, leads: Sequence[str], fs: float) -> None:
        """Raise unless something can be reconstructed from these leads at this rate.

        Raises
        ------
        LeadError
            Too few standard leads, or not those that the profile was made for.
        SignalError
            The rate is too low.
        """
        spec = self.input
        check_rate(fs, spec, self.source)
        standard = [lead for lead in leads if lead in TWELVE]
        if len(standard) < max(spec.min_leads, 1):
            raise LeadError(
                f"{self.source} needs at least {max(spec.min_leads, 1)} of the standard leads, "
                f"not {', '.join(leads)}: a lead must have a known place"
            )
        if self.profile:
            self.profile.check_leads(standard)

    def estimate(self, window: Samples, leads: Sequence[str]) -> Estimate | None:
        """Reconstruct a window ``[length, leads]`` in mV at the model's rate, NaN where missing.

        A lead with too many missing samples counts as absent. None where too few are left.
        """
        columns = [TWELVE.index(lead) for lead in leads]
        x = np.full((1, len(TWELVE), len(window)), np.nan, np.float32)
        x[0, columns] = window.T
        signal, mask = condition(x, self.fs, self.input.preprocessing)
        answer = self.independent(signal, mask) if mask.sum() >= max(self.input.min_leads, 1) else None
        if answer is None:
            return None
        mean, variance = answer
        if self.profile and set(self.profile.leads) == {TWELVE[i] for i in np.flatnonzero(mask[0])}:
            mean = self.profile.corrected(mean, signal)
        whole, spread = twelve(signal, mask, mean, variance)
        scale = np.asarray(self.band.scale, np.float32)
        sd = np.sqrt(spread[0]).T * scale
        reach = np.float32(self.band.width) * np.sqrt(_moving_mean(sd**2, round(REACH_S * self.fs)))
        return Estimate(whole[0].T, sd, reach, mask[0, columns] > 0)

    @typed
    def __call__(self, samples: ArrayLike, fs: float, leads: str | Sequence[str]) -> Twelve:
        """Reconstruct a whole recording, as the live stream does.

        Parameters
        ----------
        samples : [n, leads]
            mV; NaN where a sample is missing. At least one window (10 s) long.
        fs : float
            Samples per second, at least the model's ``min_fs``.
        leads : str or sequence of str
            Names of the columns, standard leads in any order: ``"II,V1,V5"``, ``["II", "V1", "V5"]``.

        Returns
        -------
        Twelve
            From the first sample to the last, at the model's rate. ``mean`` also has leads that are not known, where
            the model gave a value.

        Raises
        ------
        SignalError
            Rate, shape or length cannot be used, or too few leads are usable anywhere.
        LeadError
            A name is not a standard lead, or comes twice, or these leads are too few.
        """
        fs = as_rate(fs)
        names = as_leads(
            leads,
            TWELVE.__contains__,
            lambda name: f"{name!r} is none of the standard leads {', '.join(TWELVE)}",
        )
        x = as_columns(samples, names)
        self.check(names, fs)
        at_model = x if fs == self.fs else resample(x, fs, self.fs)
        stage = TwelveStage(self, names)
        parts = stage.feed(0, at_model) + stage.flush()
        if not parts:
            raise SignalError(
                f"nothing to reconstruct in {len(x) / fs:.1f} s: {self.source} needs {self.input.seconds:g} s "
                f"in which {', '.join(names)} vary and are hardly ever missing"
            )
        return _assembled(parts, len(at_model))


class Lead12(Reconstructor):
    """The network, from any leads.

    Raises `ModelError` if the card is not that of a model that reconstructs leads.
    """

    def __init__(self, card: Card, runner: Runner, profile: Profile | None = None) -> None:
        if card.outputs.band is None:
            raise ModelError(f"{card.source} does not reconstruct leads (its card states no band)")
        super().__init__(card.source, card.input, card.outputs.band, profile)
        self._runner = runner

    def independent(self, signal: Samples, mask: Samples) -> tuple[Samples, Samples]:
        """See `Reconstructor.independent`."""
        out = self._runner.run(signal, mask)
        return out["leads"], np.exp(out["logvar"])


@dataclass(frozen=True, slots=True)
class LinearSet:
    """Least squares from ``leads``: ``matrix`` [8][leads], ``constant`` [8] (mV), residual ``variance`` [8] (mV^2)."""

    leads: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    constant: tuple[float, ...]
    variance: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LinearCard:
    """The whole of ``lead12-linear``; JSON, sealed like a `Card`."""

    name: str
    version: str
    input: Input
    sets: tuple[LinearSet, ...]
    band: Band
    data: str
    """What it was fitted to, with licence and citation."""

    def write(self, path: Path) -> None:
        """Write it, sealed, to ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed.write(asdict(self), path)


class Linear(Reconstructor):
    """A matrix for each set of leads; the one for the largest set that is available is used."""

    def __init__(self, card: LinearCard, profile: Profile | None = None) -> None:
        super().__init__(f"{card.name}@{card.version}", card.input, card.band, profile)
        self._sets = sorted(card.sets, key=lambda known: len(known.leads), reverse=True)

    def check(self, leads: Sequence[str], fs: float) -> None:
        """See `Reconstructor.check`; there must be a matrix too."""
        super().check(leads, fs)
        if self._largest(leads) is None:
            known = ", ".join("+".join(one.leads) for one in self._sets)
            raise LeadError(f"{self.source} has no matrix from {', '.join(leads)}; it has from {known}")

    def independent(self, signal: Samples, mask: Samples) -> tuple[Samples, Samples] | None:
        """See `Reconstructor.independent`; all windows must have the same leads."""
        known = self._largest([TWELVE[i] for i in np.flatnonzero(mask.all(axis=0))])
        if known is None:
            return None
        x = signal[:, [TWELVE.index(lead) for lead in known.leads]]
        mean = np.asarray(known.matrix) @ x + np.asarray(known.constant)[:, None]
        variance = np.broadcast_to(np.asarray(known.variance)[:, None], mean.shape)
        return mean.astype(np.float32), variance.astype(np.float32)

    def _largest(self, leads: Sequence[str]) -> LinearSet | None:
        return next((known for known in self._sets if set(known.leads) <= set(leads)), None)


def load_reconstructor(
    name: str | Path = "lead12",
    profile: Profile | str | Path | None = None,
    *,
    precision: str = "int8",
    runtime: str = "onnx",
) -> Reconstructor:
    """Load a model that reconstructs leads, and refuse any other; see `wearecg.load_model`.

    Parameters
    ----------
    name : str or Path
        ``lead12``, ``lead12-linear``, or the path of a card.
    profile : Profile, str or Path, optional
        The correction for one person, or the file that `wearecg calibrate` or `Profile.write` wrote.
    precision, runtime : str
        ``int8`` or ``fp32``; ``onnx`` or ``tflite``. ``lead12-linear`` has one form only.

    Returns
    -------
    Reconstructor

    Raises
    ------
    ModelError
        No such model or form, a file or card that must not be run, one that does not reconstruct leads, or a
        profile that was made with another.
    MissingExtraError
        The runtime is not installed.
    """
    card, path = read_card(name)
    if isinstance(card, Card) and card.outputs.band is None:
        raise ModelError(f"{card.source} does not reconstruct leads; `wearecg models` lists what does")
    return reconstructor(card, path.parent, precision, runtime, profile)


def read_card(name: str | Path) -> tuple[Card | LinearCard, Path]:
    """Read the card of any model, of matrices too; return it and its path. Raises `ModelError`, see `load_card`."""
    path = LINEAR if name == LINEAR.stem else card_path(name)
    body = sealed.read(path)
    if "sets" not in body:
        return checked(body, path), path
    card = build(LinearCard, body, f"card {path}")
    for known in card.sets:
        shape = (len(INDEPENDENT), len(known.leads))
        if (
            np.shape(known.matrix) != shape
            or len(known.constant) != shape[0]
            or len(known.variance) != shape[0]
        ):
            raise ModelError(f"card {path}: the numbers of {'+'.join(known.leads)} have not shape {shape}")
    return card, path


def reconstructor(
    card: Card | LinearCard, folder: Path, precision: str, runtime: str, profile: Profile | str | Path | None
) -> Reconstructor:
    """Make the model of a card that was read from ``folder``. Raises as `load_reconstructor`."""
    correction = read_profile(profile) if isinstance(profile, str | Path) else profile
    if isinstance(card, Card):
        return Lead12(card, Runner(card, folder, precision, runtime), correction)
    if (precision, runtime) != ("int8", "onnx"):
        raise ModelError(
            f"{card.name}@{card.version} is a matrix, run by NumPy: there is no {precision} {runtime} of it; "
            "leave out precision and runtime"
        )
    return Linear(card, correction)


def _moving_mean(x: Samples, width: int) -> Samples:
    """Mean over ``width`` samples around each along the first axis, over fewer at the ends."""
    total = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0, dtype=np.float64)])
    first = np.clip(np.arange(len(x)) - width // 2, 0, None)
    last = np.clip(np.arange(len(x)) + (width + 1) // 2, None, len(x))
    mean: NDArray[np.float64] = (total[last] - total[first]) / (last - first)[:, None]
    return mean.astype(np.float32)


def _assembled(parts: Sequence[Twelve], length: int) -> Twelve:
    mean, sd, filtered = (np.full((length, len(TWELVE)), np.nan, np.float32) for _ in range(3))
    known = np.zeros((length, len(TWELVE)), bool)
    for part in parts:
        at = round(part.start * part.fs)
        rows = slice(at, at + len(part))
        mean[rows], sd[rows], known[rows], filtered[rows] = part.mean, part.sd, part.known, part.filtered
    return Twelve(mean, sd, known, filtered, parts[0].measured, parts[0].fs, 0.0)
