"""The store of lines as the rest of Dejalog sees it; `tests/index/line_store_contract.py` holds each store to it."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Generic, Literal, Protocol, TypeVar

import polars as pl

from ingest.line_sink import LineSink

STORED_SCHEMA_EXTRA = pl.Schema({"sequence": pl.Int64})
"""A store adds `sequence` to LINE_SCHEMA: the order of arrival, unique, growing, kept for ever. Tail resumes by it."""

READS_S = 10.0
"""Longest time of a batch of reads (a guess)."""
CARRIERS_S = 3.0
"""So long ids are looked for beside messages, where no index helps (a guess)."""
T = TypeVar("T")
Order = Literal["newest", "oldest"]

LEDGER_WINDOW_NS = 60_000_000_000
"""Width of a window of the ledger; windows start at multiples of it."""


@dataclasses.dataclass(frozen=True)
class LineFilter:
    """Which lines: `start_ns <= time_ns < end_ns`, and the query (docs/reference/query.md), and the lists if given."""

    query: str = "*"
    start_ns: int | None = None
    end_ns: int | None = None
    services: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    signatures: tuple[int, ...] | None = None
    """Only lines of these signatures; None for any. This is how a pattern is asked for."""


@dataclasses.dataclass(frozen=True)
class LinePage:
    """`lines`: STORED schema, totally ordered by (time_ns, source, position), newest or oldest first as asked."""

    lines: pl.DataFrame
    total: int
    total_exact: bool
    cursor: str | None
    """Opaque; None when nothing follows."""
    partial: bool
    """The deadline passed before everything was read: what is here is true, but not all."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """`rows` with a column `count`; `partial` as in LinePage."""

    rows: pl.DataFrame
    partial: bool


@dataclasses.dataclass(frozen=True)
class HighWater:
    """What a store holds, as a function of the stored lines alone (not of the order in which they came)."""

    lines: int
    first_ns: int | None
    last_ns: int | None


@dataclasses.dataclass(frozen=True)
class Carriers:
    """Lines that carry an id beside their message: the newest of them (STORED schema), and how many there are."""

    lines: pl.DataFrame
    total: int


class Later(Generic[T]):
    """A result of a ReadBatch, there once the batch has run."""

    def __init__(self) -> None:
        self._value: T | None = None

    @property
    def value(self) -> T:
        """The result. Raises LookupError before the batch has run."""
        if self._value is None:
            raise LookupError("the batch of this result has not run")
        return self._value

    def put(self, value: T) -> None:
        """For the batch: here it is."""
        self._value = value


@dataclasses.dataclass(frozen=True)
class StoreStatus:
    """What an operator wants to know of the store."""

    lines: int
    segments: int
    """Or indices."""
    memory_lines: int
    """What waits in memory and journal for a segment: nothing, where another program keeps the lines."""
    memory_bytes: int
    journal_bytes: int
    disk_bytes: int
    damaged_files: int
    damaged_lines: int
    """Lines that were acknowledged and lost with damaged files, as far as they could be counted."""


class ReadBatch(Protocol):
    """Reads that do not depend on each other, made together by `run`: one round trip where lines are kept elsewhere.

    The same asked twice is read once. Each read sees one consistent set of lines; two of them may not see the same.
    """

    def search(self, where: LineFilter, *, limit: int, order: Order = "newest") -> Later[LinePage]:
        """As `LineReader.search`, the first page. A page that took too long is partial."""

    def count(self, where: LineFilter) -> Later[int]:
        """How many lines match."""

    def tally(self, where: LineFilter) -> Later[pl.DataFrame]:
        """Matching lines by service and signature: rows (`service`, `signature`, `count`), in that order."""

    def carriers(self, text: str, where: LineFilter, *, limit: int) -> Later[Carriers | Literal["late"]]:
        """Of the lines of a filter those that have `text` as a string value among their attributes, the newest `limit`
        of them. `late` when there was no time to find them all.
        """

    def read(self, ids: Sequence[tuple[str, int]]) -> Later[pl.DataFrame]:
        """As `LineReader.read`."""

    def high_water(self, *, before_ns: int) -> Later[HighWater]:
        """As `LineReader.high_water`."""

    def run(self) -> None:
        """Make the reads. Raises RefusedError when they take longer than READS_S: then there are no results."""


class LineReader(Protocol):
    """What can be asked of lines.

    Every method sees one consistent set of lines. Times are UTC ns, ends exclusive. `deadline_s` counts from the call;
    past it a method returns what it has with `partial=True`. A query that does not parse raises QuerySyntaxError.
    """

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
        """Up to `limit` (at most 10,000) matching lines. A cursor continues the same filter and order, without a gap or
        a repeat whatever is appended meanwhile. Without `with_total` nothing is read only to be counted: the total is
        exact where it costs little, else that of lines met on the way. Raises InputError for a cursor that is not one
        of ours.
        """

    def histogram(self, where: LineFilter, *, step_ns: int, deadline_s: float = 10.0) -> Counted:
        """Rows (`bucket_ns`, `level`, `count`), by bucket then level; empty buckets are absent."""

    def facets(self, where: LineFilter, fields: Sequence[str], *, limit: int = 20, deadline_s: float = 10.0) -> Counted:
        """Rows (`field`, `value`, `count`): per field the most frequent values, ties by value."""

    def fields(self, where: LineFilter, *, deadline_s: float = 10.0) -> Counted:
        """Rows (`field`, `count`): built-in fields and keys of `attributes`, with the lines that have them."""

    def context(self, source: str, position: int, *, before: int, after: int) -> pl.DataFrame:
        """The line and its neighbours in the same source by position, oldest first. Empty when it is not there."""

    def tail(self, where: LineFilter, *, after: int, limit: int = 1000) -> pl.DataFrame:
        """Matching lines with `sequence > after`, by sequence. `high_sequence` gives the `after` for "from now"."""

    def high_sequence(self) -> int:
        """The newest line's sequence, -1 when none was ever stored."""

    def read(self, ids: Sequence[tuple[str, int]]) -> pl.DataFrame:
        """The lines with these (source, position); missing ones are left out, order is by (source, position)."""

    def scan(
        self, where: LineFilter, columns: Sequence[str], *, deadline_s: float | None = None
    ) -> Iterator[pl.DataFrame]:
        """All matching lines in frames of bounded size and no promised order, these columns only. Raises TimeoutError
        past the deadline.
        """

    def ledger(self, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.DataFrame:
        """Exact counts of all lines of the span: rows (`window_ns`, `service`, `level`, `signature`, `shape`, `count`,
        `first_ns`, `last_ns`), `window_ns` the start of the ledger window. A window cut by the span holds only the
        lines inside it. Counts sum to the number of lines of the span, always.
        """

    def tally(self, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.DataFrame:
        """The ledger summed over windows and shapes: rows (`service`, `level`, `signature`, `count`, `first_ns`,
        `last_ns`), by the first three. Cheap where the span does not cut what is stored together.
        """

    def signatures(self, *, before_ns: int | None = None) -> pl.DataFrame:
        """Every signature ever stored with a line earlier than `before_ns`: rows (`signature`, `shape`, `service`,
        `level`, `first_ns`, `source`, `position`, `message`). The last six are those of its earliest line by
        (time_ns, source, position) and outlive it; `message` is cut at 4,096 characters.
        """

    def high_water(self, *, before_ns: int | None = None) -> HighWater:
        """What is held now, of lines earlier than `before_ns`."""

    def batch(self) -> ReadBatch:
        """Several reads to be made together."""


class LineStore(LineSink, LineReader, Protocol):
    """Lines, once each, searchable as soon as `append` returns.

    Lines are never changed; they leave only by the two `drop_*` methods.
    """

    def drop_before(self, cutoff_ns: int) -> int:
        """Drop the partitions all of whose lines have both time and arrival before the cutoff; returns lines dropped.
        Their counts leave every sum at the same moment; what they covered stays covered.
        """

    def drop_to_size(self, max_bytes: int) -> int:
        """Drop the oldest partitions until at most `max_bytes` are used on disk; returns lines dropped."""


class KeptStore(LineStore, Protocol):
    """A line store with the upkeep that a process owes it."""

    def maintain(self) -> bool:
        """Do what is due to keep it in order; returns whether anything was. Call it about once a second."""

    def has_expired(self, cutoff_ns: int) -> bool:
        """Whether `drop_before` would drop something."""

    def disk_bytes(self, *, max_age_s: float = 0.0) -> int:
        """What it uses on disk; measured at most `max_age_s` ago."""

    def status(self) -> StoreStatus:
        """Figures for `doctor` and `/metrics`."""

    def counters(self) -> dict[str, int]:
        """What became of documents that were sent to another program since the start, by result (`created`, `present`,
        `retried`, `dead`); empty where none are.
        """

    def close(self) -> None:
        """Give back what it holds; nothing is lost without it."""
