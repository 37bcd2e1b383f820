"""``episodes``: rhythms that begin, hold and end, and beats out of place, by RR intervals and what others say."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from math import log

from wearecg.block import (
    Beat,
    BeatClass,
    Event,
    Measure,
    Quality,
    SignalBlock,
    Statement,
    StreamInfo,
    Waves,
)
from wearecg.ecg.atrial import Atrial, Judged
from wearecg.ecg.ectopy import Ectopy
from wearecg.ecg.episodes import WHOLE_S, Burden, Episodes
from wearecg.ecg.leads import is_ecg
from wearecg.ecg.quiet import Quiet
from wearecg.ecg.statements import find
from wearecg.ecg.told import Number, Told
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Events, Observer, Samples
from wearecg.statement import NOTHING, not_scored

SOURCE, RUNS = "episodes@1", "runs@1"
"""Who says what the rhythm is, a minute or two late; and who tells single beats, runs and pauses, within seconds."""
WAIT_S = 3.5
"""A beat is judged so long after it: by then its class has been told, if anyone tells it."""
LOOK_S = 10.0
"""How often it is told that nothing more is found, while something was."""
REMEMBER_S = 20
SINUS = frozenset({"SR", "SBRAD", "STACH", "SARRH", "N"})
ATRIAL, EXCLUDING = frozenset({"AFIB", "A"}), SINUS | {"O", "~"}
SHARE = 1 / 8
"""How much of what a model leaves to other statements is fibrillation, where it does not state that."""
SURE = 1e-4
"""A model is never surer than this."""
LONG_PR_MS, LONG_PR, LONG_PR_HOLD_S = 200.0, 6, 120.0
"""First-degree block: a PR interval that is longer, by more than its error, so many times in a row."""
P_WAVES, WINDOWS = 32, 10
"""How many of the last beats, and of the last windows, most must speak for sinus rhythm."""


def open_episodes(options: Mapping[str, str]) -> Observer:
    """Return the observer ``episodes``; it has no options."""
    known_options("episodes", options, ())
    return EpisodesObserver()


HEARD = Events((Beat, Quality, BeatClass, Waves, Measure, Statement), patient=True)


class EpisodesObserver(Observer):
    """Follows the rhythm of every measured stream with beats.

    Parameters
    ----------
    straps : bool
        Only of sensors that give nothing but RR intervals.
    """

    source = SOURCE
    needs = ""  # always added
    wants = (HEARD, Samples())

    def __init__(self, straps: bool = False) -> None:
        self._straps = straps

    def accepts(self, info: StreamInfo) -> bool:
        """Streams of RR intervals, and measured ones with an ECG lead."""
        return not info.waveform or (not self._straps and super().accepts(info))

    def begin(self, about: About) -> Observer:
        """Start with no beats."""
        return _Intervals(about.info) if not about.info.waveform else _Leads(about.info)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Nothing comes here: what `begin` returns is fed."""
        raise AssertionError(item, about)


class _Following(Observer):
    """What is known of the rhythm of one stream."""

    source, needs = SOURCE, ""

    def __init__(self, info: StreamInfo) -> None:
        self._info = info
        self._leads = tuple(lead for lead in info.leads if is_ecg(lead) or not info.waveform)
        self._atrial = Atrial()
        self._episodes = Episodes(self._sinus)

    def _sinus(self, end: float) -> bool:
        return False

    def _follow(self, time: float, rr: float | None, code: str) -> list[Event]:
        judged = self._atrial.feed(time, rr, code)
        return self._say(judged) if judged else []

    def _say(self, judged: list[Judged]) -> list[Event]:
        return [
            *self._statements(self._episodes.feed(judged), SOURCE),
            *self._measures(self._episodes.burdens()),
        ]

    def flush(self) -> Iterable[Event]:
        """Return what holds at the end, and how much of the time was fibrillation."""
        told = self._episodes.feed(self._atrial.flush(), last=True)
        told += self._episodes.flush(self._atrial.verdict)
        return [*self._statements(told, SOURCE), *self._measures(self._episodes.burdens(over=True))]

    def _statements(self, told: list[Told], source: str) -> list[Event]:
        return [self._statement(one, source) for one in told]

    def _statement(self, told: Told, source: str) -> Statement:
        info = self._info
        if told.reason:
            return not_scored(source, info, told.start, told.end, "short", told.reason)
        evidence = tuple(
            Measure(
                one.name, one.value, one.unit, source, told.start, told.end, one.error, stream=info.stream
            )
            for one in told.numbers
        )
        return Statement(
            told.code,
            _text(told.code),
            told.start,
            told.end,
            told.probability,
            source,
            leads=self._leads,
            evidence=evidence,
            hold=told.hold,
            stream=info.stream,
        )

    def _measures(self, burdens: list[Burden]) -> list[Event]:
        return [
            Measure(one.name, one.value, one.unit, SOURCE, start, end, one.error, stream=self._info.stream)
            for one, start, end in burdens
        ]


def _text(code: str) -> str:
    term = find(code)
    assert term, code
    return term.text


