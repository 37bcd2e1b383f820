"""What looks at a stream and reports what it finds, by name: ``encoder``, ``rhythm1``, ``lead12``, ``episodes`` ...

`open_observer` takes a name of `BUILT_IN`, of a model (shipped, or the path of its card), or of an entry point of the
group ``wearecg.observers``: its value is a callable that takes the options (a mapping of texts) and returns an
`Observer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

from wearecg import registry
from wearecg.arguments import typed
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
    "with_options",
]

BUILT_IN: dict[str, tuple[str, str]] = {
    "auto": ("wearecg.observers.model", "open_auto"),
    "beats": ("wearecg.observers.beat_classes", "open_beats"),
    "episodes": ("wearecg.observers.episodes", "open_episodes"),
    "waves": ("wearecg.observers.waves", "open_waves"),
}
"""Name: module and opener, imported when asked for."""

BESIDE = ("beats?runtime={runtime}", "waves?runtime={runtime}", "episodes")
"""What looks at every ECG beside the model that ``auto`` chooses: together they make the account of a recording."""
ENTRY_POINTS = "wearecg.observers"
LOADING = ("runtime", "precision", "profile")
"""The options of `load_model`."""


@typed
def open_observer(spec: str) -> Observer:
    """Open an observer by its name.

    Parameters
    ----------
    spec : str
        A name of `known` or the path of a model's card, with options: ``encoder?runtime=tflite&precision=fp32``.

    Returns
    -------
    Observer
        For `Session`; `stream` and `score` open theirs themselves.

    Raises
    ------
    ModelError
        There is no such observer, or a model file or card that must not be run.
    ConfigError
        An option that it does not have.
    MissingExtraError
        The runtime is not installed.

    Examples
    --------
    >>> open_observer("episodes").source
    'episodes@1'
    """
    if not isinstance(spec, str):
        raise ModelError(f"{spec!r} is no name of a model or another observer")
    name, _, query = spec.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if opener := _opener(name):
        return opener(options)
    if not name.endswith(".json") and name not in (models := known()):
        raise ModelError(
            f"there is no model or other observer {name!r}; known are {', '.join(models)}; or give the path of a "
            "card (.json), or nothing at all"
        )
    return _open_model(name, options)


def open_observers(specs: str | Iterable[str]) -> list[Observer]:
    """Open one or several; a name that is repeated is opened once, and ``auto`` brings those of `BESIDE`."""
    several = specs if isinstance(specs, Iterable) and not isinstance(specs, str) else [specs]
    return [
        open_observer(spec)
        for spec in dict.fromkeys(one for spec in several for one in _with_those_beside(spec))
    ]


def _with_those_beside(spec: str) -> Iterable[str]:
    yield spec
    name, _, query = spec.partition("?") if isinstance(spec, str) else ("", "", "")
    if name == "auto":
        runtime = dict(parse_qsl(query)).get("runtime", "onnx")
        yield from (one.format(runtime=runtime) for one in BESIDE)


def with_options(spec: str, options: Mapping[str, str]) -> str:
    """Return ``spec`` with these options, if it names a model; those that it states itself stay."""
    name, _, query = spec.partition("?")
    if name != "auto" and _opener(name):
        return spec
    return f"{name}?{urlencode({**options, **dict(parse_qsl(query, keep_blank_values=True))})}"


def known() -> list[str]:
    """Return every name that `open_observer` takes: built in, third-party and shipped models."""
    from wearecg.models.card import available
    from wearecg.models.lead12 import LINEAR

    return sorted({*registry.names(BUILT_IN, ENTRY_POINTS), *available(), LINEAR.stem})


def _opener(name: str) -> Callable[[Mapping[str, str]], Observer] | None:
    opener: Callable[[Mapping[str, str]], Observer] | None = registry.find(name, BUILT_IN, ENTRY_POINTS)
    return opener


def _open_model(name: str, options: Mapping[str, str]) -> Observer:
    """Open a model as the observer for its output: statements, leads, waves or classes of beats."""
    from wearecg.models import BeatClassifier, Delineator, Model, Reconstructor, load_model
    from wearecg.observers import beat_classes, model, pulse, twelve, waves

    loaded = load_model(name, **{key: options[key] for key in LOADING if key in options})
    if isinstance(loaded, Model):
        return model.of(loaded, options)
    if isinstance(loaded, Reconstructor):
        return twelve.of(loaded, options)
    if isinstance(loaded, BeatClassifier):
        return beat_classes.of(loaded, options)
    if isinstance(loaded, Delineator):
        return waves.of(loaded, options)
    return pulse.of(loaded, options)
