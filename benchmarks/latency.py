"""What the shipped models cost on this machine, beside networks from the literature, all in one run.

    python -m benchmarks.latency [--rounds 1000] [--out FOLDER] [--compare FILE] [--no-peers]

Every round calls everything once, in a new random order, on 10 s of a synthetic person; so a busy moment
of the machine hits all alike. What takes tens of milliseconds is called in every tenth round only (the
table says how often). wearecg runs its models on one thread. The rows of two threads are bare sessions,
each measured alone and without a pause, which favours them: ONNX Runtime's idle workers spin for some
40 ms after a run, and would take the core from whatever came next.

Afterwards everything is called in blocks of twenty without anything between: "hot", the median of the CPU
time with warm caches, as in a loop over a recording; the rounds are nearer to a device that does other work
between two windows.

p50, p99, max are elapsed time of the rounds; CPU is what the process used (mean), and from it follow the share of one
core at the live hop of one window a second and the streams that a core holds: of the model alone, or (the
row "live window") with conditioning, probabilities and findings. The front end is not in it; see
``benchmarks.stream`` for all of it. Cold start: a fresh process, its files already in memory, from before
the first import to the first result; RSS is that process's with the model loaded, and after the first
result (Linux only). "times" is by how much less CPU it takes than xresnet1d101; a busy machine stretches
the elapsed time of long runs more than that of short ones, and would flatter a small model.

Writes latency.json, which names the board (please send yours), and latency.svg.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import board, machine
from wearecg.block import Quality, Window
from wearecg.ecg.leads import TWELVE
from wearecg.models import Card, available, load_card
from wearecg.models.card import ModelFile, card_path
from wearecg.models.golden import windows
from wearecg.models.model import load_scorer
from wearecg.models.runner import ENGINES, Runner
from wearecg.person import Person
from wearecg.pipeline.observer import Windows

SEED = 1
WARM_UP = 5
HEAVY_EVERY = 10
COLD_STARTS = 5
REST_S = 0.1
HOT_BLOCK, HOT_BLOCKS = 20, 25
REFERENCE = "xresnet1d101 fp32 onnx"
EXPORTER = ("torch", "onnx", "onnxscript")
# fmt: off
COLUMNS = (
    ("runs", "rounds", 5, 0, 1), ("p50 ms", "p50_ms", 9, 3, 1), ("p99 ms", "p99_ms", 9, 3, 1),
    ("max ms", "max_ms", 9, 2, 1), ("CPU ms", "cpu_ms", 9, 3, 1), ("times", "times", 7, 1, 1),
    ("hot ms", "hot_ms", 8, 3, 1), ("hot x", "hot_times", 7, 1, 1),
    ("% core", "core_fraction", 8, 3, 0.01), ("streams", "streams_per_core", 8, 0, 1),
    ("cold s", "cold_start_s", 8, 2, 1), ("RSS MB", "rss_loaded_mb", 8, 1, 1), ("later", "rss_mb", 7, 1, 1),
    ("file kB", "bytes", 9, 0, 1e3), ("param k", "parameters", 9, 0, 1e3), ("MMAC", "mmac", 8, 1, 1),
)
# fmt: on
"""Title, field, width, digits, unit."""
COLD = """
import time
began = time.perf_counter()
def rss():
    try:
        return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0]) * 1.024e-3
    except OSError:
        return None
{setup}
loaded = rss()
{first}
first = time.perf_counter() - began
import json
print(json.dumps([first, loaded, rss()]))
"""
COLD_SHIPPED = """
from wearecg.models.card import card_path, load_card
from wearecg.models.runner import Runner
import numpy as np
card = load_card({name!r})
runner = Runner(card, card_path({name!r}).parent, {precision!r}, {runtime!r})
shape = (1, len(card.input.leads), card.input.length)
runner.run(np.zeros(shape, np.float32), np.ones(shape[:2], np.float32))
"""
COLD_ONNX = """
import numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession({path!r}, options, providers=["CPUExecutionProvider"])
session.run(None, {{"signal": np.zeros((1, {leads}, {length}), np.float32)}})
"""
COLD_NEUROKIT = """
import warnings
warnings.simplefilter("ignore")
import neurokit2
from wearecg.person import Person
x = Person(0, "sinus", 100.0).samples(1000)[:, 1]
neurokit2.ecg_process(x, sampling_rate=100)
"""
"""What a fresh process does; the last line gives its first result."""

Array = NDArray[np.float32]
Row = dict[str, Any]
Times = list[tuple[int, int]]
"""Nanoseconds of every run: elapsed, and of the processor."""
Cold = list[float | None]
"""Seconds to the first result; MB with the model loaded, and after the result."""


@dataclass(frozen=True)
class Candidate:
    """Something to measure: ``call(i)`` is its i-th run; ``cold`` the code of a fresh process, if any."""

    name: str
    call: Callable[[int], object]
    facts: Mapping[str, object]
    cold: str = ""
    heavy: bool = False


def shipped() -> tuple[list[Candidate], list[Candidate], list[str]]:
    """Return what runs on one thread, what runs on two, and what cannot run here."""
    one: list[Candidate] = []
    two: list[Candidate] = []
    absent: list[str] = []
    for name in available():
        card = load_card(name)
        folder = card_path(name).parent
        signal, mask = windows(card.input)
        for file in card.files:
            label = f"{name} {file.precision} {file.runtime}"
            package = next((p for p in ENGINES[file.runtime] if find_spec(p)), None)
            if package is None:
                absent.append(label)
                continue
            runner = Runner(card, folder, file.precision, file.runtime, package)
            facts = _facts(card, file, runner.engine)
            setup = COLD_SHIPPED.format(name=name, precision=file.precision, runtime=file.runtime)
            one.append(Candidate(label, _in_turn(runner.run, signal, mask), facts, setup))
            session = _session(folder / file.path, file.runtime, package, threads=2)
            call = _in_turn(session, signal, mask)
            two.append(Candidate(f"{label}, 2 threads", call, {**facts, "threads": 2}))
        if card.outputs.groups:
            one.append(_live_window(name, card))
    return one, two, absent


def references(folder: Path) -> tuple[list[Candidate], list[str]]:
    """Return the networks of :mod:`benchmarks.reference_nets`, and neurokit2, and what is not installed."""
    here: list[Candidate] = []
    absent: list[str] = []
    if all(find_spec(package) for package in EXPORTER):
        # A process of its own, so that torch is not in this one.
        for name, net in _fresh("-m", "benchmarks.reference_nets", str(folder)).items():
            fs = net["length"] / 10
            x = Person(0, "sinus", fs).samples(net["length"])[None, :, : net["leads"]].swapaxes(1, 2)
            session = _session(Path(net["path"]), "onnx", "onnxruntime", threads=1)
            facts = {key: net[key] for key in ("bytes", "parameters", "mmac")}
            facts |= {"engine": f"onnxruntime {version('onnxruntime')}", "threads": 1}
            cold = COLD_ONNX.format(**net)
            call = _in_turn(session, np.ascontiguousarray(x))
            here.append(Candidate(f"{name} fp32 onnx", call, facts, cold, heavy=True))
    else:
        absent.append("reference networks (extra: export)")
    if find_spec("neurokit2"):
        import neurokit2

        ecg = Person(0, "sinus", 100.0).samples(1000)[:, TWELVE.index("II")].astype(np.float64)
        facts = {"engine": f"neurokit2 {neurokit2.__version__}", "threads": 1}

        def process(_: int) -> object:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return neurokit2.ecg_process(ecg, sampling_rate=100)

        here.append(Candidate("neurokit2 ecg_process, lead II", process, facts, COLD_NEUROKIT, heavy=True))
    else:
        absent.append("neurokit2 (extra: peers)")
    return here, absent


def measure(candidates: Sequence[Candidate], rounds: int, rng: np.random.Generator) -> dict[str, Times]:
    """Call every candidate once a round (heavy ones every tenth) in random order; return the times."""
    times: dict[str, Times] = {candidate.name: [] for candidate in candidates}
    for candidate in candidates:
        for i in range(WARM_UP):
            candidate.call(i)
    for i in range(rounds):
        due = [c for c in candidates if not c.heavy or i % HEAVY_EVERY == 0]
        for at in rng.permutation(len(due)):
            call = due[at].call
            cpu, wall = time.process_time_ns(), time.perf_counter_ns()
            call(i)
            times[due[at].name].append((time.perf_counter_ns() - wall, time.process_time_ns() - cpu))
    return times


def hot(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Return the median CPU time of a call (ms) in blocks without anything between; blocks take turns."""
    times: dict[str, list[int]] = {candidate.name: [] for candidate in candidates}
    for _ in range(HOT_BLOCKS):
        for candidate in candidates:
            for i in range(HOT_BLOCK // (HEAVY_EVERY if candidate.heavy else 1)):
                began = time.process_time_ns()
                candidate.call(i)
                times[candidate.name].append(time.process_time_ns() - began)
    return {name: float(np.median(found)) / 1e6 for name, found in times.items()}


def cold_starts(candidates: Sequence[Candidate]) -> dict[str, Cold]:
    """Return the medians over a few fresh processes, taken in turn."""
    runs: dict[str, list[list[float | None]]] = {c.name: [] for c in candidates if c.cold}
    for candidate in [c for c in candidates if c.cold] * COLD_STARTS:
        setup, _, first = candidate.cold.strip().rpartition("\n")
        runs[candidate.name].append(_fresh("-c", COLD.format(setup=setup, first=first)))
    medians = {name: np.median(np.array(found, dtype=float), axis=0) for name, found in runs.items()}
    return {name: [None if np.isnan(x) else float(x) for x in found] for name, found in medians.items()}


def row(candidate: Candidate, times: Times, cold: Cold, hot_ms: float | None) -> Row:
    """Put everything that is known of a candidate together; None is not known or does not apply."""
    wall, used = np.array(times).T / 1e6
    cpu = float(used.mean())
    share = cpu / 1e3 / Windows(fs=100.0, seconds=10.0).hop
    facts = {"bytes": None, "parameters": None, "mmac": None, **candidate.facts}
    return facts | {
        "rounds": len(wall),
        "p50_ms": float(np.percentile(wall, 50)),
        "p99_ms": float(np.percentile(wall, 99)),
        "max_ms": float(wall.max()),
        "cpu_ms": cpu,
        "hot_ms": hot_ms,
        "core_fraction": share,
        "streams_per_core": int(1 / share),
        "cold_start_s": cold[0],
        "rss_loaded_mb": cold[1],
        "rss_mb": cold[2],
    }


def table(rows: Mapping[str, Row]) -> str:
    """Lay the rows out for people, the fastest median first."""
    lines = [f"{'':34}" + "".join(f"{title:>{width}}" for title, _, width, _, _ in COLUMNS)]
    for name, found in sorted(rows.items(), key=lambda item: float(item[1]["p50_ms"])):
        cells = [
            f"{'-':>{width}}" if found[key] is None else f"{found[key] / unit:{width}.{digits}f}"
            for _, key, width, digits, unit in COLUMNS
        ]
        lines.append(f"{name:34}" + "".join(cells))
    return "\n".join(lines)


def comparison(rows: Mapping[str, Row], earlier: Mapping[str, Any]) -> str:
    """Set this run against an earlier file: ratios above 1 mean that this run takes more."""
    then = earlier["rows"]
    keys = ("p50_ms", "p99_ms", "cpu_ms", "cold_start_s", "rss_loaded_mb", "bytes")
    board_then = earlier["board"]["model"] or earlier["machine"]["cpu"]
    lines = [f"This run / {board_then}", f"{'':34}" + "".join(f"{key:>14}" for key in keys)]
    for name in rows:
        if name not in then:
            lines.append(f"{name:34}  not in the earlier file")
            continue
        pairs = [(rows[name][key], then[name].get(key)) for key in keys]
        lines.append(f"{name:34}" + "".join(f"{a / b:14.2f}" if a and b else f"{'-':>14}" for a, b in pairs))
    return "\n".join([*lines, *(f"{name:34}  not in this run" for name in then if name not in rows)])


def plot(rows: Mapping[str, Row], path: Path, title: str) -> bool:
    """Draw p50 as dots and p99 as ticks; return whether matplotlib is there to do it."""
    if not find_spec("matplotlib"):
        return False
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = sorted(rows, key=lambda name: -float(rows[name]["p50_ms"]))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "wearecg"}):
        figure = Figure(figsize=(8, 1 + 0.32 * len(names)), layout="constrained")
        axes = figure.subplots()
        colours = ["#2a6f97" if rows[name].get("model") else "#b0b0b0" for name in names]
        p50, p99 = ([rows[name][key] for name in names] for key in ("p50_ms", "p99_ms"))
        axes.hlines(names, p50, p99, colors=colours)
        axes.scatter(p50, names, c=colours)
        axes.plot(p99, names, "|", color="black", markersize=8)
        axes.set(xscale="log", xlabel="ms for 10 s of ECG: dot p50, tick p99")
        axes.set_title(title, fontsize=9)
        axes.grid(axis="x", alpha=0.3)
        figure.savefig(path, metadata={"Date": None})
    return True


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the table, write JSON and plot."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=machine.RESULTS, help="folder for the files")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier latency.json")
    parser.add_argument("--no-peers", action="store_true", help="the shipped models only")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds is {args.rounds}: at least 1")
    earlier = _earlier(parser, args.compare)

    this_board, before = board.describe(), board.state()
    rng = np.random.default_rng(SEED)
    one, two, absent = shipped()
    with tempfile.TemporaryDirectory() as folder:
        if not args.no_peers:
            peers, missing = references(Path(folder))
            one, absent = one + peers, absent + missing
        cold = cold_starts(one)
        times = measure(one, args.rounds, rng)
        warm = hot(one)
        for candidate in two:
            times |= measure([candidate], args.rounds, rng)
            time.sleep(REST_S)
    after = board.state()
    rows = {c.name: row(c, times[c.name], cold.get(c.name, [None] * 3), warm.get(c.name)) for c in one + two}
    for found in rows.values():
        for ratio, key in (("times", "cpu_ms"), ("hot_times", "hot_ms")):
            there = REFERENCE in rows and found[key]
            found[ratio] = rows[REFERENCE][key] / found[key] if there else None

    print(machine.line())
    print(board.line(this_board, before, after), end="\n\n")
    print(table(rows))
    for name in absent:
        print(f"{name}: not installed")
    result = {"board": {**this_board, "before": before, "after": after}, "rows": rows, "absent": absent}
    print(f"\nwritten to {machine.write('latency', result, args.out)}")
    picture = args.out / "latency.svg"
    drawn = plot(rows, picture, str(this_board["model"] or machine.describe()["cpu"]))
    print(f"drawn to {picture}" if drawn else "not drawn: matplotlib is not installed")
    if earlier:
        print("\n" + comparison(rows, earlier))


