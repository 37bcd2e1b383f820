"""What a recording does when its disk is full, or fails, and when its files are deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

from wearecg.block import Notice

RETRY_S = 3.0
FREE = 131072
"""Bytes that must be free before a recording that had stopped goes on."""


class Interruption:
    """When the recording at ``place`` stops and goes on; each is told once.

    Attributes
    ----------
    stopped : bool
        Nothing can be written at present.
    gone : bool
        Its files or their folder were deleted: nothing is written any more, and nothing is told.
    notices : list of Notice
    """

    def __init__(self, place: Path) -> None:
        self.stopped = self.gone = False
        self.notices: list[Notice] = []
        self._place = place
        self._told = False
        self._now = self._retry_at = float("-inf")

    def stop(self, error: OSError, seconds: float) -> None:
        """Note that writing failed, with the recording so many seconds long."""
        self.stopped = True
        self._retry_at = self._now + RETRY_S
        self.gone = isinstance(error, FileNotFoundError)
        if not self._told and not self.gone:
            self._told = True
            at = f"{self._place} stopped at {seconds:.1f} s"
            remedy = "it goes on, behind a gap, when there is room again"
            self.notices.append(Notice(f"recording {at}: {error.strerror}; {remedy}", "error"))

    def over(self, now: float) -> bool:
        """Whether something may be written at ``now`` (monotonic seconds); of a stopped recording, tried anew."""
        self._now = now
        if not self.stopped or self.gone:
            return not self.gone
        if now < self._retry_at:
            return False
        self._retry_at = now + RETRY_S
        try:
            self.stopped = shutil.disk_usage(self._place.parent).free < FREE
        except OSError:
            return False
        return not self.stopped

    def written(self) -> None:
        """Note that something was written."""
        if self._told:
            self._told = False
            self.notices.append(Notice(f"recording {self._place} goes on"))
