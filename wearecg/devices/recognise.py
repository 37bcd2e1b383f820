"""Which sensor talks on a serial port, told by its bytes, its answers and its USB identity. No I/O, no clock.

First it is listened to, at each baud rate in turn, and every decoder judges what came: a sensor that talks by itself
is the one whose decoder finds frames and next to nothing else. One that waits to be asked is then asked who it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from firmware_bridge.codec import encode_frame
from firmware_bridge.messages import HelloRequest
from wearecg.devices import bitalino, cyton
from wearecg.devices.base import Device
from wearecg.devices.chords import BOARDS

BOOT = 3.0
"""Seconds to wait for the first byte: longer than an Arduino's boot loader takes."""
TALK = 1.5
"""Seconds of bytes to judge by."""
ANSWER = 0.6
"""Seconds for an answer; BITalino wants 0.1 s of peace between two commands."""
JUDGED = 16_384
"""Bytes to judge by, at most: all decoders together take a second for 40,000, and ten frames are fewer."""
FEWEST = 10
"""Frames that are no accident, also where they carry no check sum."""
SHARE = 0.9
"""Least share of valid frames among all that was taken for one, or lay between."""


@dataclass(frozen=True, slots=True)
class Question:
    """Bytes that make sensors say who they are and change nothing in them; by name, what the answer looks like.

    No pattern: the answer is a valid frame of that sensor's decoder.
    """

    ask: bytes
    answers: Mapping[str, bytes | None]


