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
