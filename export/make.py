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

log = logging.getLogger("export.make")

Command = tuple[str, ...]

LABELS, TEACHER, SECOND = "labels", "teacher", "second"
FIRST, WIDE, MIDDLE, ENCODER = "first", "wide", "middle", "encoder"
ANSWERS = f"{TEACHER}/teacher.npz"
WIDE_PT, MIDDLE_PT = f"{WIDE}/encoder.pt", f"{MIDDLE}/encoder.pt"
TRAIN_WIDE = ("train", "encoder", "--shape", "wide")
BESIDE = (f"{SECOND}/teacher.pt", f"{LABELS}/encoder.pt")
CHAINS: dict[str, tuple[Command, ...]] = {
    "encoder": (
        (*TRAIN_WIDE, "--work", LABELS, "--epochs", "24", "--seed", "2"),
        ("teach", "own", "--work", SECOND, "--seed", "2"),
        ("teach", "own", "--work", TEACHER, "--beside", *BESIDE),
        (*TRAIN_WIDE, "--work", FIRST, "--teacher", ANSWERS, "--jepa", "12", "--epochs", "45"),
        ("teach", "own", "--work", TEACHER, "--beside", *BESIDE, f"{FIRST}/encoder.pt"),
        (*TRAIN_WIDE, "--work", WIDE, "--teacher", ANSWERS, "--jepa", "12", "--epochs", "60"),
        ("train", "encoder", "--shape", "middle", "--work", MIDDLE, "--teacher", WIDE_PT, "--epochs", "100"),
        ("train", "encoder", "--work", ENCODER, "--teacher", WIDE_PT, MIDDLE_PT, "--epochs", "100"),
        ("publish", "encoder", "--work", ENCODER),
    ),
    "lead12": (("train", "lead12", "--work", "lead12"), ("publish", "lead12", "--work", "lead12")),
    "ppg2ecg": (("train", "ppg2ecg", "--work", "ppg2ecg"), ("publish", "ppg2ecg", "--work", "ppg2ecg")),
}  # fmt: skip
"""The commands of each model; folders and files are below ``--work``."""
CHAINS["rhythm1"] = (
    *CHAINS["encoder"][:-3],
    ("train", "rhythm1", "--work", "rhythm1", "--start", WIDE_PT, "--noise"),
    ("publish", "rhythm1", "--work", "rhythm1"),
)
PLACES = ("--work", "--teacher", "--beside", "--start")


def make(model: str, data: Path, work: Path, zoo: Path, run: Callable[[list[str]], int]) -> None:
    """Run what is left of the model's chain through ``run``, which takes a command's arguments.

    Raises
    ------
    ExportError
        A stage failed; the ones before it are kept.
    """
    path = work / "done.json"
    done: list[list[str]] = json.loads(path.read_text()) if path.is_file() else []
    for number, stage in enumerate(CHAINS[model], 1):
        title = f"{model}, stage {number} of {len(CHAINS[model])}: {' '.join(stage)}"
        if list(stage) in done:
            log.info("%s: done", title)
            continue
        log.info("%s", title)
        if run(arguments(stage, data, work, zoo)):
            raise ExportError(f"{title} failed; make again to go on from here")
        done.append(list(stage))
        path.write_text(json.dumps(done, indent=1))


def arguments(stage: Command, data: Path, work: Path, zoo: Path) -> list[str]:
    """Return a stage's arguments with its places below ``work``, and the recordings and the zoo named."""
    given, option = list(stage[:2]), ""
    for word in stage[2:]:
        option = word if word.startswith("--") else option
        given.append(str(work / word) if option in PLACES and word != option else word)
    return [*given, "--data", str(data), *(["--zoo", str(zoo)] if stage[0] == "publish" else [])]
