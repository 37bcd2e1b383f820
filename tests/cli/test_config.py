"""The options of `wearecg stream` from a TOML file."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.cli import config, main, stream
from wearecg.cli.stream import StreamOptions
from wearecg.errors import ConfigError
from wearecg.service import files
from wearecg.sinks.upkeep import recordings
from wearecg.sinks.wfdb import Wfdb


def parse(*arguments: object) -> StreamOptions:
    parser = argparse.ArgumentParser()
    stream.add_parser(parser.add_subparsers())
    return config.settle(parser.parse_args(["stream", *map(str, arguments)]), StreamOptions)


@pytest.fixture
def toml(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "wearecg.toml"
        path.write_text(text)
        return path

    return write


def test_without_a_file_nothing_changes() -> None:
    assert parse("--port", "/dev/ttyUSB0") == StreamOptions(port="/dev/ttyUSB0")


def test_every_kind_of_option(toml) -> None:
    path = toml("""
        port = "/dev/wearecg"
        baud = 115200
        fs = 250
        leads = ["II", "V1"]
        to = ["jsonl:a.jsonl", "wfdb:b"]
        model = "none"
        rotate = "1h,100MB"
        keep-free = "500MB"
        sync = 2.5
        twelve = true
        profile = "me.json"
        runtime = "tflite"
        precision = "fp32"
    """)
    args = parse("--config", path)
    assert (args.port, args.baud, args.fs) == ("/dev/wearecg", 115200, 250.0)
    assert (args.leads, args.to) == (("II", "V1"), ("jsonl:a.jsonl", "wfdb:b"))
    assert (args.rotate, args.keep_free, args.sync) == ("1h,100MB", "500MB", 2.5)
    assert (args.twelve, args.profile, args.model) == (True, Path("me.json"), ("none",))
    assert (args.runtime, args.precision) == ("tflite", "fp32")


def test_the_command_line_stands_in_the_place_of_the_file(toml) -> None:
    path = toml('port = "/dev/wearecg"\nmodel = "none"\nto = ["jsonl:a"]\nbaud = 9600\n')
    args = parse("--ble", "H10", "--model", "encoder", "--to", "live:", "--config", path)
    assert (args.port, args.ble, args.model, args.to, args.baud) == (
        None,
        "H10",
        ("encoder",),
        ("live:",),
        9600,
    )
    assert parse("--config", path, "simulate:sinus").port is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('prot = "x"', 1, "there is no option 'prot'; did you mean port?"),
        ("# a\n\nfs = 'fast'", 3, 'fs is "fast", but it must be a number, like 0.5'),
        ("fs = -1", 1, "fs: '-1' is not a number above 0"),
        ("fs = true", 1, "fs is true, but it must be a number"),
        ("baud = 9600.5", 1, "baud is 9600.5, but it must be a whole number"),
        (
            'leads = [\n"II"]\nto = "live:"',
            3,
            'to is "live:", but it must be a list of texts, like ["a", "b"]',
        ),
        ("model = 3", 1, 'model is 3, but it must be a text or a list of texts, like "a" or ["a", "b"]'),
        ('model = ["encoder", 1]', 1, "model is ['encoder', 1], but it must be a text or a list of texts"),
        ('runtime = "torch"', 1, 'runtime is "torch"; it may be onnx, tflite'),
        ('precision = "int4"', 1, 'precision is "int4"; it may be fp32, int8'),
        ('ppg-lag = "soon"', 1, "ppg-lag: 'soon' is no lag"),
        ("port = 3", 1, "port is 3, but it must be a text"),
        ("twelve = 1", 1, "twelve is 1, but it must be true or false"),
        ("keep-free = 500", 1, "keep-free is 500, but it must be a text"),
        (
            'rotate = "1 fortnight"',
            1,
            "rotate: '1 fortnight' is not a number above 0 with one of s, min, h, d, kB",
        ),
        ('rotate = "0h"', 1, "rotate: '0h' is not"),
        ('fs = 250\n[stream]\nport = "x"', 2, "there is no option 'stream'"),
        ('port = "a"\n# or\nble = "b"', 3, "port and ble exclude each other"),
        ('config = "x.toml"', 1, "there is no option 'config'"),
        ('defaults = "x"', 1, "there is no option 'defaults'"),
        ("port = /dev/ttyUSB0", 1, "not TOML: Invalid value"),
        ('port = "a"\nport = "b"', 2, "not TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(toml, capsys, text: str, line: int, words: str) -> None:
    path = toml(text)
    assert main(["stream", "--config", str(path)]) == 2
    told = capsys.readouterr().err
    assert str(path) in told
    assert words in told
    assert f"line {line}" in told


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        parse("--config", tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'port = "\xe4"')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        parse("--config", tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fs = 250", "say where the signal comes from: SOURCE, --port, --ble, or --config"),
        (
            'source = "simulate:sinus"\nrotate = "1h"',
            "are for recordings, but nothing is recorded: add --record DIR",
        ),
        ('port = "a"\nstreams = ["ecg"]', "--streams is for Bluetooth sensors: name one with --ble"),
        ('ble = "a"\nlsb = 0.001', "--capture and --lsb are for serial ports: name one with --port"),
        ('ble = "a"\ncapture = "new"', "--capture and --lsb are for serial ports: name one with --port"),
        ('port = "a"\nprofile = "p"', "--profile corrects what --twelve reconstructs: give both"),
        ('port = "a"\nppg-lag = "0.3"', "--ppg-lag is about what --ppg-to-ecg draws: give both"),
        ('port = "a"\nmodel = ["none", "encoder"]', "--model none scores nothing: give it alone"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(toml, capsys, text: str, words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stream", "--config", str(toml(text))])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.startswith("usage: ")


VALUES = st.sampled_from(
    ["1", '"a"', '"""\nk1 = 2\n"""', '[\n  "x", # k2 = 3\n  "y",\n]', "'''k0 = 1\nk1 = 5'''"]
)


@given(st.lists(st.tuples(VALUES, st.sampled_from(["", "\n", "# k0 = 1\n\n"])), min_size=1, max_size=6))
def test_the_line_of_a_key_is_where_its_statement_begins(statements: list[tuple[str, str]]) -> None:
    text, begins = "", []
    for number, (value, before) in enumerate(statements):
        text += before
        begins.append(text.count("\n") + 1)
        text += f"k{number} = {value}\n"
    assert len(tomllib.loads(text)) == len(statements)
    assert [config.line_of(text, f"k{number}") for number in range(len(statements))] == begins


def test_the_file_that_the_service_comes_with_is_valid(tmp_path: Path) -> None:
    (given_file,) = (file for file in files.files("/opt/wearecg/bin/wearecg", ()) if file.kept)
    path = tmp_path / "wearecg.toml"
    for text in (given_file.text, given_file.text.replace("# to =", "to =").replace("# model =", "model =")):
        path.write_text(text)
        args = parse("--config", path)
        assert (args.port, args.record, args.sync) == ("/dev/wearecg", "recordings", 30.0)


def test_recording_as_the_file_says(toml, tmp_path: Path, capsys) -> None:
    path = toml(
        f'source = "simulate:sinus?speed=max"\nrecord = "{tmp_path}/r"\nrotate = "5s"\nmodel = "none"\n'
    )
    assert main(["stream", "--config", str(path), "--duration", "12"]) == 0
    assert len(recordings(tmp_path / "r", Wfdb())) == 3
    capsys.readouterr()
