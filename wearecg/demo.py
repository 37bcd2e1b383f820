"""``make demo``: a virtual sensor on a real pseudo-terminal, and ``wearecg stream`` reading it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

DURATION_S = "60"


def main() -> int:
    """Run sensor and stream until the stream ends or Ctrl-C; return the stream's exit code."""
    wearecg = [sys.executable, "-m", "wearecg"]
    with tempfile.TemporaryDirectory(prefix="wearecg-demo-") as folder:
        port = str(Path(folder) / "ttySENSOR")
        sensor = [*wearecg, "simulate", "--device", "bridge", "--scenario", "demo", "--link", port]
        with subprocess.Popen(
            [*sensor, "--seed", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as playing:
            try:
                return _stream_when_there(wearecg, port)
            finally:
                playing.terminate()


def _stream_when_there(wearecg: list[str], port: str) -> int:
    deadline = time.monotonic() + 20
    while not Path(port).exists():
        if time.monotonic() > deadline:
            print("the virtual sensor did not start; try: wearecg simulate --scenario demo", file=sys.stderr)
            return 3
        time.sleep(0.05)
    with subprocess.Popen(
        [*wearecg, "stream", "--port", port, "--device", "bridge", "--duration", DURATION_S]
    ) as stream:
        try:
            return stream.wait()
        except KeyboardInterrupt:
            # The terminal sent Ctrl-C to the stream too; it is closing its outputs.
            return stream.wait()


if __name__ == "__main__":
    sys.exit(main())
