"""Which of a model's statements are told, and with what probability: its card, read by the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log

from wearecg.ecg.statements import PRIORS, Prior, find
from wearecg.errors import ConfigError
from wearecg.models.card import Card, CardStatement, Group
from wearecg.statement import NOT_SCORED, Measure, Statement

OPTIONS = ("prior", "statements", "windows")
PTB_XL = "PTB-XL"


@dataclass(frozen=True, slots=True)
class Telling:
    """What a user asks of a model's statements.

    Attributes
    ----------
    prior : {"ambulatory", "hospital"}
        Whose ECG it is: how common statements are there.
    named : tuple of str
        Codes to be told whatever the leads and the card say.
    windows : bool
        Tell what each window shows, whether or not it settles.
    """

    prior: Prior = "ambulatory"
    named: tuple[str, ...] = ()
    windows: bool = False

    @classmethod
    def of(cls, options: Mapping[str, str], card: Card) -> Telling:
        """Read the options of an observer: ``prior=hospital&statements=LVH,MI&windows=all``.

        Raises
        ------
        ConfigError
            A value that is none, or a statement that the model cannot make.
        """
        prior: Prior
        match options.get("prior", "ambulatory"):
            case "ambulatory" | "hospital" as prior:
                pass
            case other:
                raise ConfigError(f"prior is {other!r}; it is one of {', '.join(PRIORS)}")
        named = tuple(filter(None, options.get("statements", "").split(",")))
        can = sorted({said.code for group in card.outputs.groups for said in group.statements})
        for code in named:
            if code not in can:
                raise ConfigError(f"{card.source} makes no statement {code!r}; it makes {', '.join(can)}")
        windows = options.get("windows")
        if windows not in (None, "all"):
            raise ConfigError(f"windows is {windows!r}; it is all, or left out")
        return cls(prior, named, windows is not None)

    def applied(self, card: Card) -> Card:
        """Return the card with the catalogue's words, thresholds and probabilities.

        A prior moves the probability and the threshold alike: it says how likely a statement is, not when it is made.
        """
        at_home = any(PTB_XL in data.name for data in card.training.data)
        told: set[str] = set()
        groups: list[Group] = []
        for group in card.outputs.groups:
            statements = tuple(self._said(one, at_home, told) for one in group.statements)
            told |= {one.code for one in statements if one.reported}
            groups.append(replace(group, statements=statements))
        return replace(card, outputs=replace(card.outputs, groups=tuple(groups)))

    def _said(self, said: CardStatement, at_home: bool, told: Collection[str]) -> CardStatement:
        term = find(said.code)
        reported = said.reported or said.code in self.named or bool(term and term.begin)
        said = replace(said, reported=reported and said.code not in told)
        if term is None:
            return said
        shift = term.shift(self.prior) if at_home else 0.0
        threshold = term.begin or said.threshold
        odds = log(threshold / (1 - threshold)) + shift if threshold < 1 else float("inf")
        return replace(said, text=term.text, offset=said.offset + shift, threshold=1 / (1 + exp(-odds)))

    def kept(
        self, statements: Iterable[Statement], evidence: tuple[Measure, ...], sizeless: bool
    ) -> list[Statement]:
        """Return those that their leads can carry, with their rule and evidence; ``sizeless``: those of the rhythm.

        One that the heart rate contradicts is withheld: one of the two is wrong, and that is said in its place.
        """
        kept: list[Statement] = []
        against: list[Statement] = []
        rate = next((one.value for one in evidence if one.name == "heart_rate"), None)
        for said in statements:
            term = find(said.code)
            if said.why:
                kept.append(said)
            elif sizeless and not (term and term.rests_on == "rhythm"):
                continue
            elif term is None:
                kept.append(said.resting_on(evidence))
            elif rate is not None and not term.fits(rate):
                against.append(_withheld(said, f"the model says {term.text}, the beats {rate:.0f} bpm"))
            elif said.code in self.named or _carried(said.code, said.leads):
                kept.append(said.resting_on(evidence, 0.0 if self.windows else term.settle))
        return kept + against[:1]


def _withheld(said: Statement, reason: str) -> Statement:
    return replace(
        said, code=NOT_SCORED, text="not scored", probability=None, why="contradicted", reason=reason
    )


@lru_cache(maxsize=1024)
def _carried(code: str, leads: tuple[str, ...]) -> bool:
    """Whether these leads can carry a statement of the catalogue: asked for every window."""
    term = find(code)
    return term is not None and term.carried_by(leads)
