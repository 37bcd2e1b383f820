"""R-peak accuracy on MIT-BIH (DS1), clean and with NSTDB noise, through the streaming front end.

``python -m benchmarks.beats DATA [--records 100,103] [--no-peers] [--out FOLDER]`` where DATA holds
``mitdb/`` and ``nstdb/``. Rules: ANSI/AAMI EC57 beat by beat, 150 ms, gross over the records; episodes of
ventricular flutter or fibrillation (``[`` to ``]``, record 207) are left out. The whole record counts, its
first five minutes too; the figure without them (the standard's learning period) is given beside it.
The front end sees both leads in blocks of 0.25 s; ``one lead`` and the peers see the first lead only, the
peers the whole record at once.

Noise: from the sixth minute on, noise of both channels is added to both leads, scaled as `nst` of the WFDB
tools does: signal power is the square of the QRS peak-to-peak amplitude over 8 (mean of the central 90 %
of the first 300 beats), noise power the mean of the variances of one-second pieces. Only the noisy part
is scored.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.peers import Detector, installed
from wearecg.block import Beat, SignalBlock
from wearecg.ec57 import pair
from wearecg.ecg.leads import canonical
from wearecg.pipeline.frontend import FrontEnd

DS1 = "101,106,108,109,112,114,115,116,118,119,122,124,201,203,205,207,208,209,215,220,223,230"
"""The development half of the MIT-BIH Arrhythmia Database (de Chazal 2004)."""
NOISE_RECORDS = ("118", "119")
"""The two records of the MIT-BIH Noise Stress Test Database."""
BEAT_CODES = frozenset("NLRBAaJSVrFejnE/fQ?")
LEARNING_S = 300.0
CHUNK_S = 0.25

Signal = NDArray[np.float64]
Times = NDArray[np.float64]
Finder = Callable[[Signal, float, Sequence[str]], Times]


def stream(samples: Signal, fs: float, leads: Sequence[str]) -> Times:
    """Return the R-peak times that the front end reports for blocks of 0.25 s."""
    names = tuple(leads)
    front = FrontEnd(fs, names)
    x = samples.astype(np.float32)
    n = round(CHUNK_S * fs)
    events = []
    for i in range(0, len(x), n):
        events += front.feed(SignalBlock(x[i : i + n], fs, names, i / fs))
    events += front.flush()
    return np.array([event.time for event in events if isinstance(event, Beat)])


class Record:
    """One MIT-BIH record: samples in mV, reference beats and excluded episodes in seconds."""

    def __init__(self, folder: Path, name: str) -> None:
        import wfdb

        header = wfdb.rdrecord(str(folder / name))
        notes = wfdb.rdann(str(folder / name), "atr")
        self.name = name
        self.fs = float(header.fs)
        self.samples: Signal = np.asarray(header.p_signal, dtype=np.float64)
        self.leads = tuple(canonical(lead) for lead in header.sig_name)
        at = np.asarray(notes.sample) / self.fs
        self.beats: Times = at[[symbol in BEAT_CODES for symbol in notes.symbol]]
        starts = [t for t, symbol in zip(at, notes.symbol, strict=True) if symbol == "["]
        ends = [t for t, symbol in zip(at, notes.symbol, strict=True) if symbol == "]"]
        self.excluded = list(zip(starts, ends, strict=True))

    def scored(self, times: Times, since: float) -> Times:
        """Return the times from ``since`` on that lie outside the excluded episodes."""
        keep = times >= since
        for start, end in self.excluded:
            keep &= (times < start) | (times > end)
        return times[keep]


def score(record: Record, found: Times, since: float = 0.0) -> dict[str, float]:
    """Return TP, FN, FP and the summed absolute location error in ms."""
    reference, found = record.scored(record.beats, since), record.scored(np.sort(found), since)
    pairs = pair(reference.tolist(), found.tolist())
    error = sum(abs(found[j] - reference[i]) for i, j in pairs) * 1e3
    return {
        "TP": len(pairs),
        "FN": len(reference) - len(pairs),
        "FP": len(found) - len(pairs),
        "error_ms": error,
    }


def gross(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return Se %, PPV %, mean absolute location error ms and the counts, over all beats of all records."""
    total = {key: sum(row[key] for row in rows) for key in ("TP", "FN", "FP", "error_ms")}
    tp = total["TP"] or float("nan")
    return {
        "Se": 100 * tp / (tp + total["FN"]),
        "PPV": 100 * tp / (tp + total["FP"]),
        "location_error_ms": total["error_ms"] / tp,
        "FN": total["FN"],
        "FP": total["FP"],
        "beats": total["TP"] + total["FN"],
    }


