"""What a latency figure depends on besides the processor's name: board, kernels' flags, clock, heat."""

from __future__ import annotations

import os
from pathlib import Path

from wearecg.doctor.board import GOVERNOR, MODEL, throttle_word, throttling
from wearecg.doctor.check import read

ROOT = Path("/")
FLAGS = (
    "avx2",
    "fma",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "amx_int8",
    "neon",
    "asimd",
    "asimdhp",
    "asimddp",
    "i8mm",
    "sve",
)
"""Instruction sets for which ONNX Runtime or XNNPACK have kernels of their own."""
CLOCK = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"


def describe(root: Path = ROOT) -> dict[str, object]:
    """Return the board's model, the processor's `FLAGS` and the governor; None where it cannot be known."""
    return {
        "model": read(root / MODEL),
        "flags": _flags(read(root / "proc/cpuinfo") or ""),
        "governor": read(root / GOVERNOR),
    }


def state(root: Path = ROOT) -> dict[str, object]:
    """Return what may change during a run: clock in MHz, temperature in C, throttling, load of a minute."""
    clock, heat, word = read(root / CLOCK), read(root / TEMPERATURE), throttle_word(root)
    return {
        "mhz": round(int(clock) / 1000) if clock else None,
        "temperature_c": round(int(heat) / 1000, 1) if heat else None,
        "throttled": None if word is None else throttling(word),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def line(board: dict[str, object], before: dict[str, object], after: dict[str, object]) -> str:
    """Return all of it in one line, for the head of a table."""
    flags = board["flags"]
    assert isinstance(flags, list)
    parts = [str(board["model"] or "board not known"), " ".join(flags) or "flags not known"]
    parts.append(f"governor {board['governor'] or 'not known'}")
    for name, unit in (("mhz", "MHz"), ("temperature_c", "C")):
        if before[name] is not None:
            parts.append(f"{before[name]} to {after[name]} {unit}")
    troubles = after["throttled"]
    if isinstance(troubles, list):
        parts.append("; ".join(troubles) or "never throttled")
    else:
        parts.append("throttling not known")
    load, cores = before["load"], os.cpu_count()
    if isinstance(load, float) and cores:
        busy = " (busy: trust CPU, not p99 and max)" if load > cores / 2 else ""
        parts.append(f"load {load} on {cores} cores{busy}")
    return ", ".join(parts)


def _flags(cpuinfo: str) -> list[str]:
    for row in cpuinfo.splitlines():
        key, _, value = row.partition(":")
        if key.strip() in ("flags", "Features"):
            return [flag for flag in FLAGS if flag in value.split()]
    return []
