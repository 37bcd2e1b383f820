"""`Kind`: all that ``python -m export`` needs to know of a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wearecg.models.card import Card

Arguments = Callable[[argparse.ArgumentParser], None]
"""Adds options to the parser of a command."""


class Place(str):
    """A word of a `Stage` that names a file or folder in the ``--work`` of the chain."""


Stage = tuple[str, ...]
"""The words of one command, without ``--data`` and ``--zoo``."""


@dataclass(frozen=True)
class Extra:
    """A command that only some models have; it has its own ``--work`` folder."""

    help: str
    run: Callable[[argparse.Namespace], None]


@dataclass(frozen=True)
class Kind:
    """A model, described without importing torch: its functions import what they need.

    Attributes
    ----------
    name : str
        As in the registry and on the card.
    train : callable
        From the options of the command to the checkpoint of a finished run.
    publish : callable
        From the options of the command to the card that was written to the folder ``zoo``.
    evaluate : callable
        Prints how well the model (``args.model``, a name or the path of a card) does.
    chain : tuple of Stage
        The commands that made the shipped model, from the raw recordings.
    arguments : mapping of str to callable
        By command, the function that adds the options of this model.
    extra : mapping of str to Extra
        By name, the commands that only some models have.
    """

    name: str
    train: Callable[[argparse.Namespace], Path]
    publish: Callable[[argparse.Namespace], Card]
    evaluate: Callable[[argparse.Namespace], None]
    chain: tuple[Stage, ...]
    arguments: Mapping[str, Arguments] = field(default_factory=dict)
    extra: Mapping[str, Extra] = field(default_factory=dict)


def schedule(epochs: int) -> Arguments:
    """Return a function that adds ``--epochs`` and ``--seed``."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--epochs", type=int, default=epochs, help="default %(default)s")
        parser.add_argument("--seed", type=int, default=1, help="default %(default)s")

    return add
