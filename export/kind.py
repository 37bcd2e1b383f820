"""What ``python -m export`` knows of a model: its `Kind`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wearecg.models.card import Card

Arguments = Callable[[argparse.ArgumentParser], None]
"""Adds options to a command's parser."""


class Place(str):
    """A word of a `Stage` that names a file or folder below the ``--work`` of the chain."""


Stage = tuple[str, ...]
"""The words of one command, without ``--data`` and ``--zoo``."""


@dataclass(frozen=True)
class Extra:
    """A command that not every model has; its ``--work`` is a folder of its own."""

    help: str
    run: Callable[[argparse.Namespace], None]


@dataclass(frozen=True)
class Kind:
    """A model, as far as it can be told without torch: what is called imports the rest.

    Attributes
    ----------
    name : str
        As in the registry and on the card.
    train : callable
        From a command's options to the checkpoint of a finished run.
    publish : callable
        From a command's options to the card that now is in the folder ``zoo``.
    evaluate : callable
        Prints what the model (``args.model``, a name or the path of a card) is worth.
    chain : tuple of Stage
        The commands that the shipped model came out of, from the raw recordings on.
    arguments : mapping of str to callable
        By command, what adds the options that only this model has.
    extra : mapping of str to Extra
        By name, the commands beside those that every model has.
    """

    name: str
    train: Callable[[argparse.Namespace], Path]
    publish: Callable[[argparse.Namespace], Card]
    evaluate: Callable[[argparse.Namespace], None]
    chain: tuple[Stage, ...]
    arguments: Mapping[str, Arguments] = field(default_factory=dict)
    extra: Mapping[str, Extra] = field(default_factory=dict)


def schedule(epochs: int) -> Arguments:
    """Return what adds ``--epochs`` and ``--seed``."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--epochs", type=int, default=epochs, help="default %(default)s")
        parser.add_argument("--seed", type=int, default=1, help="default %(default)s")

    return add
