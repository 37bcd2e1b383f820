"""Models: the card that states what one is, the runner that runs it, and the zoo that ships."""

from wearecg.models.card import Card, available, load_card
from wearecg.models.model import Model, Scores, load_model

__all__ = ["Card", "Model", "Scores", "available", "load_card", "load_model"]
