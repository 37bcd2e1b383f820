"""The golden bodies of the protocol, as they go over Bluetooth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge
from wearecg.devices.bridge_ble import BODY, CONTROL, DATA, BridgeBle, SimulatedBridgeBle

VECTORS = Path(firmware_bridge.__file__).parent / "vectors" / "frames.json"
BODIES = {vector["name"]: bytes.fromhex(vector["body"]) for vector in json.loads(VECTORS.read_text())}


def test_bodies_of_the_specification():
    board = BridgeBle()
    board.connected(0.0)
    assert [(write.characteristic, write.response) for write in board.outgoing] == [(CONTROL, True)]
    assert board.outgoing[0].value[:2] == BODIES["hello_req"][:2]
    board.outgoing.clear()
    assert board.feed(CONTROL, BODIES["hello_one_lead"], 1.0) == []
    assert board.outgoing[0].value[:2] == BODIES["start_all"][:2]
    assert board.counters.frames == 1
    board.feed(DATA, BODIES["data_int16"][:-1], 1.0)
    assert board.counters.bad_frames == 1


@pytest.mark.parametrize("leads", [1, 3, 12])
def test_every_body_fits_a_notification(leads):
    names = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")[:leads]
    sensor, board = SimulatedBridgeBle(names, 500.0), BridgeBle()
    sensor.linked(True)
    board.connected(0.0)
    for _ in range(3):
        for write in [*board.outgoing]:
            board.outgoing.remove(write)
            for uuid, body in sensor.write(write.characteristic, write.value):
                board.feed(uuid, body, 0.0)
    samples = np.full((500, leads), 30.0, np.float32)  # beyond 16 bits
    got = []
    for uuid, body in sensor.encode(samples, 0.0, (False,) * leads):
        assert len(body) <= BODY
        got += board.feed(uuid, body, 0.0)
    assert sum(len(block) for block, _ in got) == 500
    assert got[0][0].leads == names
    sensor.linked(False)
    assert sensor.encode(samples, 1.0, (False,) * leads) == []
