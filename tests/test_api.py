"""The public namespace: its names, the signatures of its main doors, and that all of it is documented."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys

import pytest

import wearecg

NAMES = {
    "what flows": "Beat BeatClass ClockFit Event Finding Gap HeartRate LeadQuality LinkState Mark Measure Notice "
    "Quality RRIntervals SignalBlock Statement StreamId StreamInfo Summary Trace Waves Window",
    "errors": "ArgumentError ConfigError LeadError MissingExtraError ModelError SignalError SinkError SourceError "
    "WearECGError",
    "doors": "Session calibrate convert hrv load_model open_observer open_source read_recording score stream",
    "what they take": "Observer Person Sink Source",
    "what they give": "Delineator DrawnLead Model Profile PulseModel Reconstructor Recording Report Scores Twelve "
    "Variability",
}
SIGNATURES = {
    "Session": "(source, observers=(), sinks=(), *, leads=(), duration=None, stop=None, trace=False, turn=None)",
    "calibrate": "(model, samples, fs, names, leads, reference='samples', created=None, ridge=0.03)",
    "convert": "(source, target, *, fs=None, leads=(), lsb=None, overwrite=False, told=None)",
    "hrv": "(beats, classes=(), without=())",
    "load_model": "(name='encoder', precision='int8', runtime='onnx', profile=None)",
    "open_observer": "(spec)",
    "open_source": "(spec, device=None, baud=None, fs=None, leads=())",
    "read_recording": "(path, fs=None, leads=(), lsb=None)",
    "score": "(samples, fs, leads, *, observe='auto', name='samples')",
    "stream": "(source, *, device=None, leads=(), observe='auto', to=(), duration=None)",
}
WITHOUT_EXAMPLE = {"Event", "Recording", "Report", "Sink", "Source", "read_recording"}
"""A union, and what a session, a recording or a third-party test shows."""
HEAVY = ("torch", "scipy", "onnxruntime", "matplotlib", "pandas", "wfdb", "rich", "serial", "bleak")
IMPORT_S = 0.2
"""CPU time of the import beyond numpy's, which takes 0.1 s on a desktop computer."""


def sections(of: object) -> dict[str, str]:
    """The sections of a numpydoc docstring by their headings."""
    parts = re.split(r"^(\w+)\n-{3,}\n", inspect.getdoc(of) or "", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> set[str]:
    """The names that a section lists: ``start, end : float`` are two."""
    listed = re.findall(r"^(\w+(?:, \w+)*)(?: :.*)?$", section, flags=re.MULTILINE)
    return {name for names in listed for name in names.split(", ")}


def test_the_public_names():
    assert set(wearecg.__all__) == set(" ".join(NAMES.values()).split())
    assert wearecg.__all__ == sorted(wearecg.__all__) == dir(wearecg)
    for name in wearecg.__all__:
        assert getattr(wearecg, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = wearecg.nonsense


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_of_the_doors(name):
    found = inspect.signature(getattr(wearecg, name))
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_parameter_and_error_of_a_door_is_documented(name):
    door = getattr(wearecg, name)
    told = sections(door)
    assert entries(told["Parameters"]) == set(inspect.signature(door).parameters)
    assert entries(told["Raises"]) <= set(wearecg.__all__)


@pytest.mark.parametrize("name", [name for name in wearecg.__all__ if name != "Event"])
def test_every_name_has_a_docstring_of_its_own(name):
    made_up = f"{name}("  # by a dataclass that has none
    assert not (getattr(wearecg, name).__doc__ or made_up).startswith(made_up)


@pytest.mark.parametrize("name", sorted({*wearecg.__all__} - WITHOUT_EXAMPLE))
def test_every_name_has_an_example(name):
    assert ">>>" in sections(getattr(wearecg, name))["Examples"]


@pytest.mark.parametrize("name", wearecg.__all__)
def test_every_field_is_documented(name):
    thing = getattr(wearecg, name)
    if dataclasses.is_dataclass(thing):
        own = {field.name for field in dataclasses.fields(thing)} - {"format"}  # of a file
        for base in thing.__mro__[1:]:
            if dataclasses.is_dataclass(base):
                own -= {field.name for field in dataclasses.fields(base)}
        assert entries(sections(thing)["Attributes"]) >= own


@pytest.mark.parametrize("name", wearecg.__all__)
def test_an_error_is_also_the_builtin_that_one_would_catch(name):
    thing = getattr(wearecg, name)
    if inspect.isclass(thing) and issubclass(thing, Exception) and thing is not wearecg.WearECGError:
        assert issubclass(thing, wearecg.WearECGError)
        assert issubclass(thing, OSError | ValueError | TypeError | ImportError)


def test_import_is_light_and_quick():
    code = (
        "import sys, time, numpy; start = time.process_time(); import wearecg; "
        "print(time.process_time() - start, *sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *loaded = run.stdout.split()
    assert not set(HEAVY) & set(loaded)
    assert float(seconds) < IMPORT_S
