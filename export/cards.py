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

ENCODER_VERSION = "0.7.0"
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
    "It learnt from 100 Hz, a tenth of it as a sensor of 50 Hz would have seen it. From 50 Hz on recordings are taken; "
    "the narrowest waves are gone there, and it says a little less.",
    "With few leads it says less: see the measured table. Probabilities are calibrated over the reported "
    "lead sets together.",
    "Statements with few examples (for instance BIGU, AFLT, SVTAC, PSVT, TRIGU: fewer than ten records each in "
    "fold 9) are measured and calibrated with great uncertainty; most form statements are among them.",
    "Fold 9 was watched while the recipe was chosen, so its numbers are slightly optimistic.",
    "It tells noise and pulse waves from an ECG, and often exchanged arm electrodes where lead I is there; a gain that "
    "is wrong by a factor of two to four it takes for a larger heart: see the measured shares.",
)

CINC2017 = DataSet(
    name="PhysioNet/CinC Challenge 2017, training set",
    use="single-lead hand-held ECGs of 9 to 61 s at 300 Hz: three quarters trained on, one in ten for calibration, a "
    "fifth held out",
    licence="ODC-By 1.0",
    citation="Clifford et al., AF classification from a short single lead ECG recording, Computers in "
    "Cardiology 44, 2017",
)

RHYTHM1_VERSION = "0.2.0"
RHYTHM1_TASK = (
    "Thirty seconds of one ECG lead, either way up, to the four classes of the CinC 2017 challenge: normal rhythm, "
    "atrial fibrillation, another rhythm, too noisy to tell."
)
RHYTHM1_INPUT = Input(
    fs=100.0,
    seconds=30.0,
    leads=("ECG",),
    units="mV",
    min_fs=50.0,
    min_leads=1,
    preprocessing=Preprocessing(),
)
RHYTHM1_LIMITS = (
    "Not a medical device. Not for diagnosis.",
    "Trained on hand-held recordings of lead I from one maker's device; any single lead is taken, others than lead I "
    "were not trained on.",
    "The first answer needs thirty seconds.",
    "The publisher names no persons: recordings of one person can be on both sides of the split.",
    "The challenge's own hidden test set is not public; its winners had 0.83 there with far larger models.",
)

LEAD12_VERSION = "0.2.0"
LEAD12_TASK = (
    "Ten seconds of a few of the 12 standard leads (best II, V1 and V5) to all twelve, each sample with an error "
    "bar."
)
LEAD12_INPUT = Input(
    fs=100.0,
    seconds=10.0,
    leads=TWELVE,
    units="mV",
    min_fs=50.0,
    min_leads=1,
    preprocessing=Preprocessing(),
)
LEAD12_LIMITS = (
    "Not a medical device. Not for diagnosis: a reconstructed lead shows what people with such measured leads mostly "
    "have there, and not what only that lead would have shown.",
    "Amplitudes of the unseen chest leads lean towards the average: see the slope in the measured table.",
    "Trained on resting 12-lead ECGs of one clinical archive, electrodes in their standard places.",
    "Signals are high-passed at 0.5 Hz; the ST segment is as true as that allows.",
    "Nothing is told that was not in the measured leads: the shipped encoder reads II, V1 and V5 alone as well as "
    "their reconstruction. Beside real leads it loses 0.008 macro AUROC on the superclasses, 0.02 to 0.03 on AMI, IMI "
    "and STTC, 0.2 on LMI: read no infarction, nor its place, from a reconstructed lead.",
    "A profile made of ten seconds lowers the error on a later recording by an eighth on average, and raises it in "
    "three of ten patients (fold 9).",
    "Fold 9 was watched while the recipe was chosen, so its numbers are slightly optimistic.",
)

PPG2ECG_VERSION = "0.2.0"
PPG2ECG_TASK = (
    "Ten seconds of a pulse wave (PPG) to where its heart beats were, and to an ECG-shaped trace of them: synthetic, "
    "for the eye. Rate and regularity may be read from it; nothing else."
)
PPG2ECG_INPUT = Input(
    fs=100.0,
    seconds=10.0,
    leads=("PPG",),
    units="arbitrary",
    min_fs=20.0,
    min_leads=1,
    preprocessing=Preprocessing(name="pulse/1"),
)
PPG2ECG_DATA = (
    DataSet(
        name="BIDMC PPG and Respiration",
        use="pulse and ECG of two thirds of the subjects trained on; the others for the gate and the tables",
        licence=BIDMC.licence,
        citation=BIDMC.citation,
    ),
    DataSet(
        name="UCI Cuff-Less Blood Pressure Estimation",
        use="pulse and ECG; of every 250 records in their order 150 trained on, 50 for choosing, 50 for the tables",
        licence="CC BY 4.0",
        citation="Kachuee et al., Cuffless blood pressure estimation algorithms for continuous health-care monitoring, "
        "IEEE TBME 64(4), 2017",
    ),
    DataSet(
        name="PhysioNet/CinC Challenge 2015",
        use="pulse and ECG where they agree; three fifths of the records trained on, a fifth for the tables",
        licence="ODC-By 1.0",
        citation="Clifford et al., The PhysioNet/Computing in Cardiology Challenge 2015, CinC 42:273, 2015",
    ),
)
PPG2ECG_LIMITS = (
    "Not a medical device. Not for diagnosis.",
    "The trace is made up: what P, QRS, ST and T look like in this person a pulse does not say. No finding of "
    "morphology (infarction, ST, hypertrophy, axis, conduction) may rest on it.",
    "When the heart beat before the pulse arrived depends on the person and the sensor. The trace is drawn at the "
    "pulse; the lag that the model gives is that of hospital monitors, which add about 0.3 s of their own.",
    "Trained on intensive care patients' finger sensors at rest; no wrist, no walking.",
    "Its amplitude is a convention (0.2 mV standard deviation).",
    "A beat that moves no blood (an early one, a pause with electrical activity) leaves no pulse and is not there.",
)
