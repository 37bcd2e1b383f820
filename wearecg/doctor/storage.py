"""Whether recordings can be written, and for how long."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from wearecg.doctor.check import Check, read
from wearecg.service.files import STATE
from wearecg.sinks.upkeep import in_words

FULL = 100e6
LOW = 1e9
"""Bytes: problem, and warning."""
DAY = 3 * 250 * 2 * 86400
"""Bytes of a day of three leads at 250 Hz."""


def check_storage(directory: Path, root: Path) -> Iterator[Check]:
    """Check the file system of ``directory``: writable, room, and whether the system's own is read-only."""
    place = directory.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
        status = os.statvfs(place) if hasattr(os, "statvfs") else None
    except OSError as error:
        yield Check("recordings", "problem", f"{directory}: {error.strerror}", "choose another folder")
        return
    if status is not None and status.f_flag & getattr(os, "ST_RDONLY", 0):
        remedy = (
            "remount it with `sudo mount -o remount,rw ...`; a Pi's overlay is set in `sudo raspi-config`"
        )
        yield Check("recordings", "problem", f"{directory} is on a read-only file system", remedy)
    elif directory != STATE and not os.access(place, os.W_OK):
        yield Check(
            "recordings",
            "warning",
            f"you may not write to {place}",
            "choose a folder of yours, with --directory",
        )
    days = free / DAY
    found = f"{in_words(free)} free for {directory}, about {days:.0f} days of 3 leads at 250 Hz"
    if free < FULL:
        yield Check(
            "free space", "problem", found, "delete something; `--keep-free` deletes the oldest recordings"
        )
    elif free < LOW:
        yield Check("free space", "warning", found, "delete something, or record with --keep-free")
    else:
        yield Check("free space", "ok", found)
    yield _root_file_system(root)


def _root_file_system(root: Path) -> Check:
    for line in reversed((read(root / "proc/mounts") or "").splitlines()):
        _, where, kind, options, *_ = line.split()
        if where != "/":
            continue
        if "ro" in options.split(","):
            # What the kernel does to a file system with errors, as a worn SD card has.
            remedy = "if that is not on purpose: `dmesg | grep -i ext4`; a card that fails must be replaced"
            return Check("system disk", "problem", f"{kind}, read-only", remedy)
        if kind == "overlay" and read(root / "proc/device-tree/model"):
            remedy = "what is recorded on it is gone after a restart: switch it off in `sudo raspi-config`"
            return Check("system disk", "warning", "an overlay in memory", remedy)
        return Check("system disk", "ok", f"{kind}, writable")
    return Check("system disk", "not applicable", "nothing is known of it here")
