"""The whole signal, a minute a line, by the least and the most of each short column: full disclosure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.ecg.leads import is_ecg

LINE_S = 60
FINEST = 600
"""Columns of a line as they are gathered; a page shows as many of them as it has room for."""
LEVELS, SPAN_MV = 254, 8.0
"""In which the signal is kept, around the median of its minute; what lies beyond is cut off there."""
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
GAP = "."
MISSING = 255
MOST_LINES = 4 * 24 * 60
"""Lines that are kept at the finest; of a longer recording two columns become one, again and again."""
SMALLEST_MV = 0.5
"""Of a lead that is smaller than this, a line does not show less from bottom to top."""
TAIL = 0.002
"""The share of columns that may be cut off at the bottom, and at the top."""
MOST_LEADS = 3


class Disclosure:
    """Gathers the lines of one stream, in a memory that hardly grows: 3.6 kB a minute of three leads at most.

    Attributes
    ----------
    leads : tuple of str
    """

    def __init__(self, leads: tuple[str, ...], fs: float) -> None:
        self._finest = FINEST
        self._number = -1
        self._line = np.empty((0, 0), np.float32)
        self._lines: dict[int, NDArray[np.uint8]] = {}
        """By its number from the beginning, levels [columns, 2, leads]."""
        self.leads: tuple[str, ...] = ()
        self._columns: list[int] = []
        self.begin(leads, fs)

    def begin(self, leads: tuple[str, ...], fs: float) -> None:
        """Begin, or go on with a stream that begins anew: its leads are those of before, as far as it has them."""
        self._keep()
        self._number = -1
        self.leads = self.leads or tuple(lead for lead in leads if is_ecg(lead))[:MOST_LEADS]
        self._columns = [leads.index(lead) if lead in leads else -1 for lead in self.leads]
        self._fs = fs

    def feed(self, block: SignalBlock, offset: float) -> None:
        """Take the next samples; ``offset`` (s) is added to their time."""
        samples = np.stack(
            [
                block.samples[:, i] if i >= 0 else np.full(len(block), np.nan, np.float32)
                for i in self._columns
            ],
            axis=1,
        )
        at = round((block.start + offset) * self._fs)
        length = round(LINE_S * self._fs)
        while len(samples):
            number, first = divmod(at, length)
            if number != self._number:
                self._keep()
                self._number = number
                self._line = np.full((length, len(self.leads)), np.nan, np.float32)
            taken = min(len(samples), length - first)
            self._line[first : first + taken] = samples[:taken]
            samples, at = samples[taken:], at + taken

    def _keep(self) -> None:
        if self._number >= 0:
            self._add(self._lines)
        if len(self._lines) * self._finest > MOST_LINES * FINEST:
            self._finest //= 2
            self._lines = {number: _merged(line, 2) for number, line in self._lines.items()}

    def _add(self, lines: dict[int, NDArray[np.uint8]]) -> None:
        """Put the line that is being gathered beside the others, or into what there was of it before."""
        made, before = _levels(self._line, self._finest), lines.get(self._number)
        if before is not None:
            made = np.where(made == MISSING, before, made)
        lines[self._number] = made

    def page(self, room: int) -> tuple[int, list[float], list[tuple[int, list[str]]]]:
        """Return what a page shows in ``room`` characters.

        Returns
        -------
        columns : int
            Of each line.
        spans : list of float
            For each lead, mV from the bottom to the top of its line.
        lines : list of (int, list of str)
            The number of each line, and for each lead two letters a column: the least and the most.
        """
        lines = dict(self._lines)
        if self._number >= 0:
            self._add(lines)
        numbers = sorted(lines)
        step = max(1, -(-2 * len(lines) * len(self.leads) * self._finest // room))
        merged = [_merged(lines[number], step) for number in numbers]
        spans: list[float] = []
        texts: list[list[str]] = [[] for _ in numbers]
        for lead in range(len(self.leads)):
            parts = [line[:, :, lead] for line in merged]
            low, high = _limits(np.concatenate(parts)) if parts else (0.0, 1.0)
            spans.append((high - low) / LEVELS * SPAN_MV)
            for text, part in zip(texts, parts, strict=True):
                text.append(_text(part, low, high))
        columns = -(-self._finest // step)
        return columns, spans, list(zip(numbers, texts, strict=True))


def _limits(levels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the levels of the bottom and the top of a line."""
    least, most = (side[side != MISSING] for side in (levels[:, 0], levels[:, 1]))
    if not len(least):
        return 0.0, float(LEVELS)
    low, high = float(np.quantile(least, TAIL)) - 2, float(np.quantile(most, 1 - TAIL)) + 2
    lacking = max(0.0, SMALLEST_MV / SPAN_MV * LEVELS - (high - low)) / 2
    return low - lacking, high + lacking


def _levels(line: NDArray[np.float32], columns: int) -> NDArray[np.uint8]:
    """Return the least and the most of each column as levels [columns, 2, leads]."""
    edges = np.linspace(0, len(line), columns, endpoint=False).astype(int)
    known = ~np.isnan(line)
    middle = [
        float(np.median(one[there])) if there.any() else 0.0
        for one, there in zip(line.T, known.T, strict=True)
    ]
    least = np.minimum.reduceat(np.where(known, line, np.inf), edges, axis=0)
    most = np.maximum.reduceat(np.where(known, line, -np.inf), edges, axis=0)
    missing = np.isinf(least)
    both = np.where(missing[:, None], 0.0, np.stack([least, most], axis=1)) - np.array(middle)
    levels = np.clip(np.rint((both / SPAN_MV + 0.5) * LEVELS), 0, LEVELS)
    return np.where(missing[:, None], MISSING, levels).astype(np.uint8)


def _merged(line: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Put ``step`` columns together."""
    if step == 1:
        return line
    edges = np.arange(0, len(line), step)
    least = np.minimum.reduceat(line[:, 0], edges, axis=0)
    seen = np.where(line[:, 1] == MISSING, 0, line[:, 1])
    most = np.where(least == MISSING, MISSING, np.maximum.reduceat(seen, edges, axis=0))
    return np.stack([least, most], axis=1).astype(np.uint8)


def _text(levels: NDArray[np.uint8], low: float, high: float) -> str:
    letters = np.frombuffer((ALPHABET + GAP).encode(), np.uint8)
    top = len(ALPHABET) - 1
    scaled = np.clip(np.rint((levels - low) / (high - low) * top), 0, top).astype(int)
    return letters[np.where(levels == MISSING, len(ALPHABET), scaled)].tobytes().decode()
