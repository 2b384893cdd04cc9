"""A batch of reads as one multi-search. Further round trips are made only for what its replies have no room for: more
doubtful lines, carriers of an id or counts than one page of each holds.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import orjson
import polars as pl

from index import elastic_count, elastic_read
from index.elastic_client import Json
from index.elastic_lines import lines_of, walk
from index.elastic_query import Asked, Query, asked, both, either
from index.elastic_read import Page, Reader, total_of
from index.elastic_signatures import Signatures
from index.ledger import folded_tally
from index.line_store import (
    CARRIERS_S,
    READS_S,
    Carriers,
    HighWater,
    Later,
    LineFilter,
    LinePage,
    Order,
)
from index.piece import Deadline
from index.read_batch import is_carrier, of_signatures, summed_tally, too_late
from index.segment import STORED_SCHEMA
from index.view import View

T = TypeVar("T")
DOUBTFUL_HITS = 1_000
"""Lines that are read along with a query which only they can decide. A guess: some 300 KB."""
_KEYS = ("service", "signature", "shape")
_UNSIGNED = ("signature", "shape")


class ElasticBatch:
    """A ReadBatch over indices of lines. The table of signatures is brought up to date on the way."""

    def __init__(self, reader: Reader, signatures: Signatures) -> None:
        self._reader = reader
        self._signatures = signatures
        self._places: dict[bytes, int] = {}
        self._searches: list[tuple[str, Json]] = []
        self._takers: list[Callable[[Sequence[Json]], None]] = []
        self._deadline = Deadline(None)

    def search(self, where: LineFilter, *, limit: int, order: Order = "newest") -> Later[LinePage]:
        """See ReadBatch."""
        wanted = self._asked(where)
        sure = self._add(elastic_read.page_body(wanted.bounds.sure, limit, order))
        doubt = self._add_doubt(wanted, order)

        def taken(replies: Sequence[Json]) -> LinePage:
            page, total = elastic_read.page_of(replies[sure], limit), total_of(replies[sure])
            if doubt is None:
                return page.shown(total, order, is_exact=True)
            if total_of(replies[doubt]) > DOUBTFUL_HITS:
                return elastic_read.search(
                    self._reader, wanted, limit=limit, cursor=None, order=order, deadline=self._deadline
                )
            decided = _decided(wanted, replies[doubt])
            late = page.partial or bool(replies[doubt].get("timed_out"))
            return _joined(page, decided, limit, order, late=late).shown(total + decided.height, order, is_exact=True)

        return self._later(taken)

    def count(self, where: LineFilter) -> Later[int]:
        """See ReadBatch."""
        wanted = self._asked(where)
        sure = self._add({"query": wanted.bounds.sure, "size": 0, "track_total_hits": True})
        doubt = self._add_doubt(wanted, "newest")

        def taken(replies: Sequence[Json]) -> int:
            if doubt is None:
                return total_of(_in_time(replies[sure]))
            if total_of(_in_time(replies[doubt])) > DOUBTFUL_HITS:
                return self._counted_apart(wanted)
            return total_of(_in_time(replies[sure])) + _decided(wanted, replies[doubt]).height

        return self._later(taken)

    def tally(self, where: LineFilter) -> Later[pl.DataFrame]:
        """See ReadBatch. The filter's query must be one that Elasticsearch decides; signatures are chosen here."""
        near = self._asked(where).bounds.maybe
        sources = [elastic_count.source(name) for name in _KEYS]
        place = self._add(elastic_count.buckets_body(near, sources))

        def taken(replies: Sequence[Json]) -> pl.DataFrame:
            rows = elastic_count.buckets_of(_in_time(replies[place]))
            if len(rows) == elastic_count.BUCKETS_AT_ONCE:
                rows = self._all_buckets(near, sources)
            return self._tally(rows, where.signatures)

        return self._later(taken)

    def carriers(self, text: str, where: LineFilter, *, limit: int) -> Later[Carriers | Literal["late"]]:
        """See ReadBatch."""
        wanted = self._asked(where)
        may_carry = both(wanted.bounds.maybe, _may_carry(text))
        place = self._add(_hits_body(may_carry, "newest"))

        def taken(replies: Sequence[Json]) -> Carriers | Literal["late"]:
            reply = replies[place]
            if reply.get("timed_out"):
                return "late"
            frames = [lines_of(reply["hits"]["hits"])]
            if total_of(reply) > DOUBTFUL_HITS:
                try:
                    frames = self._walked(may_carry)
                except TimeoutError:
                    return "late"
            found = pl.concat([wanted.decide(frame).filter(is_carrier(text)) for frame in frames])
            newest = found.sort("time_ns", "source", "position", descending=True)
            return Carriers(newest.head(limit), found.height)

        return self._later(taken)

    def read(self, ids: Sequence[tuple[str, int]]) -> Later[pl.DataFrame]:
        """See ReadBatch."""
        places = [self._add(body) for body in elastic_read.read_bodies(ids)]
        return self._later(lambda replies: elastic_read.lines_read([_in_time(replies[place]) for place in places]))

    def high_water(self, *, before_ns: int) -> Later[HighWater]:
        """See ReadBatch."""
        places = [self._add(body) for body in elastic_count.high_water_bodies(before_ns)]
        return self._later(lambda replies: elastic_count.high_water_of([_in_time(replies[place]) for place in places]))

    def run(self) -> None:
        """See ReadBatch."""
        self._deadline = Deadline(READS_S)
        replies, changed = self._replies() if self._searches else ([], [])
        for take in self._takers:
            take(replies)
        self._signatures.take(changed)

    def _replies(self) -> tuple[list[Json], list[Json]]:
        """Replies to the searches, and what changed among the signatures."""
        searches = [*self._searches, self._signatures.changes()]
        try:
            *replies, changed = self._reader.client.searches_of(searches, timeout_s=READS_S)
        except TimeoutError as fault:
            raise too_late() from fault
        return replies, changed["hits"]["hits"]

    def _asked(self, where: LineFilter) -> Asked:
        return asked(where, lambda: self._signatures.table_with(where.signatures or ()))

    def _add(self, body: Json) -> int:
        """The place of the reply to a search; the same search is only made once."""
        timed = body | {"timeout": f"{READS_S * 900:.0f}ms"}
        key = orjson.dumps(timed)
        if key not in self._places:
            self._places[key] = len(self._searches)
            self._searches.append((self._reader.index, timed))
        return self._places[key]

    def _add_doubt(self, wanted: Asked, order: Order) -> int | None:
        return None if wanted.bounds.is_exact else self._add(_hits_body(wanted.bounds.doubt, order))

    def _later(self, taken: Callable[[Sequence[Json]], T]) -> Later[T]:
        later = Later[T]()
        self._takers.append(lambda replies: later.put(taken(replies)))
        return later

    def _counted_apart(self, wanted: Asked) -> int:
        try:
            with self._reader.client.point_in_time(self._reader.index) as pit:
                return elastic_read.count(self._reader, pit, wanted, self._deadline)
        except TimeoutError as fault:
            raise too_late() from fault

    def _all_buckets(self, query: Query, sources: Sequence[Json]) -> list[Json]:
        try:
            with self._reader.client.point_in_time(self._reader.index) as pit:
                pages = elastic_count.buckets(self._reader, pit, query, sources, deadline=self._deadline)
                return [row for page in pages for row in page]
        except TimeoutError as fault:
            raise too_late() from fault

    def _walked(self, query: Query) -> list[pl.DataFrame]:
        with self._reader.client.point_in_time(self._reader.index) as pit:
            deadline = Deadline(min(CARRIERS_S, self._deadline.left))
            pages = walk(self._reader.client, pit, query, STORED_SCHEMA.names(), deadline=deadline)
            return [STORED_SCHEMA.to_frame(), *pages]

    def _tally(self, rows: Sequence[Json], signatures: Sequence[int] | None) -> pl.DataFrame:
        """Buckets counted under the signatures that the ledger shows, of these or of all."""
        columns = {name: [row["key"][name] or "" for row in rows] for name in _KEYS}
        counts = pl.Series("count", [row["doc_count"] for row in rows], dtype=pl.Int64)
        frame = pl.DataFrame(columns, schema=dict.fromkeys(_KEYS, pl.String)).with_columns(counts)
        numbered = frame.with_columns(pl.col(*_UNSIGNED).str.to_integer(base=16, dtype=pl.UInt64))
        table = self._signatures.table_with(())
        return summed_tally(of_signatures(folded_tally(numbered, View(flushed_signatures=table).known), signatures))


def _may_carry(text: str) -> Query:
    """Lines among whose attributes the text may stand as a value: where it does, or where the index does not tell."""
    return either({"term": {"attributes": text}}, {"term": {"odd": True}})


def _hits_body(query: Query, order: Order) -> Json:
    return elastic_read.page_body(query, DOUBTFUL_HITS - 1, order)


def _in_time(reply: Json) -> Json:
    """Raises RefusedError when Elasticsearch stopped counting at its time."""
    if reply.get("timed_out"):
        raise too_late()
    return reply


def _decided(wanted: Asked, reply: Json) -> pl.DataFrame:
    return wanted.decide(lines_of(reply["hits"]["hits"]))


def _joined(page: Page, decided: pl.DataFrame, limit: int, order: Order, *, late: bool) -> Page:
    lines = pl.concat([page.lines, decided]).sort("time_ns", "source", "position", descending=order == "newest")
    return Page(lines.head(limit), follows=page.follows or lines.height > limit, partial=late)
