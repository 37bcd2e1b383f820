"""What can go wrong on a wire, and when: a small language and what each word does to the bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wearecg.errors import SourceError

HELP = """\
faults, each KIND@TIME[:AMOUNT][/DURATION], times in seconds of signal, comma between several:
  drop@10:3          lose 3 frames from 10 s on
  flip@12:0.01/1     from 12 s, for 1 s, flip one bit in a hundredth of the bytes
  garbage@5:200      send 200 random bytes at 5 s
  stall@20/5         say nothing for 5 s; the sensor keeps the last 4 KiB and loses the rest
  unplug@30/5        pull the cable at 30 s and push it in again 5 s later; the sensor's clock goes on
  reset@40           the sensor restarts: its clock is at 0, it waits for the host's commands again"""

_GRAMMAR = re.compile(r"([a-z]+)@([\d.]+)s?(?::([\d.]+))?(?:/([\d.]+)s?)?")
_NEEDS = {
    "drop": ("amount",),
    "flip": ("amount", "duration"),
    "garbage": ("amount",),
    "stall": ("duration",),
    "unplug": ("duration",),
    "reset": (),
}
UART_BUFFER = 4096
"""Bytes that a sensor holds back while it cannot send."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``start`` and ``duration`` in seconds of signal; ``amount`` is frames, a probability, or bytes."""

    kind: str
    start: float
    amount: float = 0.0
    duration: float = 0.0

    @classmethod
    def parse(cls, text: str) -> tuple[Fault, ...]:
        """Return the faults in ``text``, written as `HELP` says.

        Raises
        ------
        SourceError
            It cannot be read; the message names the part and the form expected.
        """
        return tuple(cls._parse_one(part.strip()) for part in text.split(",") if part.strip())

    @classmethod
    def _parse_one(cls, text: str) -> Fault:
        match = _GRAMMAR.fullmatch(text)
        if match is None or match[1] not in _NEEDS:
            raise SourceError(
                f"fault {text!r} is not understood: KIND@TIME[:AMOUNT][/DURATION], KIND one of {', '.join(_NEEDS)}"
            )
        kind, start, amount, duration = match.groups()
        needs = _NEEDS[kind]
        if (amount is not None) != ("amount" in needs) or (duration is not None) != ("duration" in needs):
            form = (":AMOUNT" if "amount" in needs else "") + ("/DURATION" if "duration" in needs else "")
            raise SourceError(f"fault {text!r}: a {kind} is written {kind}@TIME{form}")
        try:
            fault = cls(kind, float(start), float(amount or 0), float(duration or 0))
        except ValueError as error:
            raise SourceError(f"fault {text!r}: {error}") from None
        if kind == "flip" and fault.amount > 1:
            raise SourceError(f"fault {text!r}: {fault.amount:g} is not a probability")
        return fault

    def active(self, time: float) -> bool:
        """Whether a fault with a duration is on at ``time``."""
        return self.start <= time < self.start + self.duration


class FaultyWire:
    """The transmit side of a sensor: frames in, the bytes that leave it out.

    Attributes
    ----------
    dropped : int
        Frames that a fault has lost so far.
    """

    def __init__(self, faults: Sequence[Fault], seed: int = 0) -> None:
        self.dropped = 0
        self._faults = faults
        self._to_drop = {fault: int(fault.amount) for fault in faults if fault.kind == "drop"}
        self._to_send = {fault for fault in faults if fault.kind == "garbage"}
        self._held: list[bytes] = []
        self._rng = np.random.default_rng(seed)

    def send(self, frames: Sequence[bytes], time: float) -> list[bytes]:
        """Return what goes out at ``time`` seconds of signal in place of ``frames``."""
        out = [frame for frame in frames if not self._lost(time)]
        if self._on("stall", time):
            self._held += out
            while sum(map(len, self._held)) > UART_BUFFER:
                self._held.pop()
                self.dropped += 1
            return []
        out = self._held + out
        self._held = []
        for fault in [fault for fault in self._to_send if fault.start <= time]:
            self._to_send.discard(fault)
            out.insert(0, self._rng.bytes(int(fault.amount)))
        flipping = self._on("flip", time)
        return [self._flipped(frame, flipping.amount) for frame in out] if flipping else out

    def _on(self, kind: str, time: float) -> Fault | None:
        return next((f for f in self._faults if f.kind == kind and f.active(time)), None)

    def _lost(self, time: float) -> bool:
        for fault, left in self._to_drop.items():
            if left and fault.start <= time:
                self._to_drop[fault] = left - 1
                self.dropped += 1
                return True
        return False

    def _flipped(self, frame: bytes, probability: float) -> bytes:
        data = np.frombuffer(frame, np.uint8)
        bits = np.left_shift(1, self._rng.integers(0, 8, len(data))).astype(np.uint8)
        return bytes(np.where(self._rng.random(len(data)) < probability, data ^ bits, data).astype(np.uint8))
