"""Dataclasses from JSON: no unknown fields, none missing that has no default, each of its type."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any, TypeVar

from wearecg.errors import ModelError

T = TypeVar("T")


def build(kind: type[T], body: object, where: str) -> T:
    """Make a dataclass from JSON.

    Raises
    ------
    ModelError
        Names the field (``where``, then its path) and the value found.
    """
    if not isinstance(body, Mapping):
        raise ModelError(f"{where}: expected an object, got {body!r}")
    hints, needed = _fields(kind)  # type: ignore[arg-type]
    if odd := sorted((needed - body.keys()) | (body.keys() - hints.keys())):
        raise ModelError(f"{where}: fields missing or unknown: {', '.join(odd)}")
    return kind(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in body.items()})


@lru_cache
def _fields(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """Return the types of a dataclass's fields, and the names of those that have no default."""
    hints = typing.get_type_hints(kind)
    own = fields(kind)
    needed = {f.name for f in own if f.default is MISSING and f.default_factory is MISSING}
    return {f.name: hints[f.name] for f in own}, needed


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
    if typing.get_origin(kind) is Mapping:
        if not isinstance(value, Mapping):
            raise ModelError(f"{where}: expected an object, got {value!r}")
        item = typing.get_args(kind)[1]
        return {name: _value(item, v, f"{where}: {name}") for name, v in value.items()}
    accepted: types.UnionType | type = int | float if kind is float else kind
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        raise ModelError(f"{where}: expected {kind.__name__}, got {value!r}")
    return kind(value)