QUESTIONS = (
    # In this order. What identifies one sensor may start or set another, which is found before that is sent:
    # 0x07 starts a Shimmer3, letters set channels of a Cyton and the battery threshold of a BITalino.
    # `?` is also 0x3F, which asks a Shimmer3 for its hardware.
    # Two bytes are an answer only where they are all that comes.
    Question(cyton.REGISTERS, {"cyton": rb"[ -~\r\n]{8}\$\$\$", "shimmer3": rb"\A\xff\x25\x03\Z"}),
    Question(bytes([bitalino.VERSION]), {"bitalino": bitalino.NAME}),
    Question(b"\nWHORU\n", {"chords": b"(%s)\r?\n" % "|".join(BOARDS).encode()}),
    Question(b"\0" + encode_frame(HelloRequest(seq=1)), {"bridge": None}),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: ``names`` of the sensors that fit (none, one, or several alike), and why, for people."""

    names: tuple[str, ...]
    text: str
    heard: int
    """Bytes."""


@dataclass(slots=True)
class _Step:
    baud: int
    question: Question | None = None
    began: float = 0.0
    first: float | None = None
    heard: bytearray = field(default_factory=bytearray)


class Recogniser:
    """Finds out who talks. Set the port to `baud`, send `outgoing`, tell what was `heard`, and `poll`.

    Parameters
    ----------
    drivers : mapping
        The sensors that it may be, by name.
    usb : str
        The port's USB identity (``0403:6015``), empty where it has none.
    expected : str
        The sensor that usually has this identity, empty where that is not known. It decides between sensors
        whose bytes look alike; alone it proves nothing, because cables and boards share their chips.
    baud : int, optional
        The only rate to try.
    """

    def __init__(
        self,
        drivers: Mapping[str, type[Device]],
        usb: str = "",
        expected: str = "",
        baud: int | None = None,
    ) -> None:
        self.outgoing = bytearray()
        self._drivers = drivers
        self._usb, self._expected = usb, expected
        usual = Counter(rate for driver in drivers.values() for rate in _rates(driver))
        if expected in drivers:
            usual[drivers[expected].baud] = len(drivers)
        self._bauds: Sequence[int] = [baud] if baud else [rate for rate, _ in usual.most_common()]
        self._plan: Iterator[_Step] = iter(())
        self._step = _Step(self._bauds[0])
        self._decoders: dict[str, Device] = {}
        self._bytes = 0
        self._nearest = (0.0, "")

    @property
    def baud(self) -> int:
        """The rate at which to listen now."""
        return self._step.baud

    @property
    def since(self) -> float:
        """When listening in the present way began."""
        return self._step.began

    def connected(self, now: float) -> None:
        """Begin, on a fresh link or once more."""
        self._bytes = 0
        self._nearest = (0.0, "")
        self._plan = self._steps()
        self._begin(next(self._plan), now)

    def heard(self, data: bytes, arrival: float) -> None:
        """Take what arrived at the present `baud`."""
        step = self._step
        step.first = arrival if step.first is None else step.first
        self._bytes += len(data)
        data = data[: JUDGED - len(step.heard)]
        step.heard += data
        for decoder in self._decoders.values() if data else ():
            decoder.feed(data, arrival)
            # What they would say to a sensor is not meant for one that is not known yet.
            decoder.outgoing.clear()

    def poll(self, now: float) -> Verdict | None:
        """Judge; call a few times a second. None while more has to be heard, else the end of this attempt."""
        step = self._step
        if step.question is not None:
            if names := self._answered(step.question):
                return self._verdict(names, "answers when asked who it is")
            over = now - step.began >= ANSWER
        elif step.first is not None:
            over = now - step.first >= TALK
        else:
            over = now - step.began >= BOOT
        if not over:
            return None
        if step.question is None and (verdict := self._judge()):
            return verdict
        following = next(self._plan, None)
        if following is None:
            return self._unknown()
        self._begin(following, now)
        return None

    def _steps(self) -> Iterator[_Step]:
        for baud in self._bauds:
            yield _Step(baud)
            if not self._bytes:
                break  # at another rate bytes are garbage, but they are there
        for baud in self._bauds:
            for question in QUESTIONS:
                asked = [self._drivers[name] for name in question.answers if name in self._drivers]
                if asked and (len(self._bauds) == 1 or any(baud in _rates(driver) for driver in asked)):
                    yield _Step(baud, question)

    def _begin(self, step: _Step, now: float) -> None:
        step.began = now
        self._step = step
        self._decoders = {name: driver() for name, driver in self._drivers.items()}
        for decoder in self._decoders.values():
            decoder.connected(now)
            decoder.listen()
            decoder.outgoing.clear()
        self.outgoing[:] = step.question.ask if step.question else b""

    def _answered(self, question: Question) -> list[str]:
        return [
            name
            for name, pattern in question.answers.items()
            if name in self._decoders
            and (
                re.search(pattern, self._step.heard, re.DOTALL)
                if pattern is not None
                else self._decoders[name].counters.frames
            )
        ]

    def _judge(self) -> Verdict | None:
        fitting = []
        for name, decoder in self._decoders.items():
            good, all_ = decoder.counters.frames, decoder.counters.frames + decoder.counters.bad_frames
            share = good / all_ if all_ else 0.0
            if good >= FEWEST and share >= SHARE:
                fitting.append(name)
            self._nearest = max(self._nearest, (share, f"{name} with {good} valid frames of {all_}"))
        if not fitting:
            return None
        counters = self._decoders[fitting[0]].counters
        return self._verdict(
            fitting, f"{counters.frames} valid frames of {counters.frames + counters.bad_frames}"
        )

    def _verdict(self, fitting: Sequence[str], why: str) -> Verdict:
        names = (self._expected,) if self._expected in fitting else tuple(fitting)
        if self._usb and self._expected in fitting:
            why = f"USB {self._usb} and {why}"
        titles = " or ".join(f"{self._drivers[name].title} (--device {name})" for name in names)
        return Verdict(names, f"looks like {titles}: {why} at {self.baud} baud", self._bytes)

    def _unknown(self) -> Verdict:
        usual = (
            f"; USB {self._usb} usually is {self._drivers[self._expected].title} (--device {self._expected})"
            if self._expected in self._drivers
            else ""
        )
        if not self._bytes:
            return Verdict(
                (),
                "says nothing and answers no question: check power and wiring, press reset, or name the sensor "
                f"with --device{usual}",
                0,
            )
        rates = ", ".join(map(str, self._bauds))
        share, nearest = self._nearest
        return Verdict(
            (),
            f"{self._bytes} bytes at {rates} baud that are no sensor's known here"
            + (f" (nearest: {nearest})" if share else "")
            + f": try another --baud, or name the sensor with --device{usual}",
            self._bytes,
        )


def _rates(driver: type[Device]) -> tuple[int, ...]:
    return (driver.baud, *driver.other_bauds)
