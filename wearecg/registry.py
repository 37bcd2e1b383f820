"""What users choose by name: built in, or of another package, through an entry point; ours cannot be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


def find(name: str, built_in: Mapping[str, tuple[str, str]], group: str) -> Any:
    """Return what has this name, None if nothing has.

    Parameters
    ----------
    name : str
    built_in : mapping of str to (str, str)
        Module and attribute by name; imported when asked for.
    group : str
        The group of the entry points.
    """
    if name in built_in:
        module, attribute = built_in[name]
        return getattr(import_module(module), attribute)
    found = None
    for entry in entry_points(group=group, name=name):
        found = entry.load()
    return found


def names(built_in: Mapping[str, tuple[str, str]], group: str) -> set[str]:
    """Return every name that `find` knows."""
    return {*built_in, *entry_points(group=group).names}
