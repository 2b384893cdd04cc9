"""What the screens of patterns show: the list whose counts sum to the lines, and one pattern in full."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from api.asked import asked
from api.content_patterns import pattern_content, patterns_content
from api.models import MAX_PATTERNS, PatternRequest, PatternsRequest
from api.page.address import Address
from api.page.chart import Histogram, histogram
from api.page.courses import Course, courses, recent_ns
from api.page.filters import written
from api.page.lines import Choice, Row, row, selection
from api.parts import Dejalog
from api.read_window import not_a_cursor

PAGE_PATTERNS = 100
CHANGE = "change"
"""The order that only this screen has: by how far the current rate is from the usual one."""
ORDERS = (
    ("", "Most lines"),
    ("rare", "Rarest"),
    (CHANGE, "Biggest change"),
    ("newest", "Newest"),
    ("oldest", "Oldest"),
)
STATES = (("", "All"), ("active", "Active"), ("muted", "Muted"))


@dataclasses.dataclass(frozen=True)
class PatternRow:
    """A pattern of the list."""

    pattern: Mapping[str, Any]
    link: str
    lines: str
    recent_lines: str
    """The link to the lines that the current rate counts."""
    course: Course | None
    """None where a query chose the lines: the ledger cannot tell their course."""


@dataclasses.dataclass(frozen=True)
class FoundPatterns:
    """A page of patterns."""

    rows: tuple[PatternRow, ...]
    shown_lines: int
    total_lines: int
    all_lines: str
    """The link to them."""
    total_patterns: int
    partial: bool
    window: Mapping[str, Any]
    next_page: str
    orders: tuple[Choice, ...]
    states: tuple[Choice, ...]


def find_patterns(dejalog: Dejalog, address: Address) -> FoundPatterns:
    """The patterns of an address. Raises InputError, QuerySyntaxError."""
    is_all = address.query.strip() in {"", "*"}
    is_by_change = address.order == CHANGE and is_all
    wanted = asked(
        PatternsRequest,
        **selection(address),
        limit=MAX_PATTERNS if is_by_change else PAGE_PATTERNS,
        cursor="" if is_by_change else address.cursor,
        order="" if address.order == CHANGE else address.order,
        state=address.state,
    )
    found = patterns_content(dejalog, wanted)
    rows, window, cursor = (found.values[name] for name in ("patterns", "window", "cursor"))
    known = courses(dejalog, rows, window, wanted) if is_all and rows else {}
    next_page = str(address.with_(cursor=cursor)) if cursor else ""
    if is_by_change:
        rows, next_page = _by_change(rows, known, window, address)
    return FoundPatterns(
        rows=tuple(_row(each, address, window, known.get(each["pattern_id"])) for each in rows),
        shown_lines=sum(each["count"] for each in rows),
        total_lines=found.values["total_lines"],
        all_lines=str(address.at("/lines", start=window["start"], end=window["end"])),
        total_patterns=found.values["total_patterns"],
        partial=found.partial,
        window=window,
        next_page=next_page,
        orders=tuple(
            Choice(name, str(address.with_(order=key)), address.order == key)
            for key, name in ORDERS
            if key != CHANGE or is_all
        ),
        states=tuple(Choice(name, str(address.with_(state=key)), address.state == key) for key, name in STATES),
    )


def _by_change(
    rows: Sequence[Mapping[str, Any]], known: Mapping[str, Course], window: Mapping[str, Any], address: Address
) -> tuple[Sequence[Mapping[str, Any]], str]:
    """A page of all patterns and the link to the next one, which keeps the window: its cursor is how many came before.
    Raises InputError.
    """
    if address.cursor and not (address.cursor.isascii() and address.cursor.isdigit()):
        raise not_a_cursor()
    begin = int(address.cursor or 0)
    end = begin + PAGE_PATTERNS
    by_change = sorted(rows, key=lambda each: abs(known[each["pattern_id"]].change) if known else 0.0, reverse=True)
    following = address.with_(start=window["start"], end=window["end"], cursor=str(end))
    return by_change[begin:end], str(following) if end < len(rows) else ""


def _row(pattern: Mapping[str, Any], address: Address, window: Mapping[str, Any], course: Course | None) -> PatternRow:
    pattern_id = pattern["pattern_id"]
    lines = address.at("/lines", start=window["start"], end=window["end"], pattern=(pattern_id,))
    one = Address(f"/patterns/{pattern_id}", start=address.start, end=address.end, zone=address.zone)
    recent = lines.with_(start=written(recent_ns(window)))
    return PatternRow(pattern, str(one), str(lines), str(recent), course)


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
