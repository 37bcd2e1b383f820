"""Before how many beats a P wave is drawn where the rhythm says that there is one, or none.

    python -m benchmarks.p_waves DATA [--cache FOLDER] [--out FOLDER]

DATA holds ``ptbxl/``, ``cinc2017/`` and ``mitdb/``. Recordings that `waves` was not trained on. Those of the first two
have chosen how much P waves are doubted: leads II and V1 of PTB-XL fold 9 and all of CinC 2017 fold 8, each lead a
stream of its own, called by one rhythm as a whole; a few called fibrillation are regular (RMSSD of the intervals below
a tenth of their mean), so those that are not have a row of their own. Of MIT-BIH DS1 (first lead) it is the beats that
were annotated as fibrillation or flutter. Each lead counts as much as any other.

Writes p_waves.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.delineators import observed
from wearecg.block import Beat, Waves
from wearecg.ecg.leads import UNKNOWN
from wearecg.ecg.rhythm import IRREGULAR

PTB_FOLD, CINC_FOLD = 9, 8
LEADS = {"II": 1, "V1": 6}
SINUS, ECTOPY = ("SR", "SBRAD", "STACH", "SARRH"), ("PVC", "PAC", "BIGU", "TRIGU", "SVTAC", "PSVT", "PACE")
MOST = 400
"""Recordings of sinus rhythm in PTB-XL that are looked at."""

Recording = tuple[str, str, NDArray[np.float32], float]
"""Rhythm, lead, mV, Hz."""


def ptbxl_recordings(data: Path, cache: Path) -> Iterator[Recording]:
    """Yield the leads of PTB-XL whose rhythm is known."""
    from export.datasets import ptbxl

    ptb = ptbxl.load(data, cache)
    has = {
        code: ptb.labels[group][:, k]
        for group in ("form", "rhythm")
        for k, code in enumerate(ptb.statements[group])
    }
    ours = ptb.fold == PTB_FOLD
    none = has["AFIB"] | has["AFLT"]
    other = none | np.any([has[code] for code in ECTOPY], axis=0)
    sinus = np.flatnonzero(ours & np.any([has[code] for code in SINUS], axis=0) & ~other)
    groups = {
        "AFIB": np.flatnonzero(ours & has["AFIB"]),
        "AFLT": np.flatnonzero(ours & has["AFLT"] & ~has["AFIB"]),
        "PACE": np.flatnonzero(ours & has["PACE"] & ~none),
        "sinus": np.random.default_rng(0).permutation(sinus)[:MOST],
    }
    for rhythm, rows in groups.items():
        for row in rows:
            twelve = np.nan_to_num(ptb.millivolts(np.array([row]))[0])
            for lead, k in LEADS.items():
                yield f"PTB-XL {rhythm}", lead, twelve[k], ptbxl.FS


def cinc_recordings(data: Path, cache: Path) -> Iterator[Recording]:
    """Yield the recordings of CinC 2017 that were called normal or fibrillation."""
    from export.datasets import cinc2017

    cinc = cinc2017.load(data, cache)
    for row in cinc.rows((CINC_FOLD,)):
        code = list(cinc2017.CLASSES)[cinc.label[row]]
        if code in "AN":
            yield f"CinC 2017 {code}", UNKNOWN, cinc.millivolts(int(row))[0], cinc2017.FS


def mitdb_shares(data: Path, cache: Path) -> Iterator[tuple[str, float]]:
    """Yield the share of the beats with a P wave in the fibrillation and the flutter of each record."""
    from export.datasets import mitdb

    records = mitdb.load(data, cache)
    for row, spans in enumerate(records.rhythms):
        if not (wanted := {span.code for span in spans} & {"AFIB", "AFL"}):
            continue
        waves = [
            event
            for event in observed(records.millivolts(row)[0], mitdb.FS, records.leads[row][0])
            if isinstance(event, Waves)
        ]
        for code in wanted:
            drawn = [
                one.p_on is not None
                for one in waves
                if any(span.code == code and span.start <= one.time < span.end for span in spans)
            ]
            yield f"MIT-BIH {code}", float(np.mean(drawn))


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.p_waves",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "wearecg" / "export")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    print(machine.line())
    shares: dict[str, list[float]] = {}
    for source in (ptbxl_recordings, cinc_recordings):
        for rhythm, lead, signal, fs in source(args.data, args.cache):
            events = observed(signal, fs, lead)
            rr = np.array([event.rr for event in events if isinstance(event, Beat) and event.rr])
            drawn = [event.p_on is not None for event in events if isinstance(event, Waves)]
            if len(rr) < 3 or not drawn:
                continue
            shares.setdefault(rhythm, []).append(float(np.mean(drawn)))
            if np.sqrt(np.square(np.diff(rr)).mean()) > IRREGULAR * rr.mean():
                shares.setdefault(f"{rhythm}, irregular", []).append(float(np.mean(drawn)))
    for rhythm, share in mitdb_shares(args.data, args.cache):
        shares.setdefault(rhythm, []).append(share)
    rows = [
        {
            "rhythm": rhythm,
            "leads": len(some),
            "drawn": float(np.mean(some)),
            "leads_with_most": sum(share > 0.5 for share in some),
        }
        for rhythm, some in sorted(shares.items())
    ]
    print(f"{'':28}{'leads':>7}{'beats with a P wave':>21}{'leads with most':>17}")
    for row in rows:
        print(f"{row['rhythm']:28}{row['leads']:7}{row['drawn']:21.1%}{row['leads_with_most']:17}")
    print(f"written to {machine.write('p_waves', {'rows': rows}, args.out)}")


if __name__ == "__main__":
    main()
