"""An aarch64 install, really run under qemu-user: `check.sh` beside this file. It takes minutes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("check.sh")


@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform != "linux", reason="qemu-user is for Linux")
@pytest.mark.skipif("WEARECG_ARM64" not in os.environ, reason="takes minutes: set WEARECG_ARM64=1 to run it")
def test_an_aarch64_install_runs() -> None:
    assert os.geteuid() == 0, "needs root, for debootstrap and chroot"
    for tool in ("debootstrap", "qemu-aarch64-static"):
        assert shutil.which(tool), f"apt-get install debootstrap qemu-user-static ({tool} is missing)"
    ran = subprocess.run([SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert "all is well" in ran.stdout
