"""The comparison as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from wearecg.ec57.compare import MISSED, SHUT, Comparison, Rate, gross
from wearecg.ec57.pairs import CLASSES
from wearecg.ec57.runs import LENGTHS

_NAMES = {"QRS": "Q", "V": "V", "S": "S", "F": "F"}


def tables(results: Mapping[str, Comparison], since: float, paced: Sequence[str] = ()) -> str:
    """Return the tables of these records; those that are ``paced`` are listed, and do not count in the gross."""
    counted = [result for name, result in results.items() if name not in paced]
    rows = {name + "*" * (name in paced): result for name, result in results.items()}
    together = gross(counted)
    if len(counted) > 1:
        rows["gross"] = together
    note = "; * paced, not in the gross" if paced else ""
    parts = [
        f"beat by beat, 150 ms, from {since:g} s on{note}\n" + _table(rows, _beats()),
        "confusion matrix, gross: rows the reference, columns the test; O no beat, X unreadable\n"
        + _confusion(together),
    ]
    for code, name in (("V", "ventricular"), ("S", "supraventricular")):
        if any(total for result in counted for key, (_, total) in result.runs.items() if key[0] == code):
            parts.append(f"{name} runs: 2 beats, 3 to 5, more\n" + _table(rows, _runs(code)))
    for rhythm, name in (("AF", "atrial fibrillation"), ("VF", "ventricular fibrillation or flutter")):
        if any(result.episode(rhythm, side).total for result in counted for side in ("Se", "PPV")):
            parts.append(f"episodes of {name}: by number and by duration\n" + _table(rows, _episodes(rhythm)))
    return "\n\n".join(parts)


Column = tuple[str, Callable[[Comparison], str]]


def _beats() -> list[Column]:
    def column(side: str, code: str) -> Callable[[Comparison], str]:
        return lambda result: _percent(
            result.sensitivity(code) if side == "Se" else result.predictivity(code)
        )

    shares = [
        (f"{name} {side}", column(side, code)) for code, name in _NAMES.items() for side in ("Se", "+P")
    ]
    return [
        *shares,
        ("RR ms", lambda result: "-" if result.rr_error_ms is None else f"{result.rr_error_ms:.1f}"),
        ("shut s", lambda result: f"{result.shut_down:.0f}"),
        ("beats", lambda result: f"{result.sensitivity('QRS').total:.0f}"),
    ]


def _runs(code: str) -> list[Column]:
    def column(side: str, length: str) -> Callable[[Comparison], str]:
        return lambda result: _counted(result.run_rate(code, side, length))

    return [
        (f"{length} {sign}", column(side, length))
        for length in LENGTHS
        for side, sign in (("Se", "Se"), ("PPV", "+P"))
    ]


def _episodes(rhythm: str) -> list[Column]:
    def column(side: str, by: str) -> Callable[[Comparison], str]:
        def text(result: Comparison) -> str:
            one = result.episode(rhythm, side)
            if by == "number":
                return _counted(Rate(one.found, one.total))
            return _percent(Rate(one.overlap, one.duration))

        return text

    sides = (("Se", "Se"), ("PPV", "+P"))
    shares = [(f"{by} {sign}", column(side, by)) for by in ("number", "time") for side, sign in sides]
    lasting: list[Column] = [
        ("ref s", lambda result: f"{result.episode(rhythm, 'Se').duration:.0f}"),
        ("test s", lambda result: f"{result.episode(rhythm, 'PPV').duration:.0f}"),
    ]
    return [*shares, *lasting]


def _table(rows: Mapping[str, Comparison], columns: Sequence[Column]) -> str:
    cells = [["record", *(name for name, _ in columns)]]
    cells += [[name, *(text(result) for _, text in columns)] for name, result in rows.items()]
    return _aligned(cells)


def _confusion(result: Comparison) -> str:
    cells = [["", *(code.lower() for code in (*CLASSES, MISSED, SHUT))]]
    for ref in (*CLASSES, MISSED, SHUT):
        tests = (*CLASSES, MISSED, SHUT) if ref in CLASSES else CLASSES
        cells.append([ref, *(str(result.beats[ref, test]) for test in tests)])
    return _aligned(cells)


def _aligned(cells: Sequence[Sequence[str]]) -> str:
    count = max(map(len, cells))
    padded = [[*row, *[""] * (count - len(row))] for row in cells]
    widths = [max(len(row[k]) for row in padded) for k in range(count)]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in padded
    ]
    return "\n".join(line.rstrip() for line in lines)


def _percent(rate: Rate) -> str:
    return "-" if rate.percent is None else f"{rate.percent:.2f}"


def _counted(rate: Rate) -> str:
    return f"{rate.hit:.0f}/{rate.total:.0f}"
