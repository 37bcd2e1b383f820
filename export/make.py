"""``python -m export make MODEL``: all commands that made a shipped model, one after the other.

Each stage is one of the other commands, with its own folder, and can be stopped and resumed. Finished stages are
listed in ``done.json`` beside these folders, so that a chain goes on where it was stopped.
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
    """Run the unfinished stages of the model's chain with ``run``, which takes the arguments of a command.

    Raises
    ------
    ExportError
        A stage failed; the stages before it are kept.
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
    """Return the arguments of a stage, with its places in ``work`` and the folders ``data`` and ``zoo``."""
    words = [str(work / word) if isinstance(word, Place) else word for word in stage]
    return [*words, "--data", str(data), *(["--zoo", str(zoo)] if stage[0] == "publish" else [])]
