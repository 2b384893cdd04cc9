"""Counting lines in Elasticsearch: every bucket is read, page by page, so that sums are exact whatever their number."""

from collections import Counter
from collections.abc import Iterator, Sequence

import polars as pl

from index.elastic_client import Json
from index.elastic_lines import lines_of, remaining_s, walk
from index.elastic_query import DIMENSION_FIELDS, Asked, Query, both, holds_key, is_plain, negated, span_query
from index.elastic_read import Reader, doubtful, total_of
from index.ledger import LEDGER_SCHEMA, joined_ledgers
from index.line_store import LEDGER_WINDOW_NS, Counted, HighWater
from index.piece import Deadline
from index.query_polars import value_of
from index.query_scan import FIELDS_BUILT_IN, NAMES_BUILT_IN
from index.read_counts import (
    FACET_SCHEMA,
    FIELD_SCHEMA,
    HISTOGRAM_SCHEMA,
    MOST_FACET_VALUES,
    attribute_keys,
    facet_of,
    most_frequent,
    summed_counts,
)
from ingest.errors import InputError

BUCKETS_AT_ONCE = 10_000
"""Buckets of one page. A guess; Elasticsearch accepts 65,536."""
_MS = 1_000_000
_NO_DEADLINE = Deadline(None)
_COUNTED_COLUMNS = ("time_ns", "level")


def buckets(
    reader: Reader, pit: Json, query: Query, sources: Sequence[Json], *, aggs: Json | None = None, deadline: Deadline
) -> Iterator[list[Json]]:
    """All buckets of a composite aggregation, in pages. Raises TimeoutError."""
    after: Json | None = None
    while True:
        body = buckets_body(query, sources, aggs=aggs, after=after) | pit
        found = reader.client.search("", body, timeout_s=remaining_s(deadline))
        rows = buckets_of(found)
        if rows:
            yield rows
        if len(rows) < BUCKETS_AT_ONCE or "after_key" not in found["aggregations"]["all"]:
            return
        after = found["aggregations"]["all"]["after_key"]


def buckets_body(query: Query, sources: Sequence[Json], *, aggs: Json | None = None, after: Json | None = None) -> Json:
    """The search for one page of buckets."""
    composite = {"size": BUCKETS_AT_ONCE, "sources": list(sources)} | ({"after": after} if after else {})
    every = {"composite": composite} | ({"aggs": aggs} if aggs else {})
    return {"query": query, "size": 0, "track_total_hits": False, "aggs": {"all": every}}


def buckets_of(found: Json) -> list[Json]:
    """The buckets in the reply to `buckets_body`; none where no index was asked."""
    rows: list[Json] = found.get("aggregations", {}).get("all", {}).get("buckets", [])
    return rows


def source(field: str, name: str = "") -> Json:
    """A source of a composite aggregation: the values of a keyword, lines without one included."""
    return {name or field: {"terms": {"field": field, "missing_bucket": True}}}


def histogram(reader: Reader, asked: Asked, *, step_ns: int, deadline: Deadline) -> Counted:
    """See `LineReader.histogram`."""
    if step_ns <= 0:
        raise InputError(f"the step is {step_ns} ns; it must be greater than 0")
    parts: list[pl.DataFrame] = [HISTOGRAM_SCHEMA.to_frame()]
    partial = False
    try:
        with reader.client.point_in_time(reader.index) as pit:
            for part in _histogram_parts(reader, pit, asked, step_ns, deadline):
                parts.append(part.select(HISTOGRAM_SCHEMA.names()))  # noqa: PERF401  # kept when the next one is late
    except TimeoutError:
        partial = True
    return Counted(summed_counts(pl.concat(parts), HISTOGRAM_SCHEMA), partial=partial)


