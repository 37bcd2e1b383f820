"""Arguments of the public functions: wrong types are told in one line, instead of wherever they first do harm."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.errors import ArgumentError, SignalError

P = ParamSpec("P")
T = TypeVar("T")

JUDGED_BY_THEMSELVES = frozenset({"self", "fs", "leads"})
"""Arguments that come in more forms than their type says; `as_rate` and `names_of` read them."""
LONGEST = 60
"""Characters of a value in a message."""


def typed(function: Callable[P, T]) -> Callable[P, T]:
    """Return ``function`` so that it raises `ArgumentError` for arguments that are not of the types it declares."""
    signature = inspect.signature(function)
    name = function.__qualname__.removesuffix(".__init__").removesuffix(".__call__")
    wanted: dict[str, object] = {}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(*args, **kwargs).arguments
        if not wanted:
            wanted.update(_types(function, signature))
        for key, value in given.items():
            if key in wanted and not _fits(value, wanted[key]):
                shown = repr(value)
                shown = shown if len(shown) <= LONGEST and "\n" not in shown else type(value).__name__
                raise ArgumentError(
                    f"{name}: {key} is {shown}; it takes {signature.parameters[key].annotation}"
                )
        return function(*args, **kwargs)

    return call


def as_numbers(given: ArrayLike, name: str = "") -> NDArray[np.float32]:
    """Return an array as float32, NaN where it is masked.

    Raises
    ------
    SignalError
        They are no numbers; ``name`` is what they are called.
    """
    try:
        x = np.ma.asarray(given, np.float32) if np.ma.isMaskedArray(given) else np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        prefix = f"{name}: " if name else ""
        raise SignalError(f"{prefix}samples are not numbers: {' '.join(str(error).split())}") from error
    return np.ma.filled(x, np.nan) if np.ma.isMaskedArray(x) else x


def _types(function: Callable[..., object], signature: inspect.Signature) -> Mapping[str, object]:
    public = sys.modules["wearecg"]

    class Names(dict[str, object]):
        """Those of the module; a type that it imports for the annotations alone is one of the public ones."""

        def __missing__(self, name: str) -> object:
            return getattr(public, name) if name in public.__all__ else vars(builtins)[name]

    known = Names(vars(sys.modules[function.__module__]))
    return {
        key: eval(one.annotation, {}, known) if isinstance(one.annotation, str) else one.annotation
        for key, one in signature.parameters.items()
        if key not in JUDGED_BY_THEMSELVES
        and one.annotation is not inspect.Parameter.empty
        and not str(one.annotation).endswith("| ArrayLike")
    }


def _fits(value: object, wanted: Any) -> bool:
    """Whether a value is of a type; what an array is like is judged where it is read."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted is Any or wanted is ArrayLike or isinstance(wanted, TypeVar):
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if wanted in (None, NoneType):
        return value is None
    if wanted in (float, int):
        return isinstance(value, Real if wanted is float else Integral) and not isinstance(value, bool)
    kind = origin or wanted
    if isinstance(value, str | bytes | dict) and kind not in (str, dict):
        return False
    if getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False):
        return True
    if not isinstance(value, kind):
        return False
    items = value if kind is not Callable and inner and isinstance(value, list | tuple | set) else ()
    assert isinstance(items, Iterable)
    return all(_fits(item, inner[0]) for item in items)
