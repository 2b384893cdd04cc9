"""Fifth step from lines to incidents: stretches of time in which services left their usual course together."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt
import polars as pl

from index.deviation import SCALES, stretches
from index.deviation_mark import Course, service_scores
from index.line_store import LEDGER_WINDOW_NS
from index.window import Indices

MARGIN = 0.5
"""By how much a score must exceed the largest that chance should bring in so many windows and services (a guess)."""
_CALM_WINDOWS = 4
"""So many unremarkable windows in a row end an incident (a guess)."""
_COVERED = 0.5
_SURELY = 0.9
"""Shares of the stretches over a window that flag it (guesses)."""


@dataclasses.dataclass(frozen=True, order=True)
class Span:
    """Times [start_ns, end_ns) of whole windows."""

    start_ns: int
    end_ns: int


@dataclasses.dataclass(frozen=True)
class Found:
    """Where services left their usual course: in `span` for sure; `reach` is the stretch that showed it best."""

    span: Span
    reach: Span


def bar(course: Course) -> float:
    """The score that makes an incident: grows with the number of chances to be wrong, as extremes of a normal do."""
    chances = max(course.baseline.learnt * len(course.windows.services), 2)
    return math.sqrt(2 * math.log(chances)) + MARGIN


def find_spans(course: Course) -> list[Found]:
    """In order; no span is adjacent to the next, and no reach touches the span of another."""
    scores = service_scores(course)
    flagged = scores.filter(pl.col("score") >= bar(course))
    windows = np.zeros(len(course.windows.times), dtype=np.bool_)
    for scale, stride in SCALES.items():
        where = stretches(course.windows, scale, stride)
        possible = _covered(where.first, where.last, len(windows))
        for (service,), group in flagged.filter(pl.col("scale") == scale).group_by("service", maintain_order=True):
            agreeing = _agreeing(course.marks, str(service), scale, group["last"])
            windows |= _kept(group["first"].to_numpy(), group["last"].to_numpy(), possible, agreeing)
    return _with_reach(course, flagged, _joined(course, np.flatnonzero(windows)))


def _with_reach(course: Course, flagged: pl.DataFrame, spans: list[Span]) -> list[Found]:
    """Each span with the strongest stretch that meets it; of equals the shortest and earliest."""
    times = course.windows.times
    ordered = flagged.sort("score", "scale", "last", "service", descending=[True, False, False, False])
    first = times[ordered["first"].to_numpy()]
    end = times[ordered["last"].to_numpy() - 1] + LEDGER_WINDOW_NS
    found = []
    for place, span in enumerate(spans):
        since = spans[place - 1].end_ns if place else 0
        until = spans[place + 1].start_ns if place + 1 < len(spans) else end.max(initial=span.end_ns)
        best = np.flatnonzero((first < span.end_ns) & (end > span.start_ns))[:1]
        reach = [Span(max(int(first[at]), since), min(int(end[at]), int(until))) for at in best]
        found.append(Found(span, reach[0] if reach else span))
    return found


def _covered(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], windows: int) -> npt.NDArray[np.int64]:
    """How many of the stretches cover each window."""
    steps = np.bincount(first, minlength=windows + 1) - np.bincount(last, minlength=windows + 1)
    return np.cumsum(steps)[:windows].astype(np.int64)


def _agreeing(marks: pl.DataFrame, service: str, scale: int, last: pl.Series) -> Indices:
    """Windows that by themselves show a feature which marks one of these stretches."""
    own = marks.filter(pl.col("service") == service)
    said = own.filter((pl.col("scale") == scale) & pl.col("last").is_in(last.implode()))["feature"]
    alone = own.filter((pl.col("scale") == 1) & pl.col("feature").is_in(said.implode()))
    return alone["first"].unique().to_numpy().astype(np.int64)


def _kept(first: Indices, last: Indices, possible: Indices, agreeing: Indices) -> npt.NDArray[np.bool_]:
    """Of each run of windows that stretches cover, those that hold what made the stretches stand out.

    A long stretch stands out wherever it touches a strong deviation, so its windows are no guide but for the ones that
    nearly all stretches over them flag. Better guides are the windows that agree by themselves; where there are none,
    the deviation is a weak one, and it lies where most of the stretches flag.
    """
    covered = _covered(first, last, len(possible))
    share = covered / np.maximum(possible, 1)
    kept = np.zeros(len(possible), dtype=np.bool_)
    inside = np.flatnonzero(covered > 0)
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        if not len(run):
            continue
        own = np.intersect1d(run, agreeing)
        kept[run] = share[run] >= _SURELY
        if len(own):
            kept[own[0] : own[-1] + 1] = True
        elif not kept[run].any():
            kept[run] = share[run] >= min(_COVERED, float(share[run].max()))
    return kept


def _joined(course: Course, windows: Indices) -> list[Span]:
    """Runs of windows, joined over a few calm ones but never over a gap in the data."""
    if not len(windows):
        return []
    times, run_of = course.windows.times, course.windows.unbroken()
    apart = (np.diff(windows) > _CALM_WINDOWS + 1) | (np.diff(run_of[windows]) > 0)
    return [
        Span(int(times[run[0]]), int(times[run[-1]]) + LEDGER_WINDOW_NS)
        for run in np.split(windows, np.flatnonzero(apart) + 1)
    ]
