"""Runs a model file, once its card vouches for it: ONNX Runtime and LiteRT behind one call."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import MissingExtraError, ModelError
from wearecg.models.card import Card, GoldenFile, ModelFile
from wearecg.models.runtimes import DeadRuntimeError, check_runtime, module_of

TRAILER = b"wearecg\0"
"""A .tflite file ends in the stamp as JSON, its length (4 bytes, little endian), and these 8 bytes."""

ENGINES = {"onnx": ("onnxruntime",), "tflite": ("ai_edge_litert", "tflite_runtime")}
"""The packages that can run a format, the one to prefer first."""

Array = NDArray[np.float32]


class Backend(Protocol):
    """One engine holding one loaded model."""

    name: str
    stamp: Mapping[str, str]
    shapes: list[tuple[int, ...]]
    """Of the outputs of one window, in the order of the file."""

    def run(self, signal: Array, mask: Array) -> list[Array]:
        """Return every output, in the order of the file."""


class Runner:
    """A loaded model file on one thread.

    Parameters
    ----------
    card : Card
    folder : Path
        Where the card lies, and so its files.
    precision, runtime : str
        ``fp32`` or ``int8``; ``onnx`` or ``tflite``.
    engine : str, optional
        The package of ``ENGINES`` that must run it; by default the first that is installed.

    Raises
    ------
    ModelError
        The model does not come in this form; or its file is missing, cut short, another one, or
        belongs to another card; or it gives other outputs than its card says.
    DeadRuntimeError
        Importing the engine would end this process (a `ModelError`, too).
    MissingExtraError
        No engine for this format is installed.
    """

    def __init__(
        self,
        card: Card,
        folder: Path,
        precision: str = "int8",
        runtime: str = "onnx",
        engine: str | None = None,
    ) -> None:
        file = card.file(precision, runtime)
        model = verified(folder, file, card.source)
        packages = (engine,) if engine else ENGINES[runtime]
        try:
            self._backend: Backend = _Onnx(model) if runtime == "onnx" else _LiteRt(model, packages)
        except (MissingExtraError, ModelError):
            raise
        except Exception as error:
            raise ModelError(f"{file.path} cannot be loaded by its runtime: {error}") from error
        expected = card.stamp(precision)
        for key, value in expected.items():
            found = self._backend.stamp.get(key)
            if found != value:
                raise ModelError(
                    f"{file.path} does not belong to the card of {card.source} ({precision}): "
                    f"its {key} is {found!r}, the card's {value!r}"
                )
        if self._backend.shapes != [*card.outputs.in_file.values()]:
            raise ModelError(
                f"{file.path} gives {self._backend.shapes}, its card says {card.outputs.in_file}: "
                "publish it again with this version of wearecg"
            )
        self._places = card.outputs.places
        self._shape = (len(card.input.leads), card.input.length)

    @property
    def engine(self) -> str:
        """The package in use with its version, for example ``onnxruntime 1.20.1``."""
        return self._backend.name

    def run(self, signal: Array, mask: Array) -> dict[str, Array]:
        """Run windows that :func:`wearecg.models.preprocess.condition` has prepared.

        Parameters
        ----------
        signal : float32 [N, leads, length]
        mask : float32 [N, leads]

        Returns
        -------
        dict
            Of what the model gives: ``embedding`` float32 [N, size], the logits of each group
            float32 [N, statements], each signal float32 [N, ...].
        """
        if signal.shape[1:] != self._shape or mask.shape != signal.shape[:2]:
            raise ModelError(
                f"signal {signal.shape} and mask {mask.shape} do not fit the model: expected "
                f"(N, {self._shape[0]}, {self._shape[1]}) and (N, {self._shape[0]})"
            )
        outputs = self._backend.run(signal, mask)
        return {name: outputs[number][:, columns] for name, (number, columns) in self._places.items()}


def verified(folder: Path, file: ModelFile | GoldenFile, source: str) -> bytes:
    """Return the bytes of a file after comparing them with its card: what is checked is what is loaded.

    Raises
    ------
    ModelError
        It is missing, cut short or another one.
    """
    path = folder / file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model file {path} of {source} cannot be read: {error.strerror}") from error
    if len(content) != file.bytes:
        raise ModelError(
            f"model file {path} has {len(content)} bytes, its card says {file.bytes}: "
            "it was cut short or exchanged; reinstall it"
        )
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ModelError(
            f"model file {path} is not the one its card describes: "
            f"sha256 {digest[:12]}..., card {file.sha256[:12]}...; reinstall it"
        )
    return content


class _Onnx:
    def __init__(self, model: bytes) -> None:
        check_runtime("onnxruntime")
        try:
            # Else the wheels of some versions send usage data; a sensor's reader has nothing to send.
            os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
            import onnxruntime as ort
        except ImportError as error:
            raise ModelError(
                "onnxruntime, which wearecg depends on, cannot be imported: pip install onnxruntime"
            ) from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        outputs = self._session.get_outputs()
        self._outputs = [output.name for output in outputs]
        self.shapes = [tuple(output.shape[1:]) for output in outputs]
        self.name = f"onnxruntime {ort.__version__}"
        self.stamp: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, signal: Array, mask: Array) -> list[Array]:
        outputs: list[Array] = self._session.run(self._outputs, {"signal": signal, "mask": mask})
        return outputs


class _LiteRt:
    """LiteRT or its predecessor; windows one by one, as .tflite files have no batch."""

    def __init__(self, model: bytes, packages: Sequence[str]) -> None:
        interpreter, self.name = _interpreter(packages)
        self.stamp: Mapping[str, str] = _trailer(model)
        try:
            self._interpreter = interpreter(model_content=model, num_threads=1)
        except SystemError as error:
            # tflite-runtime 2.14 lets itself be installed beside any NumPy, and fails here.
            raise ModelError(
                f"{self.name} cannot work with NumPy {np.__version__}: pip install 'numpy<2', "
                "or better 'wearecg[tflite]'"
            ) from error
        self._interpreter.allocate_tensors()
        # By number, which the signature knows; its own call takes a tenth of a model's time.
        signature = self._interpreter.get_signature_runner()
        inputs, outputs = (
            [details[name] for name in sorted(details, key=lambda name: int(name.rpartition("_")[2]))]
            for details in (signature.get_input_details(), signature.get_output_details())
        )
        self._inputs, self._outputs = ([tensor["index"] for tensor in part] for part in (inputs, outputs))
        self.shapes = [tuple(map(int, tensor["shape"][1:])) for tensor in outputs]

    def run(self, signal: Array, mask: Array) -> list[Array]:
        rows = []
        for pair in zip(signal[:, None], mask[:, None], strict=True):
            for index, given in zip(self._inputs, pair, strict=True):
                self._interpreter.set_tensor(index, given)
            self._interpreter.invoke()
            rows.append([self._interpreter.get_tensor(index) for index in self._outputs])
        return rows[0] if len(rows) == 1 else [np.concatenate(column) for column in zip(*rows, strict=True)]


def _interpreter(packages: Sequence[str]) -> tuple[Any, str]:
    dead: DeadRuntimeError | None = None
    for package in packages:
        try:
            check_runtime(package)
            module = importlib.import_module(module_of(package))
        except DeadRuntimeError as error:
            dead = error
            continue
        except ImportError:
            continue
        return module.Interpreter, f"{package} {metadata.version(package)}"
    if dead:
        raise dead
    raise MissingExtraError("ai-edge-litert", "tflite", "running a .tflite model")


def _trailer(model: bytes) -> dict[str, str]:
    if not model.endswith(TRAILER):
        return {}
    end = len(model) - len(TRAILER) - 4
    start = end - int.from_bytes(model[end : end + 4], "little")
    stamp: dict[str, str] = json.loads(model[start:end])
    return stamp
