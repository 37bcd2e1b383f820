"""``wearecg models``: the models that are installed, and their cards."""

from __future__ import annotations

import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "models", help="installed models and their cards", description="Installed models and their cards."
    )
    parser.add_argument("name", nargs="?", help="print this model's card")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the models, or print one card."""
    from wearecg.models import available, load_card

    if args.name:
        print(load_card(args.name).describe())
        return 0
    for name in available():
        card = load_card(name)
        print(f"{card.name:12} {card.version:8} {card.task}")
    print("`wearecg models NAME` prints a card: data, licence, measured accuracy, limits.")
    return 0
