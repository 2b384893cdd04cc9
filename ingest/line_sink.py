"""What the receiver needs of a store. `index` implements it; `ingest` knows nothing else of stores."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import polars as pl


@dataclasses.dataclass(frozen=True, order=True)
class SourceRange:
    """Bytes `[start, end)` of a source that are stored, whether or not they hold a line."""

    source: str
    start: int
    end: int


class LineSink(Protocol):
    """Takes lines, once each."""

    def missing(self, covers: SourceRange) -> list[SourceRange]:
        """The parts of `covers` not stored yet, in order, none empty or adjacent."""

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
        """Store `lines` (LINE_SCHEMA; every one starts inside `covers`) and remember `covers`, both or neither.

        Durable and searchable on return. Raises RangeConflictError, with nothing stored, when any part of `covers` is
        stored already; StorageFullError, with nothing stored, when there is no room.
        """
