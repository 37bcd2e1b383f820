"""On-device ECG: stream a wearable sensor, score it live, record it in formats you know.

    for event in wearecg.stream("/dev/ttyUSB0"): ...      live
    report = wearecg.score(samples, fs, leads)            a recording, same engine
    scores = wearecg.load_model("encoder")(samples, fs, leads)

Not a medical device.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wearecg.block import (
    Beat,
    BeatClass,
    ClockFit,
    Event,
    Finding,
    Gap,
    HeartRate,
    LeadQuality,
    LinkState,
    Mark,
    Measure,
    Notice,
    Quality,
    RRIntervals,
    SignalBlock,
    Statement,
    StreamId,
    StreamInfo,
    Summary,
    Trace,
    Waves,
    Window,
)
from wearecg.errors import (
    ArgumentError,
    ConfigError,
    LeadError,
    MissingExtraError,
    ModelError,
    SignalError,
    SinkError,
    SourceError,
    WearECGError,
)

if TYPE_CHECKING:
    from wearecg.converting import convert
    from wearecg.ecg.hrv import Variability, hrv
    from wearecg.findings import Report
    from wearecg.formats import Recording, read_recording
    from wearecg.models import (
        Delineator,
        DrawnLead,
        Model,
        Profile,
        PulseModel,
        Reconstructor,
        Scores,
        Twelve,
        calibrate,
        load_model,
    )
    from wearecg.observers import Observer, open_observer
    from wearecg.person import Person
    from wearecg.session import Session, score, stream
    from wearecg.sinks import Sink
    from wearecg.sources import open_source
    from wearecg.transports.base import Source

__version__ = "0.1.0"

_LAZY = {
    "Delineator": "wearecg.models",
    "DrawnLead": "wearecg.models",
    "Model": "wearecg.models",
    "Observer": "wearecg.observers",
    "Person": "wearecg.person",
    "Profile": "wearecg.models",
    "PulseModel": "wearecg.models",
    "Reconstructor": "wearecg.models",
    "Recording": "wearecg.formats",
    "Report": "wearecg.findings",
    "Scores": "wearecg.models",
    "Session": "wearecg.session",
    "Sink": "wearecg.sinks",
    "Source": "wearecg.transports.base",
    "Twelve": "wearecg.models",
    "Variability": "wearecg.ecg.hrv",
    "calibrate": "wearecg.models",
    "convert": "wearecg.converting",
    "hrv": "wearecg.ecg.hrv",
    "load_model": "wearecg.models",
    "open_observer": "wearecg.observers",
    "open_source": "wearecg.sources",
    "read_recording": "wearecg.formats",
    "score": "wearecg.session",
    "stream": "wearecg.session",
}

__all__ = [
    "ArgumentError",
    "Beat",
    "BeatClass",
    "ClockFit",
    "ConfigError",
    "Delineator",
    "DrawnLead",
    "Event",
    "Finding",
    "Gap",
    "HeartRate",
    "LeadError",
    "LeadQuality",
    "LinkState",
    "Mark",
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
    "Sink",
    "SinkError",
    "Source",
    "SourceError",
    "Statement",
    "StreamId",
    "StreamInfo",
    "Summary",
    "Trace",
    "Twelve",
    "Variability",
    "Waves",
    "WearECGError",
    "Window",
    "calibrate",
    "convert",
    "hrv",
    "load_model",
    "open_observer",
    "open_source",
    "read_recording",
    "score",
    "stream",
]


def __getattr__(name: str) -> Any:
    # `import wearecg` stays light: what needs more than numpy is imported when it is first used.
    if name in _LAZY:
        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'wearecg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
