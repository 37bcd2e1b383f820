"""One recording's annotations against its reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from wearecg.ec57.episodes import Episodes, episodes
from wearecg.ec57.marks import Marks, inside
from wearecg.ec57.pairs import CLASSES, pair
from wearecg.ec57.runs import LENGTHS, matched

LEARNING_S = 300.0
"""Seconds at the beginning that do not count."""
MISSED, SHUT = "O", "X"
"""In the place of a class: no beat there; no beat there, and that side calls the signal unreadable."""
_RUNS = {"V": "VF", "S": "S"}
"""The runs that are compared, and the classes of their beats: a fusion beat does not break a ventricular run."""
_EPISODES = ("AF", "VF")


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, with what it is a share of."""

    hit: float
    total: float

    @property
    def percent(self) -> float | None:
        """Percent; None of nothing."""
        return 100 * self.hit / self.total if self.total else None


@dataclass(slots=True)
class Comparison:
    """What came of one recording, or of several together (``+``).

    Attributes
    ----------
    beats : Counter of (str, str)
        Reference and test class, each one of ``N S V F Q O X``.
    rr_squares, rr_count : float, int
        Squared errors of RR intervals (seconds), and how many there are.
    shut_down : float
        Seconds that the test side calls unreadable.
    runs : dict
        By class (``V``, ``S``), side (``Se``, ``PPV``) and length: found and total.
    episodes : dict
        By rhythm (``AF``, ``VF``) and side.
    """

    beats: Counter[tuple[str, str]] = field(default_factory=Counter)
    rr_squares: float = 0.0
    rr_count: int = 0
    shut_down: float = 0.0
    runs: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    episodes: dict[tuple[str, str], Episodes] = field(default_factory=dict)

    def sensitivity(self, code: str) -> Rate:
        """Of the reference's beats of a class, or of all (``QRS``), those that are found, and called so."""
        every = CLASSES if code == "QRS" else (code,)
        rows = {key: n for key, n in self.beats.items() if key[0] in every}
        return Rate(sum(n for (_, test), n in rows.items() if test in every), sum(rows.values()))

    def predictivity(self, code: str) -> Rate:
        """Of the test side's beats of a class, or of all (``QRS``), those that are right."""
        every = CLASSES if code == "QRS" else (code,)
        spared = {"V": "FQ", "S": "Q"}.get(code, "")
        rows = {
            (ref, test): n for (ref, test), n in self.beats.items() if test in every and ref not in spared
        }
        return Rate(sum(n for (ref, _), n in rows.items() if ref in every), sum(rows.values()))

    @property
    def rr_error_ms(self) -> float | None:
        """Root mean square error of the RR intervals, ms."""
        return 1e3 * (self.rr_squares / self.rr_count) ** 0.5 if self.rr_count else None

    def run_rate(self, code: str, side: str, length: str) -> Rate:
        """Of the runs of a length (``couplet``, ``short``, ``long``) on one side, those that the other has."""
        return Rate(*self.runs.get((code, side, length), (0, 0)))

    def episode(self, rhythm: str, side: str) -> Episodes:
        """Episodes of the reference (``Se``) or of the test side (``PPV``)."""
        return self.episodes.get((rhythm, side), Episodes())

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.beats + other.beats,
            self.rr_squares + other.rr_squares,
            self.rr_count + other.rr_count,
            self.shut_down + other.shut_down,
            {
                (code, side, name): _sum(
                    self.runs.get((code, side, name)), other.runs.get((code, side, name))
                )
                for code in _RUNS
                for side in ("Se", "PPV")
                for name in LENGTHS
            },
            {
                (rhythm, side): self.episode(rhythm, side).with_(other.episode(rhythm, side))
                for rhythm in _EPISODES
                for side in ("Se", "PPV")
            },
        )


def compare(reference: Marks, test: Marks, since: float = LEARNING_S) -> Comparison:
    """Hold ``test`` against ``reference``, from ``since`` seconds on.

    Examples
    --------
    >>> truth = Marks(((1.0, "N"), (2.0, "V"), (3.0, "N")), duration=4.0)
    >>> found = Marks(((1.1, "N"), (2.0, "V"), (2.5, "V"), (3.0, "N")), duration=4.0)
    >>> result = compare(truth, found, since=0.0)
    >>> result.sensitivity("V").percent, result.predictivity("V").percent
    (100.0, 50.0)
    """
    result = Comparison(shut_down=sum(max(0.0, end - max(start, since)) for start, end in test.unreadable))
    _beats(reference, test, since, result)
    for side, ours, others in (("Se", reference, test), ("PPV", test, reference)):
        for code, classes in _RUNS.items():
            found = matched(ours, others, classes, since)
            result.runs |= {(code, side, length): counts for length, counts in found.items()}
        flutter = reference.afl if side == "PPV" else ()
        result.episodes["AF", side] = episodes(ours.af, others.af, since, flutter)
        result.episodes["VF", side] = episodes(ours.vf, others.vf, since)
    return result


def gross(results: Iterable[Comparison]) -> Comparison:
    """Return all of them together, every beat and episode counting the same."""
    return sum(results, Comparison())


def _beats(reference: Marks, test: Marks, since: float, result: Comparison) -> None:
    at, on = [t for t, _ in reference.beats], [t for t, _ in test.beats]
    pairs = pair(at, on)
    for i, j in pairs:
        if at[i] >= since:
            result.beats[reference.beats[i][1], test.beats[j][1]] += 1
    for i in set(range(len(at))) - {i for i, _ in pairs}:
        if at[i] >= since:
            result.beats[reference.beats[i][1], SHUT if inside(at[i], test.unreadable) else MISSED] += 1
    for j in set(range(len(on))) - {j for _, j in pairs}:
        if on[j] >= since and not inside(on[j], reference.vf):
            shut = inside(on[j], reference.unreadable)
            result.beats[SHUT if shut else MISSED, test.beats[j][1]] += 1
    breaks = (*reference.unreadable, *reference.vf, *test.unreadable, *test.vf)
    for (i, j), (i2, j2) in pairwise(pairs):
        if i2 == i + 1 and j2 == j + 1 and at[i2] >= since:
            if any(at[i] <= start < at[i2] for start, _ in breaks):
                continue
            result.rr_squares += ((at[i2] - at[i]) - (on[j2] - on[j])) ** 2
            result.rr_count += 1


def _sum(a: tuple[int, int] | None, b: tuple[int, int] | None) -> tuple[int, int]:
    (hit, total), (more, all_more) = a or (0, 0), b or (0, 0)
    return hit + more, total + all_more
