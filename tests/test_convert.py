"""Converting: every format that is written, from every one, with what is lost told; nothing is written over."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.cli import main
from wearecg.formats import Annotations, Recording, RRSeries, Stored, open_recording, read_recording
from wearecg.writers import WRITERS, writer_of, writers

FS, EPOCH = 250.0, 1_795_000_000.25
LEADS = ("I", "II", "III", "V1")
N = round(FS * 31)
GAPS = (slice(1000, 1400), slice(2013, 2020))
LEAD_OFF = slice(5000, 5600)


@dataclass(frozen=True)
class Kept:
    """What of a recording a format keeps."""

    package: str = ""
    annotations: bool = True
    rates: bool = True
    start: bool = True
    derived: bool = True
    steps: bool = True


KEEPS = {
    "r.edf": Kept(),
    "edf:r.edf?discontinuous=1": Kept(),
    "r.bdf": Kept(),
    "r.hea": Kept(package="wfdb", rates=False),
    "r.dcm": Kept(package="pydicom", rates=False),
    "dicom:r.dcm?kind=general32": Kept(package="pydicom", rates=False),
    "r.xml": Kept(annotations=False, rates=False, derived=False),
    "r.json": Kept(annotations=False),
    "fhir:r.json?version=R5": Kept(annotations=False),
    "r.parquet": Kept(package="pyarrow", annotations=False, rates=False),
    "r.csv": Kept(annotations=False, rates=False, derived=False, steps=False),
}


def signal(n: int = N, seed: int = 0) -> np.ndarray:
    counts = np.random.default_rng(seed).integers(-3000, 3000, (n, 4))
    x = (counts * 0.001).astype(np.float32)
    for gap in GAPS:
        x[gap] = np.nan
    x[LEAD_OFF, 1] = np.nan
    return x


def notes() -> Annotations:
    beats = np.arange(0.4, 30, 0.8)
    symbols = ["N" if k % 5 else "V" for k in range(len(beats))]
    rows = sorted(
        [
            *((time, symbol, "") for time, symbol in zip(beats.tolist(), symbols, strict=True)),
            (3.0, "+", "(AFIB"),
            (9.0, '"', "AFIB ends"),
            (20.0, "~", "II lead off"),
            (22.4, "~", "II lead on"),
        ]
    )
    return Annotations(np.array([r[0] for r in rows]), tuple(r[1] for r in rows), tuple(r[2] for r in rows))


def base(folder: Path) -> Path:
    """A recording with gaps, a lead that is off for a while, a computed lead, annotations and a slower signal."""
    recording = Recording(
        signal(), FS, LEADS, "base", (0.001,) * 4, notes(), ("a comment",), EPOCH, derived=("III",)
    )
    breath = np.round(np.sin(np.arange(31 * 25) / 25)[:, None].astype(np.float32), 2)
    other = Recording(breath, 25.0, ("RESP",), "base", (0.01,), epoch=EPOCH, units=("Ohm",))
    stored = replace(Stored.of(recording), others=(Stored.of(other),))
    path = folder / "base.edf"
    writer, _, _ = writer_of("base.edf")
    assert writer.lost(stored, {}) == []
    assert list(writer.write(stored, path, {})) == []
    return path


def place(target: str, folder: Path) -> tuple[str, Path]:
    scheme, _, rest = target.rpartition(":")
    name = rest.partition("?")[0]
    return f"{scheme}:{folder}/{rest}" if scheme else f"{folder}/{rest}", folder / name


def check(path: Path, kept: Kept, told: list[str]) -> None:
    stored = open_recording(path)
    got = stored.whole()
    assert (got.fs, got.leads, got.uncalibrated, len(got)) == (FS, LEADS, (), N)
    expected = signal()
    assert np.array_equal(np.isnan(got.samples), np.isnan(expected))
    np.testing.assert_allclose(got.samples, expected, atol=1e-6)
    assert got.epoch == (EPOCH if kept.start else None)
    if kept.steps:
        assert got.lsb == pytest.approx((0.001,) * 4)
    assert got.derived == (("III",) if kept.derived else ())
    if kept.annotations:
        assert got.annotations
        late = got.annotations.times > 0.01  # comments may stand at the beginning
        np.testing.assert_allclose(got.annotations.times[late], notes().times, atol=0.002)
        assert [s for s, there in zip(got.annotations.symbols, late, strict=True) if there] == list(
            notes().symbols
        )
        assert [s for s, there in zip(got.annotations.notes, late, strict=True) if there] == list(
            notes().notes
        )
    if kept.rates:
        (other,) = stored.others
        breath = other.whole()
        assert (breath.fs, breath.leads, breath.units, len(breath)) == (25, ("RESP",), ("Ohm",), 31 * 25)
        np.testing.assert_allclose(breath.samples[:, 0], np.sin(np.arange(31 * 25) / 25), atol=0.0051)
    text = "\n".join(told)
    assert ("annotations" in text) is not kept.annotations
    assert ("RESP is lost" in text) is not kept.rates
    assert ("III were computed" in text) is not kept.derived


def both(a: Kept, b: Kept) -> Kept:
    fields = ("annotations", "rates", "start", "derived", "steps")
    return Kept(**{name: getattr(a, name) and getattr(b, name) for name in fields})


def need(target: str) -> None:
    if KEEPS[target].package:
        pytest.importorskip(KEEPS[target].package)


@pytest.mark.parametrize("target", KEEPS)
def test_gaps_lead_off_rates_and_annotations_there_and_back(tmp_path: Path, target: str) -> None:
    need(target)
    uri, path = place(target, tmp_path)
    told: list[str] = []
    lost = wearecg.convert(base(tmp_path), uri, told=told.append)
    assert told == list(lost)
    check(path, KEEPS[target], told)
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


@pytest.mark.parametrize("second", KEEPS)
@pytest.mark.parametrize("first", KEEPS)
def test_from_every_format_to_every_other(tmp_path: Path, first: str, second: str) -> None:
    need(first)
    need(second)
    between, end = tmp_path / "between", tmp_path / "end"
    between.mkdir()
    end.mkdir()
    uri, path = place(first, between)
    told = [*wearecg.convert(base(tmp_path), uri)]
    uri, last = place(second, end)
    told += wearecg.convert(path, uri)
    check(last, both(KEEPS[first], KEEPS[second]), told)


@pytest.mark.parametrize("target", KEEPS)
def test_what_is_not_calibrated_stays_so(tmp_path: Path, target: str) -> None:
    need(target)
    counts = np.random.default_rng(1).integers(-30000, 30000, (2500, 2)).astype(np.float32)
    table = tmp_path / "counts.csv"
    rows = "\n".join(f"{k / 250:.3f},{a:g},{b:g}" for k, (a, b) in enumerate(counts))
    table.write_text(f"time,II,V1\n{rows}\n")
    uri, path = place(target, tmp_path)
    wearecg.convert(table, uri)
    got = read_recording(path)
    assert (got.leads, got.uncalibrated) == (("II", "V1"), ("II", "V1"))
    np.testing.assert_allclose(got.samples, counts, atol=0.6)


@pytest.mark.parametrize("suffix", ["edf", "hea"])
def test_rr_intervals(tmp_path: Path, suffix: str) -> None:
    if suffix == "hea":
        pytest.importorskip("wfdb")
    source = tmp_path / "rr.txt"
    rr = np.random.default_rng(2).integers(700, 1000, 50)
    source.write_text("\n".join(map(str, rr)))
    wearecg.convert(source, tmp_path / f"r.{suffix}")
    expected, got = (read_recording(path).intervals for path in (source, tmp_path / f"r.{suffix}"))
    assert isinstance(expected, RRSeries)
    assert isinstance(got, RRSeries)
    np.testing.assert_allclose(got.times, expected.times, atol=1e-3)
    np.testing.assert_allclose(got.rr[1:], expected.rr[1:], atol=1e-3)
    with pytest.raises(wearecg.SinkError, match="RR intervals and no samples, which CSV cannot hold"):
        wearecg.convert(source, tmp_path / "r.csv")


def test_more_bits_than_the_file_has_are_told(tmp_path: Path) -> None:
    step = 2420 / 6 / 2**23
    counts = np.random.default_rng(0).integers(-(2**21), 2**21, (1000, 1))
    recording = Recording((counts * step).astype(np.float32), FS, ("II",), "r", (step,))
    writer, _, _ = writer_of("bdf.bdf")
    writer.write(Stored.of(recording), tmp_path / "r.bdf", {})
    assert np.array_equal(np.rint(read_recording(tmp_path / "r.bdf").samples / step), counts)
    assert wearecg.convert(tmp_path / "r.bdf", tmp_path / "r.edf") == (
        "II needs more than 16 bits: its values are rounded to 0.01 mV",
    )
    np.testing.assert_allclose(read_recording(tmp_path / "r.edf").samples, recording.samples, atol=0.0051)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    source, there = base(tmp_path), tmp_path / "there.csv"
    there.write_text("mine")
    before = source.read_bytes()
    with pytest.raises(wearecg.SinkError, match="is there already: choose another name, or say"):
        wearecg.convert(source, there)
    assert there.read_text() == "mine"
    for overwrite in (False, True):
        with pytest.raises(wearecg.SinkError, match="is the recording itself"):
            wearecg.convert(source, source, overwrite=overwrite)
    os.link(source, tmp_path / "again.edf")
    with pytest.raises(wearecg.SinkError, match="is the recording itself"):
        wearecg.convert(source, tmp_path / "again.edf", overwrite=True)
    assert source.read_bytes() == before
    wearecg.convert(source, there, overwrite=True)
    assert read_recording(there).leads == LEADS


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    source = base(tmp_path)
    (tmp_path / "out").mkdir()
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    lost = wearecg.convert(source, tmp_path / "out" / "r.edf")
    assert "the file was cut short" in lost[0]
    with pytest.raises(wearecg.SinkError, match="cannot be written: No such file"):
        wearecg.convert(source, tmp_path / "nowhere" / "r.edf")
    with pytest.raises(wearecg.SourceError, match="no such recording"):
        wearecg.convert(tmp_path / "none.edf", tmp_path / "out" / "x.csv")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["r.edf"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("r.xyz", "nothing is written with the ending '.xyz'; there are "),
        ("r", "nothing is written with the ending ''"),
        ("edf:", "names no file"),
        ("r.edf?discontinuous=yes", "'discontinuous=yes' is no option of edf; there are: discontinuous=0|1"),
        ("r.csv?x=1", "'x=1' is no option of csv; there are: none"),
    ],
)
def test_targets_that_cannot_be(tmp_path: Path, target: str, words: str) -> None:
    with pytest.raises(wearecg.SinkError) as told:
        wearecg.convert(base(tmp_path), target)
    assert words in str(told.value)


def test_the_command_tells_what_is_lost_and_lists_what_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = base(tmp_path)
    assert main(["convert", str(source), str(tmp_path / "r.csv")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "wearecg: CSV holds one rate: RESP is lost, it has 25 Hz" in said.err
    assert main(["convert", str(source), str(tmp_path / "r.csv")]) == 5
    assert main(["formats"]) == 0
    listed = capsys.readouterr().out.partition("written by")[2]
    for name in WRITERS:
        assert f"\n{name} " in listed


def test_every_writer_is_in_this_test() -> None:
    there = {writer_of(target)[0].name for target in KEEPS}
    assert there == {one.name for one in writers()}
    for one in writers():
        if one.package[0] and os.environ.get("CI") == "true":
            assert find_spec(one.package[0].replace("-", "_"))


FILES = Path(os.environ.get("WEARECG_FILES", "/nowhere"))
REAL = sorted(path for path in FILES.rglob("*") if path.is_file() and "licenses" not in path.parts)
SMALL = 60_000
"""Values of a file that is converted to every format."""


@pytest.mark.skipif(not REAL, reason="set WEARECG_FILES to a folder of real files")
@pytest.mark.parametrize("source", REAL, ids=lambda path: path.name)
def test_real_files_keep_their_values_in_every_format(tmp_path: Path, source: Path) -> None:
    try:
        stored = open_recording(source)
    except wearecg.WearECGError:
        return
    recording = stored.recording
    size = sum(part.length * len(part.recording.leads) for part in (stored, *stored.others))
    if recording.intervals is not None or size > SMALL:
        return
    expected = stored.whole()
    steps = np.maximum(
        np.array(expected.lsb) * 0.51, np.nanmax(np.abs(expected.samples), axis=0) * 1e-4 + 1e-6
    )
    for target, kept in KEEPS.items():
        if kept.package and not find_spec(kept.package):
            continue
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        uri, path = place(target, folder)
        wearecg.convert(source, uri)
        got = read_recording(path)
        assert (got.leads, got.uncalibrated) == (expected.leads, expected.uncalibrated)
        assert got.fs == pytest.approx(expected.fs, rel=1e-6)
        assert np.array_equal(np.isnan(got.samples), np.isnan(expected.samples))
        assert (np.nanmax(np.abs(got.samples - expected.samples), axis=0) <= steps).all()
