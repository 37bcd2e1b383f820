"""The errors of the export room."""

from wearecg.errors import WearECGError


class ExportError(WearECGError):
    """A model cannot be made from what is there."""


class GateError(ExportError):
    """A model lost too much on its way to the device."""
