"""What comes between a heart and its recording: mains hum, muscle, motion, electrodes that come off.

Every disturbance is a voltage at the electrodes, as in life, so that the limb leads keep Einthoven's law.
"""

from __future__ import annotations

import numpy as np

from wearecg.person.heart import Array

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
_WILSON = np.array([1.0, 1.0, 1.0]) / 3
MIX = np.zeros((8, 9))
"""I, II, V1..V6 from the nine electrode potentials."""
MIX[0, [1, 0]] = 1, -1
MIX[1, [2, 0]] = 1, -1
MIX[2:, 3:] = np.eye(6)
MIX[2:, :3] = -_WILSON

RAIL = 5.0
"""mV that an input without its electrode shows."""
_UNTOUCHED = {"RA": "III", "LA": "II", "LL": "I"}
"""The limb lead that does without this electrode; all precordial leads need the three for their reference."""
SPIKE = (1.2, 1.8, -0.6)
"""Dipole of a pacing spike, mV."""
RAILED = 0.01
"""Share of samples at the end of the ADC's range in ``rails``."""
_FALLS_OFF = ("V2", "LL", "V5", "LA")
_OFF_EVERY, _OFF_FROM, _OFF_FOR = 10.0, 3.0, 4.0
_BURST_EVERY = 7.0


def off_intervals(since: float, until: float, origin: float) -> list[tuple[str, float, float]]:
    """Return (electrode, from, to) for each electrode that is off within ``[since, until)`` seconds."""
    found = []
    for k in range(max(0, int((since - origin) // _OFF_EVERY)), int((until - origin) // _OFF_EVERY) + 1):
        start = origin + k * _OFF_EVERY + _OFF_FROM
        low, high = max(since, start), min(until, start + _OFF_FOR)
        if low < high:
            found.append((_FALLS_OFF[k % len(_FALLS_OFF)], low, high))
    return found


def leads_without(electrode: str, leads: tuple[str, ...]) -> list[int]:
    """Columns of ``leads`` that show nothing while ``electrode`` is off."""
    if electrode in _UNTOUCHED:
        return [i for i, lead in enumerate(leads) if lead not in (_UNTOUCHED[electrode], "PPG")]
    return [leads.index(electrode)]


def quiet(times: Array, rng: np.random.Generator, resp_hz: float) -> Array:
    """Potentials [n, 9] of a person at rest, well wired: amplifier noise and a little breathing."""
    breath = 0.02 * np.sin(2 * np.pi * resp_hz * times)
    return rng.normal(0, 0.003, (len(times), 9)) + breath[:, None] * np.linspace(-0.5, 1, 9)


def noise(times: Array, rng: np.random.Generator, fs: float, mains_hz: float) -> Array:
    """Potentials [n, 9] of mains hum, tense muscles and a wandering baseline."""
    slow = 0.18 * np.sin(2 * np.pi * 0.21 * times) + 0.12 * np.sin(2 * np.pi * 0.07 * times + 1)
    total = np.outer(slow, np.cos(1.7 * np.arange(9)))
    tension = 0.03 + 0.03 * np.sin(2 * np.pi * 0.11 * times) ** 2
    total += tension[:, None] * rng.standard_normal((len(times), 9))
    actual = mains_hz - 0.03
    for harmonic, height in ((1, 0.06), (3, 0.015)):
        if harmonic * mains_hz < fs / 2:
            phase = 2 * np.pi * harmonic * actual * times
            total += height * np.sin(phase[:, None] + 0.9 * np.arange(9)) * (1 + 0.4 * np.cos(np.arange(9)))
    return total


def hum(times: Array, fs: float, mains_hz: float) -> Array:
    """Potentials [n, 9] of a millivolt of mains hum, half a hertz up and down in 20 s, with harmonics."""
    phase = 2 * np.pi * mains_hz * times + 10.0 * np.sin(2 * np.pi * times / 20.0)
    total = np.zeros((len(times), 9))
    for harmonic, height in ((1, 1.0), (2, 0.05), (3, 0.15)):
        if harmonic == 1 or harmonic * mains_hz < 0.48 * fs:
            total += height * np.sin(harmonic * phase[:, None] + 0.9 * np.arange(9))
    return total


def spike(dipole: Array, times: Array, fired: Array) -> None:
    """Add the spikes of a pacemaker, a sample each, at ``fired`` seconds to ``dipole`` [n, 3]."""
    inside = fired[(fired > times[0]) & (fired <= times[-1])]
    dipole[np.searchsorted(times, inside)] += SPIKE


def motion(times: Array, seed: int) -> tuple[Array, Array]:
    """Bursts of movement: potentials [n, 9], and what the PPG sees of them [n]."""
    total = np.zeros((len(times), 10))
    for k in range(int(times[0] // _BURST_EVERY) - 1, int(times[-1] // _BURST_EVERY) + 1):
        rng = np.random.default_rng((seed, 77, k + 2))
        start = k * _BURST_EVERY + rng.uniform(0, 3)
        inside = (times - start) / rng.uniform(1.5, 3.5)
        hull = np.where((inside > 0) & (inside < 1), np.sin(np.pi * inside) ** 2, 0.0)
        if not hull.any():
            continue
        for hz in rng.uniform(0.6, 9.0, 8):
            height = rng.normal(0, 0.35 / np.sqrt(hz), 10)
            total += (hull * np.sin(2 * np.pi * hz * (times - start)))[:, None] * height
    return total[:, :9], 1.5 * total[:, 9]


def fibrillation(times: Array, since: float) -> Array:
    """Dipole [n, 3] mV of the fibrillating atria, ``since`` seconds the start of the act.

    A sawtooth of three harmonics near 6 Hz, its frequency and height swinging slowly (Stridh and Sornmo,
    IEEE Trans Biomed Eng 48(1), 2001); it is largest in V1.
    """
    t = times - since
    total = np.zeros((len(t), 3))
    for axis, (hz, swing, rate, offset, height) in enumerate(
        ((5.7, 0.35, 0.17, 0.4, 0.020), (6.1, 0.45, 0.13, 2.0, 0.045), (6.3, 0.40, 0.11, 4.0, 0.055))
    ):
        phase = 2 * np.pi * hz * t + swing / rate * np.sin(2 * np.pi * rate * t + offset) + offset
        wave = sum(np.sin(m * phase) / m for m in (1, 2, 3))
        total[:, axis] = height * (1 + 0.35 * np.sin(2 * np.pi * 0.29 * t + offset)) * wave
    return total
