"""Train the network that tells the intervals of atrial fibrillation: ``wearecg/ecg/irregular.json``.

    python -m export.irregular cross --data DIR --work W      each record judged by a network that never saw it
    python -m export.irregular train --data DIR --work W      the one that is shipped, on all records

DIR holds ``ltafdb``, ``ltdb`` and ``mitdb`` (DS1 and the paced records), of which the annotations alone are used, and
``cinc2017``, whose beats are those that wearecg finds. Beats are left out and put in, intervals shaken and classes
withheld, as detectors and straps do. One thread; a fold takes minutes.
"""

from __future__ import annotations

import argparse
import csv
import json
import pickle
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from export.datasets.cinc2017 import LABELS as REFERENCE
from export.datasets.folds import fold
from export.datasets.mitdb import DS1, PACED
from wearecg.block import Beat, SignalBlock
from wearecg.ec57 import CLASSES
from wearecg.ecg.irregular import AHEAD, INPUTS, PARAMETERS, TAPS, features
from wearecg.formats import read_recording
from wearecg.pipeline.frontend import FrontEnd

FOLDS = 3
WIDTH = 16
CROP, BATCH = 1024, 32
SHORT, APART = 8, 256
"""Rows of a batch that hold short recordings, and how far apart these begin in a row."""
BEHIND = sum(-taps[0] for taps in TAPS)
STEPS = 1300
RATE = 4e-3
SEED = 11
ATRIAL = "AFIB"
LABELS = {"N": 0, "O": 0, "A": 1}
"""What the recordings of CinC 2017 are called, and whether that is atrial fibrillation; noisy ones are left out."""
NOT_JUDGED = ("AFL", "NOD", "P", "")
"""Rhythms that are neither: flutter may be as irregular, paced beats follow the pacemaker."""


class Record(NamedTuple):
    """The beats of a record: ``[n]`` times (s), classes, and 1 in atrial fibrillation, 0 not, -1 not judged."""

    name: str
    times: NDArray[np.float64]
    codes: NDArray[np.str_]
    truth: NDArray[np.int8]
    rhythms: tuple[tuple[float, str], ...]


def records(data: Path, work: Path) -> list[Record]:
    """Read the annotations of every record, the first time from their files."""
    kept = work / "records.pickle"
    if kept.exists():
        return [Record(*one) for one in pickle.loads(kept.read_bytes())]
    found = [*annotated(data), *_short(data)]
    kept.write_bytes(pickle.dumps([tuple(one) for one in found]))
    return found


def annotated(data: Path) -> list[Record]:
    """Read the records whose beats are annotated."""
    found = []
    for folder, names in (("ltafdb", None), ("ltdb", None), ("mitdb", (*DS1, *PACED))):
        for path in sorted((data / folder).glob("*.atr")):
            if names is None or path.stem in names:
                found.append(_record(path, folder))  # noqa: PERF401 (a comprehension of two loops and a condition)
    return found


def _record(path: Path, folder: str) -> Record:
    import wfdb

    told = wfdb.rdann(str(path.with_suffix("")), "atr")
    fs = told.fs or wfdb.rdheader(str(path.with_suffix(""))).fs
    times, symbols = told.sample / fs, np.array(told.symbol)
    aami = {symbol: code for code, those in CLASSES.items() for symbol in those}
    codes = np.array([aami.get(symbol, "") for symbol in symbols])
    beats = codes != ""
    changes = tuple(
        (float(times[i]), told.aux_note[i].rstrip("\0").removeprefix("("))
        for i in np.flatnonzero(symbols == "+")
    )
    # The long-term set has no rhythm marks; nothing is known of atrial fibrillation in it.
    changes = changes or ((0.0, "N"),)
    which = np.searchsorted([start for start, _ in changes], times[beats], side="right") - 1
    judged = dict.fromkeys(NOT_JUDGED, -1) | {ATRIAL: 1}
    truth = np.array([judged.get(changes[k][1], 0) if k >= 0 else -1 for k in which], np.int8)
    return Record(f"{folder}/{path.stem}", times[beats], codes[beats], truth, changes)


def _short(data: Path) -> Iterator[Record]:
    """Find the beats of CinC 2017; behind a gap the time goes on ten seconds later."""
    base = data / "cinc2017" / "training2017"
    with (base / REFERENCE).open(newline="") as file:
        table = [(name, LABELS[label]) for name, label in csv.reader(file) if label in LABELS]
    for name, label in table:
        recording = read_recording(base / name)
        front = FrontEnd(recording.fs, recording.leads)
        block = SignalBlock(recording.samples, recording.fs, recording.leads, 0.0)
        beats = [one for one in front.feed(block) + front.flush() if isinstance(one, Beat)]
        steps = np.array([10.0 if one.rr is None else one.rr for one in beats])
        blank = np.full(len(beats), "", "U1")
        yield Record(f"cinc2017/{name}", np.cumsum(steps), blank, np.full(len(beats), label, np.int8), ())


