"""When a Bluetooth link counts as up, what is said when it is not, and when to give it up. No I/O.

==========  ==============================================  ===============================================
state       meaning                                         left when
==========  ==============================================  ===============================================
connecting  connected, too early to judge                   samples, silence, or lost
live        samples arrive                                  silence, or lost
silent      connected, but no samples                       samples, or lost
lost        not connected; it is looked for all the time    connected again
==========  ==============================================  ===============================================

A Bluetooth stack that dies, or a sensor that hangs, tells nobody: only the missing data does. So a link that says
nothing is given up and made anew, and one that talks but sends no samples first gets its commands again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

from wearecg.block import LinkState

MUTE_AFTER = 3.0
"""Seconds without a notification that end a link which had some: every sensor known sends one a second or more."""
FIRST_WITHIN = 12.0
"""Seconds for the very first notification: a strap may have to settle on the skin."""
GIVE_UP_FACTOR = 2.0
"""A link is given up after so many times the sensor's patience without samples, though it talks."""
SCAN_S = 8.0
"""Seconds of looking for a sensor before its absence is told; the search goes on."""
CONNECT_S = 15.0
"""Seconds for a connection and its services; BlueZ itself gives up after 20 to 40."""
COMMAND_S = 5.0
"""Seconds for one write, read or subscription: the protocol's own limit is 30, during which nothing works."""
GOODBYE_S = 2.0
"""Seconds for all stop commands and again for the disconnection, on the way out."""

Action: TypeAlias = Literal["ask again", "reconnect"]


class BleLink:
    """The state of one link, told in one line each time it changes and never repeated.

    Parameters
    ----------
    name : str
        The sensor, for people.
    """

    def __init__(self, name: str) -> None:
        self.state: Literal["connecting", "live", "silent", "lost"] = "lost"
        self._name = name
        self._told: tuple[str, str] | None = None
        self._ever_live = False
        self._opened_at = self._heard_at = self._sample_at = self._asked_at = -math.inf
        self._patience = self._quiet = 0.0

    def opened(self, now: float, name: str, patience: float, quiet: float) -> LinkState | None:
        """Connected and subscribed; see `BleDevice` for the rest. ``now`` in monotonic seconds, as everywhere."""
        self._name = name
        self._patience, self._quiet = patience, quiet
        self._opened_at = self._asked_at = self._sample_at = now
        self._heard_at = -math.inf
        self.state = "connecting"
        return self._tell(f"{name}: connected, waiting for the first samples", now)

    def failed(self, now: float, why: str) -> LinkState | None:
        """The link broke, or none could be made; ``why`` is what the user reads, told once."""
        self.state = "lost"
        return self._tell(why, now)

    def heard(self, now: float, samples: bool) -> LinkState | None:
        """A notification arrived at ``now``, with or without measurements in it."""
        self._heard_at = now
        if not samples or self.state == "lost":
            return None
        self._sample_at = self._asked_at = now
        if self.state == "live":
            return None
        again, self._ever_live, self.state = self._ever_live, True, "live"
        return self._tell(f"{self._name}: receiving{' again' * again}", now)

    def tick(self, now: float, diagnose: Callable[[], str]) -> tuple[LinkState | None, Action | None]:
        """Judge what did not happen; call a few times a second. Returns news, and what to do about it."""
        if self.state == "lost":
            return None, None
        never = self._heard_at < self._opened_at
        mute = now - max(self._heard_at, self._opened_at)
        if mute >= (FIRST_WITHIN if never else MUTE_AFTER):
            self.state = "lost"
            return self._tell(self._mute(never), now), "reconnect"
        without = now - self._sample_at
        limit = self._quiet if self.state == "live" else self._patience
        if without < limit:
            return None, None
        told = None
        if self.state != "silent":
            self.state = "silent"
            told = self._tell(f"{self._name}: no samples: {diagnose()}", now)
        if without >= limit + GIVE_UP_FACTOR * self._patience:
            self.state = "lost"
            return told, "reconnect"
        if now - self._asked_at >= self._patience:
            self._asked_at = now
            return told, "ask again"
        return told, None

    def _tell(self, message: str, now: float) -> LinkState | None:
        if (self.state, message) == self._told:
            return None
        self._told = (self.state, message)
        return LinkState(self.state, message, now)

    def _mute(self, never: bool) -> str:
        if never:
            return (
                f"{self._name}: connected, but it says nothing: wear it with moist electrodes, or take out its "
                "battery for a moment; connecting again"
            )
        return (
            f"{self._name}: fell silent (out of range, switched off, or the Bluetooth service has died); "
            "connecting again"
        )
