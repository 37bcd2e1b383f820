"""The options of a command, declared once: argument parser and TOML file are both made from a typed dataclass.

Each field is made by `option` and holds the final value of one option::

    @dataclass(frozen=True, kw_only=True)
    class PlayOptions(Options):
        port: str | None = option("--port", group="where", help="serial port")
        fs: float | None = option("--fs", parse=positive, kind=NUMBER, help="samples per second")

`add_options` declares the arguments, and `wearecg.cli.config` reads a file and settles both into a ``PlayOptions``.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any


class UsageError(ValueError):
    """Options that do not go together, from the command line or from a file."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value in a file: its name in messages, an example, and whether a TOML value fits it."""

    name: str
    example: str
    fits: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


FLAG = Kind("true or false", "true", lambda value: isinstance(value, bool))
# By exact type, as a bool is an int.
WHOLE = Kind("a whole number", "5", lambda value: type(value) is int)
NUMBER = Kind("a number", "0.5", lambda value: type(value) in (int, float))
TEXT = Kind("a text", '"..."', _is_text)
TEXTS = Kind("a list of texts", '["a", "b"]', _is_texts)
TEXT_OR_TEXTS = Kind(
    "a text or a list of texts", '"a" or ["a", "b"]', lambda value: _is_text(value) or _is_texts(value)
)


@dataclass(frozen=True, slots=True)
class Option:
    """The declaration of one option; see `option` for the fields."""

    name: str
    help: str
    kind: Kind
    parse: Callable[[str], Any]
    metavar: str | None
    choices: tuple[str, ...] | None
    repeatable: bool
    group: str | None
    required: bool
    bare: str | None

    @property
    def key(self) -> str:
        """Its name in a file."""
        return self.name.lstrip("-")


def option(
    name: str,
    *,
    help: str,
    default: Any = None,
    kind: Kind = TEXT,
    parse: Callable[[str], Any] = str,
    metavar: str | None = None,
    choices: tuple[str, ...] | None = None,
    repeatable: bool = False,
    group: str | None = None,
    bare: str | None = None,
) -> Any:
    """Declare one option as a field of a dataclass.

    Parameters
    ----------
    name : str
        As it is typed: ``--keep-free`` for the field ``keep_free``, or without dashes for a positional argument.
    help : str
    default
        The value where the option is not given; `dataclasses.MISSING` for a required argument.
    kind : Kind
        Its type in a file.
    parse : callable
        Converts a text to the value, or raises `argparse.ArgumentTypeError`.
    metavar : str, optional
    choices : tuple of str, optional
    repeatable : bool
        It may be given several times; the value is a tuple.
    group : str, optional
        At most one option of a group may be given.
    bare : str, optional
        What is meant where the option is given without a value.
    """
    declared = Option(name, help, kind, parse, metavar, choices, repeatable, group, default is MISSING, bare)
    made: Any = field(default=default, metadata={"option": declared})
    return made


def flag(name: str, *, help: str) -> Any:
    """Declare an option without a value: a field that is True if it is given."""
    return option(name, help=help, default=False, kind=FLAG)


def texts(text: str) -> tuple[str, ...]:
    """Split a text at its commas: ``II,V1``."""
    return tuple(text.split(","))


@dataclass(frozen=True, kw_only=True)
class Options:
    """The base class of options. Subclasses raise `UsageError` for values that do not go together."""

    def __post_init__(self) -> None:
        """Check the values; the base has nothing to check."""


def declared(options: type[Options]) -> dict[str, Option]:
    """Return the options by field name: those of the class itself, then those of each base."""
    made = {one.name: one.metadata["option"] for one in fields(options)}
    return {
        name: made[name] for cls in options.__mro__ for name in inspect.get_annotations(cls) if name in made
    }


def add_options(parser: argparse.ArgumentParser, options: type[Options]) -> None:
    """Declare the arguments. Options that are not given are absent from the result, which `config.settle` completes."""
    known = declared(options)
    names = dict.fromkeys(one.group for one in known.values() if one.group)
    groups = {name: parser.add_mutually_exclusive_group() for name in names}
    for name, one in known.items():
        given: dict[str, Any] = {"help": one.help, "default": argparse.SUPPRESS}
        if one.kind is FLAG:
            given["action"] = "store_true"
        else:
            given |= {"type": one.parse, "metavar": one.metavar, "choices": one.choices}
        if one.bare is not None:
            given |= {"nargs": "?", "const": one.bare}
        if one.repeatable:
            given["action"] = "append"
        if one.name != one.key:
            given["dest"] = name
        elif not one.required:
            given["nargs"] = "?"
        (groups[one.group] if one.group else parser).add_argument(one.name, **given)
    parser.set_defaults(parser=parser)
