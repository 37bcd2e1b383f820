"""The catalogue, and that it knows whatever a shipped model can say."""

from __future__ import annotations

from math import exp

import pytest

from wearecg.ecg.leads import TWELVE
from wearecg.ecg.statements import CATALOGUE, find
from wearecg.models.card import available, load_card

OTHERS = (
    "SR SBRAD STACH SARRH AFIB AFLT SVTAC PACE BIGU TRIGU 1AVB 2AVB 3AVB CLBBB CRBBB PVC PAC PAUSE SARREST ASYS SVRUN "
    "COUPLET VRUN VT IVR VFIB PACENC RR_REGULAR RR_IRREGULAR"
)


def test_each_statement_is_there_once() -> None:
    codes = [term.code for term in CATALOGUE]
    assert len(set(codes)) == len(codes)


def test_what_models_and_rules_say_is_in_it() -> None:
    groups = [
        group for name in available() if "linear" not in name for group in load_card(name).outputs.groups
    ]
    codes = {said.code for group in groups for said in group.statements} | set(OTHERS.split())
    assert {code for code in codes if find(code) is None} == set()


@pytest.mark.parametrize("code", ["MI", "AMI", "IMI", "STTC", "ISC_", "HYP", "LVH", "NORM", "LVOLT"])
@pytest.mark.parametrize("leads", ["II", "I,II", "II,V1", "V1,V5", "ECG"])
def test_one_or_two_leads_carry_no_infarct_ischaemia_or_hypertrophy(code: str, leads: str) -> None:
    term = find(code)
    assert term
    assert not term.carried_by(leads.split(","))
    assert term.carried_by(TWELVE)


@pytest.mark.parametrize(
    ("code", "leads", "carried"),
    [
        ("AFIB", "ECG", True),
        ("CLBBB", "II,V1", True),
        ("CLBBB", "I,II", False),
        ("LAFB/LPFB", "II,V1", False),
        ("LAFB/LPFB", "II,III", True),
        ("IMI", "II,V1,V5", True),
        ("IMI", "I,V1,V5", False),
        ("_AVB", "II", True),
        ("_AVB", "ECG", False),
    ],
)
def test_which_leads_carry_it(code: str, leads: str, carried: bool) -> None:
    term = find(code)
    assert term
    assert term.carried_by(leads.split(",")) is carried


def test_among_wearers_it_is_as_common_as_among_wearers() -> None:
    """Bayes: of a population with the hospital's share, the shifted odds give the other's share."""
    term = find("AFIB")
    assert term
    assert term.hospital
    assert term.ambulatory
    assert term.shift("hospital") == 0.0
    odds = term.hospital / (1 - term.hospital) * exp(term.shift("ambulatory"))
    assert odds / (1 + odds) == pytest.approx(term.ambulatory)
