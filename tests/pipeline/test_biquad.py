import numpy as np
import pytest
from scipy import signal

from wearecg.pipeline import biquad


@pytest.mark.parametrize("fs", [100, 187.3, 250, 500, 1000])
def test_designs_are_those_of_scipy(fs):
    low = signal.butter(2, 0.4 * fs, "lowpass", fs=fs, output="sos")[0]
    high = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")[0]
    np.testing.assert_allclose(biquad.lowpass(fs, 0.4 * fs), low, rtol=1e-9)
    np.testing.assert_allclose(biquad.highpass(fs, 0.5), high, rtol=1e-9)
    hz = 0.45 * fs
    b, a = signal.iirnotch(hz, hz / 2, fs)
    np.testing.assert_allclose(biquad.notch(fs, hz, 2.0), np.concatenate([b, a]), rtol=1e-9)


def test_runs_as_scipy_does():
    sos = np.stack([biquad.notch(250, 50, 2), biquad.lowpass(250, 40), biquad.highpass(250, 0.5)])
    np.testing.assert_allclose(biquad.resting(sos), signal.sosfilt_zi(sos), atol=1e-12)
    x = np.random.default_rng(0).normal(size=(300, 3))
    start = np.repeat(biquad.resting(sos)[:, :, None], 3, axis=2)
    y, state = biquad.run(sos, x, start)
    want, want_state = signal.sosfilt(sos, x, axis=0, zi=start)
    np.testing.assert_allclose(y, want, atol=1e-12)
    np.testing.assert_allclose(state, want_state, atol=1e-12)
    _, h = signal.sosfreqz(sos, worN=[15.0], fs=250)
    assert biquad.response(sos, 250, 15.0) == pytest.approx(complex(h[0]))
