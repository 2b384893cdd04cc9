"""The line store on Elasticsearch: one index a day, any number of processes that write and read at once.

An append marks the ranges it begins with, writes lines, then the signatures they bring, then covers the ranges. What an
interrupted append left is marked and not covered: the same bytes sent again look for their lines, add what is missing,
and cover them.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import polars as pl

from index import elastic_count, elastic_read, elastic_retain
from index.append_check import check_lines
from index.elastic_batch import ElasticBatch
from index.elastic_client import Elastic
from index.elastic_documents import documents
from index.elastic_ledger import Ledgers
from index.elastic_leftover import without_left
from index.elastic_query import Asked, asked
from index.elastic_ranges import Ranges
from index.elastic_read import Reader
from index.elastic_sequence import Block
from index.elastic_sequence import Sequence as SharedSequence
from index.elastic_signatures import Signatures
from index.elastic_template import Names, prepare
from index.elastic_write import LineWriter, WriteSettings
from index.ledger import folded
from index.line_store import Counted, HighWater, LineFilter, LinePage, Order, ReadBatch, StoreStatus
from index.piece import Deadline
from index.view import View
from ingest.line_sink import SourceRange


@dataclasses.dataclass(frozen=True)
class ElasticSettings:
    """What a store on Elasticsearch is told when it is opened."""

    prefix: str = "dejalog"
    """What the names of its indices begin with."""
    shards: int = 1
    """Of a day's index. One holds some tens of GB."""
    replicas: int = 0
    """Copies of each shard; 1 or more where a node may be lost."""
    signature_budget: int = 5_000
    """As that of the embedded store."""
    write: WriteSettings = dataclasses.field(default_factory=WriteSettings)


