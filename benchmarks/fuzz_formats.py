"""Mutation fuzzing of every reader of recordings: one line or samples, in bounded time and memory, in its own folder.

    python -m benchmarks.fuzz_formats [--format NAME ...] [--inputs 45000] [--files FOLDER] [--out FOLDER]

The seeds are what the tests of the readers write (``tests/formats``, run once with their files kept) and, if given,
real files, each with what lies beside it. Input k of a format is always the same for the same seeds. Each format has a
process of its own; a reader must return samples, or raise an error of ours of one line, within `MOST_S` of CPU and
`MOST_BYTES`, and may neither write nor open anything outside the folder of its file.

Prints the ledger of all formats and keeps it; a second run goes on where the first one ended. What was found is left
beside the ledger, and ends the run of its format.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine

ROOT = Path(__file__).parents[1]
TURN = 5000
"""Inputs between two entries in the ledger; a process lives that long."""
MOST_S = 10.0
"""Seconds of CPU for one input."""
MOST_BYTES = 3 << 30
"""Address space of the process, packages included."""
LARGEST_SEED = 60_000
"""Bytes of a file that is mutated; of larger ones, so much of the beginning."""
LONGEST_MESSAGE = 2000
OPENED = 3
"""Pieces of a recording that are read: the first, one in the middle, the last."""
KEEP, TARGET = "WEARECG_FUZZ_SEEDS", "target"
SMALL_TEXTS = (
    b"",
    b"0",
    b"-1",
    b"1e9",
    b"1e-9",
    b"99999999999",
    b"nan",
    b"inf",
    b"/etc/passwd",
    b"../x",
    b"\x00",
)
SMALL_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFF, 0x0A, 0x20, 0x2E)

Rng = np.random.Generator
Seed = tuple[str, dict[str, bytes]]
"""The name of the recording, and all files of its folder."""


def main() -> int:
    """Fuzz the formats by turns; 1 if anything was found."""
    from wearecg.formats import FORMATS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--format", action="append", choices=sorted(FORMATS), help="may be repeated")
    parser.add_argument(
        "--inputs", type=int, default=45_000, metavar="N", help="for each format, in all runs"
    )
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="real files to begin from, too")
    parser.add_argument(
        "--seeds", type=Path, metavar="FOLDER", help="keep what the tests write, for the next run"
    )
    parser.add_argument("--out", type=Path, default=machine.RESULTS, metavar="FOLDER")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        Fuzzer(args.format[0], args.seeds, args.files, args.out).run(args.child, args.inputs)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        seeds = args.seeds or Path(folder) / "seeds"
        if not seeds.exists():
            make_seeds(seeds)
        return run(args.format or list(FORMATS), args.inputs, seeds, args.files, args.out)


def run(names: list[str], inputs: int, seeds: Path, files: Path | None, out: Path) -> int:
    """Fuzz the formats ``names``, each a turn at a time, until each has had ``inputs``."""
    file = out / "fuzz_formats.json"
    ledger: dict[str, Any] = json.loads(file.read_text())["formats"] if file.exists() else {}
    stopped: set[str] = set()
    while waiting := [n for n in names if n not in stopped and ledger.get(n, {}).get("inputs", 0) < inputs]:
        for name in waiting:
            past = ledger.get(name, {"inputs": 0})
            first = past["inputs"]
            entry = turn(name, first, min(first + TURN, inputs), seeds, files, out)
            if entry["findings"] or not entry["seeds"]:
                stopped.add(name)
            ledger[name] = added(past, entry)
            row = " ".join(f"{key} {value}" for key, value in ledger[name].items())
            print(f"{name:16}{row}", flush=True)
            total = sum(one["inputs"] for one in ledger.values())
            machine.write("fuzz_formats", {"inputs": total, "formats": ledger}, out)
    return int(any(entry["findings"] for entry in ledger.values()))


def added(past: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Return the ledger of two turns; findings are those of the last one, as earlier ones were mended since."""
    sums = {key: past.get(key, 0) + entry[key] for key in ("inputs", "read", "refused", "cpu_s")}
    most = {key: max(past.get(key, 0), entry[key]) for key in ("seeds", "slowest_s", "largest_mb")}
    return {**sums, **most, "cpu_s": round(sums["cpu_s"], 1), "findings": entry["findings"]}


