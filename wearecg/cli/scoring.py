"""The options for models: which ones score, and how each is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wearecg.cli.options import TEXT_OR_TEXTS, Options, UsageError, option
from wearecg.models.card import PRECISIONS, RUNTIMES

if TYPE_CHECKING:
    from wearecg.observers import Observer

NONE = "none"


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """``--model``, and ``--runtime`` and ``--precision`` for every model that a command loads."""

    model: tuple[str, ...] = option(
        "--model",
        default=(),
        kind=TEXT_OR_TEXTS,
        repeatable=True,
        help="model, or another observer, that scores (repeatable; default encoder, or rhythm1 where no lead has a "
        "known position; none for none)",
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

    def __post_init__(self) -> None:
        """Refuse ``none`` together with a model."""
        super().__post_init__()
        if NONE in self.model and len(self.model) > 1:
            raise UsageError("--model none scores nothing: give it alone, or leave it out")


def observers(options: ModelOptions) -> list[Observer]:
    """Open the observers that the options name; ``auto`` if they name none."""
    from wearecg.observers import open_observers, with_form

    if options.model == (NONE,):
        return []
    names = options.model or ("auto",)
    return open_observers(with_form(name, options.runtime, options.precision) for name in names)
