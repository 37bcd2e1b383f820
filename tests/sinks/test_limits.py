from __future__ import annotations

import pytest

from wearecg.sinks.limits import limits, size, upkeep
from wearecg.sinks.upkeep import Upkeep

INF = float("inf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1h", (3600.0, INF)), ("100MB", (INF, 1e8)), ("1h,100MB", (3600.0, 1e8)), ("1d, 2h", (7200.0, INF))],
)
def test_limits(text: str, expected: tuple[float, float]) -> None:
    assert limits(text) == expected


def test_upkeep_is_made_of_the_options() -> None:
    assert upkeep("wfdb", {}) == Upkeep()
    options = {"rotate": "1h,100MB", "keep-free": "1GB", "sync": "30"}
    assert upkeep("wfdb", options) == Upkeep(3600.0, 1e8, 1e9, 30.0)


@pytest.mark.parametrize("text", ["", "5", "0MB", "1h", "-1MB", "1 fortnight"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number above 0 with one of kB, MB, GB, TB behind it"):
        size(text)
