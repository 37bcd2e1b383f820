"""Teacher, answers and student on a small made-up set: resumable to the bit, and the student learns from both."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
import export.models.encoder.train as training
import export.teachers.own as own
from export.errors import ExportError
from export.loop import TRAIN_FOLDS, conditioned, predict, weights
from export.metrics import macro_auroc
from export.teachers.net import Teacher
from wearecg.models.preprocess import Preprocessing

RECIPE = training.Recipe(epochs=2, batch=32)


@pytest.fixture(scope="module")
def teacher(data, tmp_path_factory):
    """The folder of a small teacher that was trained on the small set."""
    small = pytest.MonkeyPatch()
    small.setattr(own, "Teacher", lambda groups: Teacher(groups, ((16, 5, 1), (16, 5, 2)), 16, 24))
    folder = tmp_path_factory.mktemp("teacher")
    own.teach(data, folder, own.Recipe(epochs=6, whole=2, batch=16, average=0.9))
    yield folder
    small.undo()


@pytest.fixture(scope="module")
def answers(data, teacher):
    return training.Answers.read(teacher / "teacher.npz", len(data.rows(TRAIN_FOLDS)))


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    return training.train(data, tmp_path_factory.mktemp("work"), RECIPE)


def averaged(path):
    return torch.load(path, weights_only=True)["averaged"]


def test_a_run_that_was_stopped_ends_with_the_same_weights(checkpoint, data, stopped_and_resumed):
    resumed = averaged(stopped_and_resumed(training, data, RECIPE, "encoder"))
    for name, value in averaged(checkpoint).items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_another_recipe_does_not_take_over_a_run(checkpoint, data):
    with pytest.raises(ExportError, match="has another recipe"):
        training.train(data, checkpoint.parent, dataclasses.replace(RECIPE, seed=2))


def test_the_teacher_learns_and_its_answers_are_row_for_row(data, answers):
    rows = data.rows(TRAIN_FOLDS)
    first = data.labels["superclass"].shape[1]
    area = macro_auroc(answers.logits[:, :first].numpy(), data.labels["superclass"][rows])[0]
    assert area > 0.9
    torch.testing.assert_close(answers.embedding.mean(dim=0), torch.zeros(24), atol=1e-2, rtol=0)
    assert len(answers.sha256) == 64


def test_encoders_and_teachers_may_answer_beside_the_teacher(data, teacher, checkpoint, answers):
    rows = data.rows(TRAIN_FOLDS)
    alone = (teacher / "teacher.npz").read_bytes()
    try:
        own.answer(data, teacher, [checkpoint, teacher / "teacher.pt"])
        both = training.Answers.read(teacher / "teacher.npz", len(rows))
    finally:
        (teacher / "teacher.npz").write_bytes(alone)
    signal, mask = conditioned(data, rows, Preprocessing())
    encoder = predict(training.load(checkpoint).net, signal, mask)
    mean = (2 * answers.logits + torch.from_numpy(np.concatenate(encoder[1:], 1))) / 3
    torch.testing.assert_close(both.logits, mean, atol=0.05, rtol=0.02)
    torch.testing.assert_close(both.embedding, answers.embedding)


def test_a_file_that_is_no_checkpoint_is_named_with_the_remedy(data, teacher, tmp_path):
    path = tmp_path / "encoder.pt"
    path.write_text("no weights")
    with pytest.raises(ExportError, match=r"encoder\.pt is not a checkpoint: give a \.pt file"):
        own.answer(data, teacher, [path])


def test_a_student_learns_from_the_teacher_alone(data, answers, tmp_path):
    """With no share for the labels, the student still comes to tell the superclasses apart."""
    recipe = training.Recipe(epochs=8, batch=16, average=0.9, soft=1.0, teacher=answers.sha256)
    trained = training.load(training.train(data, tmp_path, recipe, answers))
    assert trained.recipe == recipe
    assert not hasattr(trained.net, "project")
    rows = data.rows(TRAIN_FOLDS)
    signal, mask = conditioned(data, rows, Preprocessing())
    z = predict(trained.net, signal, mask)[1]
    assert macro_auroc(z, data.labels["superclass"][rows])[0] > 0.85


def test_a_student_may_ask_other_encoders_about_what_it_sees(data, checkpoint, tmp_path):
    """With no share for the labels, from what they say of the varied windows, all their leads."""
    wide = dataclasses.replace(RECIPE, epochs=8, batch=16, average=0.9, shape="wide")
    asked = training.Asked.read(training.train(data, tmp_path / "wide", wide), checkpoint)
    seen = []
    asked.nets[0].register_forward_hook(lambda net, given, out: seen.append(given))
    recipe = training.Recipe(epochs=8, batch=16, average=0.9, soft=1.0, teacher=asked.sha256)
    trained = training.load(training.train(data, tmp_path, recipe, asked))
    rows = data.rows(TRAIN_FOLDS)
    signal, mask = conditioned(data, rows, Preprocessing())
    z = predict(trained.net, signal, mask)[1]
    assert macro_auroc(z, data.labels["superclass"][rows])[0] > 0.85
    assert all(present.all() for _, present in seen)
    assert len({float(x.std()) for x, _ in seen}) == len(seen)  # every epoch varies the windows anew


def test_encoders_that_are_asked_together_answer_with_their_mean(data, checkpoint):
    signal, mask = (x[:6] for x in conditioned(data, data.rows(TRAIN_FOLDS), Preprocessing()))
    two = training.Asked.read(checkpoint, checkpoint)
    said, embedding = two.answer(torch.arange(6), signal / 1000, mask)
    _, *logits = two.nets[0](signal / 1000, mask)
    torch.testing.assert_close(said, torch.cat(logits, 1).sigmoid(), atol=1e-2, rtol=0)
    assert embedding.shape == (6, two.size) == (6, 256)
    assert len(two.sha256.split()) == 2


def test_recorded_noise_is_part_of_the_run(checkpoint, data, tmp_path):
    noise = np.random.default_rng(0).normal(size=(6, 5000)).astype(np.float32)
    recipe = dataclasses.replace(RECIPE, noise=True)
    other = averaged(training.train(data, tmp_path, recipe, noise=noise))
    assert not torch.equal(other["module.embed.weight"], averaged(checkpoint)["module.embed.weight"])


def test_answers_of_another_set_are_refused(teacher, tmp_path):
    with pytest.raises(ExportError, match="there are 7: teach again"):
        training.Answers.read(teacher / "teacher.npz", 7)
    with pytest.raises(ExportError, match="teach own"):
        training.Answers.read(tmp_path / "teacher.npz", 7)


def test_rare_statements_weigh_more_but_not_without_bound():
    w = weights(torch.tensor([0.5, 0.05, 0.001, 0.0]))
    assert w[0] < w[1] < w[2]
    assert w[2] == w[3]
    assert w[2] < 12 * w[0]
    torch.testing.assert_close(w.mean(), torch.tensor(1.0))
