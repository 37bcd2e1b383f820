"""The raw bytes of a serial port in a file: what to send in when a decoder is wrong, and to decode again here.

JSON Lines. ``at`` is the host's monotonic time in seconds; beside it stand ``baud`` (from here on), ``in`` or ``out``
(bytes received or sent, in hexadecimal).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from wearecg.block import SignalBlock
from wearecg.devices.base import Device
from wearecg.errors import SinkError


class Capture:
    """Writes a capture to ``path``, line by line.

    Raises
    ------
    SinkError
        The file is there already, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("x", encoding="ascii")
        except FileExistsError as error:
            raise SinkError(f"{path} is there already; capture into a new file") from error
        except OSError as error:
            raise SinkError(f"the capture {path} cannot be written: {error.strerror}") from error

    def note(self, at: float, what: str, value: int | bytes) -> None:
        """Write one line; after `close` nothing."""
        if not self._file.closed:
            line = {"at": round(at, 6), what: value.hex() if isinstance(value, bytes) else value}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; safe twice."""
        self._file.close()


def decode(path: Path, device: Device) -> Iterator[SignalBlock]:
    """Yield what ``device`` makes of a capture; what it would say to the sensor now goes nowhere."""
    with path.open(encoding="ascii") as lines:
        for number, line in enumerate(map(json.loads, lines)):
            at = line["at"]
            if not number:
                device.connected(at)
            device.poll(at)
            device.outgoing.clear()
            yield from device.feed(bytes.fromhex(line.get("in", "")), at)
