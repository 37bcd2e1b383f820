"""``python -m export make``: a model's whole chain, stopped and taken up."""

from __future__ import annotations

import pytest

from export import __main__ as command
from export.errors import ExportError
from export.make import arguments, make
from export.models import KINDS, kind
from wearecg.models.card import ZOO


@pytest.mark.parametrize("model", KINDS)
def test_every_stage_is_a_command_and_reads_what_an_earlier_one_wrote(model, tmp_path):
    data, work, zoo = tmp_path / "data", tmp_path / "work", tmp_path / "zoo"
    written = set()
    chain = kind(model).chain
    for stage in chain:
        words = arguments(stage, data, work, zoo)
        args = command.arguments(words).parse_args(words)
        assert args.data == data
        assert work in args.work.parents
        asked = (
            args.teacher if args.command == "train" and "--teacher" in stage else getattr(args, "beside", [])
        )
        read = [*asked, getattr(args, "start", None)]
        assert {path.parent for path in read if path} <= written
        written.add(args.work)
    assert chain[-1][:2] == ("publish", model)
    assert args.zoo == zoo


def test_every_model_in_the_zoo_is_made_here():
    assert set(KINDS) == {path.stem for path in ZOO.glob("*.json")}
    assert [kind(name).name for name in KINDS] == [*KINDS]


def test_a_chain_goes_on_where_it_was_stopped(tmp_path):
    ran = []

    def stops(arguments):
        ran.append(arguments[:2])
        return 1 if len(ran) == 3 else 0

    encoder = kind("encoder")
    stages = len(encoder.chain)
    with pytest.raises(ExportError, match=f"stage 3 of {stages}: teach own"):
        make(encoder, tmp_path, tmp_path, tmp_path, stops)
    make(encoder, tmp_path, tmp_path, tmp_path, stops)
    assert ran[2] == ran[3] == ["teach", "own"]
    assert len(ran) == stages + 1
    make(encoder, tmp_path, tmp_path, tmp_path, stops)
    assert len(ran) == stages + 1


def test_a_command_that_fails_fails_the_chain(tmp_path, capsys):
    pytest.importorskip("torch", reason="the export extra is not installed")
    assert command.main(["make", "lead12", "--data", str(tmp_path), "--work", str(tmp_path / "work")]) == 1
    assert "train lead12" in capsys.readouterr().err
