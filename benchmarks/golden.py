"""Whether this build says and records what another one does: four simulated runs through both.

    python -m benchmarks.golden --against WHEEL_OR_CHECKOUT

Compared are the JSON Lines, field by field in their order, and the bytes of the WFDB files. Left out is what must
differ: wall clock times, the lines of findings that have ended, and fields that the other build does not have.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from difflib import unified_diff
from pathlib import Path
from typing import Any

RUNS = {
    "demo": ["simulate:demo?seed=1&speed=max", "--duration", "100", "--model", "encoder"],
    "rhythm1": [
        "simulate:af?seed=2&fs=250&speed=max",
        "--duration",
        "70",
        "--leads",
        "II",
        "--model",
        "rhythm1",
    ],
    "twelve": ["simulate:pvc?seed=3&speed=max", "--duration", "45", "--leads", "II,V1,V5", "--twelve"],
    "pulse": [
        "simulate:sinus+motion?seed=4&speed=max",
        "--duration",
        "60",
        "--ppg-to-ecg",
        "--model",
        "none",
    ],
}
MOMENTS = ("wall", "host")
_TIMES = re.compile(rb"wearecg_\d{8}T\d{6}Z|\d\d:\d\d:\d\d\.\d+ \d\d/\d\d/\d{4}")
Line = dict[str, Any]


def play(tree: Path, folder: Path) -> None:
    """Run all four with the package in ``tree``, into ``folder``."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    for name, arguments in RUNS.items():
        out = ["--to", f"jsonl:{folder}/{name}.jsonl", "--record", str(folder / name)]
        command = [sys.executable, "-m", "wearecg", "stream", *arguments, *out]
        subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)


def lines(path: Path, fields: dict[str, set[str]] | None = None) -> list[Line]:
    """Read the lines, with those ``fields`` of each type that are to be compared."""
    found: list[Line] = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [line for line in found if line.get("change") != "ends"]
    return [
        {
            key: _without_moments(value)
            for key, value in line.items()
            if key not in MOMENTS and (fields is None or key in fields.get(line["type"], set()))
        }
        for line in kept
    ]


def _without_moments(value: Any) -> Any:
    return {k: v for k, v in value.items() if k not in MOMENTS} if isinstance(value, dict) else value


def recorded(folder: Path) -> dict[str, bytes]:
    """Return the files of a recording without the times at which it was made."""
    return {
        _TIMES.sub(b"", path.name.encode()).decode(): _TIMES.sub(b"", path.read_bytes())
        for path in sorted(folder.iterdir())
    }


def compare(name: str, ours: Path, theirs: Path) -> bool:
    """Print what differs in one run; return whether nothing does."""
    before = lines(theirs / f"{name}.jsonl")
    fields: dict[str, set[str]] = {}
    for line in before:
        fields.setdefault(line["type"], set()).update(line)
    now = lines(ours / f"{name}.jsonl", fields)
    old, new = ([json.dumps(line, ensure_ascii=False) for line in one] for one in (before, now))
    changes = unified_diff(old, new, lineterm="", n=0)
    differences = [text for text in changes if not text.startswith(("---", "+++", "@@"))]
    files = [recorded(one / name) for one in (theirs, ours)]
    unlike = sorted(file for file in {*files[0], *files[1]} if files[0].get(file) != files[1].get(file))
    print(
        f"{name:8} {len(before)} lines, {len(differences)} differ; {len(files[0])} files, unlike: {unlike or 'none'}"
    )
    for text in differences[:6]:
        print(f"    {text[:200]}")
    return not differences and not unlike


def main() -> int:
    """Compare; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, required=True, help="a wheel of wearecg, or a checkout")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        other = args.against.resolve()
        if other.is_file():
            zipfile.ZipFile(other).extractall(work / "wheel")
            other = work / "wheel"
        outputs = work / "ours", work / "theirs"
        for tree, output in zip((Path(__file__).parents[1], other), outputs, strict=True):
            output.mkdir()
            play(tree, output)
        same = [compare(name, *outputs) for name in RUNS]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
