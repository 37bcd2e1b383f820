"""Lead names as vendors write them."""

from __future__ import annotations

import re

from wearecg.ecg.leads import TWELVE, UNKNOWN, canonical

_WORDS = re.compile(r"[^A-Za-z0-9+*]+")
"""What stands between words; a lead with a star was drawn by a model, and is none."""
_FILLERS = {
    "MDC",
    "LEAD",
    "LIMB",
    "EINTHOVEN",
    "ELEC",
    "POTL",
    "DERIVED",
    "WILSON",
    "GOLDBERGER",
    "CH",
    "SIGNAL",
    "ORIGINAL",
}
_ECG = {"ECG", "EKG"}
_DERIVATIONS = {"D1": "I", "D2": "II", "D3": "III"}
"""In recordings alone: on a board these are pins."""
_RATES = {"BPM", "RATE"}
_PULSES = {"PPG", "PLETH", "PULSE", "BVP", "SPO2WAVE", "PLETHYSMOGRAM"}


def lead_of(name: str) -> str:
    """Return the lead that a channel's name says it is, in the house's spelling; its name as it is where it is none.

    >>> lead_of("MDC_ECG_LEAD_AVR"), lead_of("Lead II (Einthoven)"), lead_of("ECG V5"), lead_of("EKG1")
    ('aVR', 'II', 'V5', 'ECG')
    >>> lead_of("EEG Fpz-Cz"), lead_of("Pleth"), lead_of("EKG - ERS100C"), lead_of("PULSE_BPM")
    ('EEG Fpz-Cz', 'PPG', 'ECG', 'PULSE_BPM')
    >>> lead_of("DII"), lead_of("D3"), lead_of("ECG I"), lead_of("lead II (limb)")
    ('II', 'III', 'I', 'II')
    """
    words = [word for word in _WORDS.split(name.upper()) if word]
    is_ecg = any(re.sub(r"\d+$", "", word) in _ECG for word in words)
    rest = [word for word in words if word not in _FILLERS and word not in _ECG]
    if len(rest) == 1 and (lead := canonical(_DERIVATIONS.get(rest[0], rest[0]))) in TWELVE:
        return lead
    if is_ecg:
        numbered = re.search(r"(?:ECG|EKG)\W*(\d+)$", name.strip(), re.IGNORECASE)
        return canonical(f"{UNKNOWN}{numbered[1]}") if numbered else UNKNOWN
    if rest and rest[0] in _PULSES and not _RATES & set(rest):
        return "PPG"
    return canonical(name)
