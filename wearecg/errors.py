"""The errors of wearecg: one small tree.

    WearECGError
    ├── SourceError         a sensor, port or recording cannot be opened or read
    ├── SignalError         samples that cannot be used (rate, length, shape, values)
    ├── LeadError           a lead name that is not known, or not in the source
    ├── ModelError          a model file or card that must not be run
    ├── SinkError           an output that cannot be opened or written
    ├── ConfigError         a configuration file, or a system, that does not fit
    └── MissingExtraError   an optional dependency that is not installed

A message says what was wrong, with which value, and what to do about it.
"""


class WearECGError(Exception):
    """Base of every error that wearecg raises on purpose."""


class SourceError(WearECGError):
    """A sensor, port or recording cannot be opened or read."""


class SignalError(WearECGError):
    """Samples that cannot be used: rate, length, shape or values."""


class LeadError(WearECGError):
    """A lead name that is not known, or that the source does not have."""


class ModelError(WearECGError):
    """A model file or card that must not be run."""


class SinkError(WearECGError):
    """An output that cannot be opened or written."""


class ConfigError(WearECGError):
    """A configuration file that cannot be used, or a system on which a service cannot be set up."""


class MissingExtraError(WearECGError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'wearecg[{extra}]'")
        self.package = package
        self.extra = extra
