from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearecg.formats.mit_annotations import BEAT, NOTE, QUALITY, decode
from wearecg.sinks.annotations import AnnotationFile

wfdb = pytest.importorskip("wfdb")

one = st.tuples(
    st.integers(1, 2**31 - 1),
    st.sampled_from([BEAT, NOTE, QUALITY]),
    st.integers(-128, 127),
    st.integers(0, 40),
    st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=60),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(one, max_size=12), flushes=st.integers(1, 4))
def test_what_goes_in_comes_out_of_rdann(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, int, str]], flushes: int
) -> None:
    path = tmp_path_factory.mktemp("a") / "r.wea"
    file = AnnotationFile(path)
    rows.sort(key=lambda row: row[0])
    for part in range(flushes):
        for row in reversed(rows[part::flushes]):
            file.add(*row)
        if part < flushes - 1:
            file.flush(before=1)  # too early for any: kept
            assert path.read_bytes() == b"\0\0"
    file.flush()
    file.close()
    ann = wfdb.rdann(str(path.with_suffix("")), "wea", return_label_elements=["label_store"])
    got = list(zip(ann.sample, ann.label_store, ann.subtype, ann.chan, ann.aux_note, strict=True))
    assert sorted(got) == sorted(rows)
    assert [row[0] for row in got] == [row[0] for row in rows]
    data = path.read_bytes()
    ours = list(decode(data))
    assert ours == [(sample, code, subtype & 0xFF, text) for sample, code, subtype, _, text in got]
    for cut in range(len(data)):
        kept = [row[:2] for row in decode(data[:cut])]
        assert kept == [row[:2] for row in ours[: len(kept)]]


def test_late_annotations_keep_their_time(tmp_path: Path) -> None:
    file = AnnotationFile(tmp_path / "r.wea")
    file.add(5000, BEAT)
    file.flush(6000)
    file.add(4000, NOTE, text="late")
    file.add(8000, BEAT)
    file.flush()
    file.close()
    ann = wfdb.rdann(str(tmp_path / "r"), "wea")
    assert ann.sample.tolist() == [5000, 4000, 8000]
    assert ann.aux_note == ["", "late", ""]


def test_long_texts_are_cut_to_what_the_format_holds(tmp_path: Path) -> None:
    file = AnnotationFile(tmp_path / "r.wea")
    file.add(10, NOTE, text="µ" + "x" * 300 + "€")
    file.flush()
    file.close()
    assert wfdb.rdann(str(tmp_path / "r"), "wea").aux_note == ["µ" + "x" * 254]
