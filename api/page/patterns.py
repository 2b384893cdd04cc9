"""What the screens of patterns show: the list whose counts sum to the lines, and one pattern in full."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from api.content_patterns import pattern_content, patterns_content
from api.models import PatternRequest, PatternsRequest
from api.page.address import Address
from api.page.asked import asked
from api.page.chart import Histogram, histogram, sparkline
from api.page.filters import ns_of
from api.page.lines import Choice, Row, row, selection
from api.parts import Dejalog
from api.time_text import SECOND_NS
from index.line_store import LEDGER_WINDOW_NS
from index.pattern_count import with_pattern_ids

PAGE_PATTERNS = 100
BUCKETS = 24
RECENT = 2
"""The last twelfth of the window is "now" (a guess)."""
BURST_TIMES = 4.0
BURST_LEAST = 10
"""So many times the usual rate, and so many lines, are a burst (guesses: fewer is noise in a demo day)."""
STEADY_SHARE = 0.5
"""What was there in this share of the earlier buckets and is not now fell silent (a guess)."""
ORDERS = (("", "Most lines"), ("rare", "Rarest"), ("newest", "Newest"), ("oldest", "Oldest"))
STATES = (("", "All"), ("active", "Active"), ("muted", "Muted"))


@dataclasses.dataclass(frozen=True)
class Course:
    """How a pattern went through the window: a sparkline, marks, and lines per hour, usually and now."""

    path: str
    buckets: int
    marks: tuple[str, ...]
    usual: float
    now: float


@dataclasses.dataclass(frozen=True)
class PatternRow:
    """A pattern of the list."""

    pattern: Mapping[str, Any]
    link: str
    lines: str
    course: Course | None
    """None where a query chose the lines: the ledger cannot tell their course."""


@dataclasses.dataclass(frozen=True)
class FoundPatterns:
    """A page of patterns."""

    rows: tuple[PatternRow, ...]
    shown_lines: int
    total_lines: int
    total_patterns: int
    partial: bool
    window: Mapping[str, Any]
    next_page: str
    orders: tuple[Choice, ...]
    states: tuple[Choice, ...]


def find_patterns(dejalog: Dejalog, address: Address) -> FoundPatterns:
    """The patterns of an address. Raises InputError, QuerySyntaxError."""
    wanted = asked(
        PatternsRequest,
        **selection(address),
        limit=PAGE_PATTERNS,
        cursor=address.cursor,
        order=address.order,
        state=address.state,
    )
    found = patterns_content(dejalog, wanted)
    rows, window = found.values["patterns"], found.values["window"]
    is_all = address.query.strip() in {"", "*"}
    courses = _courses(dejalog, rows, window, wanted) if is_all and rows else {}
    cursor = found.values["cursor"]
    return FoundPatterns(
        rows=tuple(_row(each, address, window, courses.get(each["pattern_id"])) for each in rows),
        shown_lines=sum(each["count"] for each in rows),
        total_lines=found.values["total_lines"],
        total_patterns=found.values["total_patterns"],
        partial=found.partial,
        window=window,
        next_page=str(address.with_(cursor=cursor)) if cursor else "",
        orders=tuple(Choice(name, str(address.with_(order=key)), address.order == key) for key, name in ORDERS),
        states=tuple(Choice(name, str(address.with_(state=key)), address.state == key) for key, name in STATES),
    )


def _row(pattern: Mapping[str, Any], address: Address, window: Mapping[str, Any], course: Course | None) -> PatternRow:
    pattern_id = pattern["pattern_id"]
    lines = address.at("/lines", start=window["start"], end=window["end"], pattern=(pattern_id,))
    one = Address(f"/patterns/{pattern_id}", start=address.start, end=address.end, zone=address.zone)
    return PatternRow(pattern, str(one), str(lines), course)


def _courses(
    dejalog: Dejalog, patterns: Sequence[Mapping[str, Any]], window: Mapping[str, Any], wanted: PatternsRequest
) -> dict[str, Course]:
    """From the ledger: of each pattern the counts of equal parts of the window; none where the ledger is coarser."""
    start_ns, end_ns = ns_of(window["start"]), ns_of(window["end"])
    step_ns = (end_ns - start_ns) // BUCKETS
    if step_ns < LEDGER_WINDOW_NS:
        return {}
    rows = dejalog.store.ledger(start_ns=start_ns, end_ns=end_ns)
    if wanted.service:
        rows = rows.filter(pl.col("service").is_in(wanted.service))
    if wanted.level:
        rows = rows.filter(pl.col("level").is_in(wanted.level))
    bucket = ((pl.col("window_ns") - start_ns) // step_ns).clip(0, BUCKETS - 1).alias("bucket")
    # Summed by signature first: a ledger of two weeks has a million rows, and few signatures.
    by_signature = rows.group_by("signature", bucket).agg(pl.col("count").sum())
    counted = with_pattern_ids(by_signature, dejalog.generation().patterns)
    counted = counted.group_by("pattern_id", "bucket").agg(pl.col("count").sum())
    shown = pl.DataFrame({"pattern_id": [each["pattern_id"] for each in patterns]}, schema={"pattern_id": pl.String})
    counts: dict[str, list[int]] = {each["pattern_id"]: [0] * BUCKETS for each in patterns}
    for pattern_id, number, count in counted.join(shown, on="pattern_id", how="semi").iter_rows():
        counts[pattern_id][number] += count
    recent_ns = end_ns - RECENT * step_ns
    new = {each["pattern_id"] for each in patterns if ns_of(each["first_seen"]) >= recent_ns}
    step_h = step_ns / SECOND_NS / 3600
    return {name: course_of(each, step_h=step_h, is_new=name in new) for name, each in counts.items()}


def course_of(counts: Sequence[int], *, step_h: float, is_new: bool) -> Course:
    """The course of one pattern from its counts, oldest first, each of a part of the window `step_h` hours long."""
    earlier, late = counts[:-RECENT], counts[-RECENT:]
    usual, now = sum(earlier) / len(earlier), sum(late) / len(late)
    marks = []
    if is_new:
        marks.append("new")
    elif now >= BURST_TIMES * usual and sum(late) >= BURST_LEAST:
        marks.append("bursting")
    if not sum(late) and sum(count > 0 for count in earlier) >= STEADY_SHARE * len(earlier):
        marks.append("silent")
    return Course(sparkline(counts), len(counts), tuple(marks), usual / step_h, now / step_h)


@dataclasses.dataclass(frozen=True)
class OnePattern:
    """One pattern with what belongs to it."""

    pattern: Mapping[str, Any]
    window: Mapping[str, Any]
    histogram: Histogram
    lines: str
    by_service: tuple[tuple[str, int, str], ...]
    """(service, lines, link to them)."""
    by_level: tuple[tuple[str, int, str], ...]
    examples: tuple[Row, ...]


def find_pattern(dejalog: Dejalog, pattern_id: str, address: Address) -> OnePattern:
    """One pattern. Raises InputError, NotFoundError."""
    found = pattern_content(dejalog, pattern_id, asked(PatternRequest, start=address.start, end=address.end))
    pattern, window = found.values["pattern"], found.values["window"]
    chosen = address.at(
        "/lines",
        query="",
        service=(),
        level=(),
        pattern=(pattern["pattern_id"],),
        start=window["start"],
        end=window["end"],
    )
    return OnePattern(
        pattern=pattern,
        window=window,
        histogram=histogram({"window": window, "buckets": pattern["buckets"], "step_s": pattern["step_s"]}),
        lines=str(chosen),
        by_service=tuple(
            (each["service"], each["count"], chosen.with_service(each["service"])) for each in pattern["by_service"]
        ),
        by_level=tuple(
            (each["level"], each["count"], str(chosen.with_(level=(each["level"] or "unknown",))))
            for each in pattern["by_level"]
        ),
        examples=tuple(row(each, chosen) for each in pattern["examples"]),
    )
