"""Our errors are the builtin ones that one would catch, and nothing in between takes them for such."""

from __future__ import annotations

import copy
from importlib.metadata import EntryPoint

import pytest

from wearecg import devices, errors
from wearecg.cli import main
from wearecg.sinks import open_sink

BASES = {
    errors.SourceError: OSError,
    errors.SignalError: ValueError,
    errors.LeadError: ValueError,
    errors.ModelError: ValueError,
    errors.SinkError: OSError,
    errors.ConfigError: ValueError,
}


@pytest.mark.parametrize(("kind", "builtin"), BASES.items(), ids=lambda kind: kind.__name__)
def test_an_error_is_the_builtin_too_and_its_text_is_the_message(kind, builtin):
    for message in ("x: 3 of 4 leads; give 4", ""):
        with pytest.raises(builtin) as caught:
            raise kind(message)
        assert isinstance(caught.value, errors.WearECGError)
        assert str(caught.value) == message
        assert caught.value.args == (message,)
        assert str(copy.copy(caught.value)) == message


def test_a_missing_extra_is_an_import_error_that_says_what_to_install():
    with pytest.raises(
        ImportError, match=r"^drawing needs matplotlib: pip install 'wearecg\[plot\]'$"
    ) as caught:
        raise errors.MissingExtraError("matplotlib", "plot", "drawing")
    assert (caught.value.package, caught.value.extra) == ("matplotlib", "plot")


def test_what_our_error_came_from_is_its_cause(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="choose a file in a folder of yours") as caught:
        open_sink(f"jsonl:{tmp_path}/file/x.jsonl")
    assert type(caught.value) is errors.SinkError
    assert caught.value.__cause__.errno


def test_a_driver_that_lacks_a_package_says_which(monkeypatch, tmp_path):
    (tmp_path / "needy.py").write_text(
        "from wearecg.errors import MissingExtraError\nraise MissingExtraError('pyusb', 'usb', 'this sensor')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    entries = [EntryPoint("needy", "needy:Needy", devices.GROUP)]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
    with pytest.raises(errors.MissingExtraError, match="this sensor needs pyusb"):
        devices.device("needy")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["score", "no-such-file.csv"], 3, "wearecg: no such recording: no-such-file.csv"),
        (["models", "no-such-model"], 4, "wearecg: no model 'no-such-model'"),
        (["stream", "--config", "no-such-file.toml"], 2, "no-such-file.toml: No such file"),
    ],
)
def test_the_command_line_ends_with_the_message_and_the_code_of_the_kind(capsys, command, code, words):
    assert main(command) == code
    assert words in capsys.readouterr().err
