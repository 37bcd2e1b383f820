"""Which machine a number came from, and where the numbers go."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "onnxruntime", "ai-edge-litert", "wfdb", "sleepecg", "neurokit2", "edfio")


def describe() -> dict[str, object]:
    """Return CPU model, cores, system, Python and the versions of what is installed of `PACKAGES`."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions,
    }


def line() -> str:
    """Return the machine in one line, for the head of a table."""
    machine = describe()
    packages = machine["packages"]
    assert isinstance(packages, dict)
    names = ", ".join(f"{name} {number}" for name, number in packages.items())
    return f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {names}"


def write(name: str, result: Mapping[str, object], out: Path | None = None) -> Path:
    """Write ``result`` with the machine as JSON to ``out`` (a folder; default benchmarks/results)."""
    folder = RESULTS if out is None else out
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"machine": describe(), **result}, indent=1) + "\n")
    return path


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for row in info.read_text().splitlines():
            key, _, value = row.partition(":")
            if key.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or "unknown CPU"
