"""Lines that an append which broke off has left: found in whichever day it kept them, so that they are written once."""

from collections.abc import Sequence

import polars as pl

from index.elastic_lines import walk
from index.elastic_query import Query, both, either
from index.elastic_read import Reader
from ingest.line_sink import SourceRange

_KEY = ["source", "position"]
_PARTS_AT_ONCE = 500
"""Clauses of one query. A guess: Elasticsearch accepts some thousands."""


def without_left(reader: Reader, lines: pl.DataFrame, parts: Sequence[SourceRange]) -> pl.DataFrame:
    """The lines but those that are there already; `parts`: of which bytes some may be. Costs a scan of these."""
    if not parts:
        return lines
    reader.client.refresh(reader.index)
    with reader.client.point_in_time(reader.index) as pit:
        found = [
            frame
            for start in range(0, len(parts), _PARTS_AT_ONCE)
            for frame in walk(reader.client, pit, either(*map(_within, parts[start : start + _PARTS_AT_ONCE])), _KEY)
        ]
    return lines.join(pl.concat(found), on=_KEY, how="anti", maintain_order="left") if found else lines


def _within(part: SourceRange) -> Query:
    span = {"gte": part.start, "lt": part.end}
    return both({"term": {"source": part.source}}, {"range": {"position": span}})
