"""Observers by name: ``encoder``, ``rhythm1``, ``lead12``, ``rr-rhythm`` ...; each is fed streams and reports on them.

`open_observer` takes a name of `BUILT_IN`, of a model (shipped, or the path of its card), or of an entry point of the
group ``wearecg.observers``: its value is a callable that takes the options (a mapping of texts) and returns an
`Observer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from urllib.parse import parse_qsl, urlencode

from wearecg.errors import ModelError
from wearecg.pipeline.observer import About, Events, Observer, Samples, Segments, Windows

__all__ = [
    "BUILT_IN",
    "ENTRY_POINTS",
    "About",
    "Events",
    "Observer",
    "Samples",
    "Segments",
    "Windows",
    "known",
    "open_observer",
    "open_observers",
    "with_form",
]

BUILT_IN: dict[str, tuple[str, str]] = {
    "auto": ("wearecg.observers.model", "open_auto"),
    "rr-rhythm": ("wearecg.observers.rhythm", "open_rhythm"),
}
"""Name: module and opener, imported when first used."""

ENTRY_POINTS = "wearecg.observers"
LOADING = ("runtime", "precision", "profile")
"""The options for loading a model."""


def open_observer(spec: str) -> Observer:
    """Open an observer: a model, a rule, or one of another package.

    Parameters
    ----------
    spec : str
        A model (``"encoder"``, or the path of a card), ``"auto"``, ``"rr-rhythm"`` or the name of an entry point of the
        group ``wearecg.observers``; options follow: ``"encoder?runtime=tflite&precision=fp32"``.

    Returns
    -------
    Observer
        For a `Session`.

    Raises
    ------
    ModelError
        There is no such observer, or the model file or card must not be run.
    ConfigError
        It does not have this option.
    MissingExtraError
        The runtime is not installed.

    Examples
    --------
    >>> open_observer("rr-rhythm").source
    'rr-rhythm@1'
    >>> open_observer("encoder?precision=fp32").slow
    True
    """
    name, _, query = spec.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if opener := _opener(name):
        return opener(options)
    if not name.endswith(".json") and name not in (models := known()):
        raise ModelError(
            f"there is no model or other observer {name!r}; known are {', '.join(models)}; or give the path of a "
            "card (.json)"
        )
    return _open_model(name, options)


def open_observers(specs: Iterable[str]) -> list[Observer]:
    """Open several observers; one that is named twice is opened once."""
    return [open_observer(spec) for spec in dict.fromkeys(specs)]


def with_form(spec: str, runtime: str, precision: str) -> str:
    """Return ``spec`` with runtime and precision added, if it names a model and does not state its own."""
    name, _, query = spec.partition("?")
    if name != "auto" and _opener(name):
        return spec
    form = {"runtime": runtime, "precision": precision}
    return f"{name}?{urlencode(form | dict(parse_qsl(query, keep_blank_values=True)))}"


def known() -> list[str]:
    """Return every name that `open_observer` takes: built in, third-party and shipped models."""
    from wearecg.models.card import available
    from wearecg.models.lead12 import LINEAR

    return sorted({*BUILT_IN, *entry_points(group=ENTRY_POINTS).names, *available(), LINEAR.stem})


def _opener(name: str) -> Callable[[Mapping[str, str]], Observer] | None:
    opener: Callable[[Mapping[str, str]], Observer] | None = None
    if name in BUILT_IN:
        module, function = BUILT_IN[name]
        opener = getattr(import_module(module), function)
    else:
        for entry in entry_points(group=ENTRY_POINTS, name=name):
            opener = entry.load()
    return opener


def _open_model(name: str, options: Mapping[str, str]) -> Observer:
    """Open a model as the observer of its output: statements, twelve leads, or a lead drawn from a pulse."""
    from wearecg.models import Model, load_model
    from wearecg.models.lead12 import Reconstructor
    from wearecg.observers import model, pulse, twelve

    loaded = load_model(name, **{key: options[key] for key in LOADING if key in options})
    if isinstance(loaded, Model):
        return model.of(loaded, options)
    if isinstance(loaded, Reconstructor):
        return twelve.of(loaded, options)
    return pulse.of(loaded, options)