def fold_of(record: Record) -> int:
    """Return the fold of a record, 1 to ``FOLDS``."""
    return fold(record.name, FOLDS)


class Net(nn.Module):
    """The layers of `wearecg.ecg.irregular`, for whole stretches at once."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [INPUTS] + [WIDTH] * len(TAPS)
        self.layers = nn.ModuleList(nn.Linear(len(taps) * sizes[k], WIDTH) for k, taps in enumerate(TAPS))
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, n, INPUTS]`` to log odds ``[batch, n - BEHIND - AHEAD]``."""
        for taps, layer in zip(TAPS, self.layers, strict=True):
            n = x.shape[1] + taps[0] - taps[-1]
            parts = [x[:, tap - taps[0] : tap - taps[0] + n] for tap in taps]
            y = functional.relu(layer(torch.cat(parts, 2)))
            x = y + parts[taps.index(0)] if y.shape == parts[0].shape else y
        odds: torch.Tensor = self.head(x)[..., 0]
        return odds


def crops(found: Sequence[Record], rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of stretches, disturbed: of long recordings from anywhere or around a change, and of short ones."""
    short = [one for one in found if not one.rhythms and len(one.times) > 5]
    atrial = [[one for one in short if one.truth[0] == k] for k in (0, 0, 1)]
    found = [one for one in found if one.rhythms]
    weight = np.array([len(one.times) for one in found], float) ** 0.25
    changes = [np.flatnonzero(np.diff(one.truth)) for one in found]
    while True:
        x = np.zeros((BATCH, CROP, INPUTS), np.float32)
        y = np.full((BATCH, CROP), -1, np.int8)
        for row in range(BATCH - SHORT):
            which = int(rng.choice(len(found), p=weight / weight.sum()))
            one = found[which]
            middle = int(rng.integers(len(one.times)))
            if row % 2 and len(changes[which]):
                middle = int(rng.choice(changes[which])) + int(rng.integers(-150, 150))
            start = int(np.clip(middle - CROP // 2, 0, max(0, len(one.times) - CROP - 64)))
            x[row], y[row] = disturbed(one, start, CROP, rng)
        for row in range(BATCH - SHORT, BATCH):
            for first in range(BEHIND, CROP - AHEAD - APART // 2, APART):
                those = atrial[int(rng.integers(len(atrial)))]
                part = slice(first, first + APART // 2)
                x[row, part], y[row, part] = disturbed(
                    those[int(rng.integers(len(those)))], 0, APART // 2, rng
                )
        yield torch.from_numpy(x), torch.from_numpy(y[:, BEHIND : CROP - AHEAD])


def disturbed(
    one: Record, start: int, length: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return features and truth of a stretch as a detector or a strap would tell it."""
    part = slice(start, start + length + 64)
    times, codes, truth = one.times[part].copy(), one.codes[part].copy(), one.truth[part]
    times += rng.uniform(-1, 1, len(times)) * rng.choice([0.002, 0.004, 0.008])
    missed = rng.random(len(times)) < rng.choice([0, 0.002, 0.01])
    times, codes, truth = times[~missed], codes[~missed], truth[~missed]
    extra = np.flatnonzero(rng.random(max(0, len(times) - 1)) < rng.choice([0, 0.001, 0.005]))
    if len(extra):
        share = rng.uniform(0.3, 0.7, len(extra))
        put = times[extra] + share * (times[extra + 1] - times[extra])
        times, codes = np.insert(times, extra + 1, put), np.insert(codes, extra + 1, "N")
        truth = np.insert(truth, extra + 1, truth[extra])
    if rng.random() < 0.6:
        codes[:] = ""
    else:
        wrong = rng.random(len(codes))
        codes[(codes == "S") & (wrong < 0.2)] = "N"
        codes[(codes == "V") & (wrong < 0.05)] = "N"
        codes[(codes == "N") & (wrong < 0.003)] = "S"
    rr = np.diff(times, prepend=np.nan)
    rr[(rr <= 0.1) | (rr > 5)] = np.nan
    # Half of the stretches have a gap: a stream begins somewhere, ends somewhere, and breaks off between.
    if (gap := rng.integers(6)) < 3 and len(rr):
        first = int(rng.integers(len(rr)))
        last = (len(rr), first + 1 + int(rng.integers(3)), first)[gap]
        rr[0 if gap == 2 else first : last] = np.nan
    seen, truth = features(rr, codes), np.where(np.isfinite(rr), truth, -1).astype(np.int8)
    whole = np.zeros((length, INPUTS), np.float32)
    whole[: len(seen)] = seen[:length]
    marks = np.full(length, -1, np.int8)
    marks[: len(truth)] = truth[:length]
    return whole, marks


def trained(found: Sequence[Record], checkpoint: Path) -> Net:
    """Train on these records, or go on where a run was ended."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS)
    done = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        schedule.load_state_dict(kept["schedule"])
        done = kept["done"]
    running, began = 0.0, time.monotonic()
    batches = crops(found, np.random.default_rng(SEED + done))
    for step in range(done, STEPS):
        x, y = next(batches)
        judged = (y >= 0).float()
        loss = functional.binary_cross_entropy_with_logits(net(x), y.clamp(min=0).float(), reduction="none")
        mean = (loss * judged).sum() / judged.sum()
        optimiser.zero_grad()
        mean.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running += 0.02 * (float(mean.detach()) - running)
        if (step + 1) % 250 == 0:
            spent = time.monotonic() - began
            print(f"{checkpoint.stem}: step {step + 1}, loss {running:.4f}, {spent:.0f} s", flush=True)
            kept = {"net": net.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**kept, "schedule": schedule.state_dict(), "done": step + 1}, checkpoint)
    return net.eval()


def judged(net: Net, one: Record, codes: NDArray[np.str_]) -> NDArray[np.float32]:
    """Return the log odds of every beat of a record, with these classes."""
    rr = np.diff(one.times, prepend=np.nan)
    rr[rr > 5] = np.nan
    seen = np.zeros((BEHIND + len(rr) + AHEAD, INPUTS), np.float32)
    seen[BEHIND : BEHIND + len(rr)] = features(rr, codes)
    with torch.no_grad():
        odds: NDArray[np.float32] = net(torch.from_numpy(seen)[None])[0].numpy()
    return odds


def cross(args: argparse.Namespace) -> None:
    """Judge each record by a network that never saw it; store the log odds, with and without classes."""
    every = records(args.data, args.work)
    for held in range(1, FOLDS + 1):
        net = trained([one for one in every if fold_of(one) != held], args.work / f"fold{held}.pt")
        write(net, args.work / f"fold{held}.json")
        for one in every:
            if fold_of(one) == held and len(one.times):
                path = args.work / "judged" / f"{one.name}.npz"
                path.parent.mkdir(exist_ok=True, parents=True)
                blank = np.full(len(one.codes), "", "U1")
                np.savez(path, alone=judged(net, one, blank), classes=judged(net, one, one.codes))
                if one.rhythms:
                    says = np.load(path)["alone"] > 0
                    right = [f"{np.mean(says[one.truth == k] == k):.4f}" for k in (1, 0) if k in one.truth]
                    print(f"{one.name:16} beats in AF and not, found right: {right}", flush=True)


def train(args: argparse.Namespace) -> None:
    """Train on all records and write the parameters."""
    net = trained(records(args.data, args.work), args.work / "all.pt")
    print(f"written to {write(net, args.out)}")


def write(net: Net, out: Path) -> Path:
    """Write the parameters and where they come from."""

    def rounded(x: object) -> object:
        assert isinstance(x, torch.Tensor)
        return np.round(x.detach().numpy().astype(float), 5).tolist()

    told = {
        "made_by": "python -m export.irregular train",
        "data": "beats and rhythms as annotated in the Long-Term AF Database (60 records), the MIT-BIH Long-Term "
        "Database (5) and the MIT-BIH Arrhythmia Database (DS1 and four paced records), beats as found in CinC 2017 "
        "(normal, other, atrial fibrillation); ODC-By 1.0",
        "citations": [
            "Petrutiu, Sahakian, Swiryn, Europace 9(7):466, 2007",
            "Goldberger et al., Circulation 101(23), 2000",
            "Moody and Mark, IEEE Eng Med Biol 20(3), 2001",
            "Clifford et al., Computers in Cardiology 44, 2017",
        ],
        "steps": STEPS,
        "seed": SEED,
        "layers": [{"weight": rounded(layer.weight.T), "bias": rounded(layer.bias)} for layer in net.layers],
        "head": {"weight": rounded(net.head.weight[0]), "bias": float(net.head.bias.detach())},
    }
    out.write_text(json.dumps(told) + "\n")
    return out


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in (("cross", cross), ("train", train)):
        command = commands.add_parser(name, help=run.__doc__)
        command.add_argument("--data", type=Path, required=True)
        command.add_argument("--work", type=Path, required=True, help="checkpoints")
        command.set_defaults(run=run)
        if name == "train":
            command.add_argument("--out", type=Path, default=PARAMETERS)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    args.run(args)


if __name__ == "__main__":
    main()
