"""A synthetic person: twelve leads and a PPG from one heart, with the truth known."""

from wearecg.person.person import LEADS, Person
from wearecg.person.rhythm import TrueBeat
from wearecg.person.scenario import Scenario, names

__all__ = ["LEADS", "Person", "Scenario", "TrueBeat", "names"]
