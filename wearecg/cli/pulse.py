"""The arguments for a lead that is drawn from a pulse."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from wearecg.ecg.lag import RANGE_S

if TYPE_CHECKING:
    from wearecg.pipeline.engine import PulseSpec
    from wearecg.pipeline.pulse import Lag

LONGEST_S = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--ppg-to-ecg``, ``--ppg-model`` and ``--ppg-lag``."""
    parser.add_argument(
        "--ppg-to-ecg",
        action="store_true",
        help="draw a synthetic lead II* from the lead PPG; only heart rate and regularity are found in it",
    )
    parser.add_argument(
        "--ppg-model", default="ppg2ecg", metavar="MODEL", help="what draws it (default ppg2ecg)"
    )
    parser.add_argument(
        "--ppg-lag",
        type=lag,
        metavar="S",
        help="seconds from the R wave to the pulse, or `model` for the model's guess; "
        "by default measured where there is an ECG, else unknown",
    )


def lag(text: str) -> Lag:
    """Read ``--ppg-lag``."""
    if text == "model":
        return "model"
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= LONGEST_S:
        low, high = RANGE_S
        raise argparse.ArgumentTypeError(
            f"{text!r} is no lag: give seconds (a pulse comes {low:g} to {high:g} s after its R wave), or model"
        )
    return value


def spec(args: argparse.Namespace) -> PulseSpec | None:
    """Load what the arguments ask for; None without ``--ppg-to-ecg``."""
    from wearecg.models.pulse import load_pulse_model
    from wearecg.pipeline.engine import PulseSpec

    if not args.ppg_to_ecg:
        if args.ppg_lag is not None:
            args.parser.error("--ppg-lag is about what --ppg-to-ecg draws: give both")
        return None
    return PulseSpec(load_pulse_model(args.ppg_model), args.ppg_lag)