def turn(name: str, first: int, last: int, seeds: Path, files: Path | None, out: Path) -> dict[str, Any]:
    """Fuzz one format in a process of its own; its ledger."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        command = [sys.executable, "-m", "benchmarks.fuzz_formats", "--format", name, "--child", str(first)]
        command += ["--inputs", str(last), "--seeds", str(seeds), "--out", folder]
        command += ["--files", str(files)] if files else []
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        report = Path(folder, "ledger.json")
        entry: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
        if not entry:
            raise SystemExit(f"the process that fuzzed {name} could not begin:\n{ended.stderr[-4000:]}")
        if ended.returncode:  # the interpreter itself was ended: by a package, or for its memory
            entry["findings"] = 1
        if entry["findings"]:
            kept = out / f"fuzz_{name}_{entry['inputs'] + first}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(Path(folder, "input"), kept)
            (kept / "why").write_text(f"exit status {ended.returncode}\n{ended.stderr[-4000:]}")
        return entry


def _memory() -> str | None:
    """Return a folder in memory, if there is one: a million inputs are a million files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def make_seeds(folder: Path) -> None:
    """Have the tests of the readers run, and keep each file that they read in ``folder``, by its format."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "benchmarks.fuzz_formats",
    ]
    environment = {**os.environ, KEEP: str(folder)}
    tests = str(ROOT / "tests" / "formats")
    subprocess.run([*command, tests], cwd=ROOT, env=environment, capture_output=True, check=False)


def pytest_configure() -> None:
    """Keep what is read from now on: pytest calls this of its plugins."""
    from wearecg import formats

    format_of, folder, number = formats._format_of, Path(os.environ[KEEP]), itertools.count()

    def kept(path: Path) -> formats.Format:
        found = format_of(path)
        beside = [path.parent, *(path.parents[1:3] if found.name == "bids" else ())]
        files = [one for parent in beside for one in parent.iterdir() if one.is_file()]
        if sum(one.stat().st_size for one in files) < LARGEST_SEED:
            place = folder / found.name / f"{next(number)}"
            place.mkdir(parents=True)
            (place / TARGET).write_text(path.name)
            for one in files:
                shutil.copyfile(one, place / one.name)
        return found

    formats._format_of = kept


def find_seeds(name: str, seeds: Path, files: Path | None) -> list[Seed]:
    """Return the recordings of the format ``name``, with the files beside them."""
    from wearecg.errors import WearECGError
    from wearecg.formats import _format_of

    found: list[Seed] = []
    for target in sorted((seeds / name).glob(f"*/{TARGET}")):
        beside = [one for one in sorted(target.parent.iterdir()) if one != target]
        found.append((target.read_text(), {one.name: one.read_bytes() for one in beside}))
    for path in sorted(files.rglob("*")) if files else ():
        with contextlib.suppress(WearECGError, OSError):
            if path.is_file() and _format_of(path).name == name:
                beside = list(path.parent.iterdir()) if name in ("wfdb", "bids") else [path]
                found.append((path.name, {one.name: one.read_bytes()[:LARGEST_SEED] for one in beside}))
    alike = {(target, *sorted(beside.items())): (target, beside) for target, beside in found if beside}
    return list(alike.values())


def mutated(data: bytes, rng: Rng, other: bytes) -> bytes:
    """Return ``data`` with some of it changed; what is packed is changed inside."""
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.8:
        with contextlib.suppress(OSError, EOFError, zlib.error):
            return gzip.compress(mutated(gzip.decompress(data), rng, b""), 1)
    if data[:2] == b"PK" and rng.random() < 0.8:
        with contextlib.suppress(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            return _rezipped(data, rng)
    changed = bytearray(data)
    for _ in range(1 << int(rng.integers(0, 3))):
        _CHANGES[int(rng.integers(len(_CHANGES)))](changed, rng, other)
    return bytes(changed)


def _rezipped(data: bytes, rng: Rng) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        names = old.namelist()
        for name in names:
            inside = old.read(name)
            new.writestr(name, mutated(inside, rng, b"") if rng.random() < 1 / len(names) else inside)
    return packed.getvalue()


def _place(data: bytearray, rng: Rng) -> int:
    """Return a place, half of the time near the beginning, where headers are."""
    most = len(data) if rng.random() < 0.5 else min(len(data), 512)
    return int(rng.integers(0, most + 1))


def _set_byte(data: bytearray, rng: Rng, _other: bytes) -> None:
    if data:
        data[min(_place(data, rng), len(data) - 1)] = SMALL_BYTES[int(rng.integers(len(SMALL_BYTES)))]


def _flip_bit(data: bytearray, rng: Rng, _other: bytes) -> None:
    if data:
        data[min(_place(data, rng), len(data) - 1)] ^= 1 << int(rng.integers(8))


def _set_number(data: bytearray, rng: Rng, _other: bytes) -> None:
    size = int(rng.choice([2, 4, 8]))
    value = int(rng.choice([0, 1, -1, 1 << 15, (1 << 31) - 1, 1 << 24])) % (1 << 8 * size)
    at = _place(data, rng)
    data[at : at + size] = value.to_bytes(size, "little" if rng.random() < 0.7 else "big")


def _set_text(data: bytearray, rng: Rng, _other: bytes) -> None:
    """Write something else for one of the numbers of a text."""
    start = _place(data, rng)
    if found := re.compile(rb"[-+]?\d[\d.,eE+-]*").search(data, start, start + 2048):
        text = SMALL_TEXTS[int(rng.integers(len(SMALL_TEXTS)))]
        if rng.random() < 0.5:  # as wide as before, in headers of columns
            text = text[: found.end() - found.start()].ljust(found.end() - found.start())
        data[found.start() : found.end()] = text


def _cut(data: bytearray, rng: Rng, _other: bytes) -> None:
    at = _place(data, rng)
    if rng.random() < 0.2:
        del data[at:]
    else:
        del data[at : at + int(rng.integers(1, 64))]


def _repeat(data: bytearray, rng: Rng, _other: bytes) -> None:
    at = _place(data, rng)
    data[at:at] = data[at : at + int(rng.integers(1, 256))] * int(rng.integers(1, 8))


def _splice(data: bytearray, rng: Rng, other: bytes) -> None:
    if other:
        at, since = _place(data, rng), int(rng.integers(len(other)))
        data[at : at + 64] = other[since : since + 64]


def _swap_lines(data: bytearray, rng: Rng, _other: bytes) -> None:
    lines = bytes(data).split(b"\n")
    if len(lines) > 1:
        a, b = rng.integers(len(lines), size=2).tolist()
        lines[a], lines[b] = lines[b], lines[a]
        data[:] = b"\n".join(lines)


_CHANGES: tuple[Callable[[bytearray, Rng, bytes], None], ...] = (
    _set_byte, _flip_bit, _set_number, _set_text, _set_text, _cut, _repeat, _splice, _swap_lines,
)  # fmt: skip


class TooLong(BaseException):
    """One input took more than `MOST_S` of CPU. No Exception, so that nobody catches it."""


class Fuzzer:
    """What runs in the process of one format."""

    def __init__(self, name: str, seeds: Path, files: Path | None, folder: Path) -> None:
        from wearecg import registry
        from wearecg.formats import ENTRY_POINTS, FORMATS

        self._name, self._folder, self._input = name, folder, folder / "input"
        self._format = registry.find(name, FORMATS, ENTRY_POINTS)()
        self._seeds = find_seeds(name, seeds, files)
        self._sound: list[Seed] = []
        self._watching, self._temporary = False, tempfile.gettempdir()
        self._entry: dict[str, Any] = {
            "inputs": 0, "read": 0, "refused": 0, "cpu_s": 0.0, "seeds": len(self._seeds), "slowest_s": 0.0,
            "largest_mb": 0, "findings": 0,
        }  # fmt: skip

    def run(self, first: int, last: int) -> None:
        """Read the inputs from ``first`` up to ``last``, or to the first finding."""
        self._report()
        if not self._seeds:
            return
        for seed in self._seeds:  # and with them the packages are loaded
            self._write(seed[1])
            with contextlib.suppress(Exception):
                self._read(self._input / seed[0], 0)
                self._sound.append(seed)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        signal.signal(signal.SIGPROF, _too_long)
        sys.addaudithook(self._audit)
        for k in range(first, last):
            rng = np.random.default_rng([zlib.crc32(self._name.encode()), k])
            target, files = self._mutant(rng)
            self._write(files)
            began = time.process_time()
            if k % 256 == 0:
                self._report()
            try:
                self._hear(self._input / target, k)
            except BaseException:
                traceback.print_exc()
                self._entry["findings"] = 1
            took = time.process_time() - began
            entry = self._entry
            entry["inputs"] += 1
            entry["cpu_s"] += took
            entry["slowest_s"] = max(entry["slowest_s"], round(took, 2))
            if entry["findings"]:
                break
        self._report()

    def _mutant(self, rng: Rng) -> Seed:
        seeds = self._sound if self._sound and rng.random() < 0.8 else self._seeds
        target, files = seeds[int(rng.integers(len(seeds)))]
        names = list(files)
        # Headers are small, and say more than samples do.
        victim = names[int(rng.integers(len(names)))]
        if (header := f"{target}.hea") in files and rng.random() < 0.7:
            victim = header
        other = self._seeds[int(rng.integers(len(self._seeds)))][1]
        spare = next(iter(other.values()))
        return target, {**files, victim: mutated(files[victim], rng, spare)}

    def _write(self, files: dict[str, bytes]) -> None:
        shutil.rmtree(self._input, ignore_errors=True)
        self._input.mkdir()
        for name, data in files.items():
            (self._input / name).write_bytes(data)

    def _hear(self, path: Path, k: int) -> None:
        from wearecg.errors import WearECGError

        there = sorted(os.listdir(self._input))
        signal.setitimer(signal.ITIMER_PROF, MOST_S)
        self._watching = True
        try:
            self._read(path, k)
            self._entry["read"] += 1
        except WearECGError as error:
            self._entry["refused"] += 1
            if "\n" in str(error) or len(str(error)) > LONGEST_MESSAGE:
                raise AssertionError("no message of one line") from error
        finally:
            self._watching = False
            signal.setitimer(signal.ITIMER_PROF, 0)
        assert sorted(os.listdir(self._input)) == there, "something was written beside it"

    def _read(self, path: Path, k: int) -> None:
        from wearecg.formats.base import Told

        told = (Told(), Told(fs=250.0), Told(leads=("II",)), Told(fs=250.0, leads=("II",), lsb=0.001))
        with warnings.catch_warnings():
            warnings.simplefilter("error" if k else "ignore", RuntimeWarning)
            stored = self._format.open(path, told[0] if k % 4 else told[k // 4 % 4])
            stored.check(path.name)
            for one in (stored, *stored.others):
                for first in sorted({0, one.length // 2, max(0, one.length - one.piece)})[:OPENED]:
                    last = min(first + one.piece, one.length)
                    samples = one.read(first, last)
                    if one.recording.leads:
                        assert samples.shape == (last - first, len(one.recording.leads))
                        assert samples.dtype == np.float32
        assert stored.recording.fs > 0
        assert len(set(stored.recording.leads)) == len(stored.recording.leads)
        assert all("\n" not in remark for remark in stored.recording.remarks)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise if something is opened that is not of the folder; code of packages is."""
        if not self._watching or event != "open" or not isinstance(args[0], str | bytes):
            return
        path, mode = Path(os.fsdecode(args[0])).absolute(), args[1]
        if path.is_relative_to(self._temporary):
            return
        if isinstance(mode, str) and set(mode) & set("wax+"):
            raise OutsideError(f"{path} was opened to be written")
        roots = (self._input, sys.prefix, sys.base_prefix, ROOT, *_SYSTEM)
        if not any(path.is_relative_to(root) for root in roots):
            raise OutsideError(f"{path} was opened")

    def _report(self) -> None:
        self._entry["largest_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        (self._folder / "ledger.json").write_text(json.dumps(self._entry))


_SYSTEM = ("/usr/lib", "/usr/share/zoneinfo", "/proc", "/sys", "/dev/null", "/dev/urandom", "/etc/localtime")


class OutsideError(BaseException):
    """A reader opened what is not of its folder. No Exception, so that nobody catches it."""


def _too_long(_number: int, _frame: object) -> None:
    raise TooLong(f"more than {MOST_S:g} s of CPU")


if __name__ == "__main__":
    raise SystemExit(main())