def add_noise(record: Record, noise: Signal, snr_db: float) -> Signal:
    """Return the record's samples with ``noise`` [n, 2] at ``snr_db`` from the sixth minute on."""
    noisy = record.samples.copy()
    start, reach, second = round(LEARNING_S * record.fs), round(0.05 * record.fs), round(record.fs)
    for lead in range(noisy.shape[1]):
        ecg, added = record.samples[:, lead], noise[: len(noisy) - start, lead % noise.shape[1]]
        beats = (record.beats[:300] * record.fs).astype(int)
        peaks = np.sort([np.ptp(ecg[max(beat - reach, 0) : beat + reach]) for beat in beats])
        trim = len(peaks) // 20
        signal_power = float(np.mean(peaks[trim : len(peaks) - trim])) ** 2 / 8
        pieces = added[: len(added) // second * second].reshape(-1, second)
        noise_power = float(np.mean(pieces.var(axis=1)))
        noisy[start : start + len(added), lead] += added * np.sqrt(
            signal_power / 10 ** (snr_db / 10) / noise_power
        )
    return noisy


def _first_lead(detector: Detector, x: Signal, fs: float, leads: Sequence[str]) -> Times:  # noqa: ARG001
    return np.asarray(detector(np.ascontiguousarray(x[:, 0]), fs)) / fs


def finders(peers: bool) -> tuple[dict[str, Finder], list[str]]:
    """Return what is compared, by name, and the peers that are not installed."""
    found: dict[str, Finder] = {
        "wearecg (streaming, 2 leads)": stream,
        "wearecg (streaming, 1 lead)": lambda x, fs, leads: stream(x[:, :1], fs, leads[:1]),
    }
    here, absent = installed() if peers else ({}, [])
    for name, detector in here.items():
        found[f"{name} (offline, 1 lead)"] = partial(_first_lead, detector)
    return found, absent


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beats", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with mitdb/ and nstdb/")
    parser.add_argument("--records", default=DS1)
    parser.add_argument("--noise-records", default=",".join(NOISE_RECORDS))
    parser.add_argument("--noises", default="em,ma,bw")
    parser.add_argument("--snr", default="24,18,12,6,0")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    compared, absent = finders(not args.no_peers)
    print(machine.line())
    for name in absent:
        print(f"{name}: not installed")

    records = [Record(args.data / "mitdb", name) for name in args.records.split(",")]
    print(
        f"\nMIT-BIH, {len(records)} records\n{'':34}    Se %   PPV %  error ms    FN    FP   | without the first 5 min"
    )
    clean: dict[str, object] = {}
    for name, find in compared.items():
        times = {record.name: find(record.samples, record.fs, record.leads) for record in records}
        rows = {record.name: score(record, times[record.name]) for record in records}
        all_of_it = gross(list(rows.values()))
        later = gross([score(record, times[record.name], LEARNING_S) for record in records])
        clean[name] = {"gross": all_of_it, "without_first_5_min": later, "records": rows}
        print(
            f"{name:34} {all_of_it['Se']:7.3f} {all_of_it['PPV']:7.3f} {all_of_it['location_error_ms']:9.2f} "
            f"{all_of_it['FN']:5.0f} {all_of_it['FP']:5.0f}   | {later['Se']:7.3f} {later['PPV']:7.3f}"
        )
        worst = sorted(rows, key=lambda key: -rows[key]["FN"] - rows[key]["FP"])[:5]
        print(
            "    most errors: "
            + ", ".join(f"{r} FN {rows[r]['FN']:.0f} FP {rows[r]['FP']:.0f}" for r in worst)
        )

    import wfdb

    levels = [float(db) for db in args.snr.split(",") if db]
    stressed = [Record(args.data / "mitdb", name) for name in args.noise_records.split(",") if name]
    noisy: dict[str, dict[str, dict[str, float]]] = {}
    for kind in [kind for kind in args.noises.split(",") if kind and stressed]:
        noise = np.asarray(wfdb.rdrecord(str(args.data / "nstdb" / kind)).p_signal)
        print(f"\n{kind} noise on {', '.join(r.name for r in stressed)}: Se / PPV % at SNR")
        print(f"{'':34}" + "".join(f"{db:>12.0f} dB " for db in levels))
        for name, find in compared.items():
            cells = []
            for db in levels:
                rows_ = [
                    score(record, find(add_noise(record, noise, db), record.fs, record.leads), LEARNING_S)
                    for record in stressed
                ]
                cells.append(gross(rows_))
                noisy.setdefault(name, {})[f"{kind} {db:g} dB"] = cells[-1]
            print(f"{name:34}" + "".join(f"  {c['Se']:6.2f}/{c['PPV']:6.2f}" for c in cells))
    path = machine.write(
        "beats", {"records": args.records, "clean": clean, "noise": noisy, "absent": absent}, args.out
    )
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
