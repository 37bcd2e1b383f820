"""The report: what it holds, whatever is missing, and that it needs nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import wearecg
from wearecg.block import (
    ECG,
    Beat,
    BeatClass,
    Event,
    Finding,
    HeartRate,
    LeadQuality,
    Measure,
    Quality,
    SignalBlock,
    StreamInfo,
)
from wearecg.cli import main
from wearecg.errors import SinkError
from wearecg.report.data import data
from wearecg.report.disclosure import ALPHABET, GAP, Disclosure
from wearecg.report.gather import Gathered
from wearecg.report.page import html
from wearecg.report.printing import BROWSERS, browser
from wearecg.report.strips import STRIP_S, Strips
from wearecg.sinks.report import EVERY_S, ReportSink

FS = 250.0
INFO = StreamInfo(ECG, "a recording", FS, ("II", "V1"), (0.0, 0.0), epoch=0.0)


class Page(HTMLParser):
    """Collects what a page links to, its tags that are not closed, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "xlink:href")
        ]
        if tag not in ("meta", "rect", "path", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("report") / "report.html"
    for _ in wearecg.stream("simulate:af?speed=max&fs=250", leads="II,V1", duration=90, to=ReportSink(place)):
        pass
    return place.read_text()


def test_it_is_one_page_that_needs_no_network_and_no_other_file(page: str) -> None:
    read = Page(page)
    assert read.links == []
    assert read.open == []
    outside = re.findall(r"https?://[^\s\"'<)]+|@import|url\((?!#)", page)
    assert outside == []


def test_it_says_what_was_found_and_that_it_is_no_medical_device(page: str) -> None:
    words = " ".join(Page(page).words)
    for told in (
        "Not a medical device",
        "atrial fibrillation",
        "Worn for 1:30",
        "encoder@",
        "wearecg prove",
        "25 mm/s",
    ):
        assert told in words


def test_every_picture_is_well_formed(page: str) -> None:
    pictures = re.findall(r"<svg class=.*?</svg>", page, re.DOTALL)
    assert len(pictures) >= 3
    for picture in pictures:
        ElementTree.fromstring(picture)
        assert "nan" not in picture


def signal(seconds: float, start: float = 0.0, level: float = 0.0) -> SignalBlock:
    t = start + np.arange(round(seconds * FS)) / FS
    wave = np.exp(-(((t % 1.0) - 0.5) ** 2) / 2e-4) + level
    return SignalBlock(np.repeat(wave[:, None], 2, axis=1).astype(np.float32), FS, INFO.leads, start)


def gathered(*events: Event) -> Gathered:
    made = Gathered("rec")
    for event in (INFO, *events):
        made.feed(event)
    if made.strips:
        made.strips.flush()
    return made


def beats(seconds: int, ventricular: range = range(0)) -> list[Event]:
    times = [t + 0.5 for t in range(seconds)]
    made: list[Event] = [Beat(t, "II", 1.0 if t > 1 else None) for t in times]
    return made + [BeatClass(t, "V" if int(t) in ventricular else "N", 0.9, "c@1") for t in times]


def test_what_nobody_looked_for_is_not_called_absent() -> None:
    words = " ".join(Page(html(gathered(signal(30), *beats(30)[:30]))).words)
    assert words.count("not looked for") == 5
    assert "none found" not in words
    assert "Their classes were not judged" in words


def test_runs_burden_and_intervals_with_their_errors_are_told() -> None:
    made = gathered(
        signal(60),
        *beats(60, range(20, 24)),
        Measure("qt", 392.0, "ms", "w@1", 0, 10, error=8.0),
        Measure("st60", -0.123, "mV", "w@1", 0, 10, error=0.02, leads=("II",)),
    )
    words = " ".join(Page(html(made)).words)
    for told in (
        "6.7 %",
        "2.62 to 15.93 %",
        "392 ms",
        "± 8",
        "ST at J+60 ms, II",
        "-0.123 mV",
        "run of ventricular beats",
    ):
        assert told in words
    assert made.strips
    keys = [strip.key for strip in made.strips.found]
    assert ("run", "V") in keys
    assert ("beat", "V") in keys


def test_a_strip_shows_the_signal_and_the_beats_of_its_time() -> None:
    made = gathered(*beats(60, range(30, 31)), *(signal(1, t) for t in range(60)))
    assert made.strips
    (first,) = [strip for strip in made.strips.found if strip.key == ("signal",)]
    assert (first.start, first.end) == (13.0, 20.0)
    np.testing.assert_array_equal(first.samples, signal(STRIP_S, 13.0).samples)
    assert [at for at, _ in first.beats] == [13.5 + i for i in range(7)]


def test_a_strip_of_what_is_missing_is_not_drawn_as_if_it_were_there() -> None:
    made = gathered(signal(15), signal(20, 18.0))
    assert made.strips
    (first,) = made.strips.found
    assert np.isnan(first.samples[round(2 * FS) : round(5 * FS)]).all()
    assert html(made).count("M") > 0


def test_the_page_of_a_strap_has_no_strips() -> None:
    made = Gathered("strap")
    made.feed(StreamInfo(wearecg.StreamId("rr"), "a strap", 1.0, ("RR",), (0.0,), epoch=0.0))
    for t in range(100):
        made.feed(Beat(float(t), "RR", 1.0 if t else None, stream=wearecg.StreamId("rr")))
        made.feed(HeartRate(float(t), 60.0, stream=wearecg.StreamId("rr")))
    words = " ".join(Page(html(made)).words)
    assert "RR intervals alone; readable 1:39 (100 %)" in words
    assert "none found" not in words
    assert "25 mm/s" not in words


def test_a_session_without_anything_has_a_page_that_says_so() -> None:
    assert "No ECG and no RR intervals were recorded" in html(Gathered("nothing"))
    assert data(Gathered("nothing"))["streams"] == []


def test_names_cannot_break_the_page() -> None:
    made = gathered(signal(30))
    made.name = "<script>alert(1)</script>"
    assert "<script>alert" not in html(made)


def disclosed(*blocks: SignalBlock) -> Disclosure:
    made = Disclosure(INFO.leads, FS)
    for block in blocks:
        made.feed(block, 0.0)
    return made


def test_the_whole_signal_is_the_same_however_it_comes() -> None:
    whole = disclosed(signal(150)).page(10**6)
    parts = disclosed(*(signal(1.6, round(1.6 * i, 3)) for i in range(93)), signal(1.2, 148.8)).page(10**6)
    assert whole == parts
    columns, spans, lines = whole
    assert (columns, [number for number, _ in lines]) == (600, [0, 1, 2])
    assert spans == pytest.approx([1.06, 1.06], abs=0.1)


def test_a_gap_is_a_gap_in_the_whole_signal() -> None:
    _, _, ((_, (line, _)),) = disclosed(signal(20), signal(20, 40.0)).page(10**6)
    assert set(line[400:800]) == {GAP}
    assert GAP not in line[:400] + line[800:]
    peaks = [ALPHABET.index(line[2 * column + 1]) for column in (5, 15)]
    assert min(peaks) > 50


def test_a_long_recording_has_fewer_columns_and_no_line_less() -> None:
    made = disclosed(*(signal(60, 60.0 * i) for i in range(30)))
    columns, _, lines = made.page(20_000)
    assert columns == 150
    assert sum(len(text) for _, texts in lines for text in texts) <= 20_000
    assert len(lines) == 30


def test_it_is_written_while_the_stream_runs_and_at_the_end(tmp_path: Path) -> None:
    sink = ReportSink(tmp_path / "there")
    for event in (INFO, signal(30), *beats(30)):
        sink.write(event)
    sink.tick(0.0)
    assert not sink.path.exists()
    sink.tick(EVERY_S)
    first = sink.path.read_text()
    for event in (Beat(31.0, "II", 0.5), Quality(0, 1, (LeadQuality("II", "good"),))):
        sink.write(event)
    sink.close()
    sink.close()
    assert sink.path.name == "report.html"
    assert "30 beats" in first
    assert "31 beats" in sink.path.read_text()
    assert [path.name for path in sink.path.parent.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot make"):
        ReportSink(tmp_path / "file" / "there")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes in three recordings, of which the second was lost."""
    place = tmp_path_factory.mktemp("rec")
    for _ in wearecg.stream(
        "simulate:sinus?speed=40&fs=250", observe=(), duration=3, to=f"wfdb:{place}?rotate=40s"
    ):
        pass
    names = sorted({path.name[:24] for path in place.glob("wearecg_*")})
    assert len(names) == 3
    second = names[1]
    for path in place.glob(f"{second}*"):
        path.unlink()
    return place


def test_a_folder_is_read_in_the_order_of_time_and_what_is_missing_stays_missing(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("wfdb")
    out = tmp_path / "report.json"
    assert main(["report", str(folder), "-o", str(out), "--model", "none"]) == 0
    told: dict[str, Any] = json.loads(out.read_text())
    (stream,) = [one for one in told["streams"] if one["stream"] == "ecg"]
    assert stream["seconds"] == pytest.approx(120, abs=8)
    assert stream["lost"] == pytest.approx(40, abs=2)
    assert stream["gaps"] == 1


def test_a_report_of_another_kind_or_of_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", "x", "-o", "report.doc"])
    assert main(["report", str(tmp_path)]) == 3
    assert "no recording with an ECG" in capsys.readouterr().err


def test_without_a_browser_a_pdf_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert main(["report", "no-such-recording", "-o", "x.pdf"]) == 5
    assert "Chromium" in capsys.readouterr().err


def test_a_real_browser_draws_it_and_prints_it(page: str, tmp_path: Path) -> None:
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("no Chromium, Chrome or Edge is installed")
    from wearecg.report.printing import print_page

    # What the page draws by itself: the lines of the whole signal, once that is opened.
    there = tmp_path / "page.html"
    there.write_text(page.replace('<details class="disclosure"', '<details open class="disclosure"'))
    command = [
        browser(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'b'}",
    ]
    drawn = subprocess.run(
        [*command, "--window-size=1000,9000", "--virtual-time-budget=4000", "--dump-dom", there.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    lines = drawn.partition('<div class="lines">')[2].partition("</div></div>")[0]
    assert lines.count("<svg") == 2
    assert lines.count("M") > 500
    print_page(browser(), there, tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_leads_of_no_known_size_are_said_to_be_so() -> None:
    made = Gathered("rec")
    for event in (replace(INFO, uncalibrated=("II",)), signal(30)):
        made.feed(event)
    assert made.strips
    made.strips.flush()
    assert "II (of no known size)" in " ".join(Page(html(made)).words)
    assert isinstance(made.strips, Strips)


def finding(code: str, source: str) -> Finding:
    return Finding(code, code, 0.0, 30.0, 0.9, source, leads=("II",), since=0.0, change="begins", seen=30.0)


def test_without_classes_of_beats_nobody_looked_for_ventricular_tachycardia() -> None:
    made = html(gathered(signal(60), *beats(60)[:60], finding("SR", "episodes@1")))
    assert re.search(r"Ventricular tachycardia</dt><dd>not looked for", made)
    assert re.search(r"Pauses and asystole</dt><dd>none found", made)
    classed = html(gathered(signal(60), *beats(60), finding("SR", "episodes@1")))
    assert re.search(r"Ventricular tachycardia</dt><dd>none found", classed)
    assert re.search(r"AV block</dt><dd>not looked for", classed)


def test_what_was_measured_of_one_source_is_not_said_of_another() -> None:
    words = [
        " ".join(Page(html(gathered(signal(60), finding("PACE", by)))).words)
        for by in ("encoder@1", "rule@1")
    ]
    assert ["MIT-BIH DS1" in one for one in words] == [True, False]
    assert "not measured" in words[1]
