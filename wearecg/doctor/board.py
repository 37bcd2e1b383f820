"""Whether the computer gives what it has: supply, heat, clock rate, time of day."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from wearecg.doctor.check import Check, ask, read

_BITS = ("under-voltage", "clock capped", "throttled", "near its temperature limit")


def check_board(root: Path) -> Iterator[Check]:
    """Check supply and throttling (Raspberry Pi), the CPU governor (Linux) and the clock."""
    model = read(root / "proc/device-tree/model")
    yield Check("board", "ok" if model else "not applicable", model or "does not say what it is")
    yield _supply(root, model or "")
    yield _governor(root)
    yield _clock(root)


def _supply(root: Path, model: str) -> Check:
    text = read(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    if text is None:
        text = (ask(["vcgencmd", "get_throttled"]) or "").strip().partition("throttled=")[2]
    try:
        word = int(text, 16)
    except ValueError:
        found = "the firmware does not answer" if "Raspberry" in model else "not a Raspberry Pi"
        return Check("power and heat", "not applicable", found)
    now = [name for bit, name in enumerate(_BITS) if word >> bit & 1]
    since = [name for bit, name in enumerate(_BITS) if word >> 16 + bit & 1 and name not in now]
    told = [*(f"{name} now" for name in now), *(f"{name} since the start" for name in since)]
    if not told:
        return Check("power and heat", "ok", "neither under-voltage nor throttling since the start")
    supply = "use the official power supply and a short cable" if word & 0x10001 else ""
    heat = "give it a heat sink or air" if word & 0xE000E else ""
    remedy = "; ".join(part for part in (supply, heat) if part)
    return Check("power and heat", "problem" if word & 1 else "warning", ", ".join(told), remedy)


def _governor(root: Path) -> Check:
    governor = read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor is None:
        return Check("CPU governor", "not applicable", "the clock rate is not set by this system")
    if governor == "powersave" and not (root / "sys/devices/system/cpu/intel_pstate").exists():
        remedy = "`echo ondemand | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor`"
        return Check("CPU governor", "warning", "powersave: always at the lowest clock rate", remedy)
    return Check("CPU governor", "ok", governor)


def _clock(root: Path) -> Check:
    # The file is systemd-timesyncd's, timedatectl knows of others (chrony), too.
    if (root / "run/systemd/timesync/synchronized").exists():
        return Check("clock", "ok", "synchronised")
    answer = (
        ask(["timedatectl", "show", "--property=NTPSynchronized", "--value"]) if root == Path("/") else None
    )
    match (answer or "").strip():
        case "yes":
            return Check("clock", "ok", "synchronised")
        case "no":
            remedy = (
                "`sudo timedatectl set-ntp true` and a network, or a clock module: recordings are named by it"
            )
            return Check("clock", "warning", "not synchronised: the time of day may be wrong", remedy)
    there = "systemd does not tell here" if sys.platform == "linux" else "not known on this system"
    return Check("clock", "not applicable", there)
