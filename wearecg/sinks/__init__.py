"""Outputs, chosen by URI: ``jsonl:-``, ``jsonl:PATH``, ``wfdb:DIR``, ``live:``, ``journal:``.

A package of your own adds one by an entry point of the group ``wearecg.sinks``: its name is the
scheme, its value a callable that takes what follows the colon and returns a `Sink`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from wearecg.errors import SinkError
from wearecg.sinks.base import Sink

__all__ = ["ENTRY_POINTS", "SCHEMES", "Sink", "open_sink"]

SCHEMES: dict[str, tuple[str, str]] = {
    "journal": ("wearecg.sinks.journal", "open_journal"),
    "jsonl": ("wearecg.sinks.jsonl", "open_jsonl"),
    "live": ("wearecg.sinks.live", "open_live"),
    "wfdb": ("wearecg.sinks.wfdb", "open_wfdb"),
}
"""Scheme: module and opener, imported when asked for."""

ENTRY_POINTS = "wearecg.sinks"


def open_sink(uri: str) -> Sink:
    """Open the output that ``uri`` names.

    Raises
    ------
    SinkError
        The scheme is not known, or the output cannot be opened.
    """
    scheme, colon, rest = uri.partition(":")
    opener = _opener(scheme) if colon else None
    if opener is None:
        raise SinkError(f"there is no output {uri!r}; known are {', '.join(f'{name}:' for name in known())}")
    return opener(rest)


def known() -> list[str]:
    """Return every scheme that `open_sink` takes, third-party ones included."""
    return sorted({*SCHEMES, *entry_points(group=ENTRY_POINTS).names})


def _opener(scheme: str) -> Callable[[str], Sink] | None:
    opener: Callable[[str], Sink] | None = None
    if scheme in SCHEMES:
        module, name = SCHEMES[scheme]
        opener = getattr(import_module(module), name)
    else:
        for entry in entry_points(group=ENTRY_POINTS, name=scheme):
            opener = entry.load()
    return opener
