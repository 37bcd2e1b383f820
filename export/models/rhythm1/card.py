"""What rhythm1's card says that no program can measure."""

from __future__ import annotations

from export.cards import About
from wearecg.models.card import DataSet, Input, Quantisation
from wearecg.models.preprocess import Preprocessing

CINC2017 = DataSet(
    name="PhysioNet/CinC Challenge 2017, training set",
    use="single-lead hand-held ECGs of 9 to 61 s at 300 Hz: three quarters trained on, one in ten for calibration, a "
    "fifth held out",
    licence="ODC-By 1.0",
    citation="Clifford et al., AF classification from a short single lead ECG recording, Computers in "
    "Cardiology 44, 2017",
)
METRIC = "F1"
ABOUT = About(
    name="rhythm1",
    version="0.2.0",
    task=(
        "Thirty seconds of one ECG lead, either way up, to the four classes of the CinC 2017 challenge: normal rhythm, "
        "atrial fibrillation, another rhythm, too noisy to tell."
    ),
    input=Input(
        fs=100.0,
        seconds=30.0,
        leads=("ECG",),
        units="mV",
        min_fs=50.0,
        min_leads=1,
        preprocessing=Preprocessing(),
    ),
    calibration=(
        "Platt scaling per class and the threshold of best F1, fitted on the fp32 ONNX model, fold 8, every second "
        "recording; all classes are reported"
    ),
    rule=Quantisation("", METRIC, lower_is_better=False, relative=False, allowed_loss=0.01, report=()),
    limits=(
        "Not a medical device. Not for diagnosis.",
        "Trained on hand-held recordings of lead I from one maker's device; any single lead is taken, others than lead "
        "I were not trained on.",
        "The first answer needs thirty seconds.",
        "The publisher names no persons: recordings of one person can be on both sides of the split.",
        "The challenge's own hidden test set is not public; its winners had 0.83 there with far larger models.",
    ),
)
