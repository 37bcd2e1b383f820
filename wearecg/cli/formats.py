"""``wearecg formats``: what recordings are read."""

from __future__ import annotations

import argparse
from importlib.util import find_spec


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "formats",
        help="what recordings are read",
        description="What recordings are read; docs/formats.md says more.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the list."""
    from wearecg.formats import formats

    known = formats()
    width = max(len(one.name) for one in known)
    for one in known:
        package, extra = one.package
        missing = (
            f" (needs {package}: pip install 'wearecg[{extra}]')"
            if package and not find_spec(package)
            else ""
        )
        print(f"{one.name:{width}}  {one.title}{missing}")
    return 0
