"""What the card of waves says that no program can measure."""

from __future__ import annotations

from export.cards import About
from export.datasets.ludb import KEPT
from export.models.waves.evaluate import METRIC
from wearecg.ecg import beat_shape
from wearecg.models.card import DataSet, Input, Quantisation
from wearecg.models.preprocess import BEAT, Preprocessing

DATA = (
    DataSet(
        name="LUDB 1.0.1",
        use=f"the waves of 12-lead ECGs of 10 s, marked lead by lead: trained on, but for the {len(KEPT)} records that "
        "the gate and the tables look at",
        licence="ODC-By 1.0",
        citation="Kalyakulina et al., LUDB: a new open-access validation tool for electrocardiogram delineation "
        "algorithms, IEEE Access 8:186181, 2020",
    ),
    DataSet(
        name="PTB-XL 1.0.3",
        use="leads in sinus rhythm and in atrial fibrillation or flutter, for whether there is a P wave: folds 1-8",
        licence="CC BY 4.0",
        citation="Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Sci Data 7:154, 2020",
    ),
    DataSet(
        name="PhysioNet/CinC Challenge 2017, training set",
        use="single-lead hand-held ECGs in normal rhythm and in atrial fibrillation, likewise: folds 1-7",
        licence="ODC-By 1.0",
        citation="Clifford et al., AF classification from a short single lead ECG recording, Computers in Cardiology "
        "44, 2017",
    ),
    DataSet(
        name="MIT-BIH Noise Stress Test Database",
        use="recorded noise, its first half",
        licence="ODC-By 1.0",
        citation="Moody et al., A noise stress test for arrhythmia detectors, Computers in Cardiology 11:381, 1984",
    ),
)
ABOUT = About(
    name="waves",
    version="1",
    task=(
        "One beat of one ECG lead, and the mean of the last beats of its shape, to where P wave, QRS complex and T "
        "wave begin, peak and end, how sure each is, and which of them there are."
    ),
    input=Input(
        fs=beat_shape.FS,
        seconds=2 * beat_shape.LENGTH / beat_shape.FS,
        leads=("ECG",),
        units="mV",
        min_fs=100.0,
        min_leads=1,
        preprocessing=Preprocessing(name=BEAT),
        around="beat",
    ),
    calibration=(
        "a border is the mean of its chances, less the median error of training beats; a wave is there from the "
        "probability that is its operating point, chosen by leaving records out of the training"
    ),
    rule=Quantisation("", METRIC, lower_is_better=False, relative=False, allowed_loss=0.005, report=()),
    limits=(
        "Not a medical device. Not for diagnosis.",
        "Its teachers marked each lead by itself: an interval is that of one lead, and may be shorter than one that is "
        "measured over twelve.",
        "Trained on adults at rest, in one country, with one maker's device.",
        "A P wave more than 0.45 s before its R peak, or a T wave that ends more than 0.65 s after it, is not seen; "
        "neither is a P wave that no QRS complex follows.",
        "The first beats of a stream have no others to be averaged with, and are less certain.",
    ),
)
