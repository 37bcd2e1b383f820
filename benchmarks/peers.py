"""Other R-peak detectors, each in the offline form its authors recommend: the whole record at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Detector = Callable[[NDArray[np.float64], float], NDArray[np.intp]]


def _sleepecg(ecg: NDArray[np.float64], fs: float) -> NDArray[np.intp]:
    from sleepecg.heartbeats import detect_heartbeats

    return np.asarray(detect_heartbeats(ecg, fs), dtype=np.intp)


def _neurokit2(ecg: NDArray[np.float64], fs: float) -> NDArray[np.intp]:
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = neurokit2.ecg_clean(ecg, sampling_rate=int(fs))
        _, found = neurokit2.ecg_peaks(clean, sampling_rate=int(fs))
    return np.asarray(found["ECG_R_Peaks"], dtype=np.intp)


def _xqrs(ecg: NDArray[np.float64], fs: float) -> NDArray[np.intp]:
    from wfdb.processing import xqrs_detect

    return np.asarray(xqrs_detect(ecg, fs=fs, verbose=False), dtype=np.intp)


PEERS: dict[str, tuple[str, Detector]] = {
    "sleepecg": ("sleepecg", _sleepecg),
    "neurokit2 clean+peaks": ("neurokit2", _neurokit2),
    "wfdb xqrs": ("wfdb", _xqrs),
}
"""Name: (package, detector of one lead in mV)."""


def installed() -> tuple[dict[str, Detector], list[str]]:
    """Return the peers that can run here, and the names of those that are not installed."""
    here = {name: detector for name, (package, detector) in PEERS.items() if find_spec(package)}
    return here, [name for name in PEERS if name not in here]
