"""A recorder of another format is one file of somebody else's, found by its entry point."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from wearecg.block import ECG, RR, Beat, Gap, SignalBlock, StreamId, StreamInfo
from wearecg.errors import SinkError
from wearecg.sinks import Context, open_sink
from wearecg.sinks.recorder import Recorder
from wearecg.sinks.upkeep import recordings

EPOCH = 1_795_000_000.0

PACKAGE = """
from wearecg.block import Notice
from wearecg.sinks.record_format import OpenRecord, RecordFormat
from wearecg.sinks.recorder import Recorder


def open_mine(place, options, context):
    return Recorder(place, Lines(), options)


class Lines(RecordFormat):
    name = "lines"
    files = r"\\.txt"

    def open(self, place, info, epoch, first):
        return LinesRecord(place, info, epoch)

    def signed(self, path):
        return path.read_text().startswith("# wearecg")

    def repair(self, directory):
        return [Notice(f"{path} is empty") for path in directory.glob("*.txt") if path.stat().st_size == 0]


class LinesRecord(OpenRecord):
    def __init__(self, place, info, epoch):
        super().__init__()
        self.file = open(place.with_name(place.name + ".txt"), "w")
        self.file.write(f"# wearecg {info.stream} {' '.join(info.leads)} from {epoch:.2f}\\n")

    def write(self, samples, at):
        for number, row in enumerate(samples[max(self.length - at, 0):], max(at, self.length)):
            self.put(f"{number} {' '.join(f'{value:.2f}' for value in row)}")
            self.length = number + 1

    def annotate(self, annotation):
        self.put(f"{annotation.sample} {annotation.kind}: {annotation.text}")

    def put(self, line):
        self.size += self.file.write(line + "\\n")

    def flush(self, now, before):
        self.file.flush()

    def close(self):
        self.file.close()
"""


@pytest.fixture(autouse=True)
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package with an entry point where installed ones are found."""
    about = tmp_path / "site" / "lines_for_wearecg-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lines-for-wearecg\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        dedent("""\
        [wearecg.sinks]
        lines = lines_for_wearecg:open_mine
        """)
    )
    (tmp_path / "site" / "lines_for_wearecg.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "lines_for_wearecg", raising=False)


def block(first: int, lost: int = 0) -> SignalBlock:
    x = np.arange(first, first + 2, dtype=np.float32)[:, None]
    return SignalBlock(x, 1.0, ("II",), float(first), lost)


def test_it_rotates_and_has_gaps_and_annotations(tmp_path: Path) -> None:
    sink = open_sink(f"lines:{tmp_path}/r?rotate=4s")
    assert isinstance(sink, Recorder)
    sink.write(StreamInfo(ECG, "x", 1.0, ("II",), (0.001,), EPOCH))
    for event in (block(0), Beat(1.0, "II"), Gap(2.0, 2.0, 2, "link"), block(4, 2), block(6), block(8)):
        sink.write(event)
        sink.tick(event.start)
    sink.write(Beat(5.0, "II"))  # in what was recorded before
    sink.close()
    sink.close()
    first, second = (path.read_text().splitlines() for path in sorted((tmp_path / "r").iterdir()))
    # The class of a beat may still come: it is annotated a little later.
    assert first == [
        "# wearecg ecg II from 1795000000.00", "0 0.00", "1 1.00", "2 quality: gap 2.000 s, 2 samples: link",
        "4 quality: gap ends", "4 4.00", "5 5.00", "1 beat: ", "5 beat: ",
    ]  # fmt: skip
    assert second == ["# wearecg ecg II from 1795000006.00", "0 6.00", "1 7.00", "2 8.00", "3 9.00"]


def test_a_strap_is_recorded_by_its_beats(tmp_path: Path) -> None:
    sink = open_sink(f"lines:{tmp_path}/r")
    sink.write(StreamInfo(RR, "x", 1024.0, ("RR",), (1 / 1024,), EPOCH))
    sink.write(Beat(1.0, "RR", 1.0, RR))
    sink.close()
    (path,) = (tmp_path / "r").iterdir()
    assert path.read_text().splitlines()[1:] == ["1024 beat: "]


def test_what_it_wrote_is_found_and_what_a_power_cut_left_is_told(tmp_path: Path) -> None:
    sink = open_sink(f"lines:{tmp_path}/r")
    sink.write(StreamInfo(StreamId("ecg", 2), "x", 1.0, ("II",), (0.001,), EPOCH))
    sink.write(SignalBlock(np.zeros((2, 1), np.float32), 1.0, ("II",), 0.0, stream=StreamId("ecg", 2)))
    sink.close()
    from lines_for_wearecg import Lines  # type: ignore[import-not-found]

    (recording,) = recordings(tmp_path / "r", Lines())
    assert recording.ours
    assert [path.name for path in recording.files] == ["wearecg_20261118T110640Z_ecg-2.txt"]
    recording.delete()
    (tmp_path / "r" / "wearecg_x.txt").touch()
    assert ["wearecg_x" in notice.message for notice in open_sink(f"lines:{tmp_path}/r").notices] == [True]


def test_its_options_are_those_of_every_recorder(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="lines: has no option 'rotat'; there are keep-free, rotate, sync"):
        open_sink(f"lines:{tmp_path}/r?rotat=4s")


def test_an_opener_is_given_place_options_and_context(tmp_path: Path) -> None:
    got: list[tuple[str, Mapping[str, str], Context]] = []
    package = sys.modules.get("lines_for_wearecg") or __import__("lines_for_wearecg")
    package.open_mine = lambda *given: got.append(given)
    open_sink("lines:there?a=1&b=x%26y", Context("recordings"))
    assert got == [("there", {"a": "1", "b": "x&y"}, Context("recordings"))]
