from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wearecg.block import LinkState, SignalBlock
from wearecg.cli import main
from wearecg.devices import device, simulated
from wearecg.errors import LeadError, SourceError
from wearecg.formats import Annotations, Recording
from wearecg.person import Person
from wearecg.transports.serial import SerialSource
from wearecg.virtual_sensor import Fault, Playback, VirtualSensor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

FS = 250.0
SPEED = 10.0


def recording(seconds: float = 4.0) -> Recording:
    n = round(seconds * FS)
    rng = np.random.default_rng(0)
    samples = rng.integers(-2000, 2000, (n, 2)).astype(np.float32) * np.float32(0.002)
    marks = Annotations(np.array([0.5, 0.6, 1.5]), ("N", "+", "V"), ("", "(N", ""))
    return Recording(samples, FS, ("II", "V1"), "rec", (0.002, 0.002), marks)


def sensor(playback: Playback, name: str = "bridge", faults: str = "", **options: object) -> VirtualSensor:
    kind = simulated(name)
    return VirtualSensor(
        playback,
        lambda: kind(playback.leads, playback.fs, playback.lsb),
        faults=Fault.parse(faults),
        **{"speed": SPEED, **options},  # type: ignore[arg-type]
    )


class Host:
    """A host that keeps all it receives; the real serial source and the real decoder."""

    def __init__(self, path: str, name: str = "bridge", **options: object) -> None:
        self.device = device(name)(**options)
        self.source = SerialSource(path, self.device)
        self.blocks: list[SignalBlock] = []
        self.states: list[str] = []

    def listen(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            for item in self.source.read(0.02) or []:
                if isinstance(item, tuple):
                    self.blocks.append(item[0])
                elif isinstance(item, LinkState):
                    self.states.append(item.state)

    def received(self, n: int, blocks: list[SignalBlock] | None = None) -> np.ndarray:
        """What arrived, on the sensor's clock; NaN where nothing did."""
        blocks = self.blocks if blocks is None else blocks
        out = np.full((n, len(blocks[0].leads)), np.nan, np.float32)
        for block in blocks:
            first = round(block.start * block.fs)
            out[first : first + len(block)] = block.samples
        return out

    @property
    def lost(self) -> int:
        return sum(block.lost for block in self.blocks)


def run(virtual: VirtualSensor, seconds: float = 4.0) -> Host:
    """Play the whole ``virtual`` sensor to a host."""
    with virtual:
        host = Host(virtual.path)
        with host.source:
            n = round(seconds * FS)
            host.listen(seconds / SPEED + 4, lambda: bool(host.blocks) and end_of(host) >= n)
    return host


def end_of(host: Host) -> int:
    return round(host.blocks[-1].end * host.blocks[-1].fs)


def test_what_arrives_is_what_was_played() -> None:
    rec = recording()
    virtual = sensor(Playback(rec))
    host = run(virtual)
    np.testing.assert_allclose(host.received(1000), rec.samples, atol=0.0005)
    assert (host.lost, host.device.counters.bad_frames, virtual.report.dropped_frames) == (0, 0, 0)
    assert virtual.report.samples == 1000
    assert host.blocks[0].leads == ("II", "V1")
    assert host.blocks[0].start == 0, "it begins when the host has asked, so nothing is missed"
    assert not os.path.exists(virtual.path)


def test_a_person_with_an_electrode_off_and_the_truth(tmp_path: Path) -> None:
    playback = Playback(Person(1, "lead-off", FS), ["II", "V2", "PPG"], limit=4.0)
    host = run(sensor(playback, truth=tmp_path / "truth.jsonl"))
    person = Person(1, "lead-off", FS)
    np.testing.assert_allclose(host.received(1000), person.samples(1000)[:, [1, 7, 12]], atol=0.0006)
    assert {b.lead_off for b in host.blocks if 3.1 < b.start < 3.9} == {(False, True, False)}
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert [t["time"] for t in truth] == [round(b.time, 6) for b in person.beats_between(0, 4)]
    assert {(t["kind"], t["boot"]) for t in truth} == {("N", 0)}


def test_measurements_that_the_recording_lacks_stay_missing() -> None:
    rec = recording()
    rec.samples[300:400] = np.nan
    rec.samples[500:600, 1] = np.nan
    host = run(sensor(Playback(rec)))
    np.testing.assert_allclose(host.received(1000), rec.samples, atol=0.0005)


def test_lines_of_text() -> None:
    rec = recording()
    virtual = sensor(Playback(rec, ["II"]), "ascii")
    with virtual:
        host = Host(virtual.path, "ascii", fs=FS, lsb=0.002, leads=("II",))
        with host.source:
            host.listen(5, lambda: sum(map(len, host.blocks)) >= 980)
    got = np.concatenate([b.samples[:, 0] for b in host.blocks])
    starts = [
        k for k in range(1001 - len(got)) if np.allclose(rec.samples[k : k + len(got), 0], got, atol=1e-4)
    ]
    assert starts, "all but what was printed before the host listened"


def test_pace_is_exact_and_the_crystal_is_off_as_told() -> None:
    ppm = 20_000.0
    virtual = sensor(Playback(recording(10)), speed=4.0, ppm=ppm)
    with virtual:
        host = Host(virtual.path)
        with host.source:
            host.listen(2, lambda: bool(host.blocks))
            first = time.monotonic(), end_of(host)
            host.listen(1.5)
            rate = (end_of(host) - first[1]) / (time.monotonic() - first[0])
    assert rate == pytest.approx(4 * FS * (1 + ppm * 1e-6), rel=0.03)


def test_dropped_frames_are_lost_and_counted() -> None:
    virtual = sensor(Playback(recording()), faults="drop@1:3")
    host = run(virtual)
    assert virtual.report.dropped_frames == 3
    missing = np.flatnonzero(np.isnan(host.received(1000)[:, 0]))
    np.testing.assert_array_equal(missing, np.arange(250, 250 + 15))
    assert host.lost == 15


def test_flipped_bits_cost_frames_and_never_give_false_ones() -> None:
    rec = recording()
    host = run(sensor(Playback(rec), faults="flip@1:0.02/1"))
    got = host.received(1000)
    missing = np.isnan(got[:, 0])
    assert 20 < missing[250:500].sum() < 250
    assert not missing[:250].any()
    assert not missing[510:].any()
    np.testing.assert_allclose(got[~missing], rec.samples[~missing], atol=0.0005)
    assert host.device.counters.bad_frames > 3


def test_garbage_costs_at_most_the_frame_it_runs_into() -> None:
    rec = recording()
    host = run(sensor(Playback(rec), faults="garbage@1:500"))
    missing = np.isnan(host.received(1000)[:, 0])
    assert missing.sum() <= 5
    assert host.device.counters.bad_frames >= 1


def test_a_stall_keeps_a_buffer_and_loses_the_rest() -> None:
    rec = recording(8)
    virtual = sensor(Playback(rec), faults="stall@1/5")
    host = run(virtual, 8)
    missing = np.flatnonzero(np.isnan(host.received(2000)[:, 0]))
    assert missing[0] > 300, "the buffer's worth came late"
    assert 0 <= virtual.report.dropped_frames - len(missing) / 5 <= 2, "data frames, perhaps a status"
    assert missing[-1] == 1499
    np.testing.assert_allclose(host.received(2000)[1500:], rec.samples[1500:], atol=0.0005)


def test_unplug_and_replug(tmp_path: Path) -> None:
    rec = recording(20)
    link = tmp_path / "ecg0"
    virtual = sensor(Playback(rec), faults="unplug@4/6", link=link)
    assert virtual.path == str(link)
    gone = False
    with virtual:
        host = Host(str(link))
        with host.source:
            end = time.monotonic() + 10
            while time.monotonic() < end and not (host.blocks and end_of(host) >= 19 * FS):
                host.listen(0.03)
                gone = gone or not link.is_symlink()
    assert gone
    assert not link.is_symlink(), "and removed at the end"
    assert "lost" in host.states
    assert host.states.count("live") == 2
    missing = np.isnan(host.received(5000)[:4750, 0])
    assert not missing[:980].any()
    assert missing[1000:2500].all()
    back = np.flatnonzero(~missing[2500:])[0] + 2500
    np.testing.assert_allclose(host.received(5000)[back:4750], rec.samples[back:4750], atol=0.0005)


def test_reset_starts_the_clock_again(tmp_path: Path) -> None:
    rec = recording(10)
    virtual = sensor(Playback(rec), faults="reset@1.2", truth=tmp_path / "t")
    with virtual:
        host = Host(virtual.path)
        with host.source:
            host.listen(3, lambda: virtual.report.samples > 1.3 * FS)
            before = len(host.blocks)
            host.listen(0.05)
            assert len(host.blocks) == before, "it waits to be asked"
            host.device.connected(time.monotonic())
            host.listen(2, lambda: len(host.blocks) > before)
    last, first = host.blocks[before - 1], host.blocks[before]
    assert first.start < last.start
    row = round((first.start + 1.2) * FS)
    np.testing.assert_allclose(first.samples, rec.samples[row : row + len(first)], atol=0.0005)
    truth = [json.loads(line) for line in (tmp_path / "t").read_text().splitlines()]
    assert [(t["time"], t["device_time"], t["boot"], t["kind"]) for t in truth] == [
        (0.5, 0.5, 0, "N"),
        (1.5, 0.3, 1, "V"),
    ]


def test_a_host_that_does_not_read_loses_bytes_and_the_sensor_goes_on() -> None:
    virtual = sensor(Playback(recording(8)), "ascii", speed=20.0, jitter=0.01)
    fd = os.open(virtual.path, os.O_RDWR | os.O_NOCTTY)
    try:
        began = time.monotonic()
        virtual.run()
        assert time.monotonic() - began < 2
    finally:
        os.close(fd)
    assert virtual.report.samples == 2000
    assert virtual.report.dropped_frames > 50
    assert virtual.report.frames + virtual.report.dropped_frames == 2000


def test_a_link_is_replaced_but_never_a_file(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to("/nowhere")
    file.write_text("precious")
    virtual = sensor(Playback(recording()), link=link)
    assert os.readlink(link).startswith("/dev/")
    with virtual:
        pass
    assert not link.is_symlink()
    with pytest.raises(SourceError, match="is not a link; choose another"):
        sensor(Playback(recording()), link=file)
    assert file.read_text() == "precious"
    with pytest.raises(SourceError, match="cannot be made"):
        sensor(Playback(recording()), link=tmp_path / "no" / "such")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop@10s:3", Fault("drop", 10, amount=3)),
        ("flip@12.5:0.01/1s", Fault("flip", 12.5, 0.01, 1)),
        ("stall@20/5", Fault("stall", 20, duration=5)),
        ("unplug@30s/5s", Fault("unplug", 30, duration=5)),
        ("reset@40", Fault("reset", 40)),
        ("garbage@5s:200", Fault("garbage", 5, amount=200)),
    ],
)
def test_fault_grammar(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == (fault,)
    assert Fault.parse(f"{text}, reset@99") == (fault, Fault("reset", 99))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("melt@3", "KIND one of drop, flip"),
        ("drop", "not understood"),
        ("drop@3", "a drop is written drop@TIME:AMOUNT"),
        ("reset@3:1", "a reset is written reset@TIME"),
        ("flip@3:0.1", "written flip@TIME:AMOUNT/DURATION"),
        ("flip@3:7/1", "7 is not a probability"),
        ("stall@1.2.3/4", "could not convert"),
    ],
)
def test_faults_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Fault.parse(text)


