"""Lines that are acknowledged but not in a segment yet: frames in memory, backed by the journal."""

import dataclasses
import functools

import polars as pl

from index.ledger import (
    LEDGER_SCHEMA,
    first_lines,
    joined_first_lines,
    ledger_of,
    summed_vague,
    tally_of,
    with_vagueness,
)

MERGED_LINES = 65_536
"""Frames are not joined beyond this; a guess, twice a row group."""


@dataclasses.dataclass(frozen=True, eq=False)
class Summary:
    """What readers ask of a frame without looking at its lines."""

    ledger: pl.DataFrame
    """With the column `is_vague`, see `ledger.TALLY_SCHEMA`."""
    firsts: pl.DataFrame
    """The first line of each signature."""
    is_ascii: bool
    """Whether every message is ASCII."""

    @functools.cached_property
    def tally(self) -> pl.DataFrame:
        """The ledger summed over its windows: TALLY_SCHEMA."""
        return tally_of(self.ledger)

    def joined(self, other: "Summary") -> "Summary":
        """That of the lines of both."""
        return Summary(
            summed_vague(pl.concat([self.ledger, other.ledger])),
            joined_first_lines([self.firsts, other.firsts]),
            self.is_ascii and other.is_ascii,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class MemoryFrame:
    """`lines` (STORED schema, any order) of one or more appends to one journal file."""

    lines: pl.DataFrame
    journal: int
    inherited: "tuple[Summary, int] | None" = None
    """The summary of so many first lines, from a frame that it was joined from."""

    @functools.cached_property
    def bytes(self) -> int:
        """Estimate of what it holds in memory."""
        return int(self.lines.estimated_size())

    @functools.cached_property
    def summary(self) -> Summary:
        """Made when a reader first asks, of the lines that no reader asked about before they were joined."""
        if self.inherited is None:
            return _summary_of(self.lines)
        known, count = self.inherited
        return known.joined(_summary_of(self.lines[count:]))

    @property
    def known(self) -> "tuple[Summary, int] | None":
        """The summary that is there already, and of how many first lines it is."""
        return (self.summary, self.lines.height) if "summary" in self.__dict__ else self.inherited

    @functools.cached_property
    def ledger(self) -> pl.DataFrame:
        """The ledger of its lines."""
        return self.summary.ledger.select(LEDGER_SCHEMA.names())

    @property
    def tally(self) -> pl.DataFrame:
        """The ledger summed over its windows: TALLY_SCHEMA."""
        return self.summary.tally

    @property
    def firsts(self) -> pl.DataFrame:
        """The first line of each signature."""
        return self.summary.firsts

    @property
    def is_ascii(self) -> bool:
        """Whether every message is ASCII."""
        return self.summary.is_ascii

    @functools.cached_property
    def time_range(self) -> tuple[int, int]:
        """Least and greatest time."""
        low, high = self.lines.select(pl.col("time_ns").min(), pl.col("time_ns").max().alias("high")).row(0)
        return low, high

    @functools.cached_property
    def max_sequence(self) -> int:
        """Greatest sequence."""
        return int(self.lines.select(pl.col("sequence").max()).item())


def is_ascii(messages: pl.Series) -> bool:
    """Whether there are as many bytes as characters."""
    return bool(messages.str.len_bytes().sum() == messages.str.len_chars().sum())


def with_frame(frames: tuple[MemoryFrame, ...], new: MemoryFrame) -> tuple[MemoryFrame, ...]:
    """`frames` and `new`, joined so that few frames are searched although many small ones come: each line is copied
    a logarithmic number of times.
    """
    kept = [*frames, new]
    while len(kept) > 1 and _may_join(kept[-2], kept[-1]):
        second, first = kept.pop(), kept.pop()
        kept.append(_joined(first, second))
    return tuple(kept)


def _joined(first: MemoryFrame, second: MemoryFrame) -> MemoryFrame:
    return MemoryFrame(pl.concat([first.lines, second.lines], rechunk=True), first.journal, first.known)


def _summary_of(lines: pl.DataFrame) -> Summary:
    return Summary(with_vagueness(ledger_of(lines), lines), first_lines(lines), is_ascii(lines["message"]))


def _may_join(first: MemoryFrame, second: MemoryFrame) -> bool:
    joined = first.lines.height + second.lines.height
    return first.journal == second.journal and joined <= MERGED_LINES and second.lines.height * 2 >= first.lines.height