def _histogram_parts(
    reader: Reader, pit: Json, asked: Asked, step_ns: int, deadline: Deadline
) -> Iterator[pl.DataFrame]:
    """Elasticsearch's own buckets begin at whole milliseconds; for others the lines are read."""
    remaining_s(deadline)
    if step_ns % _MS:
        for frame in walk(reader.client, pit, asked.bounds.sure, _COUNTED_COLUMNS, deadline=deadline):
            yield _bucketed(frame, step_ns)
    else:
        times = {"bucket": {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{step_ns // _MS}ms"}}}
        for rows in buckets(reader, pit, asked.bounds.sure, [times, source("level")], deadline=deadline):
            yield pl.DataFrame(
                [(row["key"]["bucket"] * _MS, row["key"]["level"] or "", row["doc_count"]) for row in rows],
                schema=HISTOGRAM_SCHEMA,
                orient="row",
            )
    for frame in doubtful(reader, pit, asked, _COUNTED_COLUMNS, deadline):
        yield _bucketed(frame, step_ns)


def _bucketed(lines: pl.DataFrame, step_ns: int) -> pl.DataFrame:
    bucket = (pl.col("time_ns") // step_ns * step_ns).alias("bucket_ns")
    return lines.group_by(bucket, "level").agg(pl.len().cast(pl.Int64).alias("count"))


def facets(reader: Reader, asked: Asked, names: Sequence[str], *, limit: int, deadline: Deadline) -> Counted:
    """See `LineReader.facets`. Lines without a value of the field are not counted for it."""
    held, partial = FACET_SCHEMA.to_frame(), False
    try:
        with reader.client.point_in_time(reader.index) as pit:
            for part in _facet_parts(reader, pit, asked, list(dict.fromkeys(names)), deadline):
                held = summed_counts(pl.concat([held, part.select(FACET_SCHEMA.names())]), FACET_SCHEMA)
                if held.height > MOST_FACET_VALUES * len(names):
                    held, partial = most_frequent(held, names, MOST_FACET_VALUES), True
    except TimeoutError:
        partial = True
    return Counted(most_frequent(held, names, limit), partial=partial)


def _facet_parts(
    reader: Reader, pit: Json, asked: Asked, names: Sequence[str], deadline: Deadline
) -> Iterator[pl.DataFrame]:
    remaining_s(deadline)
    sure = asked.bounds.sure
    for name in names:
        if name in DIMENSION_FIELDS:
            yield from _counted_values(reader, pit, both(sure, {"exists": {"field": name}}), name, name, deadline)
        elif name in NAMES_BUILT_IN:
            yield from _read_values(reader, pit, sure, name, deadline)
        else:
            told = both(sure, is_plain(name))
            yield from _counted_values(reader, pit, told, f"attributes.{name}", name, deadline)
            others = both(sure, holds_key(name), negated(is_plain(name)))
            yield from _read_values(reader, pit, others, name, deadline)
    columns: set[str] = set()
    values = {name: value_of(name, columns) for name in names}
    for frame in doubtful(reader, pit, asked, sorted(columns), deadline):
        for name, value in values.items():
            yield facet_of(frame, name, value, pl.len())


def _counted_values(
    reader: Reader, pit: Json, query: Query, field: str, name: str, deadline: Deadline
) -> Iterator[pl.DataFrame]:
    """A source stands before that of the field: Elasticsearch 8.19 counts keys of `flattened` twice where such a one
    is the first.
    """
    for rows in buckets(reader, pit, query, [source("level", "first"), source(field, "value")], deadline=deadline):
        counted = [(name, row["key"]["value"] or "", row["doc_count"]) for row in rows]
        yield pl.DataFrame(counted, schema=FACET_SCHEMA, orient="row").filter(pl.col("value") != "")


def _read_values(reader: Reader, pit: Json, query: Query, name: str, deadline: Deadline) -> Iterator[pl.DataFrame]:
    columns: set[str] = set()
    value = value_of(name, columns)
    for frame in walk(reader.client, pit, query, sorted(columns), deadline=deadline):
        yield facet_of(frame, name, value, pl.len())


def fields(reader: Reader, asked: Asked, *, deadline: Deadline) -> Counted:
    """See `LineReader.fields`, by count then name."""
    counts: Counter[str] = Counter()
    partial = False
    try:
        remaining_s(deadline)
        with reader.client.point_in_time(reader.index) as pit:
            counts.update(_present_fields(reader, pit, asked.bounds.sure, deadline))
            for rows in buckets(
                reader, pit, asked.bounds.sure, [{"key": {"terms": {"field": "keys"}}}], deadline=deadline
            ):
                counts.update({row["key"]["key"]: row["doc_count"] for row in rows})
            for frame in doubtful(reader, pit, asked, [*_FIELD_COLUMNS, "attributes"], deadline):
                present = frame.select([(pl.col(name) != "").sum() for name in _FIELD_COLUMNS])
                counts.update(dict(zip(_FIELD_COLUMNS, present.row(0), strict=True)))
                counts.update({"message": frame.height})
                counts.update(attribute_keys(frame["attributes"]))
    except TimeoutError:
        partial = True
    found = [(name, count) for name, count in counts.items() if count]
    frame = pl.DataFrame(found, schema=FIELD_SCHEMA, orient="row")
    return Counted(frame.sort("count", "field", descending=[True, False]), partial=partial)


_FIELD_COLUMNS = [name for name in FIELDS_BUILT_IN if name != "message"]


def _present_fields(reader: Reader, pit: Json, query: Query, deadline: Deadline) -> dict[str, int]:
    """How many lines have which built-in field."""
    filters = {name: {"exists": {"field": name}} for name in _FIELD_COLUMNS}
    body = {
        "query": query,
        "size": 0,
        "track_total_hits": True,
        "aggs": {"present": {"filters": {"filters": filters}}},
        **pit,
    }
    found = reader.client.search("", body, timeout_s=remaining_s(deadline))
    rows = found.get("aggregations", {}).get("present", {}).get("buckets", {})
    counts = {name: row["doc_count"] for name, row in rows.items()}
    return counts | {"message": total_of(found)}


def count_ledger(reader: Reader, query: Query) -> pl.DataFrame:
    """The ledger of the lines of a query, by its keys."""
    window = {"window": {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{LEDGER_WINDOW_NS // _MS}ms"}}}
    sources = [window, *(source(name) for name in ("service", "level", "signature", "shape"))]
    aggs = {"first": {"min": {"field": "offset"}}, "last": {"max": {"field": "offset"}}}
    with reader.client.point_in_time(reader.index) as pit:
        pages = buckets(reader, pit, query, sources, aggs=aggs, deadline=_NO_DEADLINE)
        return joined_ledgers([_ledger_rows(rows) for rows in pages])


def _ledger_rows(rows: Sequence[Json]) -> pl.DataFrame:
    """Offsets within a window are small enough to come back exact; times would not be."""
    keys = [row["key"] for row in rows]
    frame = pl.DataFrame(
        {
            "window_ns": [key["window"] * _MS for key in keys],
            "service": [key["service"] or "" for key in keys],
            "level": [key["level"] or "" for key in keys],
            "signature": [key["signature"] for key in keys],
            "shape": [key["shape"] for key in keys],
            "count": [row["doc_count"] for row in rows],
            "first_ns": [int(row["first"]["value"]) for row in rows],
            "last_ns": [int(row["last"]["value"]) for row in rows],
        }
    )
    return frame.with_columns(
        pl.col("signature", "shape").str.to_integer(base=16, dtype=pl.UInt64),
        pl.col("first_ns", "last_ns") + pl.col("window_ns"),
    ).cast(LEDGER_SCHEMA)


def high_water(reader: Reader, *, before_ns: int | None) -> HighWater:
    """See `LineReader.high_water`. One round trip."""
    return high_water_of(reader.client.searches(reader.index, high_water_bodies(before_ns)))


def high_water_bodies(before_ns: int | None) -> list[Json]:
    """The searches for the ends of what is held."""
    query = span_query(None, before_ns)
    return [
        {"query": query, "size": 1, "sort": [{"@timestamp": direction}], "track_total_hits": direction == "asc"}
        for direction in ("asc", "desc")
    ]


def high_water_of(replies: Sequence[Json]) -> HighWater:
    """What the replies to `high_water_bodies` say."""
    lines = total_of(replies[0])
    if not lines:
        return HighWater(0, None, None)
    low, high = (lines_of(found["hits"]["hits"], ["time_ns"])["time_ns"][0] for found in replies)
    return HighWater(lines, low, high)
