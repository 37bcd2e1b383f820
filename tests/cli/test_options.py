"""One declaration of options: typed and written in a file they are the same."""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wearecg
from wearecg.cli import main, stream
from wearecg.cli.config import settle
from wearecg.cli.options import (
    FLAG,
    NUMBER,
    TEXT_OR_TEXTS,
    TEXTS,
    WHOLE,
    Option,
    Options,
    add_options,
    declared,
    flag,
    option,
)
from wearecg.cli.scoring import NONE, observers
from wearecg.cli.stream import StreamOptions
from wearecg.models import runner

OPTIONS = declared(StreamOptions)
# What is more than a text, and what an option is nothing without.
SPECIAL = {
    "rotate": ["1h", "100MB", "2d,0.5GB"],
    "keep_free": ["500MB", "1.5TB"],
    "ppg_lag": ["model", "0.3"],
    "web": ["9000", "0.0.0.0", "pi.local:80"],
}
NEEDS = {
    **dict.fromkeys(["rotate", "keep_free", "sync"], "record"),
    **dict.fromkeys(["lsb", "capture"], "port"),
    "streams": "ble",
    "profile": "twelve",
    "ppg_lag": "ppg_to_ecg",
}
WHERE = ["port", "ble", "source"]

Written = tuple[list[str], str]
"""One option on the command line, and its line of a file."""


def texts(without: str = "") -> st.SearchStrategy[str]:
    alphabet = st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters=without)
    # argparse takes "--" for the end of the options, even as a value behind "=".
    return st.text(alphabet, min_size=1, max_size=8).filter(lambda text: text != "--")


def written(name: str) -> st.SearchStrategy[Written]:
    """Every way to give an option."""
    one: Option = OPTIONS[name]

    def line(value: object) -> str:
        return f"{one.key} = {json.dumps(value, ensure_ascii=False)}\n"

    def typed(value: object) -> list[str]:
        return [f"{one.name}={value}"] if one.name.startswith("-") else ["--", str(value)]

    if one.kind is FLAG:
        return st.just(([one.name], line(True)))
    if one.kind in (TEXTS, TEXT_OR_TEXTS):
        lists = st.lists(texts(without="," if not one.repeatable else ""), min_size=1, max_size=3)
        if name == "model":
            lists = lists.filter(lambda items: items == [NONE] or NONE not in items)
        if one.repeatable:
            return lists.map(lambda items: ([word for item in items for word in typed(item)], line(items)))
        return lists.map(lambda items: (typed(",".join(items)), line(items)))
    values: st.SearchStrategy[object] = texts()
    if one.kind is WHOLE:
        values = st.integers()
    elif one.kind is NUMBER:
        values = st.integers(1) | st.floats(0, exclude_min=True, allow_infinity=False)
    elif one.choices or name in SPECIAL:
        values = st.sampled_from(one.choices or SPECIAL[name])
    return values.map(lambda value: (typed(value), line(value)))


def names(chosen: set[str], where: str) -> list[str]:
    """Those chosen and what they need, one place among them; the argument by place is last."""
    whole = {
        name for name in chosen if name not in WHERE and NEEDS.get(name, where) not in {*WHERE} - {where}
    }
    whole |= {NEEDS[name] for name in whole if name in NEEDS} | {where}
    return sorted(whole, key=lambda name: (name == "source", name))


def settled(words: list[str]) -> StreamOptions:
    parser = argparse.ArgumentParser()
    stream.add_parser(parser.add_subparsers())
    return settle(parser.parse_args(["stream", *words]), StreamOptions)


