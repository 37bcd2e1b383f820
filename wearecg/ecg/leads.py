"""Lead names: one spelling for each, however a recording or a sensor spells it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from wearecg.errors import LeadError
from wearecg.text import visible

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The standard twelve in their standard order."""

UNKNOWN = "ECG"
"""An ECG lead whose electrode positions are not known."""

SYNTHETIC = "II*"
"""The lead that a model draws from a pulse. It is no ECG (`is_ecg`), and no model scores it."""
PULSE = "pulse"
"""The kind of its stream."""

_OTHER = (UNKNOWN, "PPG", "RESP", "ACC_X", "ACC_Y", "ACC_Z")
_ALIASES = {
    **{f"D{lead}": lead for lead in ("I", "II", "III")},
    "MLI": "I",
    "MLII": "II",
    "MLIII": "III",
    "ML2": "II",
    "MCL1": "V1",
    "MCL5": "V5",
    "CM5": "V5",
    "PLETH": "PPG",
    "UNKNOWN": UNKNOWN,
    "EKG": UNKNOWN,
}
_NUMBERED = re.compile(r"ECG\W*(?:LEAD\W*)?(\d+)")
_BY_UPPER = {name.upper(): name for name in TWELVE + _OTHER} | _ALIASES


def canonical(name: str) -> str:
    """Return the standard spelling of a lead name; an unknown name as it is, made `visible`.

    >>> canonical("AVR"), canonical("MLII"), canonical("v5"), canonical("II,")
    ('aVR', 'II', 'V5', 'II')
    """
    key = name.strip().rstrip(",").upper().removeprefix("LEAD ")
    if numbered := _NUMBERED.fullmatch(key):
        return UNKNOWN if numbered[1] == "1" else f"{UNKNOWN}_{numbered[1]}"
    return _BY_UPPER.get(key, visible(name.strip()))


def canonical_all(names: Iterable[str]) -> tuple[str, ...]:
    """Return the standard spelling of the names of one recording; repeated names are numbered.

    >>> canonical_all(["ECG1", "ECG2", "MLII"]), canonical_all(["ECG", "ECG"])
    (('ECG', 'ECG_2', 'II'), ('ECG', 'ECG_2'))
    """
    found: list[str] = []
    for name in map(canonical, names):
        again = 2
        unique = name
        while unique in found:
            unique, again = f"{name}_{again}", again + 1
        found.append(unique)
    return tuple(found)


def names_of(leads: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of leads from a text or a sequence, as they were written.

    Everything in the public API that takes leads accepts both.

    Parameters
    ----------
    leads : str or iterable of str
        ``"II"``, ``"II,V1,V5"`` or ``["II", "V1", "V5"]``.

    Returns
    -------
    tuple of str
        One name for each lead; empty for an empty text.

    Raises
    ------
    LeadError
        It is neither.

    Examples
    --------
    >>> names_of("II"), names_of("II, V1,V5"), names_of(["II", "V1"])
    (('II',), ('II', 'V1', 'V5'), ('II', 'V1'))
    """
    if isinstance(leads, str):
        return tuple(name.strip() for name in leads.split(",") if name.strip())
    names = tuple(leads) if isinstance(leads, Iterable) else (leads,)
    if not all(isinstance(name, str) for name in names):
        raise LeadError(f"leads are {leads!r}: give names, as 'II,V1' or ['II', 'V1']")
    return names


def is_ecg(name: str) -> bool:
    """Whether a (canonical) lead is a measured ECG in mV (``ECG``, ``ECG_2`` where its position is unknown)."""
    return name in TWELVE or name.partition("_")[0] == UNKNOWN


def is_known(name: str) -> bool:
    """Whether a (canonical) name says what a lead is: an ECG, another signal that has a name here, or a drawn one."""
    return is_ecg(name) or name in _OTHER or name.startswith(SYNTHETIC)


def select(wanted: Iterable[str], available: Sequence[str], source: str) -> list[int]:
    """Return the columns of ``available`` that hold the ``wanted`` leads, in the order wanted.

    Raises
    ------
    LeadError
        A wanted name is not a lead, or the source does not have it.
    """
    columns = {canonical(name): i for i, name in reversed(list(enumerate(available)))}
    picked: list[int] = []
    for name in wanted:
        lead = canonical(name)
        if lead not in columns:
            known = is_known(lead)
            why = f"{source} does not have lead {lead}" if known else f"there is no lead {name!r}"
            raise LeadError(f"{why}; it has {', '.join(available)}")
        if columns[lead] in picked:
            raise LeadError(f"lead {lead} is asked for twice")
        picked.append(columns[lead])
    return picked
