from __future__ import annotations

import numpy as np
import pytest

from export.calibrate import DEFAULT_THRESHOLD, FEW, fit
from wearecg.models.card import CardStatement, Group, Outputs

N = 1000
SEEN = np.arange(N) % 2 == 0


def outputs(**groups: str) -> Outputs:
    return Outputs(
        4,
        tuple(
            Group(name, tuple(CardStatement(code, code, 1.0, 0.0, 0.5, False) for code in codes.split()))
            for name, codes in groups.items()
        ),
    )


def fitted(
    made: Outputs, share: float, error: float, seed: int = 1, always: tuple[str, ...] = ("superclass",)
):
    """Fit on statements that a share of the records carry, whose logits are the truth and an error."""
    rng = np.random.default_rng(seed)
    labels = {g.name: rng.random((N, len(g.statements))) < share for g in made.groups}
    logits = [
        {name: 4.0 * y - 2.0 + rng.normal(scale=error, size=y.shape) for name, y in labels.items()}
        for _ in "ab"
    ]
    return fit(made, logits, labels, ~SEEN, always)


def test_a_statement_that_is_told_well_is_reported():
    (group,) = fitted(outputs(subclass="IMI AMI"), share=0.3, error=0.5).groups
    assert [s.reported for s in group.statements] == [True, True]
    assert all(0.2 < s.threshold < 0.8 for s in group.statements)


def test_a_statement_whose_calls_are_mostly_wrong_is_not():
    made = outputs(superclass="MI", subclass="IMI")
    always, other = fitted(made, share=0.1, error=30.0).groups
    assert [s.reported for s in other.statements] == [False]
    assert [s.reported for s in always.statements] == [True]


def test_a_statement_with_few_records_is_not_and_keeps_the_default_threshold():
    (group,) = fitted(outputs(form="DIG"), share=0.9 * FEW / SEEN.sum(), error=0.1).groups
    assert [(s.reported, s.threshold) for s in group.statements] == [(False, DEFAULT_THRESHOLD)]


def test_a_code_is_reported_by_one_group_those_reported_always_first():
    made = outputs(subclass="NORM IMI", superclass="NORM")
    first, second = fitted(made, share=0.3, error=0.5).groups
    assert (first.name, second.name) == ("subclass", "superclass")
    assert [s.reported for s in first.statements] == [False, True]
    assert [s.reported for s in second.statements] == [True]


def test_patients_left_out_decide_what_is_reported_and_nothing_else():
    made = outputs(subclass="IMI")
    rng = np.random.default_rng(3)
    y = rng.random((N, 1)) < 0.3
    z = 4.0 * y - 2.0 + rng.normal(scale=0.5, size=y.shape)
    scrambled = np.where(SEEN[:, None], z, rng.permutation(z))
    (a,), (b,) = (fit(made, [{"subclass": x}], {"subclass": y}, ~SEEN, ()).groups for x in (z, scrambled))
    assert (a.statements[0].reported, b.statements[0].reported) == (True, False)
    assert a.statements[0].threshold == pytest.approx(b.statements[0].threshold)
    assert a.statements[0].slope == b.statements[0].slope