def _facts(card: Card, file: ModelFile, engine: str) -> dict[str, object]:
    return {
        "model": card.source,
        "precision": file.precision,
        "runtime": file.runtime,
        "engine": engine,
        "threads": 1,
        "bytes": file.bytes,
        "parameters": card.parameters,
        "mmac": card.mmac,
    }


def _live_window(name: str, card: Card) -> Candidate:
    """What a live hop costs with the model in its default form."""
    model = load_scorer(name)
    spec = card.input
    person = Person(0, "sinus", spec.fs)
    leads = ("I",) if spec.any_lead else spec.leads
    x = person.samples(spec.length)[:, [person.leads.index(lead) for lead in leads]]
    quality = Quality(0.0, spec.seconds, ())
    window = Window(x, spec.fs, leads, 0.0, (True,) * len(leads), quality)
    facts = _facts(card, card.file("int8", "onnx"), model.runner.engine)
    return Candidate(f"{name} int8 onnx, live window", lambda _: model.score_window(window), facts)


def _session(path: Path, runtime: str, package: str, threads: int) -> Callable[..., object]:
    """Return a bare session: a :class:`Runner` has one thread and a card."""
    if runtime == "onnx":
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [argument.name for argument in session.get_inputs()]
        return lambda *arrays: session.run(None, dict(zip(names, arrays, strict=True)))
    litert = importlib.import_module(f"{package}.interpreter")
    run = litert.Interpreter(str(path), num_threads=threads).get_signature_runner()
    names = sorted(run.get_input_details())
    return lambda *arrays: run(**dict(zip(names, arrays, strict=True)))


def _in_turn(run: Callable[..., object], *inputs: Array) -> Callable[[int], object]:
    """Return a call whose i-th run gets the i-th window."""
    cut = [[x[i : i + 1] for x in inputs] for i in range(len(inputs[0]))]
    return lambda i: run(*cut[i % len(cut)])


def _fresh(*arguments: str) -> Any:
    """Run Python anew; return what its last line of output says."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a fresh process failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _earlier(parser: argparse.ArgumentParser, path: Path | None) -> dict[str, Any] | None:
    """Read the file to compare with, before the minutes that a run takes."""
    if path is None:
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        _ = found["rows"].items(), found["board"]["model"], found["machine"]["cpu"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        parser.error(f"--compare {path} is not a latency.json of this benchmark: {error!r}")
    return found


if __name__ == "__main__":
    main()
