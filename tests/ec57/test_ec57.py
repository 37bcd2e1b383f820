"""EC57 comparisons, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearecg.cli import main
from wearecg.ec57 import compare, marks_of, pair, read_marks, tables
from wearecg.errors import SourceError
from wearecg.formats.mit_annotations import END, SYMBOLS, Annotation, encode

FS = 360
CODE = {symbol: code for code, symbol in SYMBOLS.items() if symbol != " "}


def annotations(text: str, fs: int = FS) -> list[Annotation]:
    """``1.0N 2.5V 3+(AFIB 4~48``: seconds, symbol, and the text or subtype."""
    found = []
    for word in text.split():
        at = next(k for k, c in enumerate(word) if c not in "0123456789.")
        rest = word[at + 1 :]
        subtype = int(rest) if rest and word[at] == "~" else 0
        found.append(
            Annotation(round(float(word[:at]) * fs), CODE[word[at]], subtype, "" if subtype else rest)
        )
    return found


def of(reference: str, test: str, since: float = 0.0, seconds: float = 100.0):
    return compare(
        marks_of(annotations(reference), FS, seconds), marks_of(annotations(test), FS, seconds), since
    )


def test_beats_by_hand():
    result = of("1N 2N 3V 4A 5F 6/ 7N 8j", "1.15N 2.16N 3V 4N 5V 6V 8S 9V")
    assert result.beats == {
        ("N", "N"): 1,  # 150 ms apart
        ("N", "O"): 2,  # 160 ms apart; none at 7
        ("O", "N"): 1,
        ("V", "V"): 1,
        ("S", "N"): 1,
        ("F", "V"): 1,
        ("Q", "V"): 1,
        ("N", "S"): 1,  # an escape beat of the node is N
        ("O", "V"): 1,
    }
    assert (result.sensitivity("QRS").hit, result.sensitivity("QRS").total) == (6, 8)
    assert (result.predictivity("QRS").hit, result.predictivity("QRS").total) == (6, 8)
    # A fusion beat or an unclassified one that is called V is no false V.
    assert (result.predictivity("V").hit, result.predictivity("V").total) == (1, 2)
    assert (result.predictivity("S").hit, result.predictivity("S").total) == (0, 1)
    assert result.sensitivity("S").percent == 0.0
    assert result.predictivity("F").percent is None


def test_the_learning_period_ends_with_a_beat_of_the_reference():
    result = of("299.95N 300.5N 301V", "299V 300.02N 300.6N 301V", since=300.0)
    # 300.02 belongs to the beat before: of neither side does it count.
    assert result.beats == {("N", "N"): 1, ("V", "V"): 1}


def test_a_pair_is_the_nearest_that_is_no_other_beat():
    # 96 128 160 185 of the WFDB programs' own example, at 250 Hz: both are pairs.
    assert pair([0.384, 0.640], [0.512, 0.740]) == [(0, 0), (1, 1)]
    assert pair([1.0], [0.9, 1.05]) == [(0, 1)]
    assert pair([0.95, 1.02], [1.0]) == [(1, 0)]
    assert pair([], [1.0]) == pair([1.0], []) == []


beats = st.lists(st.integers(1, 100_000), max_size=40, unique=True).map(
    lambda x: [v / 1000 for v in sorted(x)]
)


@given(beats, beats)
def test_pairs_are_in_order_one_to_one_and_near(reference, test):
    pairs = pair(reference, test)
    assert [j for _, j in pair(reference, reference)] == [*range(len(reference))]
    assert all(abs(reference[i] - test[j]) <= 0.1501 for i, j in pairs)
    for side in zip(*pairs, strict=True):
        assert list(side) == sorted(set(side))
    assert pairs == [(i, j) for j, i in pair(test, reference)]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_where_beats_are_apart_the_wfdb_package_counts_the_same(seed):
    from wfdb.processing import compare_annotations

    rng = np.random.default_rng(seed)
    reference = np.cumsum(rng.integers(200, 500, 40))  # more than two windows apart
    test = (reference + rng.integers(-50, 51, 40))[rng.random(40) > 0.1]
    theirs = compare_annotations(reference, test, 54)
    ours = of(" ".join(f"{t / FS}N" for t in reference), " ".join(f"{t / FS}N" for t in test), seconds=1000.0)
    found = ours.sensitivity("QRS")
    assert (found.hit, found.total - found.hit) == (theirs.tp, theirs.fn)
    assert ours.predictivity("QRS").total - found.hit == theirs.fp


def test_fibrillation_and_what_cannot_be_read():
    # 10 to 20 is fibrillation, 30 to 40 unreadable for the reference, 50 to 60 for the test.
    result = of("5N 10[ 12V 20] 25N 30~48 40~0 55N 70N", "5N 11V 25N 35N 50~48 60~0 70N")
    assert result.beats == {("N", "N"): 3, ("X", "N"): 1, ("N", "X"): 1}
    assert result.shut_down == 10.0
    # No interval spans such a stretch.
    assert result.rr_count == 0


def test_a_mark_inside_what_cannot_be_read_reaches_from_beat_to_beat():
    found = marks_of(annotations("5N 7~48 10N"), FS, 20.0)
    assert found.unreadable == ((pytest.approx(5.15), pytest.approx(9.85)),)


def test_the_error_of_intervals_by_hand():
    result = of("1N 2N 3N 4N", "1.1N 2N 4N")
    # Only 1 to 2 has both of its ends, side by side on both sides: 1 s and 0.9 s.
    assert result.rr_count == 1
    assert result.rr_error_ms == pytest.approx(100.0)


def test_runs_by_hand():
    reference = "1N 2V 3V 4N 5V 6F 7V 8N 11V 12V 13V 14V 15V 16V 17N 18[ 19] 20N"
    test = "1N 2V 3N 4N 5V 6V 7V 8N 11V 12V 13N 14V 15V 16V 17N 18[ 19] 20N 21V 22V 23N"
    runs = of(reference, test).runs
    assert runs["V", "Se", "couplet"] == (0, 1)
    assert runs["V", "Se", "short"] == (1, 1)
    assert runs["V", "Se", "long"] == (1, 2)  # the fibrillation
    assert runs["V", "PPV", "couplet"] == (
        1,
        2,
    )  # the test's 11 to 12 is within a longer one; 21 to 22 is none
    assert runs["V", "PPV", "short"] == (2, 2)
    assert runs["V", "PPV", "long"] == (1, 1)


def test_atrial_fibrillation_is_a_supraventricular_run():
    runs = of("1N 2+(AFIB 3N 4N 5+(N 6N 7A 8A 9N", "1N 3N 4N 6N 7S 8S 9N").runs
    assert runs["S", "Se", "long"] == (0, 1)
    assert runs["S", "Se", "couplet"] == runs["S", "PPV", "couplet"] == (1, 1)


def test_episodes_by_hand():
    result = of("10+(AFIB 30+(AFL 40+(N 60+(AFIB 70+(N", "20+(AFIB 35+(N 80+(AFIB")
    assert result.episode("AF", "Se") == (1, 2, pytest.approx(10.0), pytest.approx(30.0))
    # 30 to 35 is flutter and left out; the last one goes on to the end.
    assert result.episode("AF", "PPV") == (1, 2, pytest.approx(10.0), pytest.approx(30.0))
    later = of("10+(AFIB 30+(N", "20+(AFIB 35+(N", since=25.0)
    assert later.episode("AF", "Se") == (1, 1, pytest.approx(5.0), pytest.approx(5.0))


def write(path: Path, text: str, fs: int = FS, first: str = "") -> None:
    data, last = b"", 0
    rows = annotations(text, fs)
    if first:
        rows.insert(0, Annotation(0, CODE['"'], 0, first))
    for row in rows:
        data += encode(row.sample - last, row.code, row.subtype, None, row.text)
        last = row.sample
    path.write_bytes(data + END)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, reference, test in (
        ("a", "1N 2V 3N", "1N 2V 3N"),
        ("b", "1N 2V", "1N 2N"),
        ("p", "1/ 2V", "1N"),
    ):
        for side, text, annotator in (("ref", reference, "atr"), ("test", test, "wea")):
            (tmp_path / side).mkdir(exist_ok=True)
            write(tmp_path / side / f"{name}.{annotator}", text)
        (tmp_path / "ref" / f"{name}.hea").write_text(f"{name} 0 {FS} 36000\n")
    return tmp_path


def test_folders_are_compared_record_by_record_and_gross(folders, capsys):
    write(folders / "test" / "c.wea", "1N")
    assert main(["compare", str(folders / "ref"), str(folders / "test"), "--from", "0"]) == 0
    said = capsys.readouterr()
    rows = {line.split()[0]: line.split()[1:] for line in said.out.split("\n\n")[0].splitlines()[2:]}
    assert rows["a"][2] == "100.00"
    assert rows["b"][2] == "0.00"
    assert rows["gross"][2] == "50.00"  # the paced record does not count
    assert rows["gross"][-1] == "5"
    assert "p*" in rows
    assert "left out: c" in said.err


def test_one_file_with_a_time_resolution_of_its_own(folders):
    path = folders / "test" / "a.wea"
    write(path, "1N 2V 3N", fs=1000, first="## time resolution: 1000")
    found = read_marks(path, beside=folders / "ref" / "a.atr")
    assert [t for t, _ in found.beats] == [1.0, 2.0, 3.0]
    assert found.duration == 100.0
    text = tables({"a": compare(read_marks(folders / "ref" / "a.atr"), found, 0.0)}, 0.0)
    assert "gross " not in text.split("\n\n")[0]


@pytest.mark.parametrize("data", [b"", b"\x01", None])
def test_what_is_no_annotation_file_is_refused(folders, capsys, data):
    path = folders / "test" / "a.wea"
    path.unlink() if data is None else path.write_bytes(data)
    assert main(["compare", str(folders / "ref" / "a.atr"), str(path)]) == 3
    assert "a.wea" in capsys.readouterr().err


def test_folders_without_a_common_record_are_refused(folders, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["compare", str(folders / "ref"), str(tmp_path / "empty")]) == 3
    assert "no record" in capsys.readouterr().err


@pytest.fixture
def hundred(tmp_path: Path) -> Path:
    (tmp_path / "r.hea").write_text("r 1 360 36000\nr.dat 16 200/mV 16 0 0 0 0 II\n")
    beats = b"".join(encode(360, CODE["N"]) for _ in range(90))
    (tmp_path / "r.atr").write_bytes(beats + END)
    (tmp_path / "r.wea").write_bytes(beats[:90])
    return tmp_path


def test_annotations_that_were_cut_short_are_told(hundred: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not read_marks(hundred / "r.atr").cut
    assert read_marks(hundred / "r.wea").cut
    assert main(["compare", str(hundred / "r.atr"), str(hundred / "r.wea"), "--from", "0"]) == 0
    assert "r.wea: it ends without an end mark" in capsys.readouterr().err


def test_a_header_or_a_signal_is_no_annotation_file(hundred: Path) -> None:
    noise = np.random.default_rng(1).integers(-2000, 2000, 5000).astype("<i2")
    (hundred / "r.dat").write_bytes(noise.tobytes())
    for name in ("r.hea", "r.dat"):
        with pytest.raises(SourceError, match="is no annotation file"):
            read_marks(hundred / name)
