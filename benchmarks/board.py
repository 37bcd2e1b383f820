"""What a latency figure depends on besides the processor's name: board, kernels' flags, clock, heat."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

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
MODEL = ("proc/device-tree/model", "sys/firmware/devicetree/base/model")
GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
CLOCK = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
THROTTLE_BITS = ("under-voltage", "clock capped", "throttled", "near its temperature limit")
"""Bits 0 to 3 of a Raspberry Pi's word (now), and 16 to 19 (since it was started)."""


def describe(root: Path = ROOT) -> dict[str, object]:
    """Return the board's model, the processor's `FLAGS` and the governor; None where it cannot be known."""
    return {
        "model": next((text for path in MODEL if (text := _read(root / path))), None),
        "flags": _flags(_read(root / "proc/cpuinfo") or ""),
        "governor": _read(root / GOVERNOR),
    }


def state(root: Path = ROOT) -> dict[str, object]:
    """Return what may change during a run: clock in MHz, temperature in C, throttling, load of a minute."""
    clock, heat = _read(root / CLOCK), _read(root / TEMPERATURE)
    return {
        "mhz": round(int(clock) / 1000) if clock else None,
        "temperature_c": round(int(heat) / 1000, 1) if heat else None,
        "throttled": _throttled(root),
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


def throttling(word: int) -> list[str]:
    """Return a Raspberry Pi's throttling word (``vcgencmd get_throttled``) in words.

    >>> throttling(0x50000)
    ['under-voltage since start', 'throttled since start']
    """
    now = [f"{text} now" for bit, text in enumerate(THROTTLE_BITS) if word >> bit & 1]
    since = [f"{text} since start" for bit, text in enumerate(THROTTLE_BITS) if word >> (16 + bit) & 1]
    return now + since


def _throttled(root: Path) -> list[str] | None:
    word = _read(root / THROTTLED)
    if word is None and (tool := shutil.which("vcgencmd")):
        answer = subprocess.run([tool, "get_throttled"], capture_output=True, text=True, check=False).stdout
        word = answer.strip().partition("throttled=0x")[2] or None
    return None if word is None else throttling(int(word, 16))


def _flags(cpuinfo: str) -> list[str]:
    for row in cpuinfo.splitlines():
        key, _, value = row.partition(":")
        if key.strip() in ("flags", "Features"):
            return [flag for flag in FLAGS if flag in value.split()]
    return []


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip("\0 \n") or None
    except OSError:
        return None
