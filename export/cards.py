"""What the cards of our models say that no program can measure."""

from __future__ import annotations

from wearecg.ecg.leads import TWELVE
from wearecg.models.card import DataSet, Input
from wearecg.models.preprocess import Preprocessing

PTBXL = DataSet(
    name="PTB-XL 1.0.3",
    use="12-lead ECGs of 10 s at 100 Hz: folds 1-8 trained on; fold 9 for choosing, calibration and the gate",
    licence="CC BY 4.0",
    citation="Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Sci Data 7:154, 2020",
)

NSTDB = DataSet(
    name="MIT-BIH Noise Stress Test Database",
    use="recorded noise, for the head that tells unlike input",
    licence="ODC-By 1.0",
    citation="Moody et al., A noise stress test for arrhythmia detectors, Computers in Cardiology 11:381, 1984",
)

BIDMC = DataSet(
    name="BIDMC PPG and Respiration",
    use="pulse waves, for the head that tells unlike input",
    licence="ODC-By 1.0",
    citation="Pimentel et al., Toward a robust estimation of respiratory rate from pulse oximeters, "
    "IEEE TBME 64(8), 2016",
)

ENCODER_VERSION = "0.3.0"
ENCODER_GROUPS = ("superclass", "subclass", "form", "rhythm")
ENCODER_ALWAYS = ("superclass", "rhythm")
"""The groups that live windows report whatever their thresholds are worth."""
ENCODER_TASK = (
    "Ten seconds of any subset of the 12 standard leads to an embedding, and PTB-XL's 5 diagnostic "
    "superclasses, 23 subclasses, 19 form and 12 rhythm statements."
)
ENCODER_INPUT = Input(
    fs=100.0,
    seconds=10.0,
    leads=TWELVE,
    units="mV",
    min_fs=50.0,
    min_leads=1,
    preprocessing=Preprocessing(),
)
ENCODER_LIMITS = (
    "Not a medical device. Not for diagnosis.",
    "Trained on resting 12-lead ECGs of one clinical archive; leads are hidden to imitate wearables, but no "
    "wearable's electrodes, motion or skin contact were in the data.",
    "Statements are those of the archive's readers; several superclasses can hold at once.",
    "With few leads it says less: see the measured table. Probabilities are calibrated over the reported "
    "lead sets together.",
    "Statements with few examples (for instance BIGU, AFLT, SVTAC, PSVT, TRIGU: fewer than ten records each in "
    "fold 9) are measured and calibrated with great uncertainty; most form statements are among them.",
    "Fold 9 was watched while the recipe was chosen, so its numbers are slightly optimistic.",
    "It tells noise and pulse waves from an ECG, and often exchanged arm electrodes where lead I is there; a gain "
    "that is wrong by a factor of two it mostly does not: see the measured shares.",
)
