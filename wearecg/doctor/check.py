"""What a check says."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["ok", "warning", "problem", "not applicable"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: ``name`` of what was looked at, what was ``found``, and the ``remedy`` if there is need.

    A ``problem`` keeps something from working; a ``warning`` may cost signal or time.
    """

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n{'':16}to do: {self.remedy}" if self.remedy else ""
        return f"{self.verdict:16}{self.name}: {self.found}{remedy}"


def read(path: Path) -> str | None:
    """Return the text of a file of the system without the white space and zeros around it; None if there is none."""
    try:
        return path.read_text(errors="replace").strip("\0 \n") or None
    except OSError:
        return None


def ask(command: Sequence[str], seconds: float = 5.0) -> str | None:
    """Return what a program prints, None if it is not here, fails, or does not end within ``seconds``."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
