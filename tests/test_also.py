"""Two sensors of one person on one time axis."""

import json
import sys

import numpy as np
import pytest

from tests.ecg.signals import ecg
from tests.test_end_to_end import WEARECG, events, sensor  # noqa: F401 (a fixture)
from wearecg.block import Beat, ClockFit, Gap, SignalBlock, StreamId, Summary
from wearecg.errors import SourceError
from wearecg.pipeline.engine import Engine
from wearecg.sources import open_source
from wearecg.transports.several import SeveralSources


def deliveries(number, fs, ppm, frame, jitter, seconds=240.0, began=50.0):
    """The same heart on one sensor: its blocks with arrival."""
    rng = np.random.default_rng(number)
    heart, _ = ecg(2000.0, seconds)
    taken = np.arange(0, seconds, 1 / fs) * (1 - ppm * 1e-6)
    x = np.interp(taken, np.arange(0, seconds, 1 / 2000), heart).astype(np.float32)
    name = StreamId("ecg", number)
    for i in range(0, len(x) - frame, frame):
        arrival = began + (i + frame) / fs * (1 - ppm * 1e-6) + 0.002 + rng.uniform(0, jitter)
        yield SignalBlock(x[i : i + frame, None], fs, ("II",), 7.0 * number + i / fs, stream=name), arrival


def test_beats_of_both_agree_within_what_is_stated():
    engine = Engine(["bridge", "strap"], wall_offset=0.0)
    both = [*deliveries(1, 250.0, 80.0, 10, 0.01), *deliveries(2, 131.0, -20.0, 73, 0.045)]
    fits, beats, summaries = {}, {"ecg": [], "ecg-2": []}, {}
    for block, arrival in sorted(both, key=lambda item: item[1]):
        for event in engine.feed(block, arrival):
            if isinstance(event, ClockFit) and event.host is not None:
                fits[event.stream] = event
            elif isinstance(event, Beat) and event.stream in fits:
                fit, fs = fits[event.stream], block.fs
                beats[event.stream].append(fit.host + (event.time - fit.time) * fs / fit.rate)
    summaries = {s.stream: s for s in engine.finish() if isinstance(s, Summary)}
    stated = sum(summaries[stream].clock.error for stream in beats)
    assert stated < 0.015
    first, second = (np.array(beats[stream]) for stream in ("ecg", "ecg-2"))
    apart = np.array([np.abs(second - time).min() for time in first if time > 50 + 90])
    assert len(apart) > 100
    assert np.percentile(apart, 95) <= stated + 0.5 / 250 + 0.5 / 131


def test_a_lost_link_is_that_sensors_alone():
    engine = Engine(["bridge", "strap"])
    both = [*deliveries(1, 250.0, 0.0, 25, 0.0, 20.0), *deliveries(2, 250.0, 0.0, 25, 0.0, 20.0)]
    found = []
    for block, arrival in sorted(both, key=lambda item: item[1]):
        if block.stream == "ecg-2" and 60 < arrival < 65:
            engine.link_lost(2)
            continue
        found += [event for event in engine.feed(block, arrival) if isinstance(event, Gap)]
    assert [(gap.stream, gap.reason) for gap in found] == [("ecg-2", "unplugged")]


def test_what_has_no_time_in_common_is_refused():
    with pytest.raises(SourceError, match="no time in common"):
        SeveralSources([open_source("simulate:sinus"), open_source("simulate:sinus?speed=max")])
    with pytest.raises(SourceError, match="/dev/ttyNONE is given twice"):
        SeveralSources([open_source("/dev/ttyNONE"), open_source("/dev/ttyNONE")])


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_two_ports_as_a_user_types_them(sensor, tmp_path):  # noqa: F811
    import subprocess

    ports = []
    for number, ppm in enumerate(("80", "0")):
        port = sensor("--seed", "5", "--fs", "250", "--leads", "II", "--ppm", ppm)
        ports.append(str(port.rename(tmp_path / f"tty{number}")))
    out, record = tmp_path / "events.jsonl", tmp_path / "record"
    command = [*WEARECG, "stream", "--port", ports[0], "--also", ports[1], "--to", f"jsonl:{out}"]
    ran = subprocess.run(
        [*command, "--record", str(record), "--model", "none", "--duration", "40"],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ran.returncode == 0, ran.stderr
    sources = {s["stream"]: s["source"] for s in events(out, "stream")}
    assert [sources[name].rpartition(" ")[2] for name in ("ecg", "ecg-2")] == ports
    assert {b["stream"] for b in events(out, "rate")} == {"ecg", "ecg-2"}
    assert {q["stream"] for q in events(out, "quality")} == {"ecg", "ecg-2"}
    times = {
        name: np.array([b["time"] for b in events(out, "beat") if b["stream"] == name]) for name in sources
    }
    n = min(map(len, times.values()))
    assert n > 30
    # The same person, played from the same beat on; each sensor began when it was asked.
    assert np.abs(times["ecg"][:n] - times["ecg-2"][:n]).max() <= 1 / 250
    assert {r["sensor"] for r in events(out, "link")} == {1, 2}
    assert len(list(record.glob("*_ecg-2.hea"))) == 1
    assert ran.stderr.count("placed on the host's clock to") == 2
    assert all(json.loads(line) for line in out.read_text().splitlines())
