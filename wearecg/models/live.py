"""What a model says of live windows: statements, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wearecg.block import Statement, Why, Window
from wearecg.errors import SignalError
from wearecg.models.scorer import Scored, Scorer
from wearecg.statement import not_scored

UNLIKE = "not like any ECG the model knows: noise, exchanged electrodes, a wrong gain, or no ECG?"


def statements(scorer: Scorer, windows: Sequence[Window]) -> list[list[Statement]]:
    """Return for each window the reported statements above their threshold, or one ``NOT_SCORED`` with the reason.

    Raises
    ------
    SignalError
        A window is not of the model's rate and length.
    """
    said: list[list[Statement]] = [[] for _ in windows]
    alike: dict[tuple[str, ...], list[tuple[int, list[int]]]] = {}
    for number, window in enumerate(windows):
        columns = _usable(scorer, window)
        why = _why_not(scorer, window, columns)
        if why:
            said[number] = [_refusal(scorer, window, *why)]
            continue
        taken = scorer.names(window.leads)
        alike.setdefault(tuple(taken[i] for i in columns), []).append((number, columns))
    for names, found in alike.items():
        samples = np.empty((len(found), len(names), scorer.card.input.length), np.float32)
        for row, (number, columns) in zip(samples, found, strict=True):
            row[:] = windows[number].samples.T[columns]
        for (number, _), scored in zip(found, scorer(samples, names), strict=True):
            said[number] = list(_say(scorer, windows[number], scored, names))
    return said


def _say(
    scorer: Scorer, window: Window, scored: Scored | None, names: tuple[str, ...]
) -> Iterator[Statement]:
    if scored is None:
        yield _refusal(scorer, window, "missing", scorer.too_few(names))
        return
    if scored.unlike == 1:
        yield _refusal(scorer, window, "unlike", UNLIKE)
        return
    calibration = scorer.calibration
    end = window.end
    for number in scored.reported:
        statement, group = calibration.statements[number], calibration.group_of[number]
        yield Statement(
            code=statement.code,
            text=statement.text,
            start=window.start,
            end=end,
            probability=scored.probabilities.item(number),
            source=scorer.card.source,
            uncertainty=scored.doubts[group] if calibration.doubted[group] else None,
            leads=names if scorer.card.input.any_lead else scored.leads,
            stream=window.stream,
        )


def _usable(scorer: Scorer, window: Window) -> list[int]:
    """Return the columns that are looked at."""
    names = scorer.names(window.leads)
    usable = [i for i, ok in enumerate(window.usable) if ok and names[i]]
    return usable[:1] if scorer.card.input.any_lead else usable


def _why_not(scorer: Scorer, window: Window, columns: Sequence[int]) -> tuple[Why, str] | None:
    """Say why a window cannot be scored, if that can be known before its samples are looked at."""
    spec = scorer.card.input
    if window.fs != spec.fs or len(window.samples) != spec.length:
        raise SignalError(
            f"{scorer.card.source} takes windows of {spec.length} samples at {spec.fs:g} Hz, "
            f"got {len(window.samples)} at {window.fs:g} Hz"
        )
    limit = spec.preprocessing.max_missing * spec.seconds
    if window.lost / spec.fs > limit:
        return "missing", f"more than {limit:g} s of {spec.seconds:g} s are missing"
    if len(columns) >= spec.min_leads:
        return None
    taken = scorer.names(window.leads)
    reasons = {q.lead: q.reason or "unusable" for q in window.quality.leads}
    words = [
        f"{name}: {reasons.get(name, 'unusable')}"
        if known
        else f"{name}: not a standard lead, so the model cannot place it"
        for name, known in zip(window.leads, taken, strict=True)
    ]
    return "unusable" if any(taken) else "leads", "no usable lead (" + ", ".join(words) + ")"


def _refusal(scorer: Scorer, window: Window, why: Why, reason: str) -> Statement:
    return not_scored(scorer.card.source, window, window.start, window.end, why, reason)
