"""How a format is found: what every one of them keeps to."""

from __future__ import annotations

from pathlib import Path

import pytest

from wearecg.cli import main
from wearecg.errors import SourceError
from wearecg.formats import FORMATS, formats, read_recording


def test_every_format_is_listed_once(capsys: pytest.CaptureFixture[str]) -> None:
    known = formats()
    assert [one.name for one in known][-len(FORMATS) :] == list(FORMATS)
    assert main(["formats"]) == 0
    read, _, written = capsys.readouterr().out.partition("written by `wearecg convert`:\n")
    assert written
    lines = read.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [one.name for one in known]
    assert all(one.title in line for one, line in zip(known, lines, strict=True))


def test_no_ending_is_of_two_formats() -> None:
    endings = [ending for one in formats() for ending in one.suffixes]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize(
    "head", [b"", b"\0" * 4096, b"\xff" * 4096, b"<", b"%", b"PK", b"1\n", "\u00b5".encode()[:1]]
)
def test_what_says_nothing_is_of_no_format(tmp_path: Path, head: bytes) -> None:
    assert [one.name for one in formats() if one.recognise(head, tmp_path / "nothing.xyz")] == []


def test_the_documentation_names_every_package() -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    for one in formats():
        package, extra = one.package
        assert package in text
        assert not extra or f"`{extra}`" in text or one.name == "wfdb"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("r.edf", "r.dcm", "r.xml", "r.csv", "r.fit", "r.acq", "r.mat", "r.scp", "r"):
        with pytest.raises(SourceError) as told:
            read_recording(tmp_path / name)
        assert "\n" not in str(told.value)