class ElasticsearchStore:
    """A `LineStore`. Safe to use from many threads, and beside other processes with the same indices."""

    def __init__(self, client: Elastic, settings: ElasticSettings | None = None) -> None:
        """Templates and small indices are made if they are missing. Raises RefusedError, EngineError."""
        settings = settings or ElasticSettings()
        self._client = client
        self._names = Names(settings.prefix)
        prepare(client, self._names, shards=settings.shards, replicas=settings.replicas)
        self._ranges = Ranges(client, self._names)
        self._sequence = SharedSequence(client, self._names)
        self._signatures = Signatures(client, self._names, budget=settings.signature_budget)
        self._writer = LineWriter(client, self._names, settings.write)
        self._reader = Reader(client, self._names.lines)
        self._ledgers = Ledgers(self._reader)

    # ---- writing -------------------------------------------------------------------------------------------------

    def missing(self, covers: SourceRange) -> list[SourceRange]:
        """See LineSink."""
        return self._ranges.missing(covers)

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
        """See LineSink. Raises RefusedError, with an unknown part of the lines written and none covered, when
        Elasticsearch does not answer or is too busy: append the same again.
        """
        kept = tuple(covered for covered in covers if covered.start < covered.end)
        check_lines(lines, kept)
        if not kept:
            return
        known = self._ranges.check(kept)
        if not lines.height:
            self._ranges.add(kept, known)
            return
        block = self._sequence.reserve(lines.height, beside=self._ranges.marks(kept, known))
        try:
            self._write(lines, block, self._ranges.begin(kept, known, block.beside))
            self._ranges.add(kept, known, block=block)
        except BaseException:
            block.release()
            raise

    def _write(self, lines: pl.DataFrame, block: Block, begun: Sequence[SourceRange]) -> None:
        """Have the lines searchable, those included that other appends which had begun these parts have left."""
        days = documents(without_left(self._reader, lines, begun), block.first)
        for day in days:
            self._writer.write(day, step=block.keep)
        self._signatures.add(lines)
        self._client.refresh(*(self._names.day(day.day) for day in days))

    def counters(self) -> dict[str, int]:
        """See KeptStore."""
        return self._writer.counters()

    def drop_before(self, cutoff_ns: int) -> int:
        """See LineStore. A partition is a day."""
        return elastic_retain.drop_before(self._client, self._names, cutoff_ns)

    def drop_to_size(self, max_bytes: int) -> int:
        """See LineStore. What is counted are the indices of lines, copies included."""
        return elastic_retain.drop_to_size(self._client, self._names, max_bytes)

    def has_expired(self, cutoff_ns: int) -> bool:
        """See KeptStore."""
        return elastic_retain.has_expired(self._client, self._names, cutoff_ns)

    def maintain(self) -> bool:
        """See KeptStore. Elasticsearch keeps its own house."""
        return False

    def disk_bytes(self, *, max_age_s: float = 0.0) -> int:  # noqa: ARG002 see KeptStore; one small request, always fresh
        """See KeptStore. Indices of lines, copies included."""
        return sum(day.bytes for day in elastic_retain.days(self._client, self._names))

    def status(self) -> StoreStatus:
        """See KeptStore."""
        held = elastic_retain.days(self._client, self._names)
        return StoreStatus(
            lines=sum(day.lines for day in held),
            segments=len(held),
            memory_lines=0,
            memory_bytes=0,
            journal_bytes=0,
            disk_bytes=sum(day.bytes for day in held),
            damaged_files=0,
            damaged_lines=0,
        )

    def close(self) -> None:
        """See KeptStore. The client is its owner's."""

    # ---- reading -------------------------------------------------------------------------------------------------

    def search(
        self,
        where: LineFilter,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: Order = "newest",
        deadline_s: float = 10.0,
        with_total: bool = True,
    ) -> LinePage:
        """See LineReader."""
        deadline = Deadline(deadline_s)
        return elastic_read.search(
            self._reader,
            self._asked(where),
            limit=limit,
            cursor=cursor,
            order=order,
            deadline=deadline,
            with_total=with_total,
        )

    def histogram(self, where: LineFilter, *, step_ns: int, deadline_s: float = 10.0) -> Counted:
        """See LineReader. Buckets start at multiples of the step."""
        deadline = Deadline(deadline_s)
        return elastic_count.histogram(self._reader, self._asked(where), step_ns=step_ns, deadline=deadline)

    def facets(self, where: LineFilter, fields: Sequence[str], *, limit: int = 20, deadline_s: float = 10.0) -> Counted:
        """See LineReader. Lines without a value of a field are not counted for it."""
        deadline = Deadline(deadline_s)
        return elastic_count.facets(self._reader, self._asked(where), fields, limit=limit, deadline=deadline)

    def fields(self, where: LineFilter, *, deadline_s: float = 10.0) -> Counted:
        """See LineReader. By count, most frequent first, then by name."""
        return elastic_count.fields(self._reader, self._asked(where), deadline=Deadline(deadline_s))

    def context(self, source: str, position: int, *, before: int, after: int) -> pl.DataFrame:
        """See LineReader."""
        return elastic_read.context(self._reader, source, position, before=before, after=after)

    def tail(self, where: LineFilter, *, after: int, limit: int = 1000) -> pl.DataFrame:
        """See LineReader. Lines whose turn would come after those of an append still under way wait for it."""
        end = self._sequence.end()
        return elastic_read.tail(self._reader, self._asked(where), after=after, end=end, limit=limit)

    def high_sequence(self) -> int:
        """See LineReader."""
        return self._sequence.end() - 1

    def read(self, ids: Sequence[tuple[str, int]]) -> pl.DataFrame:
        """See LineReader."""
        return elastic_read.read(self._reader, ids)

    def scan(
        self, where: LineFilter, columns: Sequence[str], *, deadline_s: float | None = None
    ) -> Iterator[pl.DataFrame]:
        """See LineReader."""
        yield from elastic_read.scan(self._reader, self._asked(where), columns, deadline=Deadline(deadline_s))

    def ledger(self, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.DataFrame:
        """See LineReader. Further signatures of a service than `signature_budget` are counted under their shape:
        `signature` equals `shape` in these rows.
        """
        rows = self._ledgers.of(start_ns=start_ns, end_ns=end_ns)
        return folded(rows, View(flushed_signatures=self._signatures.table()).known)

    def tally(self, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.DataFrame:
        """See LineReader."""
        keys = ["service", "level", "signature"]
        rows = self.ledger(start_ns=start_ns, end_ns=end_ns)
        sums = [pl.col("count").sum(), pl.col("first_ns").min(), pl.col("last_ns").max()]
        return rows.group_by(keys).agg(sums).sort(keys)

    def signatures(self, *, before_ns: int | None = None) -> pl.DataFrame:
        """See LineReader. Holds a row for each `signature` that `ledger` ever shows."""
        rows = self._signatures.table()
        return rows if before_ns is None else rows.filter(pl.col("first_ns") < before_ns)

    def high_water(self, *, before_ns: int | None = None) -> HighWater:
        """See LineReader."""
        return elastic_count.high_water(self._reader, before_ns=before_ns)

    def batch(self) -> ReadBatch:
        """See LineReader. One round trip, but where a reply has no room for what it was asked for."""
        return ElasticBatch(self._reader, self._signatures)

    def _asked(self, where: LineFilter) -> Asked:
        return asked(where, self._signatures.table)
