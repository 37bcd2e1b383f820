"""Whatever kind of number a rate is given as, it is taken as that number; and what is none is refused with a reason."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.errors import SignalError

NUMBERS = [np.float32(250), np.float64(250), np.int16(250), np.array(250), Fraction(250), Decimal(250), "250"]
NONE = [None, "fast", "", 0, -250, float("nan"), np.inf, [250, 250], b"250x"]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return wearecg.Person(seed=1, scenario="sinus", fs=250).samples(250 * 12)[:, :12]


@pytest.mark.parametrize("fs", NUMBERS, ids=lambda fs: type(fs).__name__)
def test_any_number_is_a_rate(x: np.ndarray, fs: object, tmp_path: Path) -> None:
    leads = wearecg.Person.leads[:12]
    assert wearecg.score(x, fs, leads).summary.samples == 3000  # type: ignore[arg-type]
    encoder = wearecg.load_model("encoder")
    np.testing.assert_array_equal(encoder(x, fs, leads).start, encoder(x, 250, leads).start)  # type: ignore[arg-type]
    assert len(encoder.batch([x], fs, leads)) == 1  # type: ignore[arg-type]
    twelve = wearecg.load_model("lead12")
    assert twelve(x[:, [1, 6, 10]], fs, "II,V1,V5") is not None  # type: ignore[arg-type]
    assert wearecg.Person(seed=1, fs=fs).fs == 250  # type: ignore[arg-type]
    (tmp_path / "a.csv").write_text("II\n" + "0.1\n" * 500)
    assert wearecg.read_recording(tmp_path / "a.csv", fs=fs).fs == 250  # type: ignore[arg-type]


@pytest.mark.parametrize("fs", NONE, ids=repr)
def test_what_is_no_number_is_refused(x: np.ndarray, fs: object) -> None:
    leads = wearecg.Person.leads[:12]
    for call in (
        lambda: wearecg.score(x, fs, leads),  # type: ignore[arg-type]
        lambda: wearecg.load_model("encoder")(x, fs, leads),
        lambda: wearecg.load_model("lead12")(x[:, [1, 6, 10]], fs, "II,V1,V5"),
        lambda: wearecg.Person(fs=fs),  # type: ignore[arg-type]
    ):
        with pytest.raises(SignalError, match="give the samples per second"):
            call()
