from __future__ import annotations

import pytest

from wearecg.ecg.leads import names_of


@pytest.mark.parametrize(
    ("leads", "names"),
    [
        ("II", ("II",)),
        ("II,V1,V5", ("II", "V1", "V5")),
        (" II , V1,", ("II", "V1")),
        ("", ()),
        (["II", "V1"], ("II", "V1")),
        (("MLII",), ("MLII",)),
        ((name for name in ("I", "II")), ("I", "II")),
    ],
)
def test_a_text_or_a_sequence_of_names(leads, names):
    assert names_of(leads) == names
