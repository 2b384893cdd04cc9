"""The view: the one consistent set of lines that a reader works on while appends, flushes and compaction go on."""

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import polars as pl

from index.ledger import SIGNATURE_SCHEMA, admitted, joined_first_lines
from index.memory import MemoryFrame
from index.segment import Segment
from index.vague_lines import VagueLines
from ingest.signature import is_beyond_mask


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """Never changes; a write makes a new one."""

    segments: tuple[Segment, ...] = ()
    frames: tuple[MemoryFrame, ...] = ()
    flushed_signatures: pl.DataFrame = dataclasses.field(default_factory=SIGNATURE_SCHEMA.to_frame)
    """The catalogue's table of signatures."""
    signature_budget: int = 5_000
    next_sequence: int = 0
    vague_lines: VagueLines = dataclasses.field(default_factory=VagueLines)
    """The same in all views of a store."""

    @functools.cached_property
    def signatures(self) -> pl.DataFrame:
        """Every signature ever stored, those of lines in memory included: SIGNATURE_SCHEMA, by signature."""
        if not self.frames:
            return self.flushed_signatures
        firsts = joined_first_lines([frame.firsts for frame in self.frames])
        return admitted(self.flushed_signatures, firsts, self.signature_budget)

    @functools.cached_property
    def known(self) -> pl.Series:
        """The signatures that are counted by themselves; empty while that is true of all (see `ledger.folded`)."""
        signatures = self.signatures
        if signatures.filter(pl.col("signature") == pl.col("shape")).is_empty():
            return pl.Series("signature", [], dtype=pl.UInt64)
        return signatures["signature"]

    @functools.cached_property
    def vague(self) -> pl.Series:
        """The signatures that do not tell which words their lines hold: UInt64. Raises DamagedError."""
        tallies = [segment.tally() for segment in self.segments] + [frame.tally for frame in self.frames]
        parts = [tally.filter("is_vague")["signature"] for tally in tallies]
        beyond = is_beyond_mask(pl.col("message"))
        return pl.concat([self.signatures.filter(beyond)["signature"], *parts]).unique()

    @property
    def memory_bytes(self) -> int:
        """Estimated size of the lines in memory."""
        return sum(frame.bytes for frame in self.frames)

    @property
    def memory_lines(self) -> int:
        """Lines in memory."""
        return sum(frame.lines.height for frame in self.frames)


class Views:
    """Holds the current view; readers pin it, writers replace it, files go when nobody reads them any more."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._lock = threading.Lock()

    @property
    def current(self) -> View:
        """The newest view, for what needs no segment files."""
        return self._view

    @contextmanager
    def pinned(self) -> Iterator[View]:
        """The newest view, whose segment files stay until the block ends."""
        with self._lock:
            view = self._view
            for segment in view.segments:
                segment.pins += 1
        try:
            yield view
        finally:
            with self._lock:
                for segment in view.segments:
                    segment.pins -= 1
                unread = [segment for segment in view.segments if segment.retired and segment.pins == 0]
            for segment in unread:
                segment.unlink()

    def change(self, make: Callable[[View], View]) -> None:
        """Replace the view by `make(view)`; one writer at a time."""
        with self._lock:
            self._view = make(self._view)

    def retire(self, segments: Iterable[Segment]) -> None:
        """Let the files of segments that have left the view and the catalogue go, now or after their last reader."""
        with self._lock:
            gone = list(segments)
            for segment in gone:
                segment.retired = True
            unread = [segment for segment in gone if segment.pins == 0]
        for segment in unread:
            segment.unlink()


class LedgerCache:
    """Ledgers and dimension tallies of segments read lately, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[tuple[int, str], tuple[pl.DataFrame, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, segment: Segment) -> pl.DataFrame:
        """The ledger of a segment."""
        return self._kept(segment.row.number, "ledger", segment.ledger)

    def dimensions(self, segment: Segment) -> pl.DataFrame:
        """The dimension tally of a segment, see `Segment.dimensions`."""
        return self._kept(segment.row.number, "dimensions", segment.dimensions)

    def _kept(self, number: int, kind: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        key = number, kind
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0]
        made = make()
        size = int(made.estimated_size())
        with self._lock:
            if key not in self._held:
                self._held[key] = (made, size)
                self._bytes += size
            while self._bytes > self._max_bytes and self._held:
                self._bytes -= self._held.popitem(last=False)[1][1]
        return made

    def forget(self, segments: Iterable[Segment]) -> None:
        """Drop what is held of segments that are gone."""
        with self._lock:
            for segment in segments:
                for kind in ("ledger", "dimensions"):
                    self._bytes -= self._held.pop((segment.row.number, kind), (None, 0))[1]
