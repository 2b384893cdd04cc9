"""The usual course that incidents are judged by: learnt once an hour, and followed from there to the newest line.

Whatever it says is a function of the lines alone: the hour is that of the newest line, and what was learnt before is
only taken up again if the lines before that hour and their patterns are still the same.
"""

import dataclasses
from collections import OrderedDict

import polars as pl

from index.deviation_mark import Course, follow, follow_on
from index.incident import Incident
from index.incident_find import Found, Span
from index.line_store import LineReader
from index.pattern import PatternSet
from index.window import Windows, count_windows, joined, read_starts, renamed
from index.window_gap import HOUR_NS, GapCache, later_gaps, measure_gaps

SETTLED_NS = HOUR_NS // 12
"""So long after an hour's end its lines are taken to have come; later ones only cost time (a guess)."""
LEAST_LEARNT = 240
"""With fewer windows before the hour all lines are learnt from, which is soon done (a guess)."""
MOST_KEPT = 3
"""For the newest lines and for questions as of two other times (a guess)."""

Key = tuple[object, ...]


@dataclasses.dataclass(eq=False)
class Settled:
    """What was learnt from the lines before a time, and the incidents among them that were told already."""

    course: Course
    signatures: pl.Series
    starts: pl.DataFrame
    """Of sources (`window.read_starts`): a later one in the same pod is a restart."""
    incidents: dict[tuple[Found, int], tuple[dict[str, str], Incident | None]] = dataclasses.field(default_factory=dict)
    """By span and the end of the incident before; with the templates that it tells of."""


@dataclasses.dataclass(eq=False)
class MineCache:
    """What an earlier run may leave for a later one; changes nothing but the time it takes."""

    gaps: GapCache = dataclasses.field(default_factory=GapCache)
    settled: OrderedDict[Key, Settled] = dataclasses.field(default_factory=OrderedDict)
    key: Key = ()
    courses: "Courses | None" = None


@dataclasses.dataclass(frozen=True, eq=False)
class Courses:
    """`whole` is the course of all lines; `settled` that of those before `settled_ns`, if there are enough."""

    whole: Course
    settled: Settled | None
    settled_ns: int

    def of(self, span: Span) -> Course:
        """The course that tells of a span: what was settled tells the same whatever came later."""
        return self.settled.course if self.settled is not None and span.end_ns <= self.settled_ns else self.whole


def read_courses(store: LineReader, patterns: PatternSet, *, before_ns: int | None, cache: MineCache) -> Courses:
    """The usual course of the lines before `before_ns`; what has not changed since the last call is not read again."""
    settled_ns = _settled_ns(store, before_ns)
    before = store.high_water(before_ns=settled_ns)
    ledger = store.ledger(start_ns=settled_ns if before.lines else None, end_ns=before_ns)
    members, states = _digest(patterns.members), _digest(patterns.patterns.select("pattern_id", "template", "state"))
    key = settled_ns, before, _digest(ledger), members, states
    if cache.courses is None or cache.key != key:
        cache.courses, cache.key = _read(store, patterns, before_ns, settled_ns, ledger, cache), key
    return cache.courses


def _settled_ns(store: LineReader, before_ns: int | None) -> int:
    newest_ns = store.high_water(before_ns=before_ns).last_ns
    return 0 if newest_ns is None else (newest_ns - SETTLED_NS) // HOUR_NS * HOUR_NS


def _read(
    store: LineReader,
    patterns: PatternSet,
    before_ns: int | None,
    settled_ns: int,
    ledger: pl.DataFrame,
    cache: MineCache,
) -> Courses:
    settled = _settle(store, patterns, settled_ns, cache)
    if settled is None:
        ledger = store.ledger(end_ns=before_ns)
        gaps = measure_gaps(store, ledger, patterns, before_ns=before_ns, cache=cache.gaps)
        starts = read_starts(store, start_ns=None, end_ns=before_ns)
        return Courses(follow(count_windows(ledger, patterns, starts), gaps), None, settled_ns)
    course = settled.course
    starts = pl.concat([settled.starts, read_starts(store, start_ns=settled_ns, end_ns=before_ns)])
    later = count_windows(ledger, patterns, starts)
    gaps = later_gaps(store, patterns, course.gaps.pairs, start_ns=settled_ns, before_ns=before_ns)
    return Courses(follow_on(course, joined(course.windows, later), gaps), settled, settled_ns)


def _settle(store: LineReader, patterns: PatternSet, settled_ns: int, cache: MineCache) -> Settled | None:
    held = store.high_water(before_ns=settled_ns)
    for key, kept in cache.settled.items():
        if key == _key(settled_ns, held, patterns, kept.signatures):
            cache.settled.move_to_end(key)
            kept.course = _renamed(kept.course, patterns)
            return kept
    if not held.lines:
        return None
    ledger = store.ledger(end_ns=settled_ns)
    starts = read_starts(store, start_ns=None, end_ns=settled_ns)
    windows = count_windows(ledger, patterns, starts)
    if len(windows.times) < LEAST_LEARNT:
        return None
    signatures = ledger["signature"].unique().sort()
    gaps = measure_gaps(store, ledger, patterns, before_ns=settled_ns, cache=cache.gaps)
    settled = Settled(follow(windows, gaps), signatures, starts)
    cache.settled[_key(settled_ns, held, patterns, signatures)] = settled
    while len(cache.settled) > MOST_KEPT:
        cache.settled.popitem(last=False)
    return settled


def _key(settled_ns: int, held: object, patterns: PatternSet, signatures: pl.Series) -> Key:
    """Which pattern each signature stands for, and which are muted; templates may change."""
    members = patterns.members.filter(pl.col("signature").is_in(signatures.implode()))
    states = patterns.patterns.select("pattern_id", "state").join(members, on="pattern_id", how="semi")
    return settled_ns, held, _digest(members), _digest(states)


def _renamed(course: Course, patterns: PatternSet) -> Course:
    windows: Windows = renamed(course.windows, patterns)
    return dataclasses.replace(course, baseline=dataclasses.replace(course.baseline, windows=windows))


def _digest(frame: pl.DataFrame) -> tuple[int, int]:
    """Of the rows in any order. Only compared within one process."""
    return frame.height, int(frame.hash_rows(seed=7).sum() or 0)
