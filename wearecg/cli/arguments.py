"""Parsers of arguments that several commands share."""

from __future__ import annotations

import argparse

from wearecg.sinks.limits import above_zero


def positive(text: str) -> float:
    """Read a finite number above 0."""
    try:
        return above_zero(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def not_negative(text: str) -> float:
    """Read 0, or a finite number above it."""
    return 0.0 if text.strip() in ("0", "0.0") else positive(text)
