"""From documents back to lines: the same columns, the same bytes."""

from collections.abc import Iterator, Sequence

import polars as pl

from index.elastic_client import PAGE_HITS, Elastic, Json
from index.elastic_documents import TIME_FORMAT
from index.elastic_query import Query
from index.elastic_template import DIMENSIONS
from index.piece import Deadline
from index.segment import STORED_SCHEMA

_FIELDS = {"time_ns": "@timestamp", "arrival_ns": "arrival", "attributes": "attribute_text"}
"""Columns whose field in a document has another name."""
_UNSIGNED = ("signature", "shape")


def remaining_s(deadline: Deadline | None) -> float | None:
    """Seconds that a request may take. Raises TimeoutError when none are left."""
    if deadline is None or deadline.end is None:
        return None
    if deadline.passed:
        raise TimeoutError("the deadline has passed")
    return max(deadline.left, 0.001)


def fields_of(columns: Sequence[str]) -> list[str]:
    """The fields of documents that columns of lines are made from."""
    return [_FIELDS.get(name, name) for name in columns]


def lines_of(hits: Sequence[Json], columns: Sequence[str] = STORED_SCHEMA.names()) -> pl.DataFrame:
    """The lines of some hits, in their order: these columns of the STORED schema."""
    schema = {_FIELDS.get(name, name): _sent(name) for name in columns}
    sources = [hit["_source"] for hit in hits]
    if not columns:
        return pl.DataFrame(height=len(sources))
    frame = pl.DataFrame({name: [source.get(name) for source in sources] for name in schema}, schema=schema)
    return frame.select(_column(name) for name in columns)


def walk(
    client: Elastic,
    pit: Json,
    query: Query,
    columns: Sequence[str],
    *,
    deadline: Deadline | None = None,
    size: int = PAGE_HITS,
) -> Iterator[pl.DataFrame]:
    """All lines of a query within a point in time, in frames, no promised order. Raises TimeoutError."""
    body: Json = {
        "query": query,
        "size": size,
        "sort": [{"_shard_doc": "asc"}],
        "_source": fields_of(columns) or False,
        "track_total_hits": False,
        **pit,
    }
    while True:
        hits = client.search("", body, timeout_s=remaining_s(deadline))["hits"]["hits"]
        if not hits:
            return
        yield lines_of([{"_source": {}, **hit} for hit in hits], columns)
        if len(hits) < size:
            return
        body = {**body, "search_after": hits[-1]["sort"]}


def _sent(name: str) -> pl.DataType | type[pl.DataType]:
    """The type in which a document has a column."""
    return pl.String if name in {*_UNSIGNED, "time_ns", "arrival_ns"} else STORED_SCHEMA[name]


def _column(name: str) -> pl.Expr:
    column = pl.col(_FIELDS.get(name, name)).alias(name)
    if name in {"time_ns", "arrival_ns"}:
        return column.str.to_datetime(TIME_FORMAT, time_unit="ns").cast(pl.Int64).alias(name)
    if name in _UNSIGNED:
        return column.str.to_integer(base=16, dtype=pl.UInt64)
    return column.fill_null("") if name in DIMENSIONS else column
