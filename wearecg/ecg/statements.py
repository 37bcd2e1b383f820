"""The catalogue: every statement that can be made about an ECG, once.

What it is called in other systems, what it rests on, which leads can carry it, how common it is where, and when it
begins and ends. Observers take their rules from here, and pages their words.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import log
from typing import Final, Literal, TypeAlias

from wearecg.ecg.leads import TWELVE

Basis: TypeAlias = Literal["rhythm", "shape", "size"]
"""When the beats come; what the waves look like; how large they are in mV."""
Prior: TypeAlias = Literal["ambulatory", "hospital"]
PRIORS: Final[tuple[Prior, ...]] = ("ambulatory", "hospital")
Needs: TypeAlias = tuple[frozenset[str], ...]
"""Sets of leads, of each of which at least one must be there."""

_LIMB: Final = frozenset(TWELVE[:6])
ANY: Final[Needs] = ()
"""Any ECG lead, also one of unknown position."""
PLACED: Final[Needs] = (frozenset(TWELVE),)
"""A lead of known position."""
FRONTAL: Final[Needs] = (frozenset({"I", "aVL"}), frozenset({"II", "III", "aVF"}))
"""Two directions in the frontal plane: an axis."""
BUNDLE: Final[Needs] = (frozenset({"V1", "V2"}), frozenset(TWELVE) - {"V1", "V2", "V3", "V4"})
"""The right side of the chest, and a lead that looks from elsewhere."""
ROUND: Final[Needs] = (_LIMB, frozenset({"V1", "V2", "V3"}), frozenset({"V4", "V5", "V6"}))
"""A limb lead, the right and the left side of the chest: the fewest that say what the whole heart looks like."""
INFERIOR: Final[Needs] = (*ROUND, frozenset({"II", "III", "aVF"}))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a statement was worth on recordings with reference annotations (``python -m benchmarks.statements``).

    Attributes
    ----------
    data : str
        Recordings, and which of them.
    sensitivity : float
        Share of the reference's episodes that a finding overlaps.
    ppv : float or None
        Share of the findings that overlap an episode of the reference; None if there was no finding.
    false_a_day : float
        Findings that overlap none, in 24 h.
    source : str
        Whose statement it was, without its version.

    Examples
    --------
    >>> Measured("MIT-BIH DS1", sensitivity=0.9, ppv=0.95, false_a_day=0.5).ppv
    0.95
    """

    data: str
    sensitivity: float
    ppv: float | None
    false_a_day: float
    source: str = "encoder"


@dataclass(frozen=True, slots=True)
class Term:
    """One statement of the catalogue.

    Attributes
    ----------
    code : str
        SCP-ECG or PTB-XL where there is one.
    text : str
        For people.
    rests_on : {"rhythm", "shape", "size"}
        When the beats come; what the waves look like; their size in mV.
    needs : tuple of frozenset of str
        Sets of leads: of each at least one must be usable, else the statement is not made.
    aha : int or None
        AHA/ACC/HRS 2007 statement or modifier.
    mdc : int or None
        ISO/IEEE 11073-10101, partition 10.
    snomed : int or None
        SNOMED CT ECG finding.
    begin : float or None
        Probability among PTB-XL's patients from which a model's statement is made, chosen for few false episodes; None
        for the threshold of the model's card. With it, it is also told if the card does not ask for that.
    settle : float
        Seconds over most of which a model must state it before it begins, and leave it out before it ends: a model
        looks at windows, and a single window is no episode.
    hospital, ambulatory : float or None
        Share of people who have it among PTB-XL's patients, and among those who walk about. Only where both are known.
    rates : tuple of float, or None
        The least and the most beats a minute with which a model's statement can be true: limits of its definition, and
        more than a little beyond.
    measured : Measured or None

    Examples
    --------
    >>> term = find("AFIB")
    >>> term.text, term.aha, term.mdc
    ('atrial fibrillation', 50, 9472)
    """

    code: str
    text: str
    rests_on: Basis = "rhythm"
    needs: Needs = ANY
    aha: int | None = None
    mdc: int | None = None
    snomed: int | None = None
    begin: float | None = None
    settle: float = 30.0
    hospital: float | None = None
    ambulatory: float | None = None
    rates: tuple[float, float] | None = None
    measured: Measured | None = None

    def fits(self, bpm: float) -> bool:
        """Whether it can be true at this heart rate."""
        return self.rates is None or self.rates[0] <= bpm <= self.rates[1]

    def carried_by(self, leads: Collection[str]) -> bool:
        """Whether these leads can carry it; from two limb leads the other four follow."""
        there = frozenset(leads)
        if len(there & _LIMB) > 1:
            there |= _LIMB
        return all(there & need for need in self.needs)

    def shift(self, prior: Prior) -> float:
        """Return what to add to the logit of a probability that was calibrated on PTB-XL, for people of ``prior``."""
        if prior == "hospital" or self.hospital is None or self.ambulatory is None:
            return 0.0
        return _logit(self.ambulatory) - _logit(self.hospital)


