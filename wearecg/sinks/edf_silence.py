"""Annotates the stretches of an EDF+ file in which leads have no sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wearecg.formats.edf_notes import GAP, SILENT
from wearecg.runs import runs

SHORTEST_S = 0.1
"""Samples that some leads lack for less are not annotated."""


class Silence:
    """Follows which samples are missing, and tells each stretch when it has ended.

    Parameters
    ----------
    leads : sequence of str
    fs : float
    note : callable
        Is given the number of the first sample, the text, and the number of samples.
    alone : bool
        Whether the file has no other signals: what all leads lack is missing in the file then.
    """

    def __init__(
        self,
        leads: Sequence[str],
        fs: float,
        note: Callable[[int, str, int | None], object],
        alone: bool = True,
    ) -> None:
        self._leads, self._fs, self._note = leads, fs, note
        self._all = GAP if alone else f"{' '.join(leads)}{SILENT}"
        self._since = [-1] * (len(leads) + 1)
        """From which sample on all leads, and then each, have none; -1 where that is not so."""

    def feed(self, missing: NDArray[np.bool_] | None, at: int) -> None:
        """Take which samples [n, leads] are missing, from number ``at`` on; None if none is."""
        if missing is None:
            if max(self._since) < 0:
                return
            missing = np.zeros((1, len(self._leads)), bool)
        if not self._leads:
            return
        every: NDArray[np.bool_] = np.asarray(missing.all(axis=1))
        for k, column in enumerate((every, *(missing[:, k] & ~every for k in range(len(self._leads))))):
            for silent, run in runs(column):
                since = self._since[k]
                if silent and since < 0:
                    self._since[k] = at + run.start
                elif not silent and since >= 0:
                    self._since[k] = -1
                    self._tell(k, since, at + run.start - since)

    def end(self, at: int) -> None:
        """Note that sample ``at`` is there, or is none of this stretch any more."""
        self.feed(None, at)

    def _tell(self, column: int, since: int, length: int) -> None:
        if not column:
            self._note(since, self._all, length)
        elif length >= SHORTEST_S * self._fs:
            self._note(since, f"{self._leads[column - 1]}{SILENT}", length)
