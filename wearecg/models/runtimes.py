"""Whether the package that runs models can be imported here at all.

A published build may hold instructions that a processor does not have: its import then ends the whole process (SIGILL),
and with it a recording. So the first import on a machine is tried in a process of its own; that it went well is
remembered for this build of the package and this processor.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from wearecg.errors import ModelError
from wearecg.text import visible

PATIENCE_S = 60.0
"""A slow card may take so long to read a runtime of 40 MB."""


class DeadRuntimeError(ModelError):
    """Importing the runtime ends the process, or hangs: no model of its format can run, everything else can."""


def module_of(package: str) -> str:
    """Return the module of a runtime that is used."""
    return f"{package}.interpreter" if "tflite" in package or "litert" in package else package


def check_runtime(package: str) -> None:
    """Raise unless ``package`` can be imported; a package that is not installed is not looked at.

    Raises
    ------
    DeadRuntimeError
        Its import would end this process.
    """
    if module_of(package) in sys.modules or find_spec(package) is None:
        return
    seen = _seen()
    build = _build(package)
    if build in seen:
        return
    why = probe(package)
    if why:
        raise DeadRuntimeError(why)
    with suppress(OSError):  # a home that cannot be written costs a second at each start
        file = _memory()
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps([*seen, build]), encoding="utf-8")
        part.replace(file)


def probe(package: str) -> str:
    """Import ``package`` in a process of its own; return why that ended badly and what to do, empty if it did not."""
    command = [sys.executable, "-c", f"import {module_of(package)}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        how = f"hangs for {PATIENCE_S:g} s"
    else:
        # An import that merely fails raises here too, and says why.
        if done.returncode >= 0:
            return ""
        how = f"ends the process ({_name(-done.returncode)})"
    return f"importing {package} {_version(package)} {how} on this processor: {_remedy(package)}"


def _remedy(package: str) -> str:
    version = _version(package)
    other = f"pip install '{package.replace('_', '-')}!={version}'" if version else f"reinstall {package}"
    return f"{other}; until then nothing is scored"


def _version(package: str) -> str:
    try:
        return visible(metadata.version(package))
    except metadata.PackageNotFoundError:
        return ""


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _memory() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "wearecg" / "runtimes.json"


def _seen() -> list[str]:
    try:
        seen = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # no file, no JSON, no home
        return []
    return [build for build in seen if isinstance(build, str)] if isinstance(seen, list) else []


def _build(package: str) -> str:
    """Return what changes when the package or the processor does: a card may move to another board."""
    spec = find_spec(package)
    origin = spec.origin if spec else None
    file = os.stat(origin) if origin and os.path.exists(origin) else None
    parts = [package, _version(package), str(origin), str(file and (file.st_mtime_ns, file.st_size))]
    return hashlib.sha256("\n".join([*parts, sys.version, *_processor()]).encode()).hexdigest()


def _processor() -> list[str]:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        telling = ("flags", "features", "model name", "cpu part", "cpu implementer", "isa")
        return sorted({line for line in lines if line.lower().startswith(telling)})
    return [platform.machine(), platform.processor()]
