"""What the encoder's card says that no program can measure."""

from __future__ import annotations

from export.calibrate import DEFAULT_THRESHOLD, FEW, SOUND
from export.cards import BIDMC, NSTDB, PTBXL, About
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import Input, Quantisation
from wearecg.models.preprocess import Preprocessing

GROUPS = ("superclass", "subclass", "form", "rhythm")
ALWAYS = ("superclass", "rhythm")
"""The groups that live windows report whatever their thresholds are worth."""
DATA = (PTBXL, NSTDB, BIDMC)
METRIC = "macro AUROC"
ABOUT = About(
    name="encoder",
    version="0.7.0",
    task=(
        "Ten seconds of any subset of the 12 standard leads to an embedding, and PTB-XL's 5 diagnostic "
        "superclasses, 23 subclasses, 19 form and 12 rhythm statements."
    ),
    input=Input(
        fs=100.0,
        seconds=10.0,
        leads=TWELVE,
        units="mV",
        min_fs=50.0,
        min_leads=1,
        preprocessing=Preprocessing(),
    ),
    calibration=(
        "Platt scaling per statement (Platt, 1999), penalised towards the bare sigmoid, and the threshold of "
        f"best F1 ({DEFAULT_THRESHOLD} where fewer than {FEW} records carry the statement); fitted on the fp32 "
        "ONNX model, fold 9, half of its patients, the windows of all reported lead sets together. Live windows "
        f"report the groups {' and '.join(ALWAYS)}; a statement of another group only if its threshold was fitted, at "
        f"least {SOUND:.0%} of the calls on the other half of the patients were right, and no reported group has its "
        "code. The chance of a wrong call is a logistic function of the entropy of the group's probabilities, fitted "
        "on the same windows"
    ),
    rule=Quantisation("", METRIC, lower_is_better=False, relative=False, allowed_loss=0.003, report=()),
    limits=(
        "Not a medical device. Not for diagnosis.",
        "Trained on resting 12-lead ECGs of one clinical archive; leads are hidden to imitate wearables, but no "
        "wearable's electrodes, motion or skin contact were in the data.",
        "Statements are those of the archive's readers; several superclasses can hold at once.",
        "It learnt from 100 Hz, a tenth of it as a sensor of 50 Hz would have seen it. From 50 Hz on recordings are "
        "taken; the narrowest waves are gone there, and it says a little less.",
        "With few leads it says less: see the measured table. Probabilities are calibrated over the reported "
        "lead sets together.",
        "Statements with few examples (for instance BIGU, AFLT, SVTAC, PSVT, TRIGU: fewer than ten records each in "
        "fold 9) are measured and calibrated with great uncertainty; most form statements are among them.",
        "Fold 9 was watched while the recipe was chosen, so its numbers are slightly optimistic.",
        "It tells noise and pulse waves from an ECG, and often exchanged arm electrodes where lead I is there; a gain "
        "that is wrong by a factor of two to four it takes for a larger heart: see the measured shares.",
    ),
)
