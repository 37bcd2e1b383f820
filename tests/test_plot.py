from __future__ import annotations

import numpy as np
import pytest

from wearecg.ecg.leads import TWELVE
from wearecg.pipeline.twelve import Twelve

pytest.importorskip("matplotlib", reason="the plot extra is not installed")

from matplotlib.colors import to_rgb

from wearecg.plot import MEASURED, PAGE_MM, RECONSTRUCTED, ROWS_MM, page

INCH_MM = 25.4


@pytest.fixture(scope="module")
def figure():
    """1 mV pulses at 2 s and 7 s, of 20 ms; II, V1 and V5 measured, V3 never known, V6 only from 8.5 s."""
    mean = np.zeros((1000, 12), np.float32)
    mean[[200, 201, 700, 701]] = 1.0
    measured = np.isin(TWELVE, ("II", "V1", "V5"))
    sd = np.where(measured, 0, 0.1).astype(np.float32) * np.ones((1000, 1), np.float32)
    known = np.ones((1000, 12), bool)
    known[:, TWELVE.index("V3")] = False
    known[:850, TWELVE.index("V6")] = False
    filtered = np.where(known, mean, np.nan)
    return page(Twelve(mean, sd, known, filtered, measured, 100.0, 0.0), 1.645, "name", "model@1")


def line(figure, lead, number=0):
    return [drawn for drawn in figure.axes[0].lines if drawn.get_gid() == lead][number]


def on_paper(figure, drawn):
    """Where a line lies on the page, in mm from its lower left corner."""
    pixels = figure.axes[0].transData.transform(np.column_stack(drawn.get_data()))
    return pixels / figure.dpi * INCH_MM


def test_a_second_is_25_mm_and_a_millivolt_10_mm_on_a4(figure):
    np.testing.assert_allclose(figure.get_size_inches() * INCH_MM, PAGE_MM)
    assert PAGE_MM == (297, 210)
    strip = on_paper(figure, line(figure, "II", 1))
    assert strip[-1, 0] - strip[0, 0] == pytest.approx(9.99 * 25, abs=0.01)
    peaks = strip[strip[:, 1] > strip[0, 1] + 5]
    assert peaks[:, 1].max() - strip[0, 1] == pytest.approx(10, abs=0.01)
    assert peaks[-1, 0] - peaks[0, 0] == pytest.approx(5.01 * 25, abs=0.01)
    pulse = on_paper(figure, line(figure, "calibration"))
    assert np.ptp(pulse[:, 1]) == pytest.approx(10, abs=0.01)
    assert np.ptp(pulse[pulse[:, 1] > pulse[0, 1] + 5, 0]) == pytest.approx(5, abs=0.01)


def test_the_grid_is_of_1_and_5_mm(figure):
    thin, _, thick, _ = (collection.get_segments() for collection in figure.axes[0].collections[:4])
    for lines, step in ((thin, 1), (thick, 5)):
        xs = np.array([one[0][0] for one in lines])
        np.testing.assert_allclose(np.diff(xs), step)


def test_four_columns_of_two_and_a_half_seconds_one_after_the_other(figure):
    starts = [on_paper(figure, line(figure, lead))[0, 0] for lead in ("I", "aVR", "V1", "V4")]
    np.testing.assert_allclose(np.diff(starts), 62.5, atol=0.01)
    assert len({round(float(on_paper(figure, line(figure, lead))[0, 1]), 2) for lead in ("V1", "I")}) == 1
    assert len(ROWS_MM) == 4


def test_measured_is_black_and_reconstructed_coloured_with_its_band(figure):
    for lead in TWELVE:
        expected = MEASURED if lead in ("II", "V1", "V5") else RECONSTRUCTED
        assert to_rgb(line(figure, lead).get_color()) == to_rgb(expected)
    bands = figure.axes[0].collections[4:]
    assert len(bands) == 9
    heights = [np.ptp(band.get_paths()[0].vertices[:, 1]) for band in bands if band.get_paths()]
    assert min(heights) == pytest.approx(2 * 1.645 * 0.1 * 10, rel=0.01)


def test_what_is_not_known_is_left_out_and_said(figure):
    assert np.isnan(line(figure, "V3").get_ydata()).all()
    v6 = np.asarray(line(figure, "V6").get_ydata(), float)
    assert np.isnan(v6[:100]).all()
    assert np.isfinite(v6[100:]).all()
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("not known") == 2
    assert any("no basis of any finding" in text for text in words)
