"""``python -m export teach``: a teacher's answers, for ``train encoder --teacher``."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.errors import ExportError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the teacher, and what its training depends on."""
    parser.add_argument("teacher", help="own (trained here), or a public one: see export/teachers/README.md")
    parser.add_argument(
        "--weights", type=Path, help="a public teacher's own file, downloaded from its authors"
    )
    parser.add_argument(
        "--beside",
        type=Path,
        nargs="*",
        default=[],
        help="checkpoints (teacher.pt, encoder.pt) that answer with it",
    )
    parser.add_argument("--epochs", type=int, default=16, help="default %(default)s")
    parser.add_argument(
        "--whole", type=int, default=2, help="last epochs that see whole windows (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")


def teach(args: argparse.Namespace) -> None:
    """Train our own teacher, or load a public one; print where its answers are."""
    from export.datasets import ptbxl

    if args.teacher == "own":
        from export.teachers import own

        recipe = own.Recipe(epochs=args.epochs, whole=args.whole, seed=args.seed)
        path = own.teach(ptbxl.load(args.data, args.work), args.work, recipe, args.beside)
    else:
        from export.teachers.public import load_teacher
        from export.teachers.public.answers import answer

        if args.weights is None:
            raise ExportError(f"teach {args.teacher} needs --weights FILE, downloaded from its authors")
        teacher = load_teacher(args.teacher, args.weights)
        path = answer(teacher, ptbxl.load(args.data, args.work), args.work)
    print(f"answers: {path}")
