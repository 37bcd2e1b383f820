"""Recognising a sensor from its bytes and answers, without a port or a clock."""

from __future__ import annotations

import random

import numpy as np
import pytest

from wearecg.devices import serial_drivers, simulated
from wearecg.devices.recognise import ANSWER, BOOT, QUESTIONS, Recogniser

DRIVERS = serial_drivers()
ALIKE = {"protocentral-max30003", "protocentral-max30001", "protocentral-ads1293"}
"""Of these a packet of 12 bytes shows nothing that the others' could not."""
STEP = 0.04


def make(name):
    """A simulated sensor of that kind, and the columns and the rate that it takes."""
    kind = simulated(name)
    leads, fs = tuple(kind.plays), kind.rate or 250.0
    return kind(leads, fs), len(leads), fs


class Wire:
    """A sensor on a wire at ``baud``: noise at any other. What it is asked is in ``asked``."""

    def __init__(self, name, baud):
        (self.sensor, self.columns, self.fs), self.baud = make(name), baud
        self.random = random.Random(1)
        self.samples = 0

    def send(self, question, baud):
        return b"".join(self.sensor.receive(question)) if baud == self.baud else b""

    def receive(self, baud):
        start, n = self.samples / self.fs, round(STEP * self.fs)
        self.samples += n
        t = start + np.arange(n)[:, None] / self.fs
        ecg = np.repeat(np.sin(7 * t), self.columns, axis=1).astype(np.float32)
        data = b"".join(self.sensor.encode(ecg, start, (False,) * self.columns))
        return data if baud == self.baud else self.random.randbytes(len(data))


class Nobody:
    def send(self, question, baud):
        return b""

    def receive(self, baud):
        return b""


class Noise(Nobody):
    def __init__(self, seed):
        self.random = random.Random(seed)

    def receive(self, baud):
        return self.random.randbytes(200)


def attempt(wire, **options):
    """The verdict on ``wire``, how long it took, what was asked, and at which rates was listened."""
    recogniser = Recogniser(DRIVERS, **options)
    now, asked, bauds = 100.0, [], []
    recogniser.connected(now)
    while now < 200.0:
        bauds += [recogniser.baud] if recogniser.baud not in bauds[-1:] else []
        question = bytes(recogniser.outgoing)
        recogniser.outgoing.clear()
        if question:
            asked.append(question)
        now += STEP
        data = (wire.send(question, recogniser.baud) if question else b"") + wire.receive(recogniser.baud)
        if data:
            recogniser.heard(data, now)
        if verdict := recogniser.poll(now):
            return verdict, now - 100.0, asked, bauds
    raise AssertionError("no verdict within 100 s")


@pytest.mark.parametrize("other", [False, True], ids=["usual baud", "other baud"])
@pytest.mark.parametrize("name", DRIVERS)
def test_every_sensor_is_recognised_at_its_rates(name, other):
    rates = (DRIVERS[name].baud, *DRIVERS[name].other_bauds)
    baud = rates[min(other, len(rates) - 1)]
    verdict, _, _, bauds = attempt(Wire(name, baud))
    assert name in verdict.names
    assert set(verdict.names) in ({name}, ALIKE, ALIKE - {"protocentral-ads1293"})
    assert bauds[-1] == baud
    assert f"--device {name}" in verdict.text
    assert f"at {baud} baud" in verdict.text


def test_bytes_that_fit_two_are_told_and_the_usb_identity_decides():
    wire = Wire("protocentral-max30003", 115200)
    verdict, *_ = attempt(wire)
    assert set(verdict.names) == ALIKE
    assert " or " in verdict.text
    verdict, *_ = attempt(wire, usb="1234:5678", expected="protocentral-max30001")
    assert verdict.names == ("protocentral-max30001",)
    assert "USB 1234:5678 and " in verdict.text


def test_how_sure_it_is_is_counted():
    verdict, seconds, asked, _ = attempt(Wire("healthypi4", 115200))
    assert "valid frames of " in verdict.text
    assert (seconds < 2.0, asked) == (True, [])


def test_a_usb_identity_alone_proves_nothing():
    verdict, *_ = attempt(Nobody(), usb="2341:0043", expected="ascii")
    assert verdict.names == ()
    assert "USB 2341:0043 usually is" in verdict.text


def test_silence_is_asked_every_question_once_and_told():
    verdict, seconds, asked, _ = attempt(Nobody())
    assert verdict.names == ()
    assert (verdict.heard, "says nothing" in verdict.text, "--device" in verdict.text) == (0, True, True)
    known = [q.ask for q in QUESTIONS if set(q.answers) & set(DRIVERS)]
    assert sorted(set(asked)) == sorted(known)
    assert seconds < BOOT + ANSWER * len(asked) + 1.0


def test_what_could_set_another_sensor_is_asked_last_at_each_rate():
    _, _, asked, _ = attempt(Nobody(), baud=115200)
    order = [q.ask for q in QUESTIONS if set(q.answers) & set(DRIVERS)]
    assert asked == order


@pytest.mark.parametrize("seed", range(8))
def test_garbage_is_nobody(seed):
    verdict, _, _, bauds = attempt(Noise(seed))
    assert verdict.names == ()
    assert verdict.heard > 1000
    assert set(bauds) == {rate for driver in DRIVERS.values() for rate in (driver.baud, *driver.other_bauds)}
    assert "--baud" in verdict.text


def test_text_is_nobody():
    class Text(Nobody):
        def receive(self, baud):
            return b"rst:0x1 (POWERON_RESET)\r\nwaiting for wifi 192.168.1.7\r\n"

    verdict, *_ = attempt(Text())
    assert verdict.names == ()


def test_the_only_rate_is_the_only_one():
    *_, bauds = attempt(Noise(1), baud=57600)
    assert bauds == [57600]


def test_a_cyton_that_was_left_streaming_is_known_by_its_packets():
    wire = Wire("cyton", 115200)
    wire.sensor.receive(b"b")
    verdict, _, asked, _ = attempt(wire, usb="0403:6015", expected="cyton")
    assert (verdict.names, asked) == (("cyton",), [])
    assert "USB 0403:6015 and " in verdict.text


def test_a_chords_board_that_was_left_streaming_stops_and_answers():
    wire = Wire("chords", 115200)
    wire.sensor.receive(b"START\n")
    verdict, *_ = attempt(wire)
    assert verdict.names == ("chords",)


def test_an_answer_of_two_bytes_amid_others_is_none():
    class Chatter(Nobody):
        def receive(self, baud):
            return b"\xfe\xff\x25\x03\x80"

    verdict, *_ = attempt(Chatter())
    assert verdict.names == ()
