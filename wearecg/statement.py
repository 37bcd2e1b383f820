"""What observers say about a stream: numbers, statements, and findings: statements that begin, hold and end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wearecg.entry import Entry, Moment, pairs, rounded, significant
from wearecg.stream_id import ECG, StreamId

if TYPE_CHECKING:
    from wearecg.block import Window
    from wearecg.stream_info import StreamInfo

Why: TypeAlias = Literal["short", "missing", "unusable", "leads", "unlike", "contradicted", "failed"]
"""Why nothing is said: too little signal, samples missing, bad signal, other leads, unlike any ECG, a heart rate that
contradicts what would be said, a failure."""
NOT_SCORED = "NOT_SCORED"
"""The code of a statement that nothing is said."""
NOTHING = "NOTHING"
"""The code of a statement that its source has looked and has nothing to state. It is no finding, and ends those that
were."""


@dataclass(frozen=True, slots=True)
class Measure(Entry):
    """A number that was measured over a stretch of a stream.

    Attributes
    ----------
    name : str
        ``heart_rate``, ``rr_irregularity``, ``qt`` ...
    value : float
    unit : str
        ``bpm``, ``ms``, ``mV``; empty for a ratio or a count.
    source : str
        ``model@version`` or ``rule@version``.
    start, end : float
        Timeline seconds; ``end`` is not part of it.
    error : float or None
        Standard error in the same unit, where it is known.
    leads : tuple of str
        The leads that it was measured on.
    stream : StreamId

    Examples
    --------
    >>> Measure("qt", 392.0, "ms", "acme-qt@1", start=20.0, end=30.0, error=8.0).key
    'qt_ms'
    """

    kind: ClassVar[str] = "measure"
    name: str
    value: float = field(metadata=significant())
    unit: str
    source: str
    start: float = field(metadata=rounded())
    end: float = field(metadata=rounded())
    error: float | None = field(default=None, metadata=significant())
    leads: tuple[str, ...] = ()
    stream: StreamId = ECG

    @property
    def key(self) -> str:
        """Name and unit in one word, ``heart_rate_bpm``."""
        return f"{self.name}_{self.unit}" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Statement(Entry):
    """What one observer says about a stretch of a stream, or why it says nothing.

    Attributes
    ----------
    code : str
        SCP-ECG statement or superclass (``AFIB``, ``MI``), or ``NOT_SCORED``.
    text : str
        For people.
    start, end : float
        Timeline seconds of the stretch that it is based on.
    probability : float or None
        Calibrated; None where nothing was scored, and from a rule that only measures.
    source : str
        ``model@version`` or ``rule@version``.
    uncertainty : float or None
        Chance that at least one statement of its group (the superclasses, the rhythms) is wrong here, where the model
        gives one.
    leads : tuple of str
        The leads that were looked at.
    why : Why or None
        Why nothing is said; None where something is.
    reason : str
        The same for people, with numbers. If only these change, it is still the same statement.
    evidence : tuple of Measure
        What was measured over the same stretch.
    hold : float
        Seconds for which its source may leave it out before it counts as ended.
    settle : float
        Seconds over most of which its source must state it before it begins, and leave it out before it ends; 0 for a
        source that judges by itself.
    stream : StreamId

    Examples
    --------
    >>> said = Statement("AFIB", "atrial fibrillation", 20.0, 30.0, 0.93, "acme-af@1", leads=("II",))
    >>> said.key
    ('ecg', 'acme-af@1', 'AFIB')
    """

    kind: ClassVar[str] = "statement"
    code: str
    text: str
    start: float = field(metadata=rounded())
    end: float = field(metadata=rounded())
    probability: float | None = field(metadata=rounded())
    source: str
    uncertainty: float | None = field(default=None, metadata=rounded())
    leads: tuple[str, ...] = ()
    why: Why | None = None
    reason: str = ""
    evidence: tuple[Measure, ...] = field(default=(), metadata=pairs("key", "value"))
    hold: float = field(default=0.0, metadata=rounded())
    settle: float = field(default=0.0, metadata=rounded())
    stream: StreamId = ECG

    @property
    def key(self) -> tuple[StreamId, str, str]:
        """Stream, source and code: what makes two statements the same one, made again."""
        return self.stream, self.source, self.code

    def resting_on(self, evidence: tuple[Measure, ...], settle: float = 0.0) -> Statement:
        """Return the same with this evidence, to settle for ``settle`` seconds before it begins and before it ends."""
        # What `dataclasses.replace` would do, in a third of the time: it is done for every window.
        return Statement(
            self.code,
            self.text,
            self.start,
            self.end,
            self.probability,
            self.source,
            self.uncertainty,
            self.leads,
            self.why,
            self.reason,
            evidence,
            settle,
            settle,
            self.stream,
        )


def not_scored(
    source: str, about: StreamInfo | Window, start: float, end: float, why: Why, reason: str
) -> Statement:
    """Return the statement that nothing is said about a stretch of a stream, and why."""
    return Statement(
        NOT_SCORED,
        "not scored",
        start,
        end,
        None,
        source,
        leads=about.leads,
        why=why,
        reason=reason,
        stream=about.stream,
    )


@dataclass(frozen=True, slots=True)
class Finding(Statement):
    """A `Statement` that begins, holds or ends, as the board of findings reports it.

    Attributes
    ----------
    since : float
        Timeline seconds since which it has held without a break.
    change : {"begins", "holds", "ends"}
        ``ends`` repeats what held last; its source saw at ``seen`` that it no longer holds.
    seen : float
        Timeline seconds up to which the source had looked.

    Examples
    --------
    >>> import wearecg
    >>> events = wearecg.stream("simulate:af?speed=max", observe="encoder", duration=15)
    >>> begun = [e for e in events if isinstance(e, wearecg.Finding) and e.change == "begins"]
    >>> "AFIB" in {finding.code for finding in begun}
    True
    """

    kind: ClassVar[str] = "finding"
    record: ClassVar[tuple[str, ...]] = (
        "stream", "code", "text", "since", "start", "end", "wall", "probability", "uncertainty", "evidence", "source",
        "leads", "reason", "change", "why",
    )  # fmt: skip
    since: float = field(kw_only=True, metadata=rounded())
    change: Literal["begins", "holds", "ends"] = field(default="begins", kw_only=True)
    seen: float = field(kw_only=True, metadata=rounded())


@dataclass(frozen=True, slots=True)
class BeatClass(Moment):
    """The class of one beat.

    Attributes
    ----------
    time : float
        Timeline seconds of its R peak.
    code : str
        By AAMI: ``N S V F Q``.
    probability : float
    source : str
        ``model@version`` or ``rule@version``.
    stream : StreamId

    Examples
    --------
    >>> BeatClass(time=4.52, code="V", probability=0.97, source="acme-beats@1").end
    4.52
    """

    kind: ClassVar[str] = "beat-class"
    time: float = field(metadata=rounded())
    code: str
    probability: float = field(metadata=rounded())
    source: str
    stream: StreamId = ECG
