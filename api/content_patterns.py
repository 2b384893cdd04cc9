"""What is read of patterns, and what people do to them, as plain values: for the JSON routes and the web page."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl

from api.content_lines import round_step_ns
from api.line_json import edit_json, lines_json, note_json, patterns_json
from api.models import EditRequest, PatternRequest, PatternsRequest
from api.parts import Dejalog
from api.read_window import (
    Window,
    canonical_pattern_id,
    deadline_s,
    line_filter,
    not_a_cursor,
    pack_cursor,
    pattern_signatures,
    read_window,
    unpack_cursor,
)
from api.reply import Content
from api.time_text import format_time, parse_time
from index.generation import Generation
from index.line_store import LEDGER_WINDOW_NS, LineFilter
from index.pattern import PatternEdit
from index.pattern_count import PatternCounts, count_patterns, signature_hex
from ingest.errors import InputError, NotFoundError


def patterns_content(dejalog: Dejalog, asked: PatternsRequest, stop: Callable[[], bool] = lambda: False) -> Content:
    """Patterns with their counts, which sum to the lines; `stop` ends the counting early, as partial."""
    as_of_ns = None if asked.as_of is None else parse_time(asked.as_of, now_ns=time.time_ns(), name="as_of")
    window, skipped = _window_and_skipped(dejalog, asked, as_of_ns)
    generation = dejalog.generation(as_of_ns=as_of_ns)
    counts = count_patterns(
        dejalog.store,
        generation.patterns,
        line_filter(asked, window, generation),
        deadline_s=deadline_s(asked, dejalog),
        stop=stop,
    )
    rows = _ordered(counts, asked)
    page = rows.slice(skipped, asked.limit)
    following = skipped + page.height
    content = {
        "patterns": patterns_json(page),
        "total_lines": counts.total_lines,
        "total_patterns": rows.height,
        "total_exact": not counts.partial,
        "cursor": pack_cursor(window, following) if page.height and following < rows.height else None,
        "window": window.json(),
    }
    return Content(content, counts.partial)


def pattern_content(dejalog: Dejalog, pattern_id: str, asked: PatternRequest) -> Content:
    """One pattern in full. Raises NotFoundError."""
    generation = dejalog.generation()
    window = read_window(asked.start, asked.end, dejalog.store, default_ns=None)
    canonical = canonical_pattern_id(pattern_id, generation.patterns)
    where = LineFilter(
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        signatures=pattern_signatures([canonical], generation.patterns),
    )
    content = _described(dejalog, generation, canonical, where)
    content |= _counted(dejalog, where, window, asked.buckets)
    examples = dejalog.store.search(where, limit=asked.examples)
    content["examples"] = lines_json(examples.lines, generation.patterns)
    return Content({"pattern": content, "window": window.json()}, examples.partial)


def keep_edit(dejalog: Dejalog, pattern_id: str, asked: EditRequest) -> PatternEdit:
    """Do it to the pattern, for ever; returns when reads show it. Raises InputError, NotFoundError."""
    generation = dejalog.generation()
    canonical = _existing(dejalog, generation, pattern_id)
    argument = asked.argument.strip()
    if asked.action in {"rename", "merge"} and not argument:
        wanted = "the new name" if asked.action == "rename" else "the id of the pattern to merge into"
        raise InputError(f"argument: {asked.action} needs {wanted}")
    if asked.action == "merge":
        argument = _existing(dejalog, generation, argument)
        if argument == canonical:
            raise InputError(f"argument: pattern {canonical} cannot be merged into itself")
    edit = PatternEdit(canonical, asked.action, argument if asked.action in {"rename", "merge"} else "", time.time_ns())
    dejalog.apply_edit(edit)
    return edit


def _window_and_skipped(dejalog: Dejalog, asked: PatternsRequest, as_of_ns: int | None) -> tuple[Window, int]:
    if not asked.cursor:
        return read_window(asked.start, asked.end, dejalog.store, default_ns=None, as_of_ns=as_of_ns), 0
    window, skipped = unpack_cursor(asked.cursor)
    if type(skipped) is not int or not 0 <= skipped < 1 << 40:
        raise not_a_cursor()
    return window, skipped


def _ordered(counts: PatternCounts, asked: PatternsRequest) -> pl.DataFrame:
    rows = counts.rows if asked.state == "all" else counts.rows.filter(pl.col("state") == asked.state)
    if asked.order == "count":
        return rows
    if asked.order == "rare":
        return rows.sort("count", "pattern_id")
    return rows.sort("first_ns", "pattern_id", descending=[asked.order == "newest", False])


def _existing(dejalog: Dejalog, generation: Generation, pattern_id: str) -> str:
    canonical = canonical_pattern_id(pattern_id, generation.patterns)
    if generation.patterns.patterns["pattern_id"].is_in([canonical]).any():
        return canonical
    if dejalog.store.signatures()["signature"].is_in([int(canonical, 16)]).any():
        return canonical
    raise NotFoundError(f"there is no pattern {pattern_id}", hint="GET /v1/patterns lists them")


def _described(dejalog: Dejalog, generation: Generation, pattern_id: str, where: LineFilter) -> dict[str, Any]:
    """What is known of the pattern whatever the window. Raises NotFoundError."""
    assert where.signatures is not None
    wanted = pl.DataFrame({"signature": where.signatures}, schema={"signature": pl.UInt64})
    founders = dejalog.store.signatures().join(wanted, on="signature", how="semi").sort("first_ns", "signature")
    if founders.is_empty():
        raise NotFoundError(f"there is no pattern {pattern_id}", hint="GET /v1/patterns lists them")
    mined = generation.patterns.patterns.filter(pl.col("pattern_id") == pattern_id)
    example = str(founders["message"][0])
    template = str(mined["template"][0]) if mined.height else example
    touched = {pattern_id, *(signature_hex(each) for each in where.signatures)}
    return {
        "pattern_id": pattern_id,
        "template": template,
        "name": str(mined["name"][0]) if mined.height else template,
        "state": str(mined["state"][0]) if mined.height else "active",
        "example": str(mined["example"][0]) if mined.height else example,
        "first_seen": format_time(founders["first_ns"][0]),
        "signatures": [signature_hex(each) for each in where.signatures],
        "edits": [edit_json(each) for each in dejalog.knowledge.edits() if touched & {each.pattern_id, each.argument}],
        "notes": [note_json(each) for each in dejalog.knowledge.notes() if each.target in touched],
    }


def _counted(dejalog: Dejalog, where: LineFilter, window: Window, buckets: int) -> dict[str, Any]:
    """Counts in the window, from the ledger."""
    rows = dejalog.store.ledger(start_ns=window.start_ns, end_ns=window.end_ns)
    rows = rows.filter(pl.col("signature").is_in(list(where.signatures or ())))
    by_service: Counter[str] = Counter()
    by_level: Counter[str] = Counter()
    by_bucket: Counter[int] = Counter()
    step_ns = max(LEDGER_WINDOW_NS, round_step_ns(window, buckets))
    for service, level, window_ns, count in rows.select("service", "level", "window_ns", "count").iter_rows():
        by_service[service] += count
        by_level[level] += count
        by_bucket[window_ns - window_ns % step_ns] += count
    last_ns = rows["last_ns"].max()
    assert last_ns is None or isinstance(last_ns, int)
    return {
        "count": by_service.total(),
        "services": _by_count(by_service),
        "levels": _by_count(by_level),
        "by_service": [{"service": name, "count": by_service[name]} for name in _by_count(by_service)],
        "by_level": [{"level": name, "count": by_level[name]} for name in _by_count(by_level)],
        "last_seen": None if last_ns is None else format_time(last_ns),
        "step_s": step_ns / 1e9,
        "buckets": [{"time": format_time(start_ns), "count": by_bucket[start_ns]} for start_ns in sorted(by_bucket)],
    }


def _by_count(counter: Counter[str]) -> list[str]:
    return sorted(counter, key=lambda name: (-counter[name], name))
