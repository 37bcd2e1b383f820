# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export import layers
from export.layers import cost, fold, start_from
from export.models import KINDS
from export.models.beats import net as beats
from export.models.encoder import net as encoder
from export.models.encoder import unlike
from export.models.encoder.net import Encoder
from export.models.lead12 import net as lead12
from export.models.ppg2ecg import net as ppg2ecg
from export.models.rhythm1 import net as rhythm1
from export.models.waves import net as waves
from export.teachers.net import Teacher
from wearecg.models.card import ZOO

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


@pytest.mark.parametrize("model", KINDS)
def test_layers_keep_the_names_that_published_files_have(model):
    """TFLite names tensors after the layers' classes: by another name the same weights are other bytes."""
    modules = (layers, encoder, unlike, lead12, ppg2ecg, rhythm1, waves, beats)
    classes = [c for module in modules for c in vars(module).values() if isinstance(c, type)]
    named = re.findall(rb"export\.[a-z0-9.]+\.[A-Za-z0-9]+", (ZOO / f"{model}.fp32.tflite").read_bytes())
    assert named
    assert {name.decode() for name in named} <= {f"{c.__module__}.{c.__name__}" for c in classes}
