"""The lines that show a deviation: the first that does, and a few more to be kept as evidence."""

import dataclasses
import math
from collections.abc import Sequence

import polars as pl

from index.deviation_mark import Course
from index.incident import EvidenceLine
from index.incident_find import Span
from index.incident_onset import fall, rise, slow_from
from index.incident_span import LEAST_SLOW_FACTOR, Feature
from index.line_store import LEDGER_WINDOW_NS, LineFilter, LineReader
from index.pattern import PatternSet
from index.window import RESTARTS, SEVERE
from index.window_gap import LONGEST_GAP_NS, request_gaps, with_request
from ingest.line import line_id

LINES_EACH = 3
"""Lines kept for each deviation, the onset first (a guess)."""
MESSAGE_CHARACTERS = 4096
LOOK_BACK_NS = 2 * LEDGER_WINDOW_NS
"""So far before a span its first sign is looked for (a guess)."""
_ORDER = ["time_ns", "source", "position"]
_KEYS = {"source": pl.String, "position": pl.Int64, "time_ns": pl.Int64, "service": pl.String, "signature": pl.UInt64}


@dataclasses.dataclass(frozen=True)
class Shown:
    """Where a feature shows. `lines`: ids (source, position), the onset's first; empty when no line is left to show."""

    onset_ns: int
    lines: tuple[tuple[str, int], ...]


def find_lines(
    store: LineReader, patterns: PatternSet, span: Span, features: Sequence[Feature], *, floor_ns: int
) -> list[Shown]:
    """One entry for each feature, in their order. Four scans at most, of these services, patterns and times only.

    Onsets may lie before the span, which holds whole windows and only those that stand out, but not before `floor_ns`.
    """
    members = patterns.members
    counted = [feature for feature in features if feature.pattern_id and feature.kind != "slower"]
    lines = _read(store, members, Span(floor_ns, span.end_ns), counted)
    gaps = _read_gaps(store, members, Span(floor_ns, span.end_ns), [f for f in features if f.kind == "slower"])
    levels = [feature for feature in features if not feature.pattern_id]
    severe = _read_severe(store, span, sorted({f.service for f in levels if f.template != RESTARTS}))
    starts = _read_starts(store, span, sorted({f.service for f in levels if f.template == RESTARTS}))
    return [
        _show(feature, span, lines, gaps, starts if feature.template == RESTARTS else severe, floor_ns)
        for feature in features
    ]


def floor_of(course: Course, span: Span, earlier_end_ns: int) -> int:
    """How far before the span its onset may lie: no gap in the data between, and after the incident before."""
    windows = course.windows
    first = min(int(windows.times.searchsorted(span.start_ns)), len(windows.times) - 1)
    if first < 0:
        return span.start_ns
    unbroken_ns = int(windows.times[windows.unbroken()[first]])
    return min(max(span.start_ns - LOOK_BACK_NS, earlier_end_ns, unbroken_ns), span.start_ns)


def _read(store: LineReader, members: pl.DataFrame, span: Span, features: Sequence[Feature]) -> pl.DataFrame:
    wanted = members.filter(pl.col("pattern_id").is_in([feature.pattern_id for feature in features]))
    if wanted.is_empty():
        return pl.DataFrame(schema=_KEYS | {"pattern_id": pl.String})
    where = LineFilter(
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        services=tuple(sorted({feature.service for feature in features})),
        signatures=tuple(wanted["signature"].to_list()),
    )
    frames = [pl.DataFrame(schema=_KEYS), *store.scan(where, list(_KEYS))]
    return pl.concat(frames).join(wanted, on="signature").sort(_ORDER)


def _read_severe(store: LineReader, span: Span, services: list[str]) -> pl.DataFrame:
    if not services:
        return pl.DataFrame(schema=_KEYS)
    where = LineFilter(start_ns=span.start_ns, end_ns=span.end_ns, services=tuple(services), levels=SEVERE)
    return pl.concat([pl.DataFrame(schema=_KEYS), *store.scan(where, list(_KEYS))]).sort(_ORDER)


def _read_starts(store: LineReader, span: Span, services: list[str]) -> pl.DataFrame:
    """The first lines of sources that begin in the span."""
    if not services:
        return pl.DataFrame(schema=_KEYS)
    where = LineFilter(start_ns=span.start_ns, end_ns=span.end_ns, services=tuple(services))
    frames = [frame.filter(pl.col("position") == 0) for frame in store.scan(where, list(_KEYS))]
    return pl.concat([pl.DataFrame(schema=_KEYS), *frames]).sort(_ORDER)


