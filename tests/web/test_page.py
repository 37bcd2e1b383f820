"""The page in a real Chromium, of a stream that a person would start."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.web.browser import chromium, installed

needs_chromium = pytest.mark.skipif(
    installed() is None and not os.environ.get("CI"), reason="no Chromium or Chrome is installed"
)
AXE = "axe-core@4.10.3"
DRAWN = """
[...document.querySelectorAll('.lead canvas')].map(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let columns = new Set();
  for (let i = 3; i < data.length; i += 4) if (data[i]) columns.add((i >> 2) % canvas.width);
  return columns.size / canvas.width;
})
"""
"""Of each lead, the share of its width that holds a trace."""


@pytest.fixture
def streaming(tmp_path):
    """Starts ``wearecg stream``; gives the link that it prints."""
    processes = []

    def start(*args):
        log = tmp_path / f"{len(processes)}.txt"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "wearecg", "stream", *args], stdout=out, stderr=subprocess.STDOUT
            )
        processes.append(process)
        until = time.monotonic() + 60
        while not (found := re.search(r"http://\S+", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        return process, found[0]

    yield start
    for process in processes:
        process.terminate()
        process.wait(30)


def bpm(tab):
    tab.wait("+document.getElementById('bpm')?.textContent > 40", 40)


@needs_chromium
def test_shows_the_stream_takes_a_mark_and_goes_back_in_time(streaming, tmp_path):
    process, url = streaming(
        "simulate:sinus", "--leads", "I,II,V2", "--web", "0", "--record", str(tmp_path / "rec")
    )
    with chromium(tmp_path / "profile") as tab:
        tab.open(url)
        assert tab.text("link", "live") == "live"
        bpm(tab)
        time.sleep(6)
        drawn = tab.value(DRAWN)
        assert len(drawn) == 4
        assert min(drawn) > 0.5
        assert tab.text("recording").endswith("rec")
        tab.value("document.getElementById('words').value = 'dizzy'")
        tab.value("document.querySelector('#mark button').click()")
        tab.text("marks", "dizzy")
        tab.value(
            "place = document.getElementById('place'); place.value = 0; place.dispatchEvent(new Event('input'))"
        )
        assert tab.text("shown").startswith("0:00:00 to ")
        time.sleep(0.5)
        assert min(tab.value(DRAWN)) > 0.3
        tab.value("document.getElementById('live').click()")
        process.terminate()
        process.wait(30)
        tab.text("link", "trying again")
        tab.text("bpm", "--")
        tab.text("age", "old")
        assert not [error for error in tab.errors if "ERR_CONNECTION" not in error]
    notes = b"".join(path.read_bytes() for path in (tmp_path / "rec").glob("*.wea"))
    assert b"mark: dizzy" in notes


@needs_chromium
def test_comes_back_by_itself_and_leaves_blank_what_is_missing(streaming, tmp_path):
    process, url = streaming("simulate:sinus", "--leads", "II", "--web", "0")
    with chromium(tmp_path / "profile") as tab:
        tab.open(url)
        tab.wait("document.querySelectorAll('.lead').length")
        process.terminate()
        process.wait(30)
        tab.text("link", "trying again")
        streaming("simulate:sinus", "--leads", "II", "--web", re.search(r":(\d+)/", url)[1])
        assert tab.text("link", "live", 30) == "live"
        tab.wait(f"({DRAWN})[0] > 0.05")
        assert tab.value(DRAWN)[0] < 0.5, "the time before is blank"


@needs_chromium
def test_needs_the_token_of_the_link(streaming, tmp_path):
    _, url = streaming("simulate:sinus", "--leads", "II", "--web", "0.0.0.0:0")
    address, _, token = url.partition("#")
    assert len(token) >= 24
    with chromium(tmp_path / "profile") as tab:
        tab.open(f"{address}#wrong")
        tab.text("link", "token is wrong")
        assert tab.value("document.querySelectorAll('.lead').length") == 0
        tab.open("about:blank")
        tab.open(url)
        tab.wait("document.querySelectorAll('.lead').length")


@needs_chromium
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_can_be_used_without_sight_or_mouse(streaming, tmp_path, width, dark):
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--prefix", str(tmp_path), AXE], check=True)
    axe = (tmp_path / "node_modules/axe-core/axe.min.js").read_text()
    _, url = streaming("simulate:af", "--leads", "II", "--web", "0")
    with chromium(tmp_path / "profile") as tab:
        tab.open(url, width, dark=dark)
        bpm(tab)
        tab.value(f"{axe}; 0")
        broken = (
            "axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])))"
        )
        assert json.loads(tab.value(broken)) == []
        assert tab.value("document.documentElement.scrollWidth") <= width
