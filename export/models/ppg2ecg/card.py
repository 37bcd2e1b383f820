"""What ppg2ecg's card says that no program can measure."""

from __future__ import annotations

from export.cards import BIDMC, About
from wearecg.models.card import DataSet, Input, Quantisation
from wearecg.models.preprocess import Preprocessing

DATA = (
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
ABOUT = About(
    name="ppg2ecg",
    version="0.2.0",
    task=(
        "Ten seconds of a pulse wave (PPG) to where its heart beats were, and to an ECG-shaped trace of them: "
        "synthetic, for the eye. Rate and regularity may be read from it; nothing else."
    ),
    input=Input(
        fs=100.0,
        seconds=10.0,
        leads=("PPG",),
        units="arbitrary",
        min_fs=20.0,
        min_leads=1,
        preprocessing=Preprocessing(name="pulse/1"),
    ),
    calibration="none: a beat is where the logit has a maximum above a fixed threshold",
    rule=Quantisation(
        "",
        "R-peak F1 at 50 ms, aligned by record",
        lower_is_better=False,
        relative=False,
        allowed_loss=0.01,
        report=(),
    ),
    limits=(
        "Not a medical device. Not for diagnosis.",
        "The trace is made up: what P, QRS, ST and T look like in this person a pulse does not say. No finding of "
        "morphology (infarction, ST, hypertrophy, axis, conduction) may rest on it.",
        "When the heart beat before the pulse arrived depends on the person and the sensor. The trace is drawn at the "
        "pulse; the lag that the model gives is that of hospital monitors, which add about 0.3 s of their own.",
        "Trained on intensive care patients' finger sensors at rest; no wrist, no walking.",
        "Its amplitude is a convention (0.2 mV standard deviation).",
        "A beat that moves no blood (an early one, a pause with electrical activity) leaves no pulse and is not there.",
    ),
)
