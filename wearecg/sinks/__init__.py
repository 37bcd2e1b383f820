"""Outputs, chosen by URI: ``jsonl:-``, ``wfdb:DIR?rotate=1h``, ``edf:DIR``, ``live:``, ``journal:``, ``web:8080``.

A package of your own adds one by an entry point of the group ``wearecg.sinks``: its name is the scheme, its value an
`Opener`, a callable that takes the place, the options and the `Context`, and returns a `Sink`.
"""

from __future__ import annotations

from urllib.parse import unquote

from wearecg import registry
from wearecg.errors import SinkError
from wearecg.sinks.base import Context, Opener, Sink, check_options

__all__ = ["ENTRY_POINTS", "SCHEMES", "Context", "Opener", "Sink", "check_options", "open_sink"]

SCHEMES: dict[str, tuple[str, str]] = {
    "edf": ("wearecg.sinks.edf", "open_edf"),
    "journal": ("wearecg.sinks.journal", "open_journal"),
    "jsonl": ("wearecg.sinks.jsonl", "open_jsonl"),
    "live": ("wearecg.sinks.live", "open_live"),
    "report": ("wearecg.sinks.report", "open_report"),
    "web": ("wearecg.sinks.web", "open_web"),
    "wfdb": ("wearecg.sinks.wfdb", "open_wfdb"),
}
"""Scheme: module and opener, imported when asked for."""

ENTRY_POINTS = "wearecg.sinks"


def open_sink(uri: str, context: Context | None = None) -> Sink:
    """Open the output that ``uri`` names.

    Parameters
    ----------
    uri : str
        ``scheme:place?option=value&option=value``; place and options may be left out. In a value, ``%26`` is ``&``.
    context : Context, optional
        What it may have to know of the other outputs.

    Raises
    ------
    SinkError
        The scheme or an option is not known, or the output cannot be opened.

    Examples
    --------
    >>> open_sink("jsonl:-").lossless
    False
    """
    scheme, colon, rest = uri.partition(":")
    opener: Opener | None = registry.find(scheme, SCHEMES, ENTRY_POINTS) if colon else None
    if opener is None:
        raise SinkError(f"there is no output {uri!r}; known are {', '.join(f'{name}:' for name in known())}")
    place, _, query = rest.partition("?")
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        if not equals or name in options:
            raise SinkError(f"{uri}: give each option once, as name=value; {part!r} is not")
        options[name] = unquote(value)
    return opener(place, options, context or Context())


def known() -> list[str]:
    """Return every scheme that `open_sink` takes, third-party ones included."""
    return sorted(registry.names(SCHEMES, ENTRY_POINTS))
