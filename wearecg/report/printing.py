"""Printing a page to PDF with the browser that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from wearecg.errors import SinkError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PRINT_S = 120


def browser() -> str:
    """Return a browser that prints without a window.

    Raises
    ------
    SinkError
        There is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise SinkError(
        "a .pdf is printed by Chromium, Chrome or Edge, and none is installed: "
        "make a .html, open it in any browser and print it"
    )


def print_page(printer: str, page: Path, to: Path) -> None:
    """Print a page to a PDF.

    Raises
    ------
    SinkError
        The browser could not.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    # Chromium refuses to lock itself in for root.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        printer,
        "--headless=new",
        *root,
        "--disable-gpu",
        f"--user-data-dir={page.parent / 'browser'}",
        "--no-pdf-header-footer",
        f"--print-to-pdf={to.resolve()}",
        page.resolve().as_uri(),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PRINT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SinkError(f"{printer} could not print the report: {error}") from error
    if done.returncode or not to.is_file():
        said = done.stderr.strip().splitlines()
        raise SinkError(f"{printer} could not print the report: {said[-1] if said else done.returncode}")
