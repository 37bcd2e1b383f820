"""No text from outside reaches a terminal, a journal, a page or a file as it came."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.codec import encode_frame
from firmware_bridge.messages import Event, Hello, Lead, Stream, Unit
from wearecg.block import LinkState, Notice, StreamInfo
from wearecg.devices.bridge import Bridge
from wearecg.ecg.leads import canonical
from wearecg.formats import Recording
from wearecg.text import visible
from wearecg.transports import ports
from wearecg.transports.ble_scan import sensor_of

EVIL = '\x1b[2J\x1b]0;pwned\x07\r\n{"type":"beat"}\x9b31m\u202e\u2028\u2066\x85\ud800'


@given(st.text())
def test_everything_is_printable_and_what_was_printable_is_as_it_was(text):
    shown = visible(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("char", "shown"),
    [("\x1b", r"\x1b"), ("\n", r"\n"), ("\x9b", r"\x9b"), ("\u202e", r"\u202e"), ("\u2028", r"\u2028")],
)
def test_marks_are_written_out(char, shown):
    assert visible(f"Zoë{char}II") == f"Zoë{shown}II"


def test_events_cannot_be_made_with_marks():
    info = StreamInfo("ecg", EVIL, 250.0, ("II",), (0.001,), 0.0)
    for text in (Notice(EVIL).message, LinkState("lost", EVIL, 0.0).message, info.source):
        assert text == visible(EVIL)
        assert text.isprintable()


def test_lead_names_of_a_file_and_its_comments():
    assert canonical("V1\x1b[2J") == r"V1\x1b[2J"
    recording = Recording(np.zeros((1, 1), np.float32), 250.0, ("II",), EVIL, comments=(EVIL,))
    assert (recording.name, recording.comments) == (visible(EVIL), (visible(EVIL),))


def test_what_a_board_says():
    lead = Lead(name="II", lsb=0.001, unit=Unit.MILLIVOLT, adc_bits=16)
    stream = Stream(id=0, rate_num=250, rate_den=1, leads=(lead,))
    bridge = Bridge()
    bridge.connected(0.0)
    bridge.feed(encode_frame(Hello(seq=0, t_us=0, streams=(stream,), name="\x1b[2J\nX")), 0.0)
    bridge.feed(encode_frame(Event(seq=1, t_us=0, number=2, text="\x1b]0;pwned\x07")), 0.0)
    assert bridge.notes == [r"\x1b[2J\nX at 0.000 s: \x1b]0;pwned\x07"]
    assert bridge.diagnose().isprintable()


def test_what_a_bluetooth_sensor_or_a_usb_board_is_called(monkeypatch):
    device = SimpleNamespace(name=EVIL, address="00:11:22:33:44:55")
    advertisement = SimpleNamespace(local_name=None, service_uuids=[], rssi=-50)
    assert sensor_of(device, advertisement, []).name == visible(EVIL)
    port = SimpleNamespace(device="/dev/ttyX", description=EVIL, vid=1, pid=2, serial_number=EVIL)
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [port])
    (info,) = ports.list_ports()
    assert (info.description, info.serial_number) == (visible(EVIL), visible(EVIL))
