"""The errors of the export package."""

from wearecg.errors import WearECGError


class ExportError(WearECGError):
    """A model cannot be made: something is missing or does not fit."""


class GateError(ExportError):
    """A model lost too much accuracy by conversion or quantisation."""
