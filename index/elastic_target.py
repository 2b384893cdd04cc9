"""Elasticsearch as the place that another store's lines are moved to: lines first, the bytes they stand for last.

A line's index and id depend on the line alone, so lines that are sent again are met there. Bytes are covered only once
their lines were found complete: a move that ends on the way leaves lines that whoever sends the same bytes again meets.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import polars as pl

from index.elastic_cell import Cell
from index.elastic_client import Elastic, Json
from index.elastic_count import buckets, count_ledger
from index.elastic_documents import DAY_NS, documents
from index.elastic_query import Query, both, either, span_query
from index.elastic_ranges import Ranges
from index.elastic_read import Reader, read, total_of
from index.elastic_sequence import Sequence as SharedSequence
from index.elastic_signatures import Signatures
from index.elastic_template import Names, prepare
from index.elastic_write import LineWriter
from index.ledger import joined_ledgers
from index.piece import Deadline
from index.source_ranges import SourceRanges
from index.store_elastic import ElasticSettings
from ingest.errors import RangeConflictError, RefusedError
from ingest.line_sink import SourceRange

PATIENCE_S = 300.0
"""How long a busy Elasticsearch is waited for: nobody waits for an answer here. A guess."""
_AT_ONCE = 5_000
"""Sources of one question, of which Elasticsearch accepts 65,536; signatures of one request. A guess."""
_SPANS_AT_ONCE = 300
"""Of one question; Elasticsearch accepts at least 1,024 clauses."""
_COVERED_AT_ONCE = 500
_ATTEMPTS = 20
_ANY_NUMBER = 2**31
ARRIVAL_SCHEMA = pl.Schema({"day": pl.Int64, "count": pl.Int64})


class ElasticTarget:
    """Takes lines that are stored elsewhere and tells what became of them. Safe to use from many threads."""

    def __init__(self, client: Elastic, settings: ElasticSettings) -> None:
        """Templates and small indices are made if they are missing. Raises RefusedError, EngineError."""
        self._client = client
        self._names = Names(settings.prefix)
        prepare(client, self._names, shards=settings.shards, replicas=settings.replicas)
        self._ranges = Ranges(client, self._names)
        self._sequence = SharedSequence(client, self._names)
        # What the other store counts by itself stays so, beyond the budget if need be.
        self._signatures = Signatures(client, self._names, budget=_ANY_NUMBER)
        self._writer = LineWriter(client, self._names, dataclasses.replace(settings.write, retry_s=PATIENCE_S))
        self._reader = Reader(client, self._names.lines)

    def take_signatures(self, rows: pl.DataFrame) -> None:
        """Remember signatures with their earliest lines (SIGNATURE_SCHEMA); those that are there stay where they are
        earlier. Lines are taken without their signatures: bring these first.
        """
        for start in range(0, rows.height, _AT_ONCE):
            self._signatures.merge(rows.slice(start, _AT_ONCE))

    def signatures(self) -> pl.DataFrame:
        """All that are remembered: SIGNATURE_SCHEMA."""
        return self._signatures.table()

    def take(self, lines: pl.DataFrame) -> None:
        """Have lines (LINE_SCHEMA) here, searchable on return; those that are here already are left as they are. Their
        bytes are not covered by this. Raises RefusedError, with some of them taken: take the same again.
        """
        block = self._sequence.reserve(lines.height)
        try:
            days = documents(lines, block.first)
            for day in days:
                self._writer.write(day, step=block.keep)
            self._client.refresh(*(self._names.day(day.day) for day in days))
        finally:
            block.release()

    def refused_lines(self) -> int:
        """Lines that Elasticsearch will never take; they lie in the dead-letter index with its reasons."""
        return self._writer.counters().get("dead", 0)

    def cover(self, ranges: Sequence[SourceRange]) -> None:
        """Remember these bytes as stored; what of them is covered already may be any part."""
        for start in range(0, len(ranges), _COVERED_AT_ONCE):
            self._cover(ranges[start : start + _COVERED_AT_ONCE])

    def _cover(self, ranges: Sequence[SourceRange]) -> None:
        for _ in range(_ATTEMPTS):
            held = self.held(ranges)
            parts = [part for covered in ranges for part in held.missing(covered)]
            try:
                if parts:
                    self._ranges.add(parts, self._ranges.check(parts))
            except RangeConflictError:  # somebody stored some of them meanwhile
                continue
            return
        raise RefusedError(f"{_ATTEMPTS} attempts to cover the bytes of {ranges[0].source} met other writers")

    def held(self, ranges: Sequence[SourceRange]) -> SourceRanges:
        """All that is covered of the sources of these ranges."""
        return self._ranges.of(sorted({covered.source for covered in ranges}))

    def ledger(self, where: "LinesOf", *, start_ns: int, end_ns: int) -> pl.DataFrame:
        """Exact counts of moved lines of a span: LEDGER_SCHEMA, signatures as the lines have them."""
        span = span_query(start_ns, end_ns)
        return joined_ledgers([count_ledger(self._reader, both(query, span)) for query in where.queries])

    def arrivals(self, where: "LinesOf", *, start_ns: int, end_ns: int) -> pl.DataFrame:
        """How many of them came on which day: ARRIVAL_SCHEMA, days since 1970."""
        span = span_query(start_ns, end_ns)
        day: Json = {"day": {"date_histogram": {"field": "arrival", "fixed_interval": "1d"}}}
        rows: list[tuple[int, int]] = []
        with self._client.point_in_time(self._reader.index) as pit:
            for query in where.queries:
                for page in buckets(self._reader, pit, both(query, span), [day], deadline=Deadline(None)):
                    rows += [(row["key"]["day"] * 1_000_000 // DAY_NS, row["doc_count"]) for row in page]
        frame = pl.DataFrame(rows, schema=ARRIVAL_SCHEMA, orient="row")
        return frame.group_by("day").agg(pl.col("count").sum()).sort("day")

    def count(self, where: "LinesOf") -> int:
        """How many there are at any time."""
        bodies = [{"query": query, "size": 0, "track_total_hits": True} for query in where.queries]
        replies = self._client.searches(self._reader.index, bodies) if bodies else []
        return sum(map(total_of, replies))

    def read(self, ids: Sequence[tuple[str, int]]) -> pl.DataFrame:
        """See LineReader."""
        return read(self._reader, ids)

    def mark(self, name: str) -> Cell:
        """A document that tells how far a move of this name has come."""
        return Cell(self._client, self._names.state, f"moved-{name}")

    def lines_of(self, ranges: Sequence[SourceRange]) -> "LinesOf":
        """The lines that start in these ranges and no others, though other lines of the same sources may be here."""
        return LinesOf(tuple(_queries(ranges, self.held(ranges))))


@dataclasses.dataclass(frozen=True)
class LinesOf:
    """Which lines were moved, in questions that no line fits twice."""

    queries: tuple[Query, ...]


def _queries(ranges: Sequence[SourceRange], held: SourceRanges) -> Iterator[Query]:
    """Sources of which nothing else is covered are asked for by name, which is cheap; others by their positions."""
    moved = SourceRanges(ranges)
    sources = sorted({covered.source for covered in ranges})
    alone = [source for source in sources if not any(moved.missing(covered) for covered in held.of(source))]
    for start in range(0, len(alone), _AT_ONCE):
        yield {"terms": {"source": alone[start : start + _AT_ONCE]}}
    spans = [_span(covered) for source in sorted(set(sources) - set(alone)) for covered in moved.of(source)]
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        yield either(*spans[start : start + _SPANS_AT_ONCE])


def _span(covered: SourceRange) -> Query:
    position = {"range": {"position": {"gte": covered.start, "lt": covered.end}}}
    return both({"term": {"source": covered.source}}, position)
