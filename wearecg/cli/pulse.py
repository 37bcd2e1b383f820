"""The options for a lead that is drawn from a pulse."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wearecg.cli.options import UsageError, flag, option
from wearecg.cli.scoring import ModelOptions
from wearecg.ecg.lag import RANGE_S

if TYPE_CHECKING:
    from wearecg.pipeline.engine import PulseSpec
    from wearecg.pipeline.pulse import Lag

LONGEST_S = 2.0


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


@dataclass(frozen=True, kw_only=True)
class PulseOptions(ModelOptions):
    """``--ppg-to-ecg``, ``--ppg-model`` and ``--ppg-lag``."""

    ppg_to_ecg: bool = flag(
        "--ppg-to-ecg",
        help="draw a synthetic lead II* from the lead PPG; only heart rate and regularity are found in it",
    )
    ppg_model: str = option(
        "--ppg-model", default="ppg2ecg", metavar="MODEL", help="what draws it (default ppg2ecg)"
    )
    ppg_lag: Lag = option(
        "--ppg-lag",
        parse=lag,
        metavar="S",
        help="seconds from the R wave to the pulse, or `model` for the model's guess; "
        "by default measured where there is an ECG, else unknown",
    )

    def __post_init__(self) -> None:
        """Refuse a lag of nothing."""
        super().__post_init__()
        if self.ppg_lag is not None and not self.ppg_to_ecg:
            raise UsageError("--ppg-lag is about what --ppg-to-ecg draws: give both")


def spec(options: PulseOptions) -> PulseSpec | None:
    """Load what the options ask for; None without ``--ppg-to-ecg``."""
    from wearecg.models.pulse import load_pulse_model
    from wearecg.pipeline.engine import PulseSpec

    if not options.ppg_to_ecg:
        return None
    model = load_pulse_model(options.ppg_model, options.precision, options.runtime)
    return PulseSpec(model, options.ppg_lag)
