"""What finds the waves of one lead: our observer and its peers, each as its authors recommend."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Event, SignalBlock, Waves
from wearecg.observers import Observer, open_observer
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.resample import resample

Array = NDArray[np.float64]
Found = Mapping[str, Array]
"""Seconds of what was found, by border (`BORDERS`)."""
Delineator = Callable[[Array, float], Found]
"""From one lead in mV and its rate."""

BORDERS = ("p_on", "p_off", "qrs_on", "qrs_off", "t_on", "t_off")
RATE = 250
"""What openecg's boundary model takes."""


def observed(ecg: NDArray[np.floating], fs: float, lead: str) -> list[Event]:
    """Return all that is told of a stream with this lead, which our observer looks at."""
    engine = Engine("lead", [_observer()])
    block = SignalBlock(ecg[:, None].astype(np.float32), fs, (lead,), 0.0)
    return [*engine.feed(block, 0.0), *engine.finish()]


@cache
def _observer() -> Observer:
    return open_observer("waves")


def wearecg_waves(ecg: Array, fs: float) -> Found:
    """Return where our observer finds waves in this lead."""
    waves = [event for event in observed(ecg, fs, "II") if isinstance(event, Waves)]
    return {
        border: np.array([time for beat in waves if (time := getattr(beat, border)) is not None])
        for border in BORDERS
    }


def prominence(ecg: Array, fs: float) -> Found:
    """Return what neurokit2's best method finds, on its own R peaks."""
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = neurokit2.ecg_clean(ecg, sampling_rate=round(fs))
        _, peaks = neurokit2.ecg_peaks(clean, sampling_rate=round(fs))
        _, waves = neurokit2.ecg_delineate(
            clean, peaks["ECG_R_Peaks"], sampling_rate=round(fs), method="prominence"
        )
    names = (
        "ECG_P_Onsets",
        "ECG_P_Offsets",
        "ECG_R_Onsets",
        "ECG_R_Offsets",
        "ECG_T_Onsets",
        "ECG_T_Offsets",
    )
    return {
        border: np.asarray([at for at in waves[name] if at is not None and np.isfinite(at)], np.float64) / fs
        for border, name in zip(BORDERS, names, strict=True)
    }


class Boundary:
    """openecg's boundary model, ten seconds at a time."""

    def __init__(self) -> None:
        from openecg.deploy import Inference

        self._model = Inference()

    def __call__(self, ecg: Array, fs: float) -> Found:
        """Return what it finds."""
        x = resample(ecg[:, None].astype(np.float32), fs, RATE)[:, 0]
        x = np.where(np.isfinite(x), x, 0.0)
        found: dict[str, list[float]] = {border: [] for border in BORDERS}
        for number, window in enumerate(self._model.predict(x)):
            for wave in window:
                name = wave.name.lower()
                begin = number * 2500
                found[f"{name}_on"].append((begin + wave.start) / RATE)
                found[f"{name}_off"].append((begin + wave.end) / RATE)
        return {border: np.array(times) for border, times in found.items()}


def installed() -> tuple[dict[str, Delineator], list[str]]:
    """Return the peers that can run here, and the names of those that are not installed."""
    here: dict[str, Delineator] = {}
    if find_spec("openecg"):
        here["openecg boundary"] = Boundary()
    if find_spec("neurokit2"):
        here["neurokit2 prominence"] = prominence
    names = ("openecg boundary", "neurokit2 prominence")
    return here, [name for name in names if name not in here]
