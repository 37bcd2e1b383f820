"""Twelve leads from eight: measured leads stay, the limb leads obey Einthoven's and Goldberger's laws.

The six limb leads are combinations of I and II. Those that were measured therefore constrain the two:
one measured lead pulls the estimates of both onto a line, two determine them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import TWELVE

Array = NDArray[np.float32]

INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The leads that are not combinations of each other."""

LIMB = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
"""Each limb lead as coefficients of I and II (Einthoven, 1912; Goldberger, 1942), in standard order."""

ROUNDING = 1e-12
"""mV^2; a variance below this, given the measured leads, is a rounding error."""


def twelve(signal: Array, mask: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Combine measured and estimated leads.

    A measured limb lead moves the estimates of I and II onto the line where they give its samples, each
    by its share of the variance: the conditional normal distribution. The errors of the estimates are
    assumed to be independent.

    Parameters
    ----------
    signal : float32 [..., 12, n]
        mV, leads in standard order.
    mask : float32 [..., 12]
        1 for a lead that was measured; the samples of the others are ignored.
    mean, variance : float32 [..., 8, n]
        Estimates of the leads of ``INDEPENDENT``, in mV and mV^2.

    Returns
    -------
    mean, variance : float32 [..., 12, n]
        Measured leads are the very samples of ``signal``, with variance 0. Of the other limb leads, those
        that are not I or II are computed from these two, so III is II minus I to the last bit.
    """
    known = mask > 0
    estimates, covariance = _limb_estimates(signal, known, mean, variance)
    found, spread = (np.zeros(signal.shape, np.float32) for _ in range(2))
    chest = [TWELVE.index(name) for name in INDEPENDENT[2:]]
    found[..., chest, :], spread[..., chest, :] = mean[..., 2:, :], variance[..., 2:, :]
    v_one, both, v_two = covariance
    for lead, (a, b) in enumerate(LIMB.values()):
        if lead < 2:
            found[..., lead, :] = np.where(known[..., lead, None], signal[..., lead, :], estimates[lead])
        else:
            found[..., lead, :] = np.float32(a) * found[..., 0, :] + np.float32(b) * found[..., 1, :]
        left = a * a * v_one + 2 * a * b * both + b * b * v_two
        spread[..., lead, :] = np.where(left > ROUNDING, left, 0)
    measured = known[..., None]
    return np.where(measured, signal, found), np.where(measured, np.float32(0), spread)


def _limb_estimates(
    signal: Array, known: NDArray[np.bool_], mean: Array, variance: Array
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Estimates of I and II given the measured limb leads; variance of I, covariance, variance of II."""
    one, two, v_one, v_two = (x[..., k, :].astype(np.float64) for x in (mean, variance) for k in (0, 1))
    both = np.zeros_like(one)
    free = np.full(known.shape[:-1], 2)
    for lead, (a, b) in enumerate(LIMB.values()):
        spread = a * a * v_one + 2 * a * b * both + b * b * v_two
        use = (known[..., lead] & (free > 0))[..., None] & (spread > 0)
        inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=use)
        to_one, to_two = (a * v_one + b * both) * inverse, (a * both + b * v_two) * inverse
        error = signal[..., lead, :] - (a * one + b * two)
        one, two = one + to_one * error, two + to_two * error
        v_one, v_two = v_one - to_one**2 * spread, v_two - to_two**2 * spread
        both = both - to_one * to_two * spread
        free = free - known[..., lead]
    return [one, two], [v_one, both, v_two]
