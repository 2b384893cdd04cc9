"""The lines that show a deviation: the first that does, and a few more to be kept as evidence."""

import dataclasses
import math
from collections.abc import Sequence

import polars as pl

from index.incident import EvidenceLine
from index.incident_find import Span
from index.incident_span import Feature
from index.line_store import LEDGER_WINDOW_NS, LineFilter, LineStore
from index.pattern import PatternSet
from index.window import SEVERE
from index.window_gap import LONGEST_GAP_NS, request_gaps, with_request
from ingest.line import line_id

LINES_EACH = 3
"""Lines kept for each deviation, the onset first (a guess)."""
MESSAGE_CHARACTERS = 4096
_LOOK_BACK_NS = 10 * LEDGER_WINDOW_NS
"""So far back the last line before a silence is looked for (a guess)."""
HARDLY = 0.25
"""With less than this share of the usual lines a pattern has stopped, else there are fewer of it (a guess)."""
_LONG_PAUSE = 4.0
"""Times the usual pause between two lines; chance alone makes one in fifty of them longer."""
_ORDER = ["time_ns", "source", "position"]
_KEYS = {"source": pl.String, "position": pl.Int64, "time_ns": pl.Int64, "service": pl.String, "signature": pl.UInt64}


@dataclasses.dataclass(frozen=True)
class Shown:
    """Where a feature shows. `lines`: ids (source, position), the onset's first; empty when no line is left to show."""

    onset_ns: int
    lines: tuple[tuple[str, int], ...]


def find_lines(store: LineStore, patterns: PatternSet, span: Span, features: Sequence[Feature]) -> list[Shown]:
    """One entry for each feature, in their order. Three scans at most, of these services, patterns and times only."""
    members = patterns.members
    counted = [feature for feature in features if feature.pattern_id and feature.kind != "slower"]
    lines = _read(store, members, span, counted)
    gaps = _read_gaps(store, members, span, [feature for feature in features if feature.kind == "slower"])
    severe = _read_severe(store, span, sorted({feature.service for feature in features if not feature.pattern_id}))
    return [_show(feature, span, lines, gaps, severe) for feature in features]


def _read(store: LineStore, members: pl.DataFrame, span: Span, features: Sequence[Feature]) -> pl.DataFrame:
    wanted = members.filter(pl.col("pattern_id").is_in([feature.pattern_id for feature in features]))
    if wanted.is_empty():
        return pl.DataFrame(schema=_KEYS | {"pattern_id": pl.String})
    where = LineFilter(
        start_ns=span.start_ns - _LOOK_BACK_NS,
        end_ns=span.end_ns,
        services=tuple(sorted({feature.service for feature in features})),
        signatures=tuple(wanted["signature"].to_list()),
    )
    frames = [pl.DataFrame(schema=_KEYS), *store.scan(where, list(_KEYS))]
    return pl.concat(frames).join(wanted, on="signature").sort(_ORDER)


def _read_severe(store: LineStore, span: Span, services: list[str]) -> pl.DataFrame:
    if not services:
        return pl.DataFrame(schema=_KEYS)
    where = LineFilter(start_ns=span.start_ns, end_ns=span.end_ns, services=tuple(services), levels=SEVERE)
    return pl.concat([pl.DataFrame(schema=_KEYS), *store.scan(where, list(_KEYS))]).sort(_ORDER)


def _read_gaps(store: LineStore, members: pl.DataFrame, span: Span, features: Sequence[Feature]) -> pl.DataFrame:
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


def _show(feature: Feature, span: Span, lines: pl.DataFrame, gaps: pl.DataFrame, severe: pl.DataFrame) -> Shown:
    own = pl.col("service") == feature.service
    if feature.kind == "slower":
        pair = own & (pl.col("before_id") == feature.before_id) & (pl.col("after_id") == feature.pattern_id)
        slow = pl.col("gap_ms") >= 1000 * math.sqrt(max(feature.expected, 1e-4) * max(feature.observed, 1e-4))
        return _first(gaps.filter(pair & slow), span)
    if not feature.pattern_id:
        return _first(severe.filter(own), span)
    found = lines.filter(own & (pl.col("pattern_id") == feature.pattern_id))
    if feature.kind == "vanished":
        return _stopped(found, span) if feature.observed < HARDLY * feature.expected else _fewer(found, feature, span)
    inside = found.filter(pl.col("time_ns") >= span.start_ns)
    return _first(inside if feature.kind == "appeared" else _from_burst(inside, feature, span), span)


def _first(lines: pl.DataFrame, span: Span) -> Shown:
    ids = tuple(lines.head(LINES_EACH).select("source", "position").iter_rows())
    return Shown(int(lines["time_ns"][0]) if ids else span.start_ns, ids)


def _from_burst(lines: pl.DataFrame, feature: Feature, span: Span) -> pl.DataFrame:
    """Lines from the first minute on that has twice what it should (a guess at where a burst begins)."""
    minutes = max((span.end_ns - span.start_ns) // LEDGER_WINDOW_NS, 1)
    counts = lines.group_by(window=pl.col("time_ns") // LEDGER_WINDOW_NS).len().sort("window")
    begun = counts.filter(pl.col("len") >= 2 * feature.expected / minutes + 1)["window"]
    return lines.filter(pl.col("time_ns") // LEDGER_WINDOW_NS >= begun[0]) if len(begun) else lines


def _stopped(lines: pl.DataFrame, span: Span) -> Shown:
    """The line before the longest pause that reaches into the span, and the one after it. What had stopped a minute or
    more before the span is taken to have stopped when it began: there may be a gap in the data.
    """
    if lines.is_empty():
        return Shown(span.start_ns, ())
    times = [*lines["time_ns"].to_list(), span.end_ns]
    pauses = [
        (times[index + 1] - max(times[index], span.start_ns), -index)
        for index in range(len(times) - 1)
        if times[index + 1] > span.start_ns
    ]
    index = -max(pauses)[1]
    ids = lines.slice(index, 2).select("source", "position").iter_rows()
    stopped_ns = int(times[index])
    return Shown(stopped_ns if stopped_ns > span.start_ns - LEDGER_WINDOW_NS else span.start_ns, tuple(ids))


def _fewer(lines: pl.DataFrame, feature: Feature, span: Span) -> Shown:
    """Where some lines are still written, the line before the first pause that is long for what is usual."""
    left = lines.filter(pl.col("time_ns") >= span.start_ns)
    long_ns = _LONG_PAUSE * (span.end_ns - span.start_ns) / max(feature.expected, 1.0)
    pauses = left["time_ns"].extend_constant(span.end_ns, 1).diff(null_behavior="drop")
    places = (pauses >= long_ns).arg_true()
    return _first(left.slice(int(places[0])), span) if len(places) else _first(left, span)


def copy_lines(store: LineStore, patterns: PatternSet, ids: Sequence[tuple[str, int]]) -> tuple[EvidenceLine, ...]:
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
