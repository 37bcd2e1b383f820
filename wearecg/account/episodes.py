"""The findings of a stream: each once for every stretch over which it held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from wearecg.block import Finding

MOST = 1000
"""Episodes of one kind that are kept; of more, the longest."""


@dataclass(slots=True)
class Episode:
    """One stretch over which a finding held: since when, until when (s), and it when it was likeliest.

    ``shift`` (s) is to be added to the times of ``best``, which are those of its stream. ``rounds`` is how often it was
    stated. ``seconds`` are those in which it could be seen, known when it is over: not those of gaps within it.
    """

    since: float
    end: float
    best: Finding
    shift: float = 0.0
    rounds: int = 1
    seconds: float = 0.0


@dataclass(slots=True)
class Kind:
    """All episodes of one statement of one source; for what is not scored, of one reason."""

    code: str
    text: str
    source: str
    why: str = ""
    count: int = 0
    seconds: float = 0.0
    kept: list[Episode] = field(default_factory=list)
    rounds: int = 0

    def take(self, episode: Episode) -> None:
        """Take one that is over."""
        self.count += 1
        self.rounds += episode.rounds
        self.seconds += episode.seconds
        self.kept.append(episode)
        if len(self.kept) > MOST:
            self.kept.remove(min(self.kept, key=lambda one: one.seconds))

    @property
    def longest(self) -> Episode:
        """The longest."""
        return max(self.kept, key=lambda one: one.seconds)


class Episodes:
    """Collects findings; `feed` it every one.

    Parameters
    ----------
    seen : callable
        How many seconds between two times (s) could be read.
    """

    def __init__(self, seen: Callable[[float, float], float]) -> None:
        self._seen = seen
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self._open: dict[tuple[str, str], Episode] = {}

    def feed(self, finding: Finding, offset: float) -> None:
        """Take the next one; ``offset`` (s) is added to its times."""
        key = (finding.source, finding.code)
        since, end = finding.since + offset, finding.end + offset
        held = self._open.get(key)
        if held and (held.since != since or held.best.why != finding.why):
            self._close(key)
            held = None
        if finding.change == "ends":
            if held:
                self._close(key)
        elif held is None:
            self._open[key] = Episode(since, end, finding, offset)
        else:
            held.end = end
            held.rounds += 1
            if (finding.probability or 0.0) > (held.best.probability or 0.0):
                held.best = finding

    def __iter__(self) -> Iterator[Kind]:
        """Yield the kinds as they are now, what still holds included."""
        kinds = {key: replace(kind, kept=[*kind.kept]) for key, kind in self._kinds.items()}
        for key, episode in self._open.items():
            _kind(kinds, *key, episode).take(self._over(episode))
        return iter(kinds.values())

    def settle(self) -> None:
        """End all that still holds: the stream begins anew."""
        for key in list(self._open):
            self._close(key)

    def _close(self, key: tuple[str, str]) -> None:
        episode = self._open.pop(key)
        _kind(self._kinds, *key, episode).take(self._over(episode))

    def _over(self, episode: Episode) -> Episode:
        return replace(episode, seconds=self._seen(episode.since, episode.end))


def _kind(kinds: dict[tuple[str, str, str], Kind], source: str, code: str, episode: Episode) -> Kind:
    why = episode.best.why or ""
    return kinds.setdefault((source, code, why), Kind(code, episode.best.text, source, why))
