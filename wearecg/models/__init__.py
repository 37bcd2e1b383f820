"""Models: their cards, what runs them, and those that ship with wearecg (the zoo)."""

from wearecg.models.beat_classifier import BeatClassifier
from wearecg.models.card import Card, available, load_card
from wearecg.models.delineator import Delineator
from wearecg.models.lead12 import Reconstructor
from wearecg.models.load import load_model
from wearecg.models.model import Model
from wearecg.models.profile import Profile, calibrate, read_profile
from wearecg.models.pulse import DrawnLead, PulseModel
from wearecg.models.scores import Scores
from wearecg.pipeline.twelve import Twelve

__all__ = [
    "BeatClassifier",
    "Card",
    "Delineator",
    "DrawnLead",
    "Model",
    "Profile",
    "PulseModel",
    "Reconstructor",
    "Scores",
    "Twelve",
    "available",
    "calibrate",
    "load_card",
    "load_model",
    "read_profile",
]