def test_what_cannot_be_played() -> None:
    with pytest.raises(LeadError, match="rec does not have lead V6"):
        Playback(recording(), ["V6"])
    with pytest.raises(SourceError, match="cannot run at speed 0"):
        sensor(Playback(recording()), speed=0)
    with pytest.raises(SourceError, match="truth file"):
        sensor(Playback(recording()), truth=Path("/no/such/file"))


def command(*args: str) -> subprocess.Popen[str]:
    code = "import sys; from wearecg.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, "simulate", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_command_plays_until_a_signal(tmp_path: Path, how: signal.Signals) -> None:
    link = tmp_path / "ecg0"
    with command(
        "--scenario", "af", "--fs", "250", "--leads", "II", "--link", str(link), "--speed", "2"
    ) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert f"bridge sensor on {link}: person 0 (af), II at 250 Hz" in first
        assert f"wearecg stream --port {link} --device bridge" in second
        host = Host(str(link))
        with host.source:
            host.listen(5, lambda: sum(map(len, host.blocks)) > 200)
            process.send_signal(how)
            _, errors = process.communicate(timeout=5)
    assert process.returncode == 0, errors
    assert "true beats); sent" in errors
    assert sum(map(len, host.blocks)) > 200
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--scenario", "love"), "no scenario 'love'"),
        (("--from", "gone"), "no such recording"),
        (("--device", "toaster"), "toaster"),
        (("--fault", "melt@1"), "not understood"),
        (("--leads", "V9"), "no lead 'V9'"),
    ],
)
def test_command_says_what_is_wrong(
    args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *args]) in (3, 6)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"), [("--ppm", "nan"), ("--ppm=-2e6", ""), ("--jitter=-1", ""), ("--jitter", "inf")]
)
def test_a_clock_or_a_lateness_that_cannot_be_is_refused(option, value, capsys):
    from wearecg.cli import main

    assert main(["simulate", *filter(None, (option, value))]) == 3
    assert "give" in capsys.readouterr().err
