"""What a card states about the files of a model: their forms, what they were made from, how well they do."""

from __future__ import annotations

from dataclasses import dataclass

PRECISIONS = ("fp32", "int8")
RUNTIMES = ("onnx", "tflite")
FORMS = tuple(f"{precision}_{runtime}" for runtime in RUNTIMES for precision in PRECISIONS)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, beside its card."""

    path: str
    precision: str
    runtime: str
    bytes: int
    sha256: str

    @property
    def form(self) -> str:
        """Precision and runtime in one word, ``int8_tflite``."""
        return f"{self.precision}_{self.runtime}"


@dataclass(frozen=True, slots=True)
class GoldenFile:
    """The file of inputs and expected outputs beside the card, by which a machine checks its arithmetic."""

    path: str
    pairs: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """Recordings that a model was made from."""

    name: str
    use: str
    licence: str
    citation: str


@dataclass(frozen=True, slots=True)
class Training:
    """How a model was trained."""

    data: tuple[DataSet, ...]
    command: str
    seed: int
    epochs: int
    minutes: float
    machine: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The value of a metric for one group (or output) and lead set, with its 95 % interval by patient."""

    data: str
    metric: str
    group: str
    leads: str
    precision: str
    runtime: str
    records: int
    value: float
    low: float
    high: float
    ece_raw: float | None = None
    """Expected calibration error of the uncalibrated sigmoid, on patients not used for calibration."""
    ece: float | None = None
    """The same after calibration."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What conversion and quantisation cost for one group and lead set: the gate's metric of each form."""

    group: str
    leads: str
    torch: float
    fp32_onnx: float
    int8_onnx: float
    fp32_tflite: float
    int8_tflite: float


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How the int8 files were made, and the report of the gate that they passed."""

    method: str
    metric: str
    lower_is_better: bool
    relative: bool
    """Whether a loss is a share of torch's value."""
    allowed_loss: float
    report: tuple[Loss, ...]

    def loss(self, row: Loss, form: str) -> float:
        """Return how much worse than torch a form is in this row; negative where it is better."""
        torch, value = row.torch, float(getattr(row, form))
        loss = value - torch if self.lower_is_better else torch - value
        return loss / torch if self.relative else loss

    def worst(self, row: Loss) -> float:
        """Return the largest loss of a shipped form in this row."""
        return max(self.loss(row, form) for form in FORMS)
