"""The options for reconstructed leads, the same in every command that has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wearecg.block import Event, SignalBlock, StreamInfo
from wearecg.cli.options import Options, UsageError, flag, option
from wearecg.cli.scoring import ModelOptions
from wearecg.ecg.leads import TWELVE

if TYPE_CHECKING:
    from wearecg.models.lead12 import Reconstructor
    from wearecg.observers import Observer


@dataclass(frozen=True, kw_only=True)
class TwelveModel(Options):
    """``--twelve-model``."""

    twelve_model: str = option(
        "--twelve-model", default="lead12", metavar="MODEL", help="model that reconstructs (default lead12)"
    )


@dataclass(frozen=True, kw_only=True)
class TwelveOptions(TwelveModel, ModelOptions):
    """``--twelve``, ``--twelve-model`` and ``--profile``."""

    twelve: bool = flag(
        "--twelve",
        help="reconstruct the leads that are not measured, with error bars; findings rest on measured leads only",
    )
    profile: Path | None = option(
        "--profile",
        parse=Path,
        metavar="FILE",
        help="with --twelve: the profile of this person, from `wearecg calibrate`",
    )

    def __post_init__(self) -> None:
        """Refuse a profile without ``--twelve``."""
        super().__post_init__()
        if self.profile and not self.twelve:
            raise UsageError("--profile corrects what --twelve reconstructs: give both")


def reconstructor(options: TwelveOptions) -> Reconstructor | None:
    """Load the model that the options name; None without ``--twelve``."""
    from wearecg.models.lead12 import load_reconstructor

    if not options.twelve:
        return None
    form = {"precision": options.precision, "runtime": options.runtime}
    return load_reconstructor(options.twelve_model, options.profile, **form)


def observers(options: TwelveOptions) -> list[Observer]:
    """Load what the options ask for, as an observer; nothing without ``--twelve``."""
    from wearecg.observers.twelve import TwelveObserver

    model = reconstructor(options)
    return [TwelveObserver(model)] if model else []


class Known:
    """How well the reconstructed leads are known over a whole run; call `feed` with every event."""

    def __init__(self, model: Reconstructor) -> None:
        self._model = model
        self._reconstructed: tuple[str, ...] = ()
        self._samples = 0
        self._known, self._sd = np.zeros(len(TWELVE)), np.zeros(len(TWELVE))

    def feed(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, StreamInfo):
            self._reconstructed += event.reconstructed
        elif isinstance(event, SignalBlock) and event.sd is not None:
            known = np.isfinite(event.samples)
            self._samples += len(event)
            self._known += known.sum(axis=0)
            self._sd += np.where(known, event.sd, 0).sum(axis=0)

    def describe(self) -> str:
        """Return a table as text."""
        model = self._model
        lines = [f"twelve leads through {model.label}; what is reconstructed is no basis of any finding"]
        if not self._reconstructed:
            lines.append("  nothing to reconstruct: all leads are measured; choose some with --leads")
        elif not self._samples:
            lines.append(f"  nothing: no {model.input.seconds:g} s with enough usable leads")
        else:
            lines += [self._line(TWELVE.index(lead)) for lead in self._reconstructed]
        return "\n".join(lines)

    def _line(self, lead: int) -> str:
        band = self._model.band
        line = f"  {TWELVE[lead]:3} known {self._known[lead] / self._samples:4.0%}"
        if self._known[lead]:
            reach = band.width * self._sd[lead] / self._known[lead]
            line += f"  ±{reach:.2f} mV ({band.share:.0%} band, mean)"
        return line
