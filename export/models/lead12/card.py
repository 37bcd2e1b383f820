"""What lead12's card says that no program can measure."""

from __future__ import annotations

from export.cards import About
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import Input, Quantisation
from wearecg.models.preprocess import Preprocessing

ABOUT = About(
    name="lead12",
    version="0.2.0",
    task=(
        "Ten seconds of a few of the 12 standard leads (best II, V1 and V5) to all twelve, each sample with an error "
        "bar."
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
        "One factor for each lead's standard deviation, fitted on the int8 ONNX file and half of fold 9's "
        "patients with II+V1+V5 (with the other lead sets for these three); the share of samples in the "
        "band is of the other half"
    ),
    rule=Quantisation(
        "",
        "mean RMSE of the missing leads, uV",
        lower_is_better=True,
        relative=True,
        allowed_loss=0.02,
        report=(),
    ),
    limits=(
        "Not a medical device. Not for diagnosis: a reconstructed lead shows what people with such measured leads "
        "mostly have there, and not what only that lead would have shown.",
        "Amplitudes of the unseen chest leads lean towards the average: see the slope in the measured table.",
        "Trained on resting 12-lead ECGs of one clinical archive, electrodes in their standard places.",
        "Signals are high-passed at 0.5 Hz; the ST segment is as true as that allows.",
        "Nothing is told that was not in the measured leads: the shipped encoder reads II, V1 and V5 alone as well as "
        "their reconstruction. Beside real leads it loses 0.008 macro AUROC on the superclasses, 0.02 to 0.03 on AMI, "
        "IMI and STTC, 0.2 on LMI: read no infarction, nor its place, from a reconstructed lead.",
        "A profile made of ten seconds lowers the error on a later recording by an eighth on average, and raises it in "
        "three of ten patients (fold 9).",
        "Fold 9 was watched while the recipe was chosen, so its numbers are slightly optimistic.",
    ),
)
