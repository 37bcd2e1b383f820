"""JSON with a seal: a hash over everything else in it. It protects against accidents, and is not a signature."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from wearecg.errors import ModelError


def digest(body: object) -> str:
    """Return the hash of a JSON value, independent of the order of its keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write(body: dict[str, Any], path: Path) -> None:
    """Write ``body`` and its seal to ``path``."""
    text = json.dumps(body | {"seal": digest(body)}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path, what: str = "card", remedy: str = "reinstall it") -> dict[str, Any]:
    """Read a file of `write`; ``what`` it is and the ``remedy`` are for the error message.

    Raises
    ------
    ModelError
        It cannot be read, is not a JSON object, or was edited or damaged.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{what} {path} cannot be read: {error}") from error
    if not isinstance(body, dict):
        raise ModelError(f"{what} {path}: expected an object, got {type(body).__name__}")
    if "seal" not in body:
        raise ModelError(f"{what} {path} has no seal: it is of an earlier version, or not a {what}; {remedy}")
    if body.pop("seal") != digest(body):
        raise ModelError(f"{what} {path} does not match its own seal: it was edited or damaged; {remedy}")
    return body
