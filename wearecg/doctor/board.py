"""Whether the computer gives what it has: supply, heat, clock rate, time of day."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from wearecg.doctor.check import Check, ask, read

MODEL = "proc/device-tree/model"
GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
THROTTLE_BITS = ("under-voltage", "clock capped", "throttled", "near its temperature limit")
"""Bits 0 to 3 of a Raspberry Pi's word (now), and 16 to 19 (since it was started)."""


def check_board(root: Path) -> Iterator[Check]:
    """Check supply and throttling (Raspberry Pi), the CPU governor (Linux) and the clock."""
    model = read(root / MODEL)
    yield Check("board", "ok" if model else "not applicable", model or "does not say what it is")
    yield _supply(root, model or "")
    yield _governor(root)
    yield _clock(root)


def throttle_word(root: Path) -> int | None:
    """Return a Raspberry Pi's throttling word (``vcgencmd get_throttled``), None where there is none."""
    text = read(root / THROTTLED)
    if text is None:
        text = (ask(["vcgencmd", "get_throttled"]) or "").strip().partition("throttled=")[2]
    try:
        return int(text, 16)
    except ValueError:
        return None


def throttling(word: int) -> list[str]:
    """Return a throttling word in words.

    >>> throttling(0x50001)
    ['under-voltage now', 'throttled since the start']
    """
    now = [name for bit, name in enumerate(THROTTLE_BITS) if word >> bit & 1]
    since = [name for bit, name in enumerate(THROTTLE_BITS) if word >> 16 + bit & 1 and name not in now]
    return [*(f"{name} now" for name in now), *(f"{name} since the start" for name in since)]


def _supply(root: Path, model: str) -> Check:
    word = throttle_word(root)
    if word is None:
        found = "the firmware does not answer" if "Raspberry" in model else "not a Raspberry Pi"
        return Check("power and heat", "not applicable", found)
    told = throttling(word)
    if not told:
        return Check("power and heat", "ok", "neither under-voltage nor throttling since the start")
    supply = "use the official power supply and a short cable" if word & 0x10001 else ""
    heat = "give it a heat sink or air" if word & 0xE000E else ""
    remedy = "; ".join(part for part in (supply, heat) if part)
    return Check("power and heat", "problem" if word & 1 else "warning", ", ".join(told), remedy)


def _governor(root: Path) -> Check:
    governor = read(root / GOVERNOR)
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