def find(code: str) -> Term | None:
    """Return a statement of the catalogue by its code; None for one that is not in it.

    Examples
    --------
    >>> find("LVH").carried_by(("II", "V1")), find("AFIB").carried_by(("ECG",)), find("NO_SUCH")
    (False, True, None)
    """
    return _BY_CODE.get(code)


def _logit(share: float) -> float:
    return log(share / (1 - share))


_PTB_XL: Final = 19_601
"""Recordings of PTB-XL 1.0.3, folds 1 to 9: the patients that the encoder's probabilities are calibrated on."""

_DS1: Final = "MIT-BIH DS1 and the paced records, 13 h, on which some thresholds were chosen"

CATALOGUE: Final[tuple[Term, ...]] = (
    # Rhythm.
    Term(
        "SR",
        "sinus rhythm",
        aha=20,
        mdc=9216,
        snomed=426783006,
        rates=(40.0, 120.0),
        measured=Measured(_DS1, 0.784, 0.983, 1.8),
    ),
    Term("SBRAD", "sinus bradycardia", aha=22, mdc=9248, snomed=426177001, settle=60),
    Term("STACH", "sinus tachycardia", aha=21, mdc=9264, snomed=427084000, settle=60),
    Term("SARRH", "sinus arrhythmia", aha=23, mdc=9280, snomed=427393009, settle=120, rates=(40.0, 120.0)),
    # 0.95 % of 1.89 million adults had been diagnosed (Go et al., JAMA 285:2370, 2001).
    Term(
        "AFIB",
        "atrial fibrillation",
        aha=50,
        mdc=9472,
        snomed=164889003,
        begin=0.7,
        settle=60,
        hospital=1362 / _PTB_XL,
        ambulatory=0.0095,
        measured=Measured(_DS1, 1.0, 1.0, 0.0),
    ),
    Term("AFLT", "atrial flutter", aha=51, mdc=9456, snomed=164890007),
    Term(
        "SVTAC",
        "supraventricular tachycardia",
        aha=55,
        mdc=9504,
        settle=20,
        measured=Measured(_DS1, 0.667, 1.0, 0.0),
    ),
    Term("PSVT", "paroxysmal supraventricular tachycardia", settle=20),
    Term("SVARR", "supraventricular arrhythmia", settle=60),
    Term("SVRUN", "run of supraventricular beats", "shape"),
    Term("PACE", "pacemaker rhythm", settle=60, measured=Measured(_DS1, 1.0, 1.0, 0.0)),
    Term("PACENC", "pacing without capture"),
    Term("BIGU", "bigeminy", aha=341, settle=40, measured=Measured(_DS1, 0.571, 0.375, 9.2)),
    Term("TRIGU", "trigeminy", aha=342, settle=40, measured=Measured(_DS1, 0.0, None, 0.0)),
    Term("PAC", "premature atrial beats", "shape", aha=30, mdc=8272, snomed=284470004, settle=60),
    Term("PVC", "premature ventricular beats", "shape", aha=60, mdc=8336, snomed=427172004, settle=60),
    Term("PRC(S)", "premature beats", "shape", settle=60),
    Term("COUPLET", "ventricular couplet", "shape", aha=340, mdc=9952),
    Term("VRUN", "run of ventricular beats", "shape", mdc=9968),
    Term("VT", "ventricular tachycardia", "shape", aha=70, mdc=9984),
    Term("IVR", "idioventricular rhythm", "shape"),
    Term("VFIB", "ventricular fibrillation or flutter", "shape", aha=74, mdc=10016),
    Term("PAUSE", "pause", aha=26),
    Term("SARREST", "sinus arrest"),
    Term("ASYS", "asystole", mdc=10336),
    Term("RR_REGULAR", "regular pulse"),
    Term("RR_IRREGULAR", "irregular pulse"),
    # Of one lead, by the classes of CinC 2017.
    Term("N", "normal rhythm", settle=60, rates=(40.0, 120.0)),
    Term("A", "atrial fibrillation", aha=50, mdc=9472, snomed=164889003, settle=60),
    Term("O", "other rhythm", settle=60),
    Term("~", "too noisy", settle=60),
    # Conduction. Of 7,392 men of 47 to 55 years 46 had a left, 70 a right bundle branch block (Eriksson et al., Eur
    # Heart J 26:2300, 2005); of 7,575 people 124 a PR interval above 200 ms (Cheng et al., JAMA 301:2571, 2009).
    Term(
        "CLBBB",
        "left bundle branch block",
        "shape",
        BUNDLE,
        aha=104,
        mdc=8464,
        snomed=164909002,
        begin=0.8,
        settle=120,
        hospital=482 / _PTB_XL,
        ambulatory=46 / 7392,
        measured=Measured(_DS1, 0.5, 0.5, 1.8),
    ),
    Term(
        "CRBBB",
        "right bundle branch block",
        "shape",
        BUNDLE,
        aha=106,
        mdc=8496,
        snomed=59118001,
        begin=0.6,
        settle=120,
        hospital=487 / _PTB_XL,
        ambulatory=70 / 7392,
        measured=Measured(_DS1, 0.0, None, 0.0),
    ),
    Term("ILBBB", "incomplete left bundle branch block", "shape", BUNDLE),
    Term("IRBBB", "incomplete right bundle branch block", "shape", BUNDLE, aha=105),
    Term("IVCD", "nonspecific intraventricular conduction disturbance", "shape", ROUND),
    Term("LAFB/LPFB", "left anterior or posterior fascicular block", "shape", FRONTAL, settle=60),
    Term("WPW", "Wolff-Parkinson-White pattern", "shape", ROUND),
    Term(
        "_AVB",
        "atrioventricular block, mostly of first degree",
        "shape",
        PLACED,
        begin=0.6,
        settle=120,
        hospital=724 / _PTB_XL,
        ambulatory=124 / 7575,
    ),
    Term("1AVB", "first-degree atrioventricular block", "shape", mdc=9632, snomed=270492004),
    Term("2AVB", "second-degree atrioventricular block", "shape"),
    Term("3AVB", "third-degree atrioventricular block", "shape", aha=88, mdc=9696),
    Term("LPR", "long PR interval", "shape", PLACED, aha=82, snomed=164947007),
    Term("LNGQT", "long QT interval", "shape", PLACED, aha=148, snomed=111975006),
    # The whole picture, and what only a look from several sides can tell.
    Term("NORM", "normal ECG", "size", ROUND, aha=1, settle=60),
    Term("MI", "myocardial infarction", "size", ROUND, settle=60),
    Term("AMI", "anterior myocardial infarction", "size", ROUND, settle=60),
    Term("IMI", "inferior myocardial infarction", "size", INFERIOR, settle=60),
    Term("LMI", "lateral myocardial infarction", "size", ROUND, settle=60),
    Term("PMI", "posterior myocardial infarction", "size", ROUND, settle=60),
    Term("QWAVE", "Q waves", "size", ROUND),
    Term("STTC", "ST or T change", "size", ROUND, settle=60),
    Term("ISC_", "nonspecific ischaemia", "size", ROUND, settle=60),
    Term("ISCA", "anterior ischaemia", "size", ROUND, settle=60),
    Term("ISCI", "inferior ischaemia", "size", INFERIOR, settle=60),
    Term("NST_", "nonspecific ST change", "size", ROUND, aha=145),
    Term("STD_", "nonspecific ST depression", "size", ROUND),
    Term("STE_", "nonspecific ST elevation", "size", ROUND),
    Term("NDT", "nondiagnostic T abnormality", "size", ROUND),
    Term("NT_", "nonspecific T change", "size", ROUND, aha=147),
    Term("TAB_", "T abnormality", "size", ROUND),
    Term("INVT", "inverted T waves", "size", ROUND, snomed=59931005),
    Term("LOWT", "low T waves", "size", ROUND),
    Term("DIG", "digitalis effect", "size", ROUND),
    Term("ABQRS", "abnormal QRS", "size", ROUND),
    Term("CD", "conduction disturbance", "shape", ROUND, settle=60),
    Term("HYP", "hypertrophy", "size", ROUND, settle=60),
    Term("LVH", "left ventricular hypertrophy", "size", ROUND, aha=142),
    Term("VCLVH", "voltage criteria of left ventricular hypertrophy", "size", ROUND),
    Term("RVH", "right ventricular hypertrophy", "size", ROUND),
    Term("SEHYP", "septal hypertrophy", "size", ROUND),
    Term("LAO/LAE", "left atrial overload or enlargement", "size", ROUND),
    Term("RAO/RAE", "right atrial overload or enlargement", "size", ROUND),
    Term("LVOLT", "low QRS voltage", "size", ROUND, aha=125, snomed=251146004),
    Term("HVOLT", "high QRS voltage", "size", ROUND),
)
"""All statements, each once."""

_BY_CODE: Final = {term.code: term for term in CATALOGUE}
