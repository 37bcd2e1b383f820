"""When a link counts as up, and what is said and tried when it is not. No I/O: the clock is passed in.

=============  ==========================================  =======================================
state          meaning                                     left when
=============  ==========================================  =======================================
connecting     port open, too early to judge               samples, or `SILENT_AFTER` without any
live           samples arrive                              `SILENT_AFTER` without any, or lost
silent         open, but no bytes, or answers only         samples, noise, or lost
garbled        bytes, but no valid frame among them        samples, `QUIET_AFTER` of nothing, lost
lost           no port; it is opened again when it is back opened
=============  ==========================================  =======================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

from wearecg.block import LinkState

SILENT_AFTER = 3.0
"""Seconds without samples until that is a condition: longer than an Arduino's boot loader takes."""
HANDSHAKE_EVERY = 5.0
"""Seconds between fresh handshakes while there are no samples: longer than the slowest board takes to answer."""
QUIET_AFTER = HANDSHAKE_EVERY + SILENT_AFTER
"""Seconds of nothing that end ``garbled``: a sensor that only answers handshakes must not flip to and fro."""
PORT_POLL = 0.25
"""Seconds between looks for a port that is gone."""
RETRY_FIRST = 0.25
RETRY_MAX = 2.0
"""Back-off, seconds, for a port that is there but does not open; doubled each time."""

State: TypeAlias = Literal["connecting", "live", "silent", "garbled", "lost"]
Cause: TypeAlias = Literal["opened", "samples", "quiet", "answers", "noise", "failed"]

_WITHOUT_SAMPLES: dict[Cause, State] = {
    "quiet": "silent",
    "answers": "silent",
    "noise": "garbled",
    "failed": "lost",
}
NEXT: dict[State, dict[Cause, State]] = {
    "connecting": {**_WITHOUT_SAMPLES, "samples": "live"},
    "live": _WITHOUT_SAMPLES,
    "silent": {**_WITHOUT_SAMPLES, "samples": "live"},
    "garbled": {**_WITHOUT_SAMPLES, "samples": "live"},
    "lost": {"opened": "connecting", "failed": "lost"},
}
"""What each cause leads to; a cause that is not listed changes nothing."""


class Link:
    """The state of one link, told in one line each time it changes and never repeated.

    Parameters
    ----------
    name : str
        The sensor, for people.
    port : str
        Where it is attached.
    settings : str
        How the port was opened (``115200 baud``), for messages about garbled bytes.
    """

    def __init__(self, name: str, port: str, settings: str) -> None:
        self.state: State = "lost"
        self._name = name
        self._port = port
        self._settings = settings
        self._told: tuple[State, str] | None = None
        self._ever_live = False
        self._heard_since_open = True
        self._byte_at = self._bytes_since = self._handshake_at = -math.inf

    def opened(self, now: float) -> LinkState | None:
        """The port was opened and a handshake is on its way. ``now`` in monotonic seconds, as everywhere."""
        # A port that opens and dies over and over without a byte is one condition, not a line each time.
        again, steady = self._told is not None, self._heard_since_open
        self._start_watch(now)
        self._heard_since_open = False
        message = (
            f"{self._port} is back, waiting for the first samples"
            if again
            else f"{self._name} on {self._port} ({self._settings}): waiting for the first samples"
        )
        return self._go("opened", message, now, tell=steady)

    def failed(self, now: float, why: str) -> LinkState | None:
        """The port was lost, or could not be opened again; ``why`` is what the user reads, told once."""
        return self._go("failed", why, now)

    def heard(self, now: float, n_bytes: int, n_frames: int, n_samples: int) -> LinkState | None:
        """``n_bytes`` arrived at ``now``, and the device found that many valid frames and samples in them."""
        self._heard_since_open = True
        if n_samples:
            self._start_watch(now)
            if self.state == "live":
                return None
            again, self._ever_live = self._ever_live, True
            return self._go("samples", f"{self._name} on {self._port}: receiving{' again' * again}", now)
        if now - self._byte_at >= QUIET_AFTER:
            self._forget_bytes(now)
        self._byte_at = now
        self._bytes += n_bytes
        self._frames += n_frames
        return None

    def tick(self, now: float, diagnose: Callable[[], str]) -> LinkState | None:
        """Judge what did not happen; call a few times a second. ``diagnose`` tells why bytes are no samples."""
        if self.state == "lost" or now - self._watch_from < SILENT_AFTER:
            return None
        mute = now - self._byte_at
        fresh = self.state in ("connecting", "live")
        if mute < SILENT_AFTER:
            if now - self._bytes_since < SILENT_AFTER:
                return None
            if self._frames:
                return self._go("answers", self._answers(diagnose()), now)
            return self._go("noise", self._noise(diagnose()), now) if self.state != "garbled" else None
        if fresh and self._frames:
            return self._go("answers", self._answers(diagnose()), now)
        if fresh or mute >= QUIET_AFTER:
            return self._go("quiet", self._quiet(), now)
        return None

    def handshake_due(self, now: float) -> bool:
        """Whether to start over with the sensor; True at most every `HANDSHAKE_EVERY` seconds."""
        if self.state not in ("silent", "garbled") or now < self._handshake_at:
            return False
        self._handshake_at = now + HANDSHAKE_EVERY
        return True

    def _start_watch(self, now: float) -> None:
        self._watch_from = self._handshake_at = now
        self._byte_at = -math.inf
        self._forget_bytes(now)

    def _forget_bytes(self, now: float) -> None:
        """Count what comes without samples from here on."""
        self._bytes_since = now
        self._bytes = self._frames = 0

    def _go(self, cause: Cause, message: str, now: float, tell: bool = True) -> LinkState | None:
        state = NEXT[self.state].get(cause)
        if state is None:
            return None
        self.state = state
        # The text of one cause may carry counts that grow; only a reason for a failure is news by itself.
        key = (state, message if cause == "failed" else cause)
        if not tell or key == self._told:
            return None
        self._told = key
        return LinkState(state, message, now)

    def _quiet(self) -> str:
        if self.state == "connecting" or not self._ever_live:
            return (
                f"{self._port} opens but says nothing: check wiring, power, and that the sketch runs; "
                "some boards need a press on reset"
            )
        return (
            f"{self._name} on {self._port} has stopped sending: check its power and wiring; "
            f"asking it to start again every {HANDSHAKE_EVERY:.0f} s"
        )

    def _answers(self, diagnosis: str) -> str:
        return (
            f"{self._name} on {self._port} answers but sends no samples: {diagnosis}; "
            f"asking it to start again every {HANDSHAKE_EVERY:.0f} s"
        )

    def _noise(self, diagnosis: str) -> str:
        return (
            f"{self._port} ({self._settings}): {self._bytes} bytes, none of them a frame of "
            f"{self._name}: {diagnosis}"
        )


class Retry:
    """When to try a lost port again."""

    def __init__(self) -> None:
        self._delay = RETRY_FIRST
        self._at = -math.inf

    def failed(self, now: float) -> None:
        """The port was lost or did not open: wait longer each time until it is `proven`."""
        self._at = now + self._delay
        self._delay = min(2 * self._delay, RETRY_MAX)

    def proven(self) -> None:
        """Bytes came through the port: the next loss is a first one again."""
        self._delay = RETRY_FIRST

    def due(self, now: float, present: bool) -> bool:
        """Whether to open now; ask every `PORT_POLL` seconds. ``present``: the port's path leads to something."""
        if not present:
            # It was really unplugged: what comes back is new and is tried at once.
            self._delay, self._at = RETRY_FIRST, now
            return False
        return now >= self._at
