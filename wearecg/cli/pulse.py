"""The options for a lead that is drawn from a pulse."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wearecg.cli.options import UsageError, flag, option
from wearecg.cli.scoring import ModelOptions
from wearecg.errors import ConfigError
from wearecg.pipeline.pulse import Lag, read_lag

if TYPE_CHECKING:
    from wearecg.observers import Observer


def lag(text: str) -> Lag:
    """Read ``--ppg-lag``."""
    try:
        return read_lag(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class PulseOptions(ModelOptions):
    """``--ppg-to-ecg``, ``--ppg-model`` and ``--ppg-lag``."""

    ppg_to_ecg: bool = flag(
        "--ppg-to-ecg",
        help="draw a synthetic lead II* from the lead PPG; only heart rate and regularity are derived from it",
    )
    ppg_model: str = option(
        "--ppg-model", default="ppg2ecg", metavar="MODEL", help="model that draws it (default ppg2ecg)"
    )
    ppg_lag: Lag = option(
        "--ppg-lag",
        parse=lag,
        metavar="S",
        help="seconds from the R wave to the pulse, or `model` for the model's estimate; "
        "by default measured if there is an ECG, else unknown",
    )

    def __post_init__(self) -> None:
        """Refuse a lag without ``--ppg-to-ecg``."""
        super().__post_init__()
        if self.ppg_lag is not None and not self.ppg_to_ecg:
            raise UsageError("--ppg-lag is about what --ppg-to-ecg draws: give both")


def observers(options: PulseOptions) -> list[Observer]:
    """Open the observer that the options name; none without ``--ppg-to-ecg``."""
    from wearecg.models.pulse import load_pulse_model
    from wearecg.observers.pulse import PulseObserver

    if not options.ppg_to_ecg:
        return []
    model = load_pulse_model(options.ppg_model, options.precision, options.runtime)
    return [PulseObserver(model, options.ppg_lag)]
