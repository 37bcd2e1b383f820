"""The commands that the shipped encoder came out of: a wide one taught by a teacher teaches a middle and a fast one."""

from __future__ import annotations

from export.kind import Place, Stage

LABELS, TEACHER, SECOND, FIRST, WIDE, MIDDLE, ENCODER = map(
    Place, ("labels", "teacher", "second", "first", "wide", "middle", "encoder")
)
ANSWERS = Place(f"{TEACHER}/teacher.npz")
WIDE_PT, MIDDLE_PT = Place(f"{WIDE}/encoder.pt"), Place(f"{MIDDLE}/encoder.pt")
TRAIN_WIDE = ("train", "encoder", "--shape", "wide")
BESIDE = (Place(f"{SECOND}/teacher.pt"), Place(f"{LABELS}/encoder.pt"))

UP_TO_WIDE: tuple[Stage, ...] = (
    (*TRAIN_WIDE, "--work", LABELS, "--epochs", "24", "--seed", "2"),
    ("teach", "own", "--work", SECOND, "--seed", "2"),
    ("teach", "own", "--work", TEACHER, "--beside", *BESIDE),
    (*TRAIN_WIDE, "--work", FIRST, "--teacher", ANSWERS, "--jepa", "12", "--epochs", "45"),
    ("teach", "own", "--work", TEACHER, "--beside", *BESIDE, Place(f"{FIRST}/encoder.pt")),
    (*TRAIN_WIDE, "--work", WIDE, "--teacher", ANSWERS, "--jepa", "12", "--epochs", "60"),
)
"""To the wide encoder, which others begin from."""
CHAIN: tuple[Stage, ...] = (
    *UP_TO_WIDE,
    ("train", "encoder", "--shape", "middle", "--work", MIDDLE, "--teacher", WIDE_PT, "--epochs", "100"),
    ("train", "encoder", "--work", ENCODER, "--teacher", WIDE_PT, MIDDLE_PT, "--epochs", "100"),
    ("publish", "encoder", "--work", ENCODER),
)
