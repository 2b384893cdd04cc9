"""The reading half of the embedded store: each question is answered on one pinned view, and damage met is set aside."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import polars as pl

from index import read_counts, read_lines
from index.line_store import Counted, HighWater, LineFilter, LinePage, Order, ReadBatch
from index.piece import Deadline
from index.read_batch import SerialBatch
from index.view import LedgerCache, View, Views
from ingest.errors import DamagedError

T = TypeVar("T")


class ReadingStore(ABC):
    """The methods of `LineStore` that ask; the writing half inherits them."""

    def __init__(self, views: Views, ledgers: LedgerCache) -> None:
        self._views = views
        self._ledgers = ledgers

    @abstractmethod
    def _set_damaged_aside(self, view: View) -> bool:
        """Set the segments aside that a reader of `view` found damaged; False when there are none."""

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
        """See LineStore."""
        deadline = Deadline(deadline_s)
        page, is_whole = self._read(
            lambda view: read_lines.search(
                view,
                self._ledgers,
                where,
                limit=limit,
                cursor=cursor,
                order=order,
                deadline=deadline,
                with_total=with_total,
            )
        )
        return page if is_whole else dataclasses.replace(page, partial=True)

    def histogram(self, where: LineFilter, *, step_ns: int, deadline_s: float = 10.0) -> Counted:
        """See LineStore. Buckets start at multiples of the step."""
        deadline = Deadline(deadline_s)
        return self._counted(
            lambda view: read_counts.histogram(view, self._ledgers, where, step_ns=step_ns, deadline=deadline)
        )

    def facets(self, where: LineFilter, fields: Sequence[str], *, limit: int = 20, deadline_s: float = 10.0) -> Counted:
        """See LineStore. Lines without a value of a field are not counted for it."""
        deadline = Deadline(deadline_s)
        return self._counted(
            lambda view: read_counts.facets(view, self._ledgers, where, fields, limit=limit, deadline=deadline)
        )

    def fields(self, where: LineFilter, *, deadline_s: float = 10.0) -> Counted:
        """See LineStore. By count, most frequent first, then by name."""
        deadline = Deadline(deadline_s)
        return self._counted(lambda view: read_counts.fields(view, where, deadline=deadline))

    def context(self, source: str, position: int, *, before: int, after: int) -> pl.DataFrame:
        """See LineStore."""
        return self._read(lambda view: read_lines.context(view, source, position, before=before, after=after))[0]

    def tail(self, where: LineFilter, *, after: int, limit: int = 1000) -> pl.DataFrame:
        """See LineStore."""
        return self._read(lambda view: read_lines.tail(view, where, after=after, limit=limit))[0]

    def high_sequence(self) -> int:
        """See LineStore."""
        return self._views.current.next_sequence - 1

    def read(self, ids: Sequence[tuple[str, int]]) -> pl.DataFrame:
        """See LineStore."""
        return self._read(lambda view: read_lines.read(view, ids))[0]

    def scan(
        self, where: LineFilter, columns: Sequence[str], *, deadline_s: float | None = None
    ) -> Iterator[pl.DataFrame]:
        """See LineStore. Raises DamagedError when a segment cannot be read; it is set aside: the next scan works."""
        deadline = Deadline(deadline_s)
        with self._views.pinned() as view:
            try:
                yield from read_lines.scan(view, where, columns, deadline=deadline)
            except DamagedError:
                self._set_damaged_aside(view)
                raise

    def ledger(self, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.DataFrame:
        """See LineStore. Of a service with more signatures than `signature_budget`, further ones are counted under
        their shape: `signature` equals `shape` in these rows.
        """
        return self._read(lambda view: read_counts.ledger(view, self._ledgers, start_ns=start_ns, end_ns=end_ns))[0]

    def tally(self, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.DataFrame:
        """See LineStore."""
        return self._read(lambda view: read_counts.tally(view, self._ledgers, start_ns=start_ns, end_ns=end_ns))[0]

    def signatures(self, *, before_ns: int | None = None) -> pl.DataFrame:
        """See LineStore. Holds a row for each `signature` that `ledger` ever shows."""
        rows = self._views.current.signatures
        return rows if before_ns is None else rows.filter(pl.col("first_ns") < before_ns)

    def high_water(self, *, before_ns: int | None = None) -> HighWater:
        """See LineStore."""
        held = _held(self._views.current)
        if before_ns is None or held.last_ns is None or held.last_ns < before_ns:
            return held
        rows = self.tally(end_ns=before_ns)
        lines = int(rows["count"].sum())
        if lines == 0:
            return HighWater(0, None, None)
        low, high = rows.select(pl.col("first_ns").min(), pl.col("last_ns").max()).row(0)
        return HighWater(lines, low, high)

    def batch(self) -> ReadBatch:
        """See LineReader."""
        return SerialBatch(self)

    def _counted(self, ask: Callable[[View], Counted]) -> Counted:
        counted, is_whole = self._read(ask)
        return counted if is_whole else dataclasses.replace(counted, partial=True)

    def _read(self, ask: Callable[[View], T]) -> tuple[T, bool]:
        """The answer, and whether no segment had to be set aside to get it."""
        is_whole = True
        while True:
            with self._views.pinned() as view:
                try:
                    return ask(view), is_whole
                except DamagedError:
                    if not self._set_damaged_aside(view):
                        raise
                    is_whole = False


def _held(view: View) -> HighWater:
    """All that a view holds, from what is known of its parts: every request asks this, so it must not read a ledger."""
    rows = [segment.row for segment in view.segments]
    spans = [(row.min_time_ns, row.max_time_ns) for row in rows if row.rows]
    spans += [frame.time_range for frame in view.frames if frame.lines.height]
    if not spans:
        return HighWater(0, None, None)
    lows, highs = zip(*spans, strict=True)
    return HighWater(sum(row.rows for row in rows) + view.memory_lines, min(lows), max(highs))
