"""Lines that are acknowledged but not in a segment yet: frames in memory, backed by the journal."""

import dataclasses
import functools

import polars as pl

from index.ledger import first_lines, ledger_of, tally_of, with_vagueness

MERGED_LINES = 65_536
"""Frames are not joined beyond this; a guess, twice a row group."""


@dataclasses.dataclass(frozen=True, eq=False)
class MemoryFrame:
    """`lines` (STORED schema, any order) of one or more appends to one journal file."""

    lines: pl.DataFrame
    journal: int

    @functools.cached_property
    def bytes(self) -> int:
        """Estimate of what it holds in memory."""
        return int(self.lines.estimated_size())

    @functools.cached_property
    def ledger(self) -> pl.DataFrame:
        """The ledger of its lines."""
        return ledger_of(self.lines)

    @functools.cached_property
    def tally(self) -> pl.DataFrame:
        """The ledger summed over its windows: TALLY_SCHEMA."""
        return tally_of(with_vagueness(self.ledger, self.lines))

    @functools.cached_property
    def firsts(self) -> pl.DataFrame:
        """The first line of each signature."""
        return first_lines(self.lines)

    @functools.cached_property
    def time_range(self) -> tuple[int, int]:
        """Least and greatest time."""
        low, high = self.lines.select(pl.col("time_ns").min(), pl.col("time_ns").max().alias("high")).row(0)
        return low, high

    @functools.cached_property
    def is_ascii(self) -> bool:
        """Whether every message is ASCII."""
        return is_ascii(self.lines["message"])

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
        kept.append(MemoryFrame(pl.concat([first.lines, second.lines], rechunk=True), first.journal))
    return tuple(kept)


def _may_join(first: MemoryFrame, second: MemoryFrame) -> bool:
    joined = first.lines.height + second.lines.height
    return first.journal == second.journal and joined <= MERGED_LINES and second.lines.height * 2 >= first.lines.height
