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
    ClockFit,
    Event,
    Finding,
    Gap,
    HeartRate,
    LeadQuality,
    LinkState,
    Notice,
    Quality,
    SignalBlock,
    StreamInfo,
    Summary,
    Trace,
    Window,
)
from wearecg.errors import (
    LeadError,
    MissingExtraError,
    ModelError,
    SignalError,
    SinkError,
    SourceError,
    WearECGError,
)

if TYPE_CHECKING:
    from wearecg.formats import Recording, read_recording
    from wearecg.models import Model, load_model
    from wearecg.person import Person
    from wearecg.session import Report, score, stream

__version__ = "0.1.0"

_LAZY = {
    "Model": "wearecg.models",
    "Person": "wearecg.person",
    "Recording": "wearecg.formats",
    "Report": "wearecg.session",
    "load_model": "wearecg.models",
    "read_recording": "wearecg.formats",
    "score": "wearecg.session",
    "stream": "wearecg.session",
}

__all__ = [
    "Beat",
    "ClockFit",
    "Event",
    "Finding",
    "Gap",
    "HeartRate",
    "LeadError",
    "LeadQuality",
    "LinkState",
    "MissingExtraError",
    "Model",
    "ModelError",
    "Notice",
    "Person",
    "Quality",
    "Recording",
    "Report",
    "SignalBlock",
    "SignalError",
    "SinkError",
    "SourceError",
    "StreamInfo",
    "Summary",
    "Trace",
    "WearECGError",
    "Window",
    "load_model",
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
