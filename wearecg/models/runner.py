"""Runs a model file, once its card vouches for it: ONNX Runtime and LiteRT behind one call."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import MissingExtraError, ModelError
from wearecg.models.card import Card, ModelFile

TRAILER = b"wearecg\0"
"""A .tflite file ends in the stamp as JSON, its length (4 bytes, little endian), and these 8 bytes."""

Array = NDArray[np.float32]


class Backend(Protocol):
    """One runtime holding one loaded model."""

    name: str
    stamp: Mapping[str, str]

    def run(self, signal: Array, mask: Array) -> list[Array]:
        """Return every output, embedding first."""


class Runner:
    """A loaded model file on one thread.

    Parameters
    ----------
    card : Card
    folder : Path
        Where the card lies, and so its files.
    precision, runtime : str
        ``fp32`` or ``int8``; ``onnx`` or ``tflite``.

    Raises
    ------
    ModelError
        The model does not come in this form; or its file is missing, cut short, another one, or
        belongs to another card.
    MissingExtraError
        The runtime is not installed.
    """

    def __init__(self, card: Card, folder: Path, precision: str = "int8", runtime: str = "onnx") -> None:
        file = card.file(precision, runtime)
        model = _verified(folder / file.path, file, card)
        try:
            self._backend: Backend = _Onnx(model) if runtime == "onnx" else _LiteRt(model)
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
        self._names = ("embedding", *(group.name for group in card.outputs.groups))
        self._sizes = (card.outputs.embedding, *(len(g.statements) for g in card.outputs.groups))
        self._shape = (len(card.input.leads), card.input.length)

    @property
    def runtime(self) -> str:
        """The runtime in use with its version, for example ``onnxruntime 1.20.1``."""
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
            ``embedding`` float32 [N, size], and the logits of each group float32 [N, statements].
        """
        if signal.shape[1:] != self._shape or mask.shape != signal.shape[:2]:
            raise ModelError(
                f"signal {signal.shape} and mask {mask.shape} do not fit the model: expected "
                f"(N, {self._shape[0]}, {self._shape[1]}) and (N, {self._shape[0]})"
            )
        outputs = self._backend.run(signal, mask)
        if tuple(out.shape[-1] for out in outputs) != self._sizes:
            shapes = [out.shape for out in outputs]
            raise ModelError(f"the model gives {shapes}, its card says {self._sizes}")
        return dict(zip(self._names, outputs, strict=True))


def _verified(path: Path, file: ModelFile, card: Card) -> bytes:
    """Return the bytes of a file after comparing them with the card: what is checked is what is loaded."""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model file {path} of {card.source} cannot be read: {error.strerror}") from error
    if len(model) != file.bytes:
        raise ModelError(
            f"model file {path} has {len(model)} bytes, its card says {file.bytes}: "
            "it was cut short or exchanged; reinstall it"
        )
    digest = hashlib.sha256(model).hexdigest()
    if digest != file.sha256:
        raise ModelError(
            f"model file {path} is not the one its card describes: "
            f"sha256 {digest[:12]}..., card {file.sha256[:12]}...; reinstall it"
        )
    return model


class _Onnx:
    def __init__(self, model: bytes) -> None:
        try:
            import onnxruntime as ort
        except ImportError as error:
            raise ModelError(
                "onnxruntime, which wearecg depends on, cannot be imported: pip install onnxruntime"
            ) from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.name = f"onnxruntime {ort.__version__}"
        self.stamp: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, signal: Array, mask: Array) -> list[Array]:
        outputs: list[Array] = self._session.run(None, {"signal": signal, "mask": mask})
        return outputs


class _LiteRt:
    """``ai_edge_litert``, else ``tflite_runtime``; windows one by one, as .tflite files have no batch."""

    def __init__(self, model: bytes) -> None:
        interpreter, self.name = _interpreter()
        self.stamp: Mapping[str, str] = _trailer(model)
        self._interpreter = interpreter(model_content=model, num_threads=1)
        self._signature = self._interpreter.get_signature_runner()
        self._inputs = sorted(self._signature.get_input_details())
        self._outputs = sorted(self._signature.get_output_details())

    def run(self, signal: Array, mask: Array) -> list[Array]:
        rows = []
        for pair in zip(signal[:, None], mask[:, None], strict=True):
            answer = self._signature(**dict(zip(self._inputs, pair, strict=True)))
            rows.append([answer[name] for name in self._outputs])
        return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _interpreter() -> tuple[Any, str]:
    for package in ("ai_edge_litert", "tflite_runtime"):
        try:
            module = importlib.import_module(f"{package}.interpreter")
        except ImportError:
            continue
        version = importlib.import_module(package).__dict__.get("__version__", "")
        return module.Interpreter, f"{package} {version}".strip()
    raise MissingExtraError("ai-edge-litert", "tflite", "running a .tflite model")


def _trailer(model: bytes) -> dict[str, str]:
    if not model.endswith(TRAILER):
        return {}
    end = len(model) - len(TRAILER) - 4
    start = end - int.from_bytes(model[end : end + 4], "little")
    stamp: dict[str, str] = json.loads(model[start:end])
    return stamp
