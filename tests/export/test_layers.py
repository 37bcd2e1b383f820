from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.layers import cost, fold, start_from  # noqa: E402
from export.models.encoder.net import Encoder  # noqa: E402
from export.teachers.net import Teacher  # noqa: E402

GROUPS = {"superclass": 5, "subclass": 23, "form": 19, "rhythm": 12}


def test_the_teacher_has_at_least_ten_times_the_students_work():
    assert cost(Teacher(GROUPS))[1] >= 10 * cost(Encoder(GROUPS))[1]


def test_the_teacher_gives_what_a_student_gives_at_any_length_and_folds():
    torch.manual_seed(1)
    net = Teacher(GROUPS, ((16, 5, 2), (24, 5, 1)), 8, 32)
    for _ in range(2):
        net(torch.randn(8, 12, 500), torch.ones(8, 12))
    net.eval()
    for length in (500, 1000):
        x, mask = torch.randn(2, 12, length), torch.ones(2, 12)
        out = net(x, mask)
        assert [o.shape[1] for o in out] == [32, 5, 23, 19, 12]
        for a, b in zip(out, fold(net)(x, mask), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_an_untrained_network_guesses_the_prevalence():
    net = Encoder(GROUPS)
    prevalence = torch.linspace(0, 0.6, 59)
    start_from(net.heads, prevalence)
    offsets = torch.cat([head.bias for head in net.heads.values()])
    torch.testing.assert_close(offsets.sigmoid(), prevalence.clamp(1e-4), atol=1e-5, rtol=0)
