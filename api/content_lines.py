"""What is read of lines, as plain values: pages of them, counts over time and by value, one line and its neighbours.

The JSON routes reply it as it is, the web page shows it.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from api.line_json import evidence_json, lines_json
from api.models import ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest, SearchRequest, Selection
from api.parts import Dejalog
from api.read_window import (
    LINES_WINDOW_NS,
    Window,
    deadline_s,
    line_filter,
    not_a_cursor,
    pack_cursor,
    read_window,
    unpack_cursor,
)
from api.reply import Content
from api.time_text import SECOND_NS, format_time, parse_duration_s
from ingest.errors import InputError, NotFoundError
from ingest.line import line_id as id_of
from ingest.line import split_line_id

ROUND_STEPS_S = (
    0.001,
    0.01,
    0.1,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    604800,
)
MAX_BUCKETS = 10_000


def search_content(dejalog: Dejalog, asked: SearchRequest, *, with_total: bool = True) -> Content:
    """A page of lines that match; `with_total` as in `LineReader.search`."""
    if asked.cursor:
        window, inner = unpack_cursor(asked.cursor)
        if not isinstance(inner, str):
            raise not_a_cursor()
    else:
        window, inner = lines_window(dejalog, asked), None
    generation = dejalog.generation()
    page = dejalog.store.search(
        line_filter(asked, window, generation),
        limit=asked.limit,
        cursor=inner,
        order=asked.order,
        deadline_s=deadline_s(asked, dejalog),
        with_total=with_total,
    )
    content = {
        "lines": lines_json(page.lines, generation.patterns),
        "total": page.total,
        "total_exact": page.total_exact,
        "cursor": pack_cursor(window, page.cursor) if page.cursor is not None else None,
        "window": window.json(),
    }
    return Content(content, page.partial)


def histogram_content(dejalog: Dejalog, asked: HistogramRequest) -> Content:
    """Counts over time, by level."""
    window = lines_window(dejalog, asked)
    step_ns = _step_ns(asked, window)
    where = line_filter(asked, window, dejalog.generation())
    counted = dejalog.store.histogram(where, step_ns=step_ns, deadline_s=deadline_s(asked, dejalog))
    buckets: dict[int, dict[str, Any]] = {}
    for row in counted.rows.iter_rows(named=True):
        empty = {"time": format_time(row["bucket_ns"]), "count": 0, "levels": {}}
        bucket = buckets.setdefault(row["bucket_ns"], empty)
        bucket["count"] += row["count"]
        bucket["levels"][row["level"]] = row["count"]
    content = {
        "buckets": [buckets[key] for key in sorted(buckets)],
        "step_s": step_ns / SECOND_NS,
        "total": int(counted.rows["count"].sum()),
        "total_exact": not counted.partial,
        "window": window.json(),
    }
    return Content(content, counted.partial)


def round_step_ns(window: Window, buckets: int) -> int:
    """A round width that cuts the window into at most about `buckets`."""
    wanted_s = max(window.end_ns - window.start_ns, 1) / SECOND_NS / buckets
    return int(next((each for each in ROUND_STEPS_S if each >= wanted_s), wanted_s) * SECOND_NS)


def _step_ns(asked: HistogramRequest, window: Window) -> int:
    if asked.step is None:
        return round_step_ns(window, asked.buckets)
    width_ns = max(window.end_ns - window.start_ns, 1)
    step_ns = int(parse_duration_s(asked.step, name="step") * SECOND_NS)
    if step_ns < 1 or width_ns // step_ns > MAX_BUCKETS:
        raise InputError(f"step: {asked.step!r} makes more than {MAX_BUCKETS} buckets", hint="use a wider step")
    return step_ns


def facets_content(dejalog: Dejalog, asked: FacetsRequest) -> Content:
    """The most frequent values of fields."""
    window = lines_window(dejalog, asked)
    where = line_filter(asked, window, dejalog.generation())
    counted = dejalog.store.facets(where, asked.fields, limit=asked.limit, deadline_s=deadline_s(asked, dejalog))
    facets: dict[str, list[dict[str, Any]]] = {field: [] for field in asked.fields}
    for row in counted.rows.iter_rows(named=True):
        facets[row["field"]].append({"value": row["value"], "count": row["count"]})
    content = {"facets": facets, "total_exact": not counted.partial, "window": window.json()}
    return Content(content, counted.partial)


def fields_content(dejalog: Dejalog, asked: FieldsRequest) -> Content:
    """The fields that lines have."""
    window = lines_window(dejalog, asked)
    where = line_filter(asked, window, dejalog.generation())
    counted = dejalog.store.fields(where, deadline_s=deadline_s(asked, dejalog))
    rows = counted.rows.sort("count", "field", descending=[True, False]).head(asked.limit)
    content = {"fields": rows.to_dicts(), "total_exact": not counted.partial, "window": window.json()}
    return Content(content, counted.partial)


def line_content(dejalog: Dejalog, line_id: str) -> Content:
    """One line; where retention dropped it, the copy that an incident keeps. Raises NotFoundError."""
    lines = dejalog.store.read([split_line_id(line_id)])
    if lines.height:
        return Content({"line": lines_json(lines, dejalog.generation().patterns)[0], "kept_by": None})
    kept, incident_id = _kept_line(dejalog, line_id)
    return Content({"line": kept, "kept_by": incident_id})


def whole_messages(dejalog: Dejalog, wanted: Sequence[str]) -> dict[str, str]:
    """The messages of lines by their ids, as they were written; of those that retention dropped, as incidents keep
    them. What neither has is left out.
    """
    lines = dejalog.store.read([split_line_id(each) for each in wanted])
    rows = lines.select("source", "position", "message").iter_rows()
    found = {id_of(source, position): message for source, position, message in rows}
    for each in wanted:
        if each not in found:
            with contextlib.suppress(NotFoundError):
                found[each] = _kept_line(dejalog, each)[0]["message"]
    return found


def context_content(dejalog: Dejalog, line_id: str, asked: ContextRequest) -> Content:
    """A line and its neighbours in the same source by position, oldest first. Raises NotFoundError."""
    source, position = split_line_id(line_id)
    lines = dejalog.store.context(source, position, before=asked.before, after=asked.after)
    if lines.height:
        shown, incident_id = lines_json(lines, dejalog.generation().patterns), None
        times = lines["time_ns"].sort()
        window = Window(times[0], times[-1] + 1, assumed=False).json()
    else:
        kept, incident_id = _kept_line(dejalog, line_id)
        shown, window = [kept], {"start": kept["time"], "end": kept["time"], "assumed": False}
    return Content({"lines": shown, "line_id": line_id, "kept_by": incident_id, "window": window})


def lines_window(dejalog: Dejalog, asked: Selection) -> Window:
    """The window that a read of lines really uses."""
    return read_window(asked.start, asked.end, dejalog.store, default_ns=LINES_WINDOW_NS)


def _kept_line(dejalog: Dejalog, line_id: str) -> tuple[dict[str, Any], str]:
    for incident in dejalog.generation().incidents:
        for line in incident.evidence:
            if line.id == line_id:
                return evidence_json(line), incident.incident_id
    raise NotFoundError(f"there is no line {line_id[:80]}", hint="it may have been dropped by retention")
