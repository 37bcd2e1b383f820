"""Checks that this version of wearecg can run what a card states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE, UNKNOWN
from wearecg.errors import ModelError
from wearecg.models.card import AROUND, FORMAT, PPG, PRECISIONS, RUNTIMES, Card
from wearecg.models.preprocess import BEAT, CONTEXT, ECG, PULSE
from wearecg.models.strict_json import build


def checked(body: dict[str, Any], path: Path) -> Card:
    """Return the card that `wearecg.models.sealed.read` found at ``path``.

    Raises
    ------
    ModelError
        It is of another format, has a field that is missing, unknown or of another type, or has an impossible value.
    """
    if body.get("format") != FORMAT:
        raise ModelError(f"card {path}: format is {body.get('format')!r}; this wearecg reads {FORMAT}")
    card = build(Card, body, f"card {path}")
    check(card, f"card {path}")
    return card


def check(card: Card, where: str) -> None:
    """Raise if a card has an impossible value; ``where`` names the card in the message.

    Raises
    ------
    ModelError
        Names the first field that is wrong, its value, and what was expected.
    """
    spec = card.input
    units, procedure = ("arbitrary", PULSE) if spec.leads == PPG else ("mV", ECG)
    if spec.around == "beat" and spec.preprocessing.name in (BEAT, CONTEXT):
        procedure = spec.preprocessing.name
    # PTB-XL has a superclass and a subclass NORM; a finding must name one thing.
    reported = [s.code for group in card.outputs.groups for s in group.statements if s.reported]
    wrong: list[tuple[bool, str, object, str]] = [
        (spec.fs <= 0, "input.fs", spec.fs, "above 0"),
        (spec.seconds <= 0, "input.seconds", spec.seconds, "above 0"),
        (spec.units != units, "input.units", spec.units, repr(units)),
        (
            not set(spec.leads) <= set(TWELVE) and not spec.any_lead and spec.leads != PPG,
            "input.leads",
            spec.leads,
            f"of {TWELVE}, or {UNKNOWN} alone, or PPG alone",
        ),
        # An ECG statement cannot be based on a pulse.
        (
            spec.leads == PPG and bool(card.outputs.groups),
            "outputs.groups",
            reported,
            "none, as its input is a pulse",
        ),
        (len(set(spec.leads)) != len(spec.leads), "input.leads", spec.leads, "without repetition"),
        (not 1 <= spec.min_leads <= len(spec.leads), "input.min_leads", spec.min_leads, "1 to all leads"),
        (spec.around not in AROUND, "input.around", spec.around, f"of {AROUND}"),
        (
            spec.preprocessing.name != procedure,
            "input.preprocessing.name",
            spec.preprocessing.name,
            repr(procedure),
        ),
        (
            len(set(reported)) != len(reported),
            "outputs.groups",
            reported,
            "reported codes without repetition",
        ),
        (
            Path(card.golden.path).name != card.golden.path,
            "golden.path",
            card.golden.path,
            "a file beside the card",
        ),
    ]
    if card.outputs.unlike is not None:
        names = [signal.name for signal in card.outputs.signals]
        wrong.append(
            ("unlike" not in names, "outputs.signals", names, "with 'unlike', as it has a threshold")
        )
    if card.outputs.band:
        shapes = [(signal.name, signal.shape) for signal in card.outputs.signals]
        wanted = [(name, (len(INDEPENDENT), spec.length)) for name in ("leads", "logvar")]
        wrong += [
            (shapes[:2] != wanted, "outputs.signals", shapes, f"{wanted} first, as it has a band"),
            (spec.leads != TWELVE, "input.leads", spec.leads, f"{TWELVE}, as it has a band"),
        ]
    for group in card.outputs.groups:
        codes = [s.code for s in group.statements]
        wrong.append(
            (len(set(codes)) != len(codes), f"{group.name} codes", codes, "codes without repetition")
        )
    for file in card.files:
        wrong += [
            (file.precision not in PRECISIONS, "files.precision", file.precision, f"of {PRECISIONS}"),
            (file.runtime not in RUNTIMES, "files.runtime", file.runtime, f"of {RUNTIMES}"),
            (Path(file.path).name != file.path, "files.path", file.path, "a file beside the card"),
        ]
    wrong += [
        (not 0 < s.threshold <= 1, f"outputs {s.code}.threshold", s.threshold, "in (0, 1]")
        for group in card.outputs.groups
        for s in group.statements
    ]
    wrong += [
        (not 0 < value < 1, f"outputs.points {name}", value, "in (0, 1)")
        for name, value in card.outputs.points.items()
    ]
    for bad, field, value, expected in wrong:
        if bad:
            raise ModelError(f"{where}: {field} is {value!r}; expected {expected}")
