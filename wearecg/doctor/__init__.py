"""`wearecg doctor`: what on this computer helps or hinders, each with what was found and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wearecg.doctor.check import Check

__all__ = ["Check", "examine"]


def examine(directory: Path, root: Path = Path("/")) -> Iterator[Check]:
    """Run every check, one by one; ``directory`` is where recordings go, ``root`` where /proc and /sys are looked for.

    None of them opens a port, connects to a sensor or changes anything.
    """
    from wearecg.doctor.board import check_board
    from wearecg.doctor.install import check_install
    from wearecg.doctor.sensors import check_bluetooth, check_ports
    from wearecg.doctor.service import check_service
    from wearecg.doctor.storage import check_storage

    yield from check_install()
    yield from check_ports(root)
    yield check_bluetooth(root)
    yield from check_board(root)
    yield from check_storage(directory, root)
    yield check_service()
