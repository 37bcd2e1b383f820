"""A package of somebody else's adds an observer, a sensor, an output and a recorder: one file each, no line of ours."""

from __future__ import annotations

import importlib
import json
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.block import BeatClass
from wearecg.observers import Events, Observer

PARTS = {
    "observers": (
        "acme-beats",
        "open_beats",
        '''
        """Names each beat by its height: a beat classifier."""

        from wearecg import BeatClass, Measure
        from wearecg.observers import Observer, Segments

        class Beats(Observer):
            source = "acme-beats@1"
            wants = (Segments(fs=100, before=0.2, after=0.4),)

            def __init__(self):
                self.heights = []

            def feed(self, item, about):
                peak = item.start + 0.2
                height = float(abs(item.samples[:, 0]).max())
                self.heights.append(height)
                usual = sorted(self.heights)[len(self.heights) // 2]
                code = "V" if height > 1.5 * usual else "N"
                yield Measure("r_height", height, "mV", self.source, item.start, item.end, stream=item.stream)
                yield BeatClass(peak, code, 0.9, self.source, item.stream)

        def open_beats(options):
            return Beats()
        ''',
    ),
    "devices": (
        "acme-patch",
        "Patch",
        '''
        """A sensor that sends signed bytes, 100 a second, 10 uV each."""

        import numpy as np

        from wearecg.block import SignalBlock
        from wearecg.devices.base import Device

        class Patch(Device):
            name, title, baud = "acme-patch", "Acme patch", 115200

            def connected(self, now):
                pass

            def diagnose(self):
                return "no samples"

            def feed(self, data, arrival):
                if not data:
                    return []
                samples = np.frombuffer(data, np.int8).astype(np.float32)[:, None] * 0.01
                return [SignalBlock(samples, 100.0, ("II",), stream="ecg-raw")]
        ''',
    ),
    "sinks": (
        "acme",
        "open_acme",
        '''
        """One line of text for each finding and beat class: what an MQTT output would publish."""

        from pathlib import Path

        from wearecg.block import BeatClass, Finding
        from wearecg.sinks import Sink
        from wearecg.sinks.encode import encode

        class Lines(Sink):
            wants = (Finding, BeatClass)

            def __init__(self, path):
                super().__init__()
                self.file = open(path, "w")

            def write(self, event):
                print(encode(event), file=self.file)

            def close(self):
                self.file.close()

        def open_acme(place, options, context):
            return Lines(Path(place))
        ''',
    ),
    "formats": (
        "acme-file",
        "Bytes",
        '''
        """A file of signed bytes behind four letters, 100 a second, 10 uV each."""

        import numpy as np

        from wearecg.formats.base import Channel, Format, of_arrays, read_bytes, recording_of

        class Bytes(Format):
            name, title = "acme-file", "Acme's own"

            def recognise(self, head, path):
                return head.startswith(b"ACME")

            def open(self, path, told):
                counts = 10.0 * np.frombuffer(read_bytes(path, 4), np.int8)
                channel = Channel("lead ii", 100.0, len(counts), "uV", lsb=10.0)
                return recording_of(path, [channel], of_arrays([counts]), told)
        ''',
    ),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return what lays a package with one entry point beside ours, as pip would."""
    packages = tmp_path / "packages"

    def lay(part: str) -> str:
        name, attribute, text = PARTS[part]
        module = f"acme_{part}"
        info = packages / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (packages / f"{module}.py").write_text(textwrap.dedent(text))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[wearecg.{part}]\n{name} = {module}:{attribute}\n")
        monkeypatch.syspath_prepend(str(packages))
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)
        return name

    return lay


def test_an_observer_beside_ours(install, tmp_path: Path) -> None:
    name = install("observers")
    file = tmp_path / "out.jsonl"
    source = "simulate:pvc?seed=1&fs=250&speed=max"
    events = list(
        wearecg.stream(source, leads="II", observe=("encoder", name), to=f"jsonl:{file}", duration=30)
    )
    classes = [event for event in events if isinstance(event, BeatClass)]
    beats = [event.time for event in events if isinstance(event, wearecg.Beat)]
    assert len(beats) - 2 <= len(classes) <= len(beats)
    assert {one.code for one in classes} <= {"N", "V"}
    assert max(min(abs(beat - one.time) for beat in beats) for one in classes) < 0.01
    finding = next(event for event in events if isinstance(event, wearecg.Finding) and event.probability)
    assert "r_height_mV" in {measure.key for measure in finding.evidence}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sum(line["type"] == "beat-class" for line in lines) == len(classes)
    assert any(line["type"] == "measure" and line["unit"] == "mV" for line in lines)


def test_an_output_and_an_observer_that_do_not_know_each_other(install, tmp_path: Path) -> None:
    scheme, name = install("sinks"), install("observers")
    file = tmp_path / "lines"
    source = "simulate:pvc?seed=1&fs=250&speed=max"
    list(wearecg.stream(source, leads="II", observe=name, to=f"{scheme}:{file}", duration=20))
    assert "acme-beats@1" in file.read_text()


def test_a_format_that_is_known_by_its_content(install, tmp_path: Path) -> None:
    install("formats")
    counts = np.arange(-100, 100, dtype=np.int8)
    (tmp_path / "r.edf").write_bytes(b"ACME" + counts.tobytes())
    got = wearecg.read_recording(tmp_path / "r.edf")
    assert (got.fs, got.leads, got.lsb) == (100, ("II",), (0.01,))
    np.testing.assert_allclose(got.samples[:, 0], counts * 0.01, atol=1e-6)


def test_a_sensor_whose_stream_has_a_name_of_its_own(install, tmp_path: Path) -> None:
    from wearecg.devices import device
    from wearecg.pipeline.engine import Engine

    driver = device(install("devices"))()
    data = np.random.default_rng(0).integers(-100, 100, 3000).astype(np.int8).tobytes()
    engine = Engine("acme")
    events = [event for block in driver.feed(data, 30.0) for event in engine.feed(block, 30.0)]
    info = next(event for event in events if isinstance(event, wearecg.StreamInfo))
    assert (info.stream, info.stream.kind, info.stream.sensor) == ("ecg-raw", "ecg-raw", 1)
    assert any(isinstance(event, wearecg.HeartRate) and event.stream == "ecg-raw" for event in events)


class Namer(Observer):
    """Names beats by turns."""

    source, wants = "namer@1", (Events((wearecg.Beat,)),)

    def feed(self, item, about):
        yield BeatClass(item.time, "V" if int(item.time) % 2 else "N", 0.9, self.source, item.stream)


class Runs(Observer):
    """Rests on what others say: beat classes, and the statements of a model."""

    source, wants = "runs@1", (Events((BeatClass, wearecg.Statement)),)

    def __init__(self):
        self.classes, self.statements = 0, 0

    def feed(self, item, about):
        if isinstance(item, BeatClass):
            self.classes += 1
        elif item.source != self.source:
            self.statements += 1
        if isinstance(item, BeatClass) and self.classes % 10 == 0:
            text = f"{self.classes} beats, {self.statements} statements"
            yield wearecg.Statement("RUN", text, item.time - 5, item.time, None, self.source)


def test_observers_hear_what_others_say() -> None:
    source = wearecg.open_source("simulate:sinus?fs=250&speed=max")
    session = wearecg.Session(source, [Runs(), Namer(), wearecg.open_observer("encoder")], duration=30)
    said = [event for event in session if isinstance(event, wearecg.Finding) and event.code == "RUN"]
    last = said[-1].text.split()
    assert len(said) > 2
    assert int(last[0]) == 10 * sum(one.change != "ends" for one in said)
    assert int(last[2]) > 10


def said(**more: object) -> wearecg.Statement:
    return replace(wearecg.Statement("X", "x", 1.0, 2.0, 0.5, "odd@1"), **more)


@pytest.mark.parametrize(
    "nonsense",
    [
        said(start="a"), said(start=3.0), said(end=float("nan")), said(code=["x"]), said(probability=7.0),
        said(probability="x"), said(evidence=5), said(stream="ecg"), 5, "abc",
        wearecg.Measure("qt", "long", "ms", "odd@1", 1.0, 2.0),
    ],
    ids=repr,
)  # fmt: skip
def test_nonsense_of_an_observer_reaches_nobody_and_ends_nothing(nonsense, tmp_path: Path) -> None:
    class Odd(Observer):
        source, wants = "odd@1", (Events((wearecg.Beat,)),)

        def feed(self, item, about):
            return [nonsense]

    source = wearecg.open_source("simulate:sinus?fs=250&speed=max")
    events = list(wearecg.Session(source, [Odd()], f"jsonl:{tmp_path}/x".split(), duration=8))
    assert nonsense not in events
    failed = [event.message for event in events if isinstance(event, wearecg.Notice)]
    assert len(failed) == 1
    assert failed[0].startswith("odd@1 failed: ")
    assert sum(isinstance(event, wearecg.Beat) for event in events) > 3


@pytest.mark.parametrize("what", ["accepts", "begin", "wants"])
def test_an_observer_that_cannot_begin_is_told_and_the_rest_goes_on(what: str) -> None:
    class Odd(Observer):
        source, wants = "odd@1", ((5,) if what == "wants" else ())

        def accepts(self, info):
            return 1 / (what != "accepts")

        def begin(self, about):
            return self if what == "wants" else None

        def feed(self, item, about):
            return ()

    source = wearecg.open_source("simulate:sinus?fs=250&speed=max")
    events = list(wearecg.Session(source, [Odd()], duration=8))
    assert any(isinstance(event, wearecg.Notice) and "odd@1 failed" in event.message for event in events)
    assert sum(isinstance(event, wearecg.Beat) for event in events) > 3


class Full(wearecg.Sink):
    """An output whose disk is full."""

    def write(self, event):
        raise wearecg.SinkError("the disk is full")

    def close(self):
        pass


def test_an_output_that_fails_is_told_to_who_iterates() -> None:
    events = list(wearecg.stream("simulate:sinus?fs=250&speed=max", observe=(), to=Full(), duration=8))
    assert [event.message for event in events if isinstance(event, wearecg.Notice)] == ["the disk is full"]
    assert sum(isinstance(event, wearecg.Beat) for event in events) > 3


def test_a_session_is_iterated_over_once() -> None:
    session = wearecg.Session(wearecg.open_source("simulate:sinus?fs=250&speed=max"), duration=3)
    list(session)
    with pytest.raises(RuntimeError, match="iterated over once"):
        next(iter(session))


@pytest.mark.parametrize("duration", [float("nan"), -1.0, 0.0, float("inf")])
def test_a_duration_that_is_none_is_refused(duration: float) -> None:
    with pytest.raises(wearecg.SignalError, match="duration is"):
        wearecg.stream("simulate:sinus?speed=max", duration=duration)
