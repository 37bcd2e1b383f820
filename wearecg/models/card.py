"""The card of a model: its input, outputs, accuracy and training data; JSON beside the files.

A card is sealed (`wearecg.models.sealed`), lists its files with their hashes, and has a *contract*: the hash of what
a file must agree with (name, version, input, order of outputs), which each model file carries inside. So a file that
is truncated, exchanged or taken from another card is refused, and so is a card that was edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from math import prod
from pathlib import Path
from statistics import NormalDist

from wearecg.ecg.leads import TWELVE, UNKNOWN
from wearecg.errors import ModelError
from wearecg.models import sealed
from wearecg.models.preprocess import Preprocessing

FORMAT = 1
PPG = ("PPG",)
"""The leads of a model of the pulse wave."""
ZOO = Path(__file__).parent / "zoo"
PRECISIONS = ("fp32", "int8")
RUNTIMES = ("onnx", "tflite")
AROUND = ("window", "beat")
FORMS = tuple(f"{precision}_{runtime}" for runtime in RUNTIMES for precision in PRECISIONS)


@dataclass(frozen=True, slots=True)
class Input:
    """The input of a model: ``seconds`` at ``fs`` Hz of any of ``leads``, in ``units``, after ``preprocessing``."""

    fs: float
    seconds: float
    leads: tuple[str, ...]
    units: str
    min_fs: float
    """Recordings with a lower sampling rate (Hz) are refused."""
    min_leads: int
    """With fewer usable leads a window is not scored."""
    preprocessing: Preprocessing
    around: str = "window"
    """Where its windows are: ``window``, at regular times; ``beat``, around each R peak."""

    @property
    def length(self) -> int:
        """Samples in a window."""
        return round(self.fs * self.seconds)

    @property
    def any_lead(self) -> bool:
        """Whether it takes any one ECG lead."""
        return self.leads == (UNKNOWN,)


@dataclass(frozen=True, slots=True)
class CardStatement:
    """One statement that a model can make; its probability is ``1 / (1 + exp(-(slope * logit + offset)))``."""

    code: str
    text: str
    slope: float
    offset: float
    threshold: float
    """Probability from which it is made."""
    reported: bool
    """Whether it becomes a finding when a live window has it; its probability is always given."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The chance of a wrong call in a group, from the entropy of its probabilities.

    The chance that at least one statement of the group is called wrongly in a window is
    ``1 / (1 + exp(-(slope * entropy + offset)))``; ``entropy`` is the sum of the statements' binary
    entropies in nats.
    """

    slope: float
    offset: float


@dataclass(frozen=True, slots=True)
class Group:
    """Statements in the order of the model's output ``name``."""

    name: str
    statements: tuple[CardStatement, ...]
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class SignalOutput:
    """An output that is no statement: its shape for one window, and its units."""

    name: str
    shape: tuple[int, ...]
    units: str


@dataclass(frozen=True, slots=True)
class Band:
    """The error bars of reconstructed leads: a ``share`` of the true values lies within them.

    The model's standard deviation times ``scale`` (one number for each of the twelve leads) is that of a normal
    distribution. Where the half-width of the band is above ``unknown_mv``, a lead counts as not known.
    """

    share: float
    scale: tuple[float, ...]
    unknown_mv: float

    def __post_init__(self) -> None:
        scales = len(self.scale) == len(TWELVE) and min(self.scale) > 0
        if not (0 < self.share < 1 and scales and self.unknown_mv > 0):
            raise ModelError(f"{self} is not a band: share in (0, 1), 12 scales above 0, unknown_mv above 0")

    @property
    def width(self) -> float:
        """Half-width of the band in standard deviations."""
        return NormalDist().inv_cdf((1 + self.share) / 2)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a model: an embedding of this many numbers (0: none), groups of statements, signals."""

    embedding: int
    groups: tuple[Group, ...]
    signals: tuple[SignalOutput, ...] = ()
    unlike: float | None = None
    """From this value of the signal ``unlike`` on, a window is unlike the training data."""
    band: Band | None = None
    """For a reconstructor, whose signals are ``leads`` (mean) and ``logvar``."""
    points: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Operating points: the probability from which an output, by its name, counts as found."""

    @property
    def in_file(self) -> dict[str, tuple[int, ...]]:
        """Name and shape (of one window) of each output of a file, in its order.

        The logits of all groups, then a classifier's signals, are one output: each output costs time.
        """
        shapes: dict[str, tuple[int, ...]] = {"embedding": (self.embedding,)} if self.embedding else {}
        if self.groups:
            return shapes | {"logits": (sum(self._widths.values()),)}
        return shapes | {signal.name: signal.shape for signal in self.signals}

    @property
    def places(self) -> dict[str, tuple[int, slice]]:
        """Where the embedding, the logits of each group and each signal are: output of a file, and columns."""
        places = {name: (number, slice(None)) for number, name in enumerate(self.in_file)}
        if self.groups:
            number, _ = places.pop("logits")
            ends = accumulate(self._widths.values())
            parts = zip(self._widths.items(), ends, strict=True)
            places |= {name: (number, slice(end - width, end)) for (name, width), end in parts}
        return places

    @property
    def _widths(self) -> dict[str, int]:
        """Columns of each part of a classifier's logits."""
        widths = {group.name: len(group.statements) for group in self.groups}
        return widths | {signal.name: prod(signal.shape) for signal in self.signals}


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
    """The file of input and output pairs beside the card, by which a machine checks its arithmetic."""

    path: str
    pairs: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """Recordings that a model was trained or evaluated with."""

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
    """A metric of one group (or output) with one lead set, and its 95 % interval by patient."""

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
    """Expected calibration error before calibration, on patients not used to calibrate."""
    ece: float | None = None
    """The same after calibration."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The gate's metric of one group with one lead set, in torch and in each form that ships."""

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
    """Whether a loss is counted as a share of torch's value."""
    allowed_loss: float
    report: tuple[Loss, ...]

    def loss(self, row: Loss, form: str) -> float:
        """Return how much worse than torch a form is in this row; negative where it gained."""
        torch, value = row.torch, float(getattr(row, form))
        loss = value - torch if self.lower_is_better else torch - value
        return loss / torch if self.relative else loss

    def worst(self, row: Loss) -> float:
        """Return the largest loss of a shipped form in this row."""
        return max(self.loss(row, form) for form in FORMS)


