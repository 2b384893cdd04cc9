"""A real, small LineSink in memory: what the store promises, in a list."""

import threading
from collections.abc import Sequence

import polars as pl

from ingest.errors import RangeConflictError
from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange


class MemorySink:
    """Keeps frames and ranges. Refuses, as a store does, what contradicts the contract of `append`."""

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []
        self._ranges: list[SourceRange] = []
        self._lock = threading.Lock()
        self.conflicts_to_come = 0
        """How many of the next appends find that another receiver came first."""

    def missing(self, covers: SourceRange) -> list[SourceRange]:
        with self._lock:
            return self._missing(covers)

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
        assert lines.schema == LINE_SCHEMA
        assert not lines.drop("attributes").null_count().sum_horizontal().item()
        for source, position in lines.select("source", "position").iter_rows():
            assert any(piece.source == source and piece.start <= position < piece.end for piece in covers)
        with self._lock:
            if self.conflicts_to_come:
                self.conflicts_to_come -= 1
                raise RangeConflictError("another receiver came first")
            if any(self._missing(piece) != [piece] for piece in covers):
                raise RangeConflictError("part of this is stored")
            self._frames.append(lines)
            self._ranges = sorted([*self._ranges, *covers])

    def lines(self) -> pl.DataFrame:
        return pl.concat([pl.DataFrame(schema=LINE_SCHEMA), *self._frames]).sort("source", "position")

    def _missing(self, covers: SourceRange) -> list[SourceRange]:
        found, start = [], covers.start
        for piece in self._ranges:
            if piece.source == covers.source and piece.end > start and piece.start < covers.end:
                if piece.start > start:
                    found.append(SourceRange(covers.source, start, piece.start))
                start = piece.end
        return [*found, SourceRange(covers.source, start, covers.end)] if start < covers.end else found
