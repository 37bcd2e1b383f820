"""The options behind an observer's name: ``encoder?runtime=tflite``."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wearecg.errors import ConfigError


def known_options(name: str, options: Mapping[str, str], known: Collection[str]) -> None:
    """Raise `ConfigError` for an option that the observer ``name`` does not have."""
    unknown = sorted(set(options) - set(known))
    if unknown:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise ConfigError(f"{name} has no option {unknown[0]!r}; {there}")
