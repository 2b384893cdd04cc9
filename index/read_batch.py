"""A batch of reads where each costs no trip: they are made one after the other."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import polars as pl

from index.line_store import (
    CARRIERS_S,
    READS_S,
    Carriers,
    HighWater,
    Later,
    LineFilter,
    LinePage,
    LineReader,
    Order,
)
from index.piece import Deadline
from index.segment import STORED_SCHEMA
from ingest.errors import RefusedError

T = TypeVar("T")
COUNT_STEP_NS = 86_400_000_000_000
"""Lines are counted by the day and summed: whole windows of the ledger, so no line is read for it."""
TALLY_KEYS = ("service", "signature")
_PLACE = ("source", "position", "time_ns")


class SerialBatch:
    """A ReadBatch over any reader of lines."""

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader
        self._reads: list[Callable[[], None]] = []
        self._asked: dict[tuple[object, ...], Later[Any]] = {}
        self._deadline = Deadline(None)

    def search(self, where: LineFilter, *, limit: int, order: Order = "newest") -> Later[LinePage]:
        """See ReadBatch."""
        return self._later(
            ("search", where, limit, order),
            lambda: self._reader.search(where, limit=limit, order=order, deadline_s=self._left_s()),
        )

    def count(self, where: LineFilter) -> Later[int]:
        """See ReadBatch."""
        return self._later(("count", where), lambda: self._count(where))

    def tally(self, where: LineFilter) -> Later[pl.DataFrame]:
        """See ReadBatch."""
        return self._later(("tally", where), lambda: self._tally(where))

    def carriers(self, text: str, where: LineFilter, *, limit: int) -> Later[Carriers | Literal["late"]]:
        """See ReadBatch."""
        return self._later(("carriers", text, where, limit), lambda: self._carriers(text, where, limit))

    def read(self, ids: Sequence[tuple[str, int]]) -> Later[pl.DataFrame]:
        """See ReadBatch."""
        return self._later(("read", *ids), lambda: self._reader.read(ids) if ids else STORED_SCHEMA.to_frame())

    def high_water(self, *, before_ns: int) -> Later[HighWater]:
        """See ReadBatch."""
        return self._later(("high_water", before_ns), lambda: self._reader.high_water(before_ns=before_ns))

    def run(self) -> None:
        """See ReadBatch."""
        self._deadline = Deadline(READS_S)
        for read in self._reads:
            read()

    def _later(self, asked: tuple[object, ...], ask: Callable[[], T]) -> Later[T]:
        """What the same was promised before, else a promise of its own."""
        if asked in self._asked:
            return self._asked[asked]
        later = self._asked[asked] = Later[T]()
        self._reads.append(lambda: later.put(ask()))
        return later

    def _left_s(self) -> float:
        if self._deadline.passed:
            raise too_late()
        return self._deadline.left

    def _count(self, where: LineFilter) -> int:
        counted = self._reader.histogram(where, step_ns=COUNT_STEP_NS, deadline_s=self._left_s())
        if counted.partial:
            raise too_late()
        return int(counted.rows["count"].sum())

    def _tally(self, where: LineFilter) -> pl.DataFrame:
        self._left_s()
        rows = self._reader.ledger(start_ns=where.start_ns, end_ns=where.end_ns)
        if where.services:
            rows = rows.filter(pl.col("service").is_in(list(where.services)))
        return summed_tally(of_signatures(rows, where.signatures))

    def _carriers(self, text: str, where: LineFilter, limit: int) -> Carriers | Literal["late"]:
        time_s = min(CARRIERS_S, self._left_s())
        try:
            frames = self._reader.scan(where, (*_PLACE, "attributes"), deadline_s=time_s)
            found = [frame.filter(is_carrier(text)).select(_PLACE) for frame in frames]
        except TimeoutError:
            return "late"
        places = pl.concat([STORED_SCHEMA.to_frame().select(_PLACE), *found]).sort(
            "time_ns", "source", "position", descending=True
        )
        newest = list(places.head(limit).select("source", "position").iter_rows())
        lines = self._reader.read(newest) if newest else STORED_SCHEMA.to_frame()
        return Carriers(_newest_first(lines), places.height)


def _newest_first(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.sort("time_ns", "source", "position", descending=True)


def is_carrier(text: str) -> pl.Expr:
    """Lines among whose attributes the text is a value: a string that no colon follows."""
    return pl.col("attributes").str.contains(rf'"{re.escape(text)}"\s*[,\]}}]').fill_null(value=False)


def of_signatures(rows: pl.DataFrame, signatures: Sequence[int] | None) -> pl.DataFrame:
    """The rows of these signatures, or of all."""
    if signatures is None:
        return rows
    return rows.filter(pl.col("signature").is_in(pl.Series(signatures, dtype=pl.UInt64).implode()))


def summed_tally(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts by service and signature, in that order."""
    return rows.group_by(TALLY_KEYS).agg(pl.col("count").sum()).sort(TALLY_KEYS)


def too_late() -> RefusedError:
    """What a batch raises past its time."""
    return RefusedError(f"the store did not answer within {READS_S:.0f} s", retry_after_s=5.0)
