"""The counts and annotations that are read here are those that the ``wfdb`` package reads."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from wearecg.errors import MissingExtraError
from wearecg.formats import read_recording
from wearecg.formats.wfdb_counts import _read, _read_by_package
from wearecg.formats.wfdb_header import read_header

FRAMES = 301


@pytest.mark.parametrize("form", ["16", "212"])
@pytest.mark.parametrize("signals", [(1,), (1, 1), (1, 1, 1), (2, 1, 4)])
@pytest.mark.parametrize("preamble", [0, 7])
def test_the_package_reads_the_same(
    tmp_path: Path, form: str, signals: tuple[int, ...], preamble: int
) -> None:
    pytest.importorskip("wfdb")
    header = tmp_path / "r.hea"
    lines = [f"r.dat {form}x{frame}+{preamble} 200 16 0 0 0 0 s{k}" for k, frame in enumerate(signals)]
    # A signal of a file of its own as well.
    lines.append(f"own.dat {form} 200 16 0 0 0 0 own")
    header.write_text(f"r {len(lines)} 250 {FRAMES}\n" + "\n".join(lines) + "\n")
    rng = np.random.default_rng(1)
    for name, width in (("r.dat", sum(signals)), ("own.dat", 1)):
        size = -(-FRAMES * width * (4 if form == "16" else 3) // 2)
        (tmp_path / name).write_bytes(rng.integers(0, 256, preamble + size, np.uint8).tobytes())
    # The package wants a preamble in every file, or none.
    header.write_text(header.read_text().replace(f"own.dat {form} ", f"own.dat {form}+{preamble} "))
    read = read_header(header)
    for first, last in ((0, FRAMES), (0, 1), (7, 8), (100, 201), (101, 202), (FRAMES - 1, FRAMES)):
        ours, theirs = (made(header, read, first, last) for made in (_read, _read_by_package))
        assert len(ours) == len(theirs) == len(lines)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_annotations_as_the_package_writes_them(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    (tmp_path / "r.hea").write_text("r 1 250 1000\nr.dat 16 200/mV 16 0 0 0 0 II\n")
    (tmp_path / "r.dat").write_bytes(bytes(2000))
    at, symbols, notes = [3, 90, 5000, 5001], ["+", "N", "V", '"'], ["(N", "", "", "coughs"]
    wfdb.wrann("r", "atr", np.array(at), symbols, aux_note=notes, fs=250, write_dir=str(tmp_path))
    found = read_recording(tmp_path / "r").annotations
    assert found is not None
    # What the package notes about the file itself (its rate) is no annotation.
    assert b"## time resolution" in (tmp_path / "r.atr").read_bytes()
    assert (found.times * 250).round().tolist() == at
    assert (found.symbols, found.notes) == (tuple(symbols), tuple(notes))


@pytest.mark.parametrize("form", ["16", "212", "80"])
def test_only_rarer_formats_take_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setitem(sys.modules, "wfdb", None)
    (tmp_path / "r.hea").write_text(f"r 1 250 1000\nr.dat {form} 200/mV 16 0 0 0 0 II\n")
    (tmp_path / "r.dat").write_bytes(bytes(2000))
    if form == "80":
        with pytest.raises(MissingExtraError, match=r"pip install 'wearecg\[formats\]'"):
            read_recording(tmp_path / "r")
    else:
        assert len(read_recording(tmp_path / "r")) == 1000
