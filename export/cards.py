"""The parts of cards that no program can measure, shared by several models."""

from __future__ import annotations

from dataclasses import dataclass

from wearecg.models.card import DataSet, Input, Quantisation


@dataclass(frozen=True)
class About:
    """What a card states whatever the weights are; ``rule`` is the gate's, without method and report."""

    name: str
    version: str
    task: str
    input: Input
    calibration: str
    rule: Quantisation
    limits: tuple[str, ...]


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