def check(ways: list[Written]) -> None:
    """Typed, in a file, and half and half: the same."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "options.toml"

        def outcome(in_file: list[Written], typed: list[Written]) -> StreamOptions:
            file.write_text("".join(line for _, line in in_file), encoding="utf-8")
            return settled(["--config", str(file), *(word for words, _ in typed for word in words)])

        options = outcome([], ways)
        assert outcome(ways, []) == options
        assert outcome(ways[::2], ways[1::2]) == options
        assert outcome(ways, ways[1:]) == options


@settings(deadline=None)
@given(st.data(), st.sets(st.sampled_from(list(OPTIONS))), st.sampled_from(WHERE))
def test_options_in_a_file_are_those_on_the_command_line(data, chosen: set[str], where: str) -> None:
    check([data.draw(written(name), name) for name in names(chosen, where)])


@pytest.mark.parametrize("name", OPTIONS)
@settings(deadline=None)
@given(data=st.data())
def test_each_option_changes_its_own_field(name: str, data) -> None:
    where = name if name in WHERE else NEEDS.get(name, "port")
    chosen = names({name}, where if where in WHERE else "port")
    ways = {one: data.draw(written(one), one) for one in chosen}
    check([*ways.values()])
    options = settled([word for one in chosen for word in ways[one][0]])
    if name in WHERE:
        assert getattr(options, name) is not None
        return
    without = settled([word for one in chosen if one != name for word in ways[one][0]])
    assert replace(without, **{name: getattr(options, name)}) == options


def test_every_option_has_the_name_of_its_field_and_its_line_of_help(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["stream", "--help"])
    told = capsys.readouterr().out.split()
    for name, one in OPTIONS.items():
        assert one.key.replace("-", "_") == name
        assert (one.name if one.name.startswith("-") else one.metavar) in told
        assert " ".join(one.help.split()) in " ".join(told)


@dataclass(frozen=True, kw_only=True)
class Base(Options):
    loud: bool = flag("--loud", help="loudly")


@dataclass(frozen=True, kw_only=True)
class Play(Base):
    to: tuple[str, ...] = option("--to", default=(), kind=TEXTS, repeatable=True, help="whereto")


def test_those_of_the_class_come_before_those_of_its_base() -> None:
    assert list(declared(Play)) == ["to", "loud"]


def test_without_a_file_there_are_defaults_and_what_is_typed() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, Play)
    assert settle(parser.parse_args([]), Play) == Play(to=(), loud=False)
    assert settle(parser.parse_args(shlex.split("--to a --loud --to b")), Play) == Play(
        to=("a", "b"), loud=True
    )


def test_a_list_of_nothing_in_a_file_names_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text('port = "a"\nleads = []\nstreams = []\nmodel = []\nto = []\n')
    assert settled(["--config", str(file)]) == StreamOptions(port="a")


def test_one_model_or_several_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    for text, models in (('"rhythm1"', ("rhythm1",)), ('["encoder", "rhythm1"]', ("encoder", "rhythm1"))):
        file.write_text(f"model = {text}\n")
        assert settled(["--config", str(file), "simulate:sinus"]).model == models
        assert settled(["--config", str(file), "simulate:sinus", "--model", "none"]).model == ("none",)


def test_the_models_that_score() -> None:
    def opened(*models: str) -> list[str]:
        return [one.source.partition("@")[0] for one in observers(StreamOptions(port="a", model=models))]

    assert opened("none") == []
    assert opened() == ["encoder", "beats", "waves", "episodes"]
    assert opened("rhythm1", "encoder", "episodes") == ["rhythm1", "encoder", "episodes"]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Lead II and a pulse, 12 s at 250 Hz."""
    person = wearecg.Person(seed=4, scenario="sinus", fs=250)
    columns = [person.leads.index("II"), len(person.leads) - 1]
    path = tmp_path / "me.csv"
    x = person.samples(250 * 12)[:, columns]
    np.savetxt(path, x, delimiter=",", header="II,PPG", comments="", fmt="%.4f")
    return path


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_every_model_is_run_in_the_form_that_is_asked_for(record, monkeypatch, capsys, runtime, precision):
    if runtime == "tflite":
        pytest.importorskip("ai_edge_litert")
    opened: list[str] = []
    verified = runner.verified

    def spy(folder: Path, file, source: str) -> bytes:
        opened.append(file.path)
        return verified(folder, file, source)

    monkeypatch.setattr(runner, "verified", spy)
    form = ("--runtime", runtime, "--precision", precision)
    assert main(["stream", f"{record}?speed=max", "--fs", "250", "--twelve", "--ppg-to-ecg", *form]) == 0
    # Those beside a model have a precision of their own: waves is faster in fp32.
    beside = {f"beats.int8.{runtime}", f"waves.fp32.{runtime}"}
    assert {*opened} == {
        *beside,
        *(f"{name}.{precision}.{runtime}" for name in ("encoder", "lead12", "ppg2ecg")),
    }
    opened.clear()
    assert main(["score", str(record), "--fs", "250", "--leads", "II", "--twelve", *form]) == 0
    assert {*opened} == {*beside, *(f"{name}.{precision}.{runtime}" for name in ("encoder", "lead12"))}
    capsys.readouterr()


def test_score_without_a_model_tells_beats_and_rate(record, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["score", str(record), "--fs", "250", "--model", "none", "--to", f"jsonl:{out}"]) == 0
    told = capsys.readouterr().out
    assert " beats" in told
    assert "heart rate" in told
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert {one["source"].partition("@")[0] for one in lines if one["type"] == "finding"} <= {"episodes"}
    assert sum(one["type"] == "beat" for one in lines) > 5


@pytest.mark.parametrize("words", ["--runtime torch", "--precision int4", "--model none --model encoder"])
def test_wrong_usage_of_models(words: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["score", "x.csv", *words.split()])
    assert words.split()[0] in capsys.readouterr().err
