"""`load_model`, for every kind of model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from wearecg.arguments import typed
from wearecg.errors import ModelError
from wearecg.models.beat_classifier import BeatClassifier
from wearecg.models.card import Card
from wearecg.models.delineator import Delineator
from wearecg.models.lead12 import Reconstructor, read_card, reconstructor
from wearecg.models.model import Model
from wearecg.models.preprocess import CONTEXT
from wearecg.models.profile import Profile
from wearecg.models.pulse import PulseModel
from wearecg.models.runner import Runner


@overload
def load_model(
    name: Literal["encoder", "rhythm1"] = "encoder", precision: str = "int8", runtime: str = "onnx"
) -> Model: ...


@overload
def load_model(
    name: Literal["lead12", "lead12-linear"],
    precision: str = "int8",
    runtime: str = "onnx",
    profile: Profile | str | Path | None = None,
) -> Reconstructor: ...


@overload
def load_model(name: Literal["ppg2ecg"], precision: str = "int8", runtime: str = "onnx") -> PulseModel: ...


@overload
def load_model(name: Literal["waves"], precision: str = "int8", runtime: str = "onnx") -> Delineator: ...


@overload
def load_model(name: Literal["beats"], precision: str = "int8", runtime: str = "onnx") -> BeatClassifier: ...


@overload
def load_model(
    name: str | Path,
    precision: str = "int8",
    runtime: str = "onnx",
    profile: Profile | str | Path | None = None,
) -> Model | Reconstructor | PulseModel | Delineator | BeatClassifier: ...


@typed
def load_model(
    name: str | Path = "encoder",
    precision: str = "int8",
    runtime: str = "onnx",
    profile: Profile | str | Path | None = None,
) -> Model | Reconstructor | PulseModel | Delineator | BeatClassifier:
    """Load any model, ready to be called.

    Parameters
    ----------
    name : str or Path
        A shipped model, or the path of a card (``.json``).
    precision : str
        ``int8`` or ``fp32``.
    runtime : str
        ``onnx``, or ``tflite`` with the extra of that name. ``lead12-linear`` has one form only.
    profile : Profile, str or Path, optional
        The correction for one person, or its file; only for models that reconstruct leads.

    Returns
    -------
    Model or Reconstructor or PulseModel or Delineator or BeatClassifier
        ``encoder`` and ``rhythm1`` make statements: ``model(samples, fs, leads)`` gives `Scores`. ``lead12`` and
        ``lead12-linear`` reconstruct leads: ``model(samples, fs, leads)`` gives `Twelve`. ``ppg2ecg`` draws a lead
        from a pulse: ``model(samples, fs)`` gives a `DrawnLead`. ``waves`` finds the waves of beats:
        ``model(samples, fs, peaks)`` gives `Waves`. ``beats`` tells their classes: it gives `BeatClass`.

    Raises
    ------
    ModelError
        No such model or form, a file or card that must not be run, or a profile that is not for this model.
    MissingExtraError
        The runtime is not installed.

    Examples
    --------
    >>> import wearecg
    >>> model = wearecg.load_model("encoder")
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> lead = person.samples(2500)[:, [person.leads.index("II")]]
    >>> scores = model(lead, 250, "II")
    >>> sorted(scores.probabilities), scores.embedding.shape
    (['form', 'rhythm', 'subclass', 'superclass'], (128,))
    """
    card, path = read_card(name)
    if not isinstance(card, Card) or card.outputs.band:
        return reconstructor(card, path.parent, precision, runtime, profile)
    if profile is not None:
        raise ModelError(f"{card.source} does not reconstruct leads: leave out the profile")
    runner = Runner(card, path.parent, precision, runtime)
    if card.outputs.groups:
        return Model(card, runner)
    if card.input.preprocessing.name == CONTEXT:
        return BeatClassifier(card, runner)
    return Delineator(card, runner) if card.input.around == "beat" else PulseModel(card, runner)
