"""The options for models: which ones score, and how each is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wearecg.cli.options import TEXT_OR_TEXTS, TEXTS, Options, UsageError, option, texts
from wearecg.ecg.statements import PRIORS
from wearecg.models.card import PRECISIONS, RUNTIMES

if TYPE_CHECKING:
    from wearecg.observers import Observer

NONE = "none"


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """``--model``, ``--prior`` and ``--statements``; ``--runtime`` and ``--precision`` for every model of a command."""

    model: tuple[str, ...] = option(
        "--model",
        default=(),
        kind=TEXT_OR_TEXTS,
        repeatable=True,
        help="model, or another observer, that scores (repeatable; default encoder, or rhythm1 where no lead has a "
        "known position, with waves and episodes; none for none)",
    )
    runtime: str = option(
        "--runtime",
        default="onnx",
        choices=RUNTIMES,
        help="what runs every model: ONNX Runtime or LiteRT (default onnx)",
    )
    precision: str = option(
        "--precision",
        default="int8",
        choices=PRECISIONS,
        help="which file of every model: int8 is small and fast, fp32 exact (default int8)",
    )

    prior: str | None = option(
        "--prior",
        choices=PRIORS,
        help="whose ECG it is, for the probabilities of a model: how common statements are there (default ambulatory)",
    )
    statements: tuple[str, ...] = option(
        "--statements",
        default=(),
        kind=TEXTS,
        parse=texts,
        metavar="LVH,MI",
        help="statements of a model to make although these leads are too few for them",
    )

    def __post_init__(self) -> None:
        """Refuse ``none`` together with a model."""
        super().__post_init__()
        if NONE in self.model and len(self.model) > 1:
            raise UsageError("--model none scores nothing: give it alone, or leave it out")


def observers(options: ModelOptions, windows: bool = False) -> list[Observer]:
    """Open the observers that the options name, ``auto`` if they name none; with ``windows`` each window is told."""
    from wearecg.observers import open_observers, with_options

    if options.model == (NONE,):
        return []
    given = {"runtime": options.runtime, "precision": options.precision}
    if options.prior:
        given["prior"] = options.prior
    if options.statements:
        given["statements"] = ",".join(options.statements)
    if windows:
        given["windows"] = "all"
    return open_observers(with_options(name, given) for name in options.model or ("auto",))
