"""What users may rely on: the names, the signatures of the main functions, and that each is documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import wearecg

NAMES = [
    "Beat",
    "BeatClass",
    "Card",
    "ClockFit",
    "ConfigError",
    "DrawnLead",
    "Event",
    "Finding",
    "Gap",
    "HeartRate",
    "LeadError",
    "LeadQuality",
    "LinkState",
    "Measure",
    "MissingExtraError",
    "Model",
    "ModelError",
    "Notice",
    "Observer",
    "Person",
    "Profile",
    "PulseModel",
    "Quality",
    "RRIntervals",
    "Reconstructor",
    "Recording",
    "Report",
    "Scores",
    "Session",
    "SignalBlock",
    "SignalError",
    "SinkError",
    "SourceError",
    "Statement",
    "StreamId",
    "StreamInfo",
    "Summary",
    "Trace",
    "Twelve",
    "WearECGError",
    "Window",
    "calibrate",
    "load_model",
    "open_observer",
    "open_source",
    "read_recording",
    "score",
    "stream",
]

SIGNATURES = {
    "stream": "(source: 'str | Source', *, device: 'str | None' = None, leads: 'str | Sequence[str]' = (), "
    "observe: 'str | Sequence[str]' = 'auto', to: 'str | Sequence[str | Sink]' = (), "
    "duration: 'float | None' = None) -> 'Iterator[Event]'",
    "score": "(samples: 'ArrayLike', fs: 'float', leads: 'str | Sequence[str]', *, "
    "observe: 'str | Sequence[str]' = 'auto', name: 'str' = 'samples') -> 'Report'",
    "load_model": "(name: 'str | Path' = 'encoder', precision: 'str' = 'int8', runtime: 'str' = 'onnx', "
    "profile: 'Profile | str | Path | None' = None) -> 'Model | Reconstructor | PulseModel'",
    "open_observer": "(spec: 'str') -> 'Observer'",
    "open_source": "(spec: 'str', device: 'str | None' = None, baud: 'int | None' = None, "
    "fs: 'float | None' = None, leads: 'str | Sequence[str]' = ()) -> 'Source'",
    "read_recording": "(path: 'str | Path', fs: 'float | None' = None) -> 'Recording'",
    "Session": "(source: 'Source', observers: 'Sequence[Observer]' = (), sinks: 'Sequence[str | Sink]' = (), *, "
    "leads: 'str | Sequence[str]' = (), duration: 'float | None' = None, stop: 'threading.Event | None' = None, "
    "trace: 'bool' = False, turn: 'Callable[[Session], None] | None' = None) -> 'None'",
}

BEFORE_NUMPYDOC = {
    "Recording": {"Examples"},
    "Report": {"Examples"},
    "read_recording": {"Examples", "Returns"},
    "stream": {"Returns"},
}
"""Sections that are not written yet."""


def sections(name):
    """Return the numpydoc sections that ``name`` must have."""
    value = getattr(wearecg, name)
    if name == "Event":  # a union
        return set()
    if not inspect.isclass(value):
        return {"Parameters", "Returns", "Raises", "Examples"}
    if issubclass(value, Exception):
        return {"Examples", *({"Parameters"} if "__init__" in vars(value) else ())}
    return {"Attributes", "Examples"}


def documented(name):
    """Return the numpydoc sections that ``name`` has; parameters of a class are attributes to its users."""
    text = inspect.getdoc(getattr(wearecg, name)) or ""
    found = set(re.findall(r"^(\w+)\n-{3,}$", text, re.MULTILINE))
    return found | (
        {"Attributes"} if inspect.isclass(getattr(wearecg, name)) and "Parameters" in found else set()
    )


def test_the_names_are_these():
    assert wearecg.__all__ == NAMES
    assert dir(wearecg) == NAMES
    assert all(getattr(wearecg, name) is not None for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_documented(name):
    assert sections(name) - documented(name) <= BEFORE_NUMPYDOC.get(name, set())


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_are_these(name):
    assert str(inspect.signature(getattr(wearecg, name))) == SIGNATURES[name]


def test_every_parameter_is_documented():
    for name in SIGNATURES:
        text = inspect.getdoc(getattr(wearecg, name))
        # "precision, runtime : str" documents two.
        rows = re.findall(r"^([\w, ]+?)(?: : .+)?$", text.partition("Parameters\n---")[2], re.MULTILINE)
        written = {one for row in rows for one in row.split(", ")}
        assert set(inspect.signature(getattr(wearecg, name)).parameters) <= written, name


def test_importing_wearecg_takes_less_than_0_3_s_of_the_processor():
    code = "import time; t = time.process_time(); import wearecg; print(time.process_time() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(runs) < 0.3
