"""Comparing annotations with a reference, by the rules of ANSI/AAMI EC57: beat by beat, runs, episodes.

`read_marks` reads an annotation file, `compare` holds two of them against each other, and `tables` prints what came of
it, record by record and gross. The rules are those of the WFDB programs bxb, rxr and epicmp:

* A beat is found if one is marked within 150 ms; pairs are one to one. Beats in the reference's ventricular
  fibrillation do not count, nor do the first five minutes.
* Classes are N S V F Q. As the standard has it, escape beats of the atria and the node are N (bxb counts them as S).
  What calls a fusion beat or an unclassified one V is no false V, and what calls an unclassified one S no false S.
* A run is found if the other side has one of at least its class (2 beats, 3 to 5, more) within its time.
* An episode is found if it is touched. Atrial flutter of the reference is left out of what is said of fibrillation.
* Paced records do not count in the gross.

The error of RR intervals is that of intervals between two neighbouring beats that were both found, neighbours on both
sides; bxb also counts intervals beside beats that were not.
"""

from wearecg.ec57.compare import Comparison, compare
from wearecg.ec57.marks import Marks, marks_of, read_marks
from wearecg.ec57.pairs import CLASSES, WINDOW_S, pair
from wearecg.ec57.tables import tables

__all__ = [
    "CLASSES",
    "WINDOW_S",
    "Comparison",
    "Marks",
    "compare",
    "marks_of",
    "pair",
    "read_marks",
    "tables",
]
