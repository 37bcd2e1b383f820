"""Rates measured by a sensor's own time stamps."""

import pytest

from wearecg.devices.stamped import RATE_PACKETS, Stamped


def fed(track, step, n, packets=RATE_PACKETS, began=0.0):
    for i in range(1, packets + 1):
        track.place(began + i * step, n)
    return track


def test_the_rate_is_that_of_the_packets():
    track = fed(Stamped(130.0), 73 / 131.04, 73)
    assert (track.known, track.fs) == (True, pytest.approx(131.04, abs=1e-3))


@pytest.mark.parametrize(("step", "n"), [(59.0, 1), (1.0, 1), (1e-3, 73)])
def test_one_that_no_such_sensor_has_is_not_believed(step, n):
    track = fed(Stamped(130.0), step, n)
    assert (track.known, track.fs) == (False, 130.0)
    fed(track, 73 / 131.04, 73, began=1000.0)
    assert track.fs == pytest.approx(131.04, abs=1e-3)