def _read_gaps(store: LineReader, members: pl.DataFrame, span: Span, features: Sequence[Feature]) -> pl.DataFrame:
    """Gaps of the span, line by line: the keys of the later line, `before` and `after` as patterns, `gap_ms`.

    All lines of these services are needed: a line between two others makes them no neighbours.
    """
    services = tuple(sorted({feature.service for feature in features}))
    if not services:
        return pl.DataFrame(schema=_KEYS | {"before_id": pl.String, "after_id": pl.String, "gap_ms": pl.Float32})
    where = LineFilter(start_ns=span.start_ns - LONGEST_GAP_NS, end_ns=span.end_ns, services=services)
    columns = [*_KEYS, "message", "attributes"]
    frames = [with_request(frame) for frame in store.scan(where, columns)]
    if not frames:
        return _read_gaps(store, members, span, ())
    names = members.select(before="signature", before_id="pattern_id")
    return (
        request_gaps(pl.concat(frames))
        .filter(pl.col("time_ns") >= span.start_ns)
        .join(names, on="before")
        .join(members.select("signature", after_id="pattern_id"), on="signature")
        .sort(_ORDER)
    )


def _show(
    feature: Feature, span: Span, lines: pl.DataFrame, gaps: pl.DataFrame, others: pl.DataFrame, floor_ns: int
) -> Shown:
    own = pl.col("service") == feature.service
    if feature.kind == "slower":
        pair = own & (pl.col("before_id") == feature.before_id) & (pl.col("after_id") == feature.pattern_id)
        return _slow(gaps.filter(pair), feature, span)
    if not feature.pattern_id:
        return _first(others.filter(own), span)
    found = lines.filter(own & (pl.col("pattern_id") == feature.pattern_id))
    return _fallen(found, feature, span, floor_ns) if feature.kind == "vanished" else _risen(found, feature, span)


def _first(lines: pl.DataFrame, span: Span) -> Shown:
    ids = tuple(lines.head(LINES_EACH).select("source", "position").iter_rows())
    return Shown(int(lines["time_ns"][0]) if ids else span.start_ns, ids)


def _risen(lines: pl.DataFrame, feature: Feature, span: Span) -> Shown:
    times = lines["time_ns"].to_list()
    if not times or times[-1] < span.start_ns:
        return Shown(span.start_ns, ())
    first = rise(times, since=span.start_ns, until=span.end_ns, observed=feature.observed, expected=feature.expected)
    return _first(lines.slice(first), span)


def slow_from_s(usual_s: float, now_s: float) -> float:
    """From how many seconds on a request is slow; both are medians. Where only some requests are slow, the median now
    is near the usual one, and half of the usual requests lie beyond it: that they took longer shows nothing.
    """
    usual_s, now_s = max(usual_s, 1e-4), max(now_s, 1e-4)
    return max(math.sqrt(usual_s * now_s), LEAST_SLOW_FACTOR * usual_s)


def _slow(gaps: pl.DataFrame, feature: Feature, span: Span) -> Shown:
    slow = gaps["gap_ms"] >= 1000 * slow_from_s(feature.expected, feature.observed)
    inside = gaps["time_ns"] >= span.start_ns
    if not (slow & inside).any():
        return Shown(span.start_ns, ())
    first = slow_from(slow.to_list(), inside.to_list())
    return _first(gaps.slice(first).filter(slow.slice(first)), span)


def _fallen(lines: pl.DataFrame, feature: Feature, span: Span, floor_ns: int) -> Shown:
    """The last line at the usual rate and the one after it. Where none is left the silence began with the span."""
    times = lines["time_ns"].to_list()
    last = fall(
        times,
        floor=floor_ns,
        since=span.start_ns,
        until=span.end_ns,
        observed=feature.observed,
        expected=feature.expected,
    )
    if last < 0:
        return Shown(span.start_ns, tuple(lines.head(1).select("source", "position").iter_rows()))
    ids = lines.slice(last, 2).select("source", "position").iter_rows()
    return Shown(int(times[last]), tuple(ids))


def copy_lines(store: LineReader, patterns: PatternSet, ids: Sequence[tuple[str, int]]) -> tuple[EvidenceLine, ...]:
    """Copies of these lines by (time_ns, source, position); what is no longer stored is left out."""
    wanted = sorted(set(ids))
    found = store.read(wanted).join(patterns.members, on="signature", how="left").sort(_ORDER)
    return tuple(
        EvidenceLine(
            id=line_id(row["source"], row["position"]),
            time_ns=row["time_ns"],
            service=row["service"],
            level=row["level"],
            message=row["message"][:MESSAGE_CHARACTERS],
            pattern_id=row["pattern_id"] or "",
            source=row["source"],
            position=row["position"],
        )
        for row in found.iter_rows(named=True)
    )
