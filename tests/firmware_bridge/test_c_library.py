"""The C library reads and writes what the Python codec does: golden vectors, random and damaged input, sizes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge
from firmware_bridge.c.tests.native import Native

FOLDER = Path(firmware_bridge.__file__).parent
C = FOLDER / "c"
FRAMES, MALFORMED, STREAMS = (
    json.loads((FOLDER / f"vectors/{name}.json").read_text(encoding="utf-8"))
    for name in ("frames", "malformed", "streams")
)


def make(*arguments):
    for tool in ("make", "cc"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")
    ran = subprocess.run(["make", "-C", str(C), *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return ran.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return tmp_path_factory.mktemp("c")


@pytest.fixture(scope="module")
def native(build):
    make(f"BUILD={build}", f"{build}/libtest.so")
    return Native(build / "libtest.so")


def test_clean_under_strict_flags(compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    make("all", f"CC={compiler}", f"BUILD={tmp_path}")
    assert (tmp_path / "libwecg.a").exists()


@pytest.fixture(params=["gcc", "clang"])
def compiler(request):
    return request.param


@pytest.mark.parametrize("vector", FRAMES, ids=lambda v: v["name"])
def test_golden_frames(vector, native):
    body, wire = bytes.fromhex(vector["body"]), bytes.fromhex(vector["wire"])
    native.reset()
    assert [got for got, _ in native.feed(wire)] == [body]
    assert native.rewrite(body) == body
    assert native.cobs(body) == wire
    fields = native.describe(body)
    assert int(fields.pop("type")) == vector["type"]
    expected = {name: value for name, value in vector["fields"].items() if not name.endswith(".extra")}
    assert fields.keys() == expected.keys()
    for name, value in expected.items():
        assert read(fields[name], value, name) == value, name


def read(text, like, name):
    """The C side's text as a value of the vector's kind."""
    if name.endswith("battery"):
        return None if text == "255" else int(text)
    if isinstance(like, list):
        return [int(part) for part in text.split(",")]
    if isinstance(like, float):
        return float(text)
    if isinstance(like, str) and not name.endswith((".name", "extra")):
        return bytes.fromhex(text).decode()
    return text if isinstance(like, str) else int(text)


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda v: v["name"])
def test_malformed_is_counted_and_harmless(vector, native):
    native.reset()
    assert native.feed(bytes.fromhex(vector["wire"])) == []
    assert native.counters() == ((1, 0) if vector["expect"] == "bad" else (0, 1))
    assert len(native.feed(bytes.fromhex(FRAMES[0]["wire"]))) == 1


@pytest.mark.parametrize("vector", STREAMS, ids=lambda v: v["name"])
@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_streams(vector, chunk, native):
    native.reset()
    wire = bytes.fromhex(vector["wire"])
    out = [body.hex() for at in range(0, len(wire), chunk) for body, _ in native.feed(wire[at : at + chunk])]
    bodies = {frame["name"]: frame["body"] for frame in FRAMES}
    assert out == [bodies[name] for name in vector["frames"]]
    assert native.counters() == (vector["bad"], 0)


def test_counts_come_out_as_the_vectors_have_them(native):
    native.reset()
    for vector in FRAMES:
        [(_, counts)] = native.feed(bytes.fromhex(vector["wire"]))
        assert np.array_equal(counts, vector["fields"].get("samples", []))


class TestAgainstPython:
    """`make differential` and `make sanitized` run the same for as long as one likes."""

    def test_random_and_damaged(self, build, native):
        printed = make("differential", f"BUILD={build}", "CASES=3000", f"PYTHON={sys.executable}")
        assert "3000 cases" in printed
        assert "differences 0" in printed

    def test_the_same_under_sanitizers(self, build):
        found = subprocess.run(
            ["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=False
        )
        if not Path(found.stdout.strip()).is_absolute():
            pytest.skip("cc has no libasan")
        printed = make("sanitized", f"BUILD={build}", "CASES=1000", "SEED=1", f"PYTHON={sys.executable}")
        assert "differences 0" in printed

    def test_a_difference_is_found(self, build, native):
        """A library that is wrong in one bit fails."""
        broken = build / "broken"
        shutil.copytree(C, broken)
        source = broken / "wecg_delta.c"
        text = source.read_text()
        assert "(uint32_t)1 << (bits - 1)" in text
        source.write_text(text.replace("(uint32_t)1 << (bits - 1)", "(uint32_t)1 << (bits % 23)"))
        make("-C", str(broken), f"BUILD={broken}/build", f"{broken}/build/libtest.so")
        command = [sys.executable, "-m", "firmware_bridge.c.tests.differential", "--cases", "200"]
        command += ["--library", str(broken / "build/libtest.so")]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parent, check=False)
        assert ran.returncode == 1
        assert "samples of" in ran.stderr


def test_vectors_and_threads_under_sanitizers(build):
    printed = make("check", f"BUILD={build}")
    assert f"{len(FRAMES)} frames, {len(MALFORMED)} malformed frames" in printed
    assert "all as they should be" in printed


def test_fuzzer_finds_nothing_at_once(build):
    """`make fuzz FUZZ_SECONDS=600` looks longer."""
    if shutil.which("clang") is None:
        pytest.skip("no clang here: libFuzzer comes with it")
    probe = ["clang", "-fsanitize=fuzzer", "-x", "c", "-", "-o", str(build / "probe")]
    target = "int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }"
    if subprocess.run(probe, input=target, capture_output=True, text=True, check=False).returncode:
        pytest.skip("this clang has no libFuzzer (Debian: libclang-rt-dev)")
    make(f"BUILD={build}", f"{build}/fuzzer")
    corpus = build / "seeds"
    corpus.mkdir()
    for vector in FRAMES + MALFORMED:
        (corpus / vector["name"]).write_bytes(bytes.fromhex(vector["wire"]))
    command = [str(build / "fuzzer"), "-runs=2000", "-seed=1", f"-artifact_prefix={build}/", str(corpus)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]


def test_sizes_on_cortex_m(tmp_path):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc here (Debian: gcc-arm-none-eabi)")
    printed = make("sizes", f"BUILD={tmp_path}")
    rows = re.findall(r"^ +(\d+)\s+(\d+)\s+(\d+)\s.*/(cortex-m\d)/(wecg_\w+)\.o$", printed, re.M)
    assert len(rows) == 12
    for cpu in ("cortex-m0", "cortex-m4"):
        device = sum(int(text) for text, _, _, where, name in rows if where == cpu and name != "wecg_parse")
        assert device < 5000, f"a device's code on {cpu}: {device} bytes"
    assert all(data == bss == "0" for _, data, bss, _, _ in rows), "the library keeps no state of its own"