@dataclass(frozen=True, slots=True)
class Card:
    """All that is stated about a model. `load_card` reads one, `Card.write` seals one."""

    name: str
    version: str
    task: str
    input: Input
    outputs: Outputs
    files: tuple[ModelFile, ...]
    golden: GoldenFile
    calibration: str
    training: Training
    measured: tuple[Measured, ...]
    quantisation: Quantisation
    parameters: int
    mmac: float
    limits: tuple[str, ...]
    format: int = FORMAT

    @property
    def source(self) -> str:
        """``name@version``, as findings name it."""
        return f"{self.name}@{self.version}"

    @property
    def contract(self) -> str:
        """Hash of what a model file must agree with; it covers no calibration, operating points or texts."""
        taken = asdict(self.input)
        if self.input.around == "window":
            del taken["around"]  # older files were made before this field
        order = {group.name: [s.code for s in group.statements] for group in self.outputs.groups}
        return sealed.digest(
            {
                "source": self.source,
                "input": taken,
                "embedding": self.outputs.embedding,
                "order": list(order.items()),
                "signals": [asdict(signal) for signal in self.outputs.signals],
            }
        )

    def stamp(self, precision: str) -> dict[str, str]:
        """Return what the file of this precision must carry inside."""
        return {
            "wearecg.model": self.source,
            "wearecg.precision": precision,
            "wearecg.contract": self.contract,
        }

    def file(self, precision: str, runtime: str) -> ModelFile:
        """Return the file for a precision (``fp32``, ``int8``) and a runtime (``onnx``, ``tflite``).

        Raises
        ------
        ModelError
            The model does not come in this form.
        """
        for file in self.files:
            if (file.precision, file.runtime) == (precision, runtime):
                return file
        forms = ", ".join(f"{file.precision} {file.runtime}" for file in self.files)
        raise ModelError(f"{self.source} does not come as {precision} {runtime}; it comes as {forms}")

    def write(self, path: Path) -> None:
        """Write the card, sealed, to ``path``."""
        sealed.write(asdict(self), path)


def available() -> list[str]:
    """Return the names of the models that ship with wearecg.

    Examples
    --------
    >>> "encoder" in available()
    True
    """
    return sorted(path.stem for path in ZOO.glob("*.json"))


def card_path(name: str | Path) -> Path:
    """Return the path of a card: of a shipped model, or ``name`` itself if it is a card file.

    Raises
    ------
    ModelError
        There is no such model.
    """
    path = Path(name)
    if path.suffix != ".json":
        path = ZOO / f"{name}.json"
    if not path.is_file():
        known = ", ".join(available()) or "none"
        raise ModelError(f"no model {str(name)!r}; shipped: {known}; or give the path of a card (.json)")
    return path


def load_card(name: str | Path) -> Card:
    """Read and check a card.

    Parameters
    ----------
    name : str or Path
        A shipped model (see `available`), or the path of a card (``.json``).

    Returns
    -------
    Card

    Raises
    ------
    ModelError
        There is no such card, it was edited or damaged, or it states something impossible.

    Examples
    --------
    >>> card = load_card("encoder")
    >>> card.name, card.input.fs, card.input.seconds, [group.name for group in card.outputs.groups]
    ('encoder', 100.0, 10.0, ['superclass', 'subclass', 'form', 'rhythm'])
    """
    from wearecg.models.card_check import checked

    path = card_path(name)
    return checked(sealed.read(path), path)
