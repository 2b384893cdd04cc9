"""Which lines a request means: its window, its filter and the cursor that carries both to the next page."""

import base64
import binascii
import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import orjson
import polars as pl

from api.models import Chosen, Selection
from api.parts import Dejalog
from api.pattern_query import without_patterns
from api.time_text import SECOND_NS, format_time, parse_duration_s, parse_time
from index.generation import Generation
from index.line_store import LineFilter, LineStore
from index.pattern import PatternSet
from index.pattern_count import signature_hex
from ingest.errors import InputError

LINES_WINDOW_NS = 3600 * SECOND_NS
"""The default window of lines: the last hour (CONTRACT.md)."""
DEFAULT_DEADLINE_S = 10.0


@dataclasses.dataclass(frozen=True)
class Window:
    """A span of time as it was really used."""

    start_ns: int
    end_ns: int
    assumed: bool
    """One end or both were not given."""

    def json(self) -> dict[str, Any]:
        """As every reply shows it."""
        return {"start": format_time(self.start_ns), "end": format_time(self.end_ns), "assumed": self.assumed}


def read_window(
    start: str | None, end: str | None, store: LineStore, *, default_ns: int | None, as_of_ns: int | None = None
) -> Window:
    """The window asked for. Without a start it begins `default_ns` before its end, or with the first line held; without
    an end it ends now, or after the last line where that is later.
    """
    now_ns = time.time_ns()
    held = store.high_water(before_ns=as_of_ns)
    last_ns = held.last_ns if held.last_ns is not None else now_ns - 1
    if end is not None:
        end_ns = parse_time(end, now_ns=now_ns, name="end")
    else:
        end_ns = max(now_ns, last_ns + 1) if as_of_ns is None else as_of_ns
    if as_of_ns is not None:
        end_ns = min(end_ns, as_of_ns)
    if start is not None:
        start_ns = parse_time(start, now_ns=now_ns, name="start")
    elif default_ns is not None:
        start_ns = min(now_ns, end_ns) - default_ns
    else:
        start_ns = min(held.first_ns if held.first_ns is not None else end_ns, end_ns)
    if start_ns > end_ns:
        raise InputError(
            f"start {format_time(start_ns)} lies after end {format_time(end_ns)}", hint="end is exclusive; swap the two"
        )
    return Window(start_ns, end_ns, assumed=start is None or end is None)


def line_filter(selection: Selection, window: Window, generation: Generation) -> LineFilter:
    """The store's filter for what was asked. Raises InputError and QuerySyntaxError."""
    query, signatures = chosen_lines(selection, generation)
    return LineFilter(
        query=query,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        services=tuple(selection.service),
        levels=tuple(selection.level),
        signatures=signatures,
    )


def chosen_lines(chosen: Chosen, generation: Generation) -> tuple[str, tuple[int, ...] | None]:
    """The query for the store and the signatures that its lines must have, if any."""
    patterns = generation.patterns
    resolved = without_patterns(chosen.query, lambda pattern_id: pattern_signatures([pattern_id], patterns))
    if not chosen.pattern:
        return resolved.query, None if resolved.signatures is None else tuple(sorted(resolved.signatures))
    named = frozenset(pattern_signatures(chosen.pattern, patterns))
    both = named if resolved.signatures is None else named & resolved.signatures
    return resolved.query, tuple(sorted(both))


def canonical_pattern_id(pattern_id: str, patterns: PatternSet) -> str:
    """The id under which the pattern stands now: its own, or that of the one it was merged into."""
    if len(pattern_id) != 16 or not set(pattern_id) <= set("0123456789abcdef"):
        raise InputError(
            f"{pattern_id[:80]!r} is not a pattern id", hint="a pattern id is 16 hex digits, as /v1/patterns returns it"
        )
    index = patterns.members["signature"].search_sorted(int(pattern_id, 16))
    if index < patterns.members.height and patterns.members["signature"][index] == int(pattern_id, 16):
        return str(patterns.members["pattern_id"][index])
    return pattern_id


def pattern_signatures(pattern_ids: Sequence[str], patterns: PatternSet) -> tuple[int, ...]:
    """The signatures that these patterns stand for; a pattern that is not mined yet is its own signature."""
    found: set[int] = set()
    for pattern_id in pattern_ids:
        canonical = canonical_pattern_id(pattern_id, patterns)
        members = patterns.members.filter(patterns.members["pattern_id"] == canonical)["signature"].to_list()
        found.update(members or [int(canonical, 16)])
    return tuple(sorted(found))


def pattern_ids_of(lines: pl.DataFrame, patterns: PatternSet) -> dict[int, str]:
    """The pattern of each signature in `lines` (`signature`, `shape`). A signature beyond its service's budget counts
    under its shape; one that is not mined yet is a pattern of its own.
    """
    pairs = lines.select("signature", "shape").unique(subset="signature", keep="any")
    by_shape = patterns.members.select(shape="signature", shape_pattern_id="pattern_id")
    rows = pairs.join(patterns.members, on="signature", how="left").join(by_shape, on="shape", how="left")
    return {
        signature: own or of_shape or signature_hex(signature)
        for signature, own, of_shape in rows.select("signature", "pattern_id", "shape_pattern_id").iter_rows()
    }


def deadline_s(selection: Selection, dejalog: Dejalog) -> float:
    """How long this request may read."""
    limit = dejalog.settings.server.query_timeout
    if selection.timeout is None:
        return min(DEFAULT_DEADLINE_S, limit)
    return min(parse_duration_s(selection.timeout, name="timeout"), limit)


def pack_cursor(window: Window, rest: object) -> str:
    """A cursor that also carries the window, so that `now` stays the first page's now."""
    content = orjson.dumps([window.start_ns, window.end_ns, window.assumed, rest])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def unpack_cursor(cursor: str) -> tuple[Window, Any]:
    """Inverse of `pack_cursor`. Raises InputError for anything else."""
    try:
        content = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        start_ns, end_ns, assumed, rest = content
    except (binascii.Error, ValueError, TypeError) as error:
        raise not_a_cursor() from error
    if type(start_ns) is not int or type(end_ns) is not int or abs(start_ns) >> 63 or abs(end_ns) >> 63:
        raise not_a_cursor()
    return Window(start_ns, end_ns, bool(assumed)), rest


def not_a_cursor() -> InputError:
    """The refusal of a cursor that is not ours."""
    return InputError("cursor: it is not one of ours", hint="pass the `cursor` of the reply before, unchanged")
