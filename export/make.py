"""``python -m export make MODEL``: every command that a shipped model came out of, one after the other.

Each stage is one of the other commands, with a folder of its own in which it can be stopped and taken up. What is
done is kept in ``done.json`` beside these folders, so that a chain goes on where it was stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from export.errors import ExportError
from export.kind import Kind, Place, Stage

log = logging.getLogger("export.make")


def make(kind: Kind, data: Path, work: Path, zoo: Path, run: Callable[[list[str]], int]) -> None:
    """Run what is left of the model's chain through ``run``, which takes a command's arguments.

    Raises
    ------
    ExportError
        A stage failed; the ones before it are kept.
    """
    path = work / "done.json"
    done: list[list[str]] = json.loads(path.read_text()) if path.is_file() else []
    for number, stage in enumerate(kind.chain, 1):
        title = f"{kind.name}, stage {number} of {len(kind.chain)}: {' '.join(stage)}"
        if list(stage) in done:
            log.info("%s: done", title)
            continue
        log.info("%s", title)
        if run(arguments(stage, data, work, zoo)):
            raise ExportError(f"{title} failed; make again to go on from here")
        done.append(list(stage))
        path.write_text(json.dumps(done, indent=1))


def arguments(stage: Stage, data: Path, work: Path, zoo: Path) -> list[str]:
    """Return a stage's arguments with its places below ``work``, and the recordings and the zoo named."""
    words = [str(work / word) if isinstance(word, Place) else word for word in stage]
    return [*words, "--data", str(data), *(["--zoo", str(zoo)] if stage[0] == "publish" else [])]
