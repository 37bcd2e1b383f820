"""Names of recordings: no two processes that record into one folder ever write the same files."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path


class Names:
    """Gives out ``wearecg_<UTC>``, and ``wearecg_<UTC>_2`` and so on where that is taken.

    The files of a recording come some while after its name. Until the first of them is there, an empty hidden file,
    which only one process can make, keeps the name from others.
    """

    def __init__(self, directory: Path) -> None:
        self._dir = directory
        self._kept: Path | None = None

    def new(self, start: float, taken: Collection[str]) -> str:
        """Return a name for a recording that begins at Unix time ``start``; ``taken`` are records of this process."""
        self.release()
        begins = datetime.fromtimestamp(start if isfinite(start) else time.time(), UTC)
        base = f"wearecg_{begins:%Y%m%dT%H%M%SZ}"
        name, number = base, 1
        while not self._free(name, taken):
            number += 1
            name = f"{base}_{number}"
        return name

    def settle(self) -> None:
        """Let go of the name once files keep it."""
        if self._kept and self._used(self._kept.name[1:]):
            self.release()

    def release(self) -> None:
        """Let go of the name."""
        if self._kept:
            with suppress(OSError):
                self._kept.unlink(missing_ok=True)
            self._kept = None

    def _free(self, name: str, taken: Collection[str]) -> bool:
        """Keep a name, if it is free."""
        if any(old.startswith(name) for old in taken):
            return False
        place = self._dir / f".{name}"
        try:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        except FileExistsError:
            return False
        except OSError:  # a full disk, a folder that is gone: the recording tells it
            return not self._used(name)
        self._kept = place
        # Looked for once the name is kept: another process has its files by the time it lets go.
        if self._used(name):
            self.release()
            return False
        return True

    def _used(self, name: str) -> bool:
        return any(self._dir.glob(f"{name}*"))
