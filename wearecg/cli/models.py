"""``wearecg models``: installed models, their cards, and whether this machine computes what was published."""

from __future__ import annotations

import argparse

USAGE = "wearecg models [NAME]\n       wearecg models verify [NAME]"


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "models",
        help="installed models, their cards, and whether this machine runs them right",
        description="List the models, print the card of one, or verify: run the golden pairs of every file "
        "in every installed runtime and compare with what was published. Exit code 4 if one disagrees.",
        usage=USAGE,
    )
    parser.add_argument(
        "words", nargs="*", metavar="[verify] [NAME]", help="a shipped model, or a card's path"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """List the models, print one card, or verify."""
    verifying = args.words[:1] == ["verify"]
    names = args.words[verifying:]
    if len(names) > 1:
        args.parser.error(f"one model at a time, not {' '.join(names)}")
    if verifying:
        return _verify(names)
    return _card(names[0]) if names else _list()


def _list() -> int:
    from wearecg.models import available, load_card

    for name in available():
        card = load_card(name)
        print(f"{card.name:12} {card.version:8} {card.task}")
    print("`wearecg models NAME` prints a card: data, licence, measured accuracy, limits.")
    print("`wearecg models verify` checks that this machine computes what was published.")
    return 0


def _card(name: str) -> int:
    from wearecg.models import load_card
    from wearecg.models.describe import describe

    print(describe(load_card(name)))
    return 0


def _verify(names: list[str]) -> int:
    from wearecg.models import available
    from wearecg.models.verify import table, verify

    checks = [check for name in names or available() for check in verify(name)]
    print(table(checks))
    return 4 if any(check.ok is False for check in checks) else 0
