"""``wearecg formats``: what recordings are read, and what is written."""

from __future__ import annotations

import argparse
from importlib.util import find_spec


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "formats",
        help="what recordings are read and written",
        description="What recordings are read, and what `wearecg convert` writes; docs/formats.md says more.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the list."""
    from wearecg.formats import Format, formats
    from wearecg.writers import Writer, writers

    known: list[Format | Writer] = [*formats(), *writers()]
    width = max(len(one.name) for one in known)
    print("read:")
    for number, one in enumerate(known):
        if number == len(formats()):
            print("written by `wearecg convert`:")
        package, extra = one.package
        missing = (
            f" (needs {package}: pip install 'wearecg[{extra}]')"
            if package and not find_spec(package)
            else ""
        )
        print(f"{one.name:{width}}  {one.title}{missing}")
    return 0
