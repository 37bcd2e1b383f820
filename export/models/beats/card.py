"""What the card of beats says that no program can measure."""

from __future__ import annotations

from export.cards import About
from export.models.beats.evaluate import METRIC
from wearecg.ecg import beat_context
from wearecg.models.card import DataSet, Input, Quantisation
from wearecg.models.preprocess import CONTEXT, Preprocessing

DATA = (
    DataSet(
        name="MIT-BIH Arrhythmia Database, DS1 and the four paced records",
        use="beats and their classes, as they are and through other sensors: trained on",
        licence="ODC-By 1.0",
        citation="Moody and Mark, The impact of the MIT-BIH Arrhythmia Database, IEEE Eng Med Biol 20(3):45, 2001",
    ),
    DataSet(
        name="Long-Term AF Database and MIT-BIH Long-Term Database",
        use="intervals between beats and their classes, without a signal: what intervals alone can tell",
        licence="ODC-By 1.0",
        citation="Petrutiu, Sahakian, Swiryn, Abrupt changes in fibrillatory wave characteristics at the "
        "termination of paroxysmal atrial fibrillation in humans, Europace 9(7):466, 2007; Goldberger et al., "
        "PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101(23), 2000",
    ),
    DataSet(
        name="PTB-XL 1.0.3",
        use="beats of records without and with ectopic beats or a pacemaker, weakly labelled: folds 1-8",
        licence="CC BY 4.0",
        citation="Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Sci Data 7:154, 2020",
    ),
    DataSet(
        name="MIT-BIH Noise Stress Test Database",
        use="recorded noise, its first half",
        licence="ODC-By 1.0",
        citation="Moody et al., A noise stress test for arrhythmia detectors, Computers in Cardiology 11:381, 1984",
    ),
)
ABOUT = About(
    name="beats",
    version="1",
    task=(
        "One beat of one ECG lead beside the wearer's normal beat, with numbers on its place in the rhythm, to its "
        "class by AAMI: N, S, V, F, or Q, which paced beats are. The means of its logits over the usable leads decide."
    ),
    input=Input(
        fs=beat_context.FS,
        seconds=beat_context.LENGTH / beat_context.FS,
        leads=("ECG",),
        units="mV",
        min_fs=100.0,
        min_leads=1,
        preprocessing=Preprocessing(name=CONTEXT),
        around="beat",
    ),
    calibration="none: the likeliest class of those that reach their operating points, chosen by leaving records out",
    rule=Quantisation("", METRIC, lower_is_better=False, relative=False, allowed_loss=0.005, report=()),
    limits=(
        "Not a medical device. Not for diagnosis.",
        "Supraventricular beats that come on time, and aberrant ones, look like others: see the table of records "
        "left out.",
        "In atrial fibrillation no beat is early by its interval alone; supraventricular beats are not told there.",
        "The first beats of a wearer have no usual shape or rhythm beside them, and are less certain.",
    ),
)
