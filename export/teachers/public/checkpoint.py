"""Published weights: read without running code from the file, every name and shape checked."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from export.errors import ExportError

State: TypeAlias = dict[str, Tensor]

# A score kept beside the weights is a numpy scalar in some files; rebuilding one runs no code of the file.
_REBUILD_SCALAR: Any = np.float64(0).__reduce__()[0]
_PLAIN: list[Any] = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
    *((_REBUILD_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
SHOWN = 6


def read(path: Path) -> Mapping[str, Any]:
    """Return what a checkpoint holds, on the CPU.

    Raises
    ------
    ExportError
        No such file, not a checkpoint, or one that holds more than tensors and plain values.
    """
    try:
        with torch.serialization.safe_globals(_PLAIN):
            held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ExportError(f"there are no weights at {path}: download them from the authors first") from None
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise ExportError(
            f"{path} holds more than tensors and plain values, or is not a checkpoint ({reason}). If you trust "
            "its origin, save its state dict alone: torch.save(torch.load(old, weights_only=False)[...], new)"
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise ExportError(f"{path} is not a checkpoint of torch, or is cut short: {error}") from error
    if not isinstance(held, Mapping):
        raise ExportError(f"{path} holds a {type(held).__name__}, not a dict of weights")
    return held


def state_dict(checkpoint: Mapping[str, Any], container: str | None = None) -> State:
    """Return the state dict of a checkpoint: what lies under ``container``, else the checkpoint itself.

    A leading ``module.`` (left by DataParallel) is dropped; so is what is no tensor.
    """
    inner = checkpoint.get(container) if container else None
    held = inner if isinstance(inner, Mapping) else checkpoint
    state = {name: value for name, value in held.items() if isinstance(value, Tensor)}
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state


def under(state: State, prefix: str) -> State:
    """Return the part of a state dict below ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def without(state: State, *prefixes: str) -> State:
    """Return a state dict less the names that start with one of ``prefixes``."""
    return {name: value for name, value in state.items() if not name.startswith(prefixes)}


def fill(net: nn.Module, state: State, source: str) -> None:
    """Put a state dict into a network (built on the meta device or not), frozen, in float32.

    Raises
    ------
    ExportError
        A name is missing or not expected, or a shape differs; the message names them.
    """
    ours = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in state.items()}
    faults = [
        _list("missing", ours.keys() - theirs.keys()),
        _list("not expected", theirs.keys() - ours.keys()),
        _list(
            "of another shape",
            (
                f"{name} {list(theirs[name])} for {list(ours[name])}"
                for name in ours.keys() & theirs.keys()
                if ours[name] != theirs[name]
            ),
        ),
    ]
    if any(faults):
        raise ExportError(
            f"{source} does not fit: {'; '.join(filter(None, faults))}. "
            "Is this the published file of this model? The README beside the adapters names them"
        )
    net.load_state_dict(state, strict=True, assign=True)
    net.float().eval().requires_grad_(False)


def _list(what: str, names: Iterable[str]) -> str:
    found = sorted(names)
    if not found:
        return ""
    rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{what}: {', '.join(found[:SHOWN])}{rest}"