class _Intervals(_Following):
    """Of a sensor that gives nothing but intervals: of these nothing but the rhythm can be told."""

    wants = (Events((Beat,)),)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take the next beat."""
        assert isinstance(item, Beat)
        return self._follow(item.time, item.rr, "")


class _Leads(_Following):
    """Of a stream with samples: what others say of it comes later than its beats."""

    wants = EpisodesObserver.wants

    def __init__(self, info: StreamInfo) -> None:
        super().__init__(info)
        self._ectopy = Ectopy(self._seen)
        self._beats: deque[tuple[float, float | None]] = deque()
        self._codes: dict[float, str] = {}
        self._blocks: deque[SignalBlock] = deque()
        self._quiet = Quiet()
        self._seconds: deque[tuple[float, float, bool]] = deque(maxlen=REMEMBER_S)
        self._p: deque[tuple[float, bool]] = deque()
        self._windows: deque[tuple[float, bool]] = deque()
        """Times of beats and windows, and whether they speak for sinus rhythm, of what is not settled yet."""
        self._last_p: deque[bool] = deque(maxlen=P_WAVES)
        self._last_windows: deque[bool] = deque(maxlen=WINDOWS)
        self._round: dict[str, list[Statement]] = {}
        """What each model said of its last window."""
        self._long: deque[Measure] = deque(maxlen=LONG_PR)
        """The last PR intervals, as long as each was too long."""
        self._open = self._looked = float("-inf")

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take what was found or said."""
        match item:
            case SignalBlock():
                self._blocks.append(item)
                while self._blocks[0].end < item.end - REMEMBER_S:
                    self._blocks.popleft()
            case Beat():
                self._beats.append((item.time, item.rr))
            case Quality():
                # What is called noise may be P waves alone; whether it can hide a beat `Quiet` sees.
                good = any(
                    lead.verdict == "good" or lead.reason == "noise"
                    for lead in item.leads
                    if is_ecg(lead.lead)
                )
                self._seconds.append((item.start, item.end, good))
                return self._judge(item.end - WAIT_S)
            case BeatClass():
                self._codes[item.time] = item.code
            case Waves():
                self._p.append((item.time, item.p_on is not None))
                if item.p_on is not None:
                    self._atrial.p_wave(item.time)
            case Measure(name="pr"):
                return self._conduct(item)
            case Statement() if item.source not in (SOURCE, RUNS):
                self._hear(item)
        return ()

    def flush(self) -> Iterable[Event]:
        """Judge the last beats, then as ever."""
        for window in self._round.values():
            self._end_round(window)
        said = self._judge(float("inf"))
        return [*said, *self._statements(self._ectopy.flush(), RUNS), *super().flush()]

    def _judge(self, until: float) -> list[Event]:
        told: list[Told] = []
        said: list[Event] = []
        while self._beats and self._beats[0][0] <= until:
            time, rr = self._beats.popleft()
            code = self._codes.pop(time, "")
            told += self._ectopy.feed(time, rr, code)
            said += self._follow(time, rr, code)
        if self._seconds:
            told += self._ectopy.waiting(min(until, self._seconds[-1][1]))
        if told:
            self._open = max(self._open, max(one.end + one.hold for one in told) + 2 * LOOK_S)
            said += self._statements(told, RUNS)
        if self._looked + LOOK_S <= until < self._open:
            self._looked = until
            said.append(Statement(NOTHING, "", until, until, None, RUNS, stream=self._info.stream))
        return said

    def _conduct(self, pr: Measure) -> list[Event]:
        """Take a PR interval, measured over some beats."""
        if pr.value - (pr.error or 0.0) <= LONG_PR_MS:
            self._long.clear()
            return []
        self._long.append(pr)
        if len(self._long) < LONG_PR:
            return []
        numbers = (Number("pr", pr.value, pr.unit, pr.error),)
        block = Told("1AVB", self._long[0].start, pr.end, numbers, hold=LONG_PR_HOLD_S)
        self._open = max(self._open, block.end + block.hold + 2 * LOOK_S)
        return self._statements([block], RUNS)

    def _seen(self, start: float, end: float) -> bool:
        """Whether a lead showed the heart all the time between two times, and no lead shows a beat between them."""
        since = self._quiet.since(start)
        seconds = [good for first, last, good in self._seconds if last > since and first < end]
        whole = bool(self._seconds) and self._seconds[0][0] <= since and self._seconds[-1][1] >= end
        return whole and all(seconds) and self._quiet.shows([*self._blocks], start, end)

    def _hear(self, said: Statement) -> None:
        """Take a model's statement; those on the same window come one after the other."""
        window = self._round.setdefault(said.source, [])
        if window and said.end > window[0].end:
            self._end_round(window)
            window.clear()
        window.append(said)

    def _end_round(self, window: list[Statement]) -> None:
        """Take what a model said of a window: surest of the atria, or else of something that excludes fibrillation."""
        said = {one.code: one.probability for one in window if one.probability is not None}
        if not said:
            return
        start, end = window[0].start, window[0].end
        self._windows.append(((start + end) / 2, not said.keys().isdisjoint(SINUS)))
        if end > WHOLE_S:
            return
        atrial = [sure for code, sure in said.items() if code in ATRIAL]
        other = [sure for code, sure in said.items() if code in EXCLUDING]
        if atrial or other:
            likely = max(atrial) if atrial else SHARE * (1 - max(other))
            likely = min(1 - SURE, max(SURE, likely))
            self._atrial.window(log(likely / (1 - likely)))

    def _sinus(self, end: float) -> bool:
        """Whether most P waves were seen up to a time, or most windows were called sinus rhythm."""
        for waiting, last in ((self._p, self._last_p), (self._windows, self._last_windows)):
            while waiting and waiting[0][0] <= end:
                last.append(waiting.popleft()[1])
        return any(2 * sum(last) > len(last) for last in (self._last_p, self._last_windows))
