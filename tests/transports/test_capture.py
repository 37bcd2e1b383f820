"""A capture of a sensor on a real pseudo-terminal, played again through the decoder."""

import json
import os
import time

import numpy as np
import pytest

from wearecg.devices.bridge import Bridge, SimulatedBridge
from wearecg.errors import SinkError, SourceError
from wearecg.person import Person
from wearecg.transports.capture import decode
from wearecg.transports.serial import SerialSource
from wearecg.virtual_sensor import Playback, VirtualSensor

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")


def test_what_was_captured_decodes_to_what_was_streamed(tmp_path):
    path, link = tmp_path / "capture.jsonl", tmp_path / "ttySENSOR"
    playback = Playback(Person(1, "sinus", 250.0), ["I", "II"])
    seen = []
    with (
        VirtualSensor(playback, lambda: SimulatedBridge(playback.leads, 250.0), link),
        SerialSource(str(link), Bridge(), capture=path) as source,
    ):
        end = time.monotonic() + 20
        while sum(map(len, seen)) < 500:
            assert time.monotonic() < end
            seen += [item[0].samples for item in source.read(0.1) if isinstance(item, tuple)]
    blocks = [block.samples for block in decode(path, Bridge())]
    n = sum(map(len, seen))
    assert np.array_equal(np.concatenate(blocks)[:n], np.concatenate(seen))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["baud"] == Bridge.baud
    times = [line["at"] for line in lines if "in" in line]
    assert times == sorted(times)
    assert any("out" in line for line in lines)


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    path, link = tmp_path / "capture.jsonl", tmp_path / "ttySENSOR"
    path.write_text("precious")
    playback = Playback(Person(1, "sinus", 250.0), ["II"])
    with VirtualSensor(playback, lambda: SimulatedBridge(playback.leads, 250.0), link):
        with pytest.raises(SinkError, match="is there already"):
            SerialSource(str(link), Bridge(), capture=path).open()
        SerialSource(str(link), Bridge()).open()  # and the port was let go
    assert path.read_text() == "precious"
    with pytest.raises(SourceError):
        SerialSource(str(link), Bridge(), capture=tmp_path / "new").open()
    assert not (tmp_path / "new").exists()
