"""A finding is recomputed from what it cites, and only from that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import wearecg
from wearecg.account import Account
from wearecg.cli import main
from wearecg.formats import Recording, Stored
from wearecg.observers import open_observers
from wearecg.report.proof import LEAD_IN_S, Cited, cite, excerpt, recompute
from wearecg.session import Session
from wearecg.transports.replay import replay

FS = 125


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Two minutes of sinus rhythm, two of atrial fibrillation, two of sinus rhythm."""
    parts = []
    for scenario in ("sinus", "af", "sinus"):
        person = wearecg.Person(seed=2, scenario=scenario, fs=FS)
        parts.append(person.samples(120 * FS)[:, [person.leads.index("II")]])
    return Recording(np.concatenate(parts), FS, ("II",), "three parts")


@pytest.fixture(scope="module")
def cited(recording: Recording) -> Cited:
    account = Account()
    for event in Session(replay(recording, float("inf")), open_observers("encoder")):
        account.feed(event)
    assert account.main
    (found,) = [(kind, one) for _, kind, one in account.main.numbered if kind.code == "AFIB"]
    return cite(account, *found)


def test_it_cites_a_stretch_with_its_beats_and_measures(cited: Cited) -> None:
    assert 110 < cited.start < cited.end < 250
    assert 30 <= cited.end - cited.start <= 120
    assert len(cited.beats) > 25
    assert all(cited.start <= time < cited.end for time in cited.beats)
    assert {one.name for one in cited.measures} == {"heart_rate", "rr_irregularity"}
    assert cited.leads == ("II",)


def test_it_is_found_again_in_that_stretch_alone(recording: Recording, cited: Cited) -> None:
    proof = recompute(Stored.of(recording), open_observers("encoder"), cited)
    assert proof.holds
    assert proof.found
    assert proof.found.probability == pytest.approx(cited.probability, abs=0.1)
    assert proof.beats >= len(cited.beats) - 1
    assert proof.strip
    at = round(proof.strip.start * FS)
    np.testing.assert_array_equal(proof.strip.samples, recording.samples[at : at + len(proof.strip.samples)])


def test_without_what_it_cites_it_goes_and_without_as_much_else_it_stays(
    recording: Recording, cited: Cited
) -> None:
    stored, observers = Stored.of(recording), open_observers("encoder")
    gone = recompute(stored, observers, cited, blanked=(cited.start, cited.end))
    assert not gone.holds
    length = min(cited.end - cited.start, LEAD_IN_S - 5)
    other = (cited.start - 5 - length, cited.start - 5)
    assert recompute(stored, observers, cited, blanked=other).holds


def test_what_was_never_there_is_not_proven(recording: Recording, cited: Cited) -> None:
    made_up = replace(cited, start=30.0, end=60.0)
    proof = recompute(Stored.of(recording), open_observers("encoder"), made_up)
    assert not proof.holds
    assert proof.found is None


def test_an_excerpt_is_the_recording_between_two_times(recording: Recording) -> None:
    part = excerpt(Stored.of(recording), 100.0, 130.0)
    np.testing.assert_array_equal(part.samples, recording.samples[100 * FS : 130 * FS])
    assert len(excerpt(Stored.of(recording), 350.0, 400.0)) == 10 * FS


def test_the_command_proves_draws_and_refuses_what_is_not_there(
    recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rec.csv"
    np.savetxt(path, recording.samples, fmt="%.4f", header="II", comments="")
    told = ("prove", str(path), "--fs", str(FS), "--model", "encoder")
    picture = tmp_path / "finding.svg"
    assert main([*told, "--finding", "1", "-o", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("#1 SR, sinus rhythm")
    assert out.rstrip().endswith("proven")
    assert "not proven" not in out
    ElementTree.fromstring(picture.read_text())
    assert main([*told, "--finding", "99"]) == 3
    assert "has no finding 99" in capsys.readouterr().err
