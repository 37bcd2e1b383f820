"""Dataclasses from JSON: every field present, none unknown, each of its type (``X | None`` may be null)."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from wearecg.errors import ModelError

T = TypeVar("T")


def build(kind: type[T], body: object, where: str) -> T:
    """Make a dataclass from JSON.

    Raises
    ------
    ModelError
        Names the field (``where`` and the way to it) and the value found.
    """
    if not isinstance(body, Mapping):
        raise ModelError(f"{where}: expected an object, got {body!r}")
    hints = typing.get_type_hints(kind)
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if names != set(body):
        odd = ", ".join(sorted(names ^ set(body)))
        raise ModelError(f"{where}: fields missing or unknown: {odd}")
    return kind(**{name: _value(hints[name], body[name], f"{where}: {name}") for name in names})


def _value(kind: Any, value: object, where: str) -> Any:
    if isinstance(kind, types.UnionType):
        (kind,) = (option for option in typing.get_args(kind) if option is not types.NoneType)
        return None if value is None else _value(kind, value, where)
    if is_dataclass(kind) and isinstance(kind, type):
        return build(kind, value, where)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ModelError(f"{where}: expected a list, got {value!r}")
        item = typing.get_args(kind)[0]
        return tuple(_value(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    accepted: types.UnionType | type = int | float if kind is float else kind
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        raise ModelError(f"{where}: expected {kind.__name__}, got {value!r}")
    return kind(value)
