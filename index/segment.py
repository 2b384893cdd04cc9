"""The segment: an immutable Parquet file of one partition's lines with its side files (ledger, blocks, tokens)."""

import dataclasses
import io
import mmap
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import polars.exceptions
import structlog

from index.catalogue import SegmentRow
from index.ledger import LEDGER_LINE_COLUMNS, LEDGER_SCHEMA, ledger_of, tally_of, with_vagueness
from index.line_store import STORED_SCHEMA_EXTRA
from index.tokens import blocks_with
from ingest.errors import DamagedError
from ingest.line import LINE_SCHEMA

log = structlog.get_logger()

STORED_SCHEMA = pl.Schema({**LINE_SCHEMA, **STORED_SCHEMA_EXTRA})
HELD_BYTES = 64 << 10
"""Larger tables (of blocks and sources, of signatures) are read again each time: a thousand segments must fit in
memory."""
ORDER = ("time_ns", "source", "position")
"""The total order of lines, everywhere."""
DAY_NS = 86_400_000_000_000
LINES, LEDGER, BLOCKS, TOKENS = ".parquet", ".ledger.parquet", ".blocks.parquet", ".tokens.bin"
SUFFIXES = (LINES, LEDGER, BLOCKS, TOKENS)


DIMENSIONS = ("service", "level", "signature", "shape", "namespace", "pod", "container", "host", "stream")
"""Columns with few values; what a dimension tally tells."""
BLOCK_LINE_COLUMNS = ("time_ns", "source", "position", "sequence")
"""Columns of lines that block statistics are computed from."""


@dataclasses.dataclass(frozen=True)
class Block:
    """A row group as far as it matters for choosing which to read."""

    index: int
    rows: int
    min_time_ns: int
    max_time_ns: int
    max_sequence: int


class Segment:
    """A segment that readers may pin. Reading is safe from any thread."""

    def __init__(self, row: SegmentRow, folder: Path) -> None:
        self.row = row
        self.folder = folder
        self.pins = 0
        """Readers at work on it; owned by the view's lock."""
        self.retired = False
        """It has left the catalogue: its files go when the last reader has."""
        self.damage: str | None = None
        """Why it could not be read; whoever catches the DamagedError sets it aside."""
        self._sums: dict[str, int] = orjson.loads(row.checksums)
        self._verified = False
        self._lock = threading.Lock()
        self._blocks: tuple[Block, ...] | None = None
        self._sources: pl.DataFrame | None = None
        self._tally: pl.DataFrame | None = None
        self._tokens: memoryview | None = None

    def path(self, suffix: str = LINES) -> Path:
        """One of its files."""
        return self.folder / (self.row.file + suffix)

    def paths(self) -> list[Path]:
        """All of its files."""
        return [self.path(suffix) for suffix in SUFFIXES]

    def read(self, columns: Sequence[str], first: Block, last: Block, predicate: pl.Expr | None = None) -> pl.DataFrame:
        """The lines of the blocks `first` to `last` that fulfil the predicate, in order, with their `row` number.

        Raises DamagedError when the file cannot be read or is not what was written.
        """
        start = first.index * self.row.block_lines
        length = last.index * self.row.block_lines + last.rows - start
        frame = self._scan().slice(start, length)
        if predicate is not None:
            frame = frame.filter(predicate)
        return self._collected(frame.select("row", *columns))

    def rows(self, numbers: Sequence[int]) -> pl.DataFrame:
        """All columns of the rows with these numbers, in order of number."""
        low, high = min(numbers), max(numbers)
        wanted = pl.Series([number - low for number in sorted(numbers)], dtype=pl.UInt32)
        frame = self._scan().slice(low, high - low + 1).select(STORED_SCHEMA.names())
        return self._collected(frame)[wanted]

    def ledger(self) -> pl.DataFrame:
        """Its ledger; computed anew from its lines when the side file is damaged."""
        return self._full_ledger().select(LEDGER_SCHEMA.names())

    def tally(self) -> pl.DataFrame:
        """Its ledger summed over the windows: TALLY_SCHEMA."""
        if self._tally is not None:
            return self._tally
        tally = tally_of(self._full_ledger())
        if tally.estimated_size() <= HELD_BYTES:
            self._tally = tally
        return tally

    def dimensions(self) -> pl.DataFrame:
        """Its dimension tally: how many lines have the same values of all DIMENSIONS, from which any of them is counted
        without a line. Computed from the lines; whoever asks keeps it.
        """
        parts = []
        for block in self.blocks():
            lines = self.read(DIMENSIONS, block, block)
            parts.append(lines.group_by(DIMENSIONS).agg(pl.len().cast(pl.Int64).alias("count")))
        return pl.concat(parts).group_by(DIMENSIONS).agg(pl.col("count").sum())

    def _full_ledger(self) -> pl.DataFrame:
        stored = self._side_frame(LEDGER)
        if stored is not None and "is_vague" in stored.columns:
            return stored
        lines = self._collected(self._scan().select(*LEDGER_LINE_COLUMNS, "message"))
        return with_vagueness(ledger_of(lines), lines)

    def block_sources(self) -> pl.DataFrame:
        """What each block holds of which source, see `block_sources_of`; computed anew when its file is damaged."""
        if self._sources is not None:
            return self._sources
        found = self._side_frame(BLOCKS)
        if found is None:
            lines = self._collected(self._scan().select(BLOCK_LINE_COLUMNS))
            found = block_sources_of(lines, self.row.block_lines)
        if found.estimated_size() <= HELD_BYTES:
            self._sources = found
        return found

    def blocks(self) -> tuple[Block, ...]:
        """Its row groups, in order of time."""
        if self._blocks is None:
            blocks = (
                self.block_sources()
                .group_by("index")
                .agg(
                    pl.col("rows").sum(),
                    pl.col("min_time_ns").min(),
                    pl.col("max_time_ns").max(),
                    pl.col("max_sequence").max(),
                )
            )
            self._blocks = tuple(Block(*row) for row in blocks.sort("index").iter_rows())
        return self._blocks

    def blocks_with(self, tokens: Sequence[str]) -> npt.NDArray[np.bool_] | None:
        """For each block whether it may hold all of these needles; None when that is not known."""
        if self._tokens is None:
            self._tokens = self._mapped_tokens()
        return blocks_with(self._tokens, tokens)

    def unlink(self) -> None:
        """Remove its files; what is not there is fine."""
        for path in self.paths():
            path.unlink(missing_ok=True)

    def side_bytes(self, suffix: str) -> bytes | None:
        """A side file, None when it is missing or damaged: side files can be computed anew."""
        try:
            data = self.path(suffix).read_bytes()
        except OSError as fault:
            log.warning("segment.side_file_unreadable", file=self.row.file + suffix, error=str(fault))
            return None
        if zlib.crc32(data) != self._sums.get(suffix):
            log.warning("segment.side_file_damaged", file=self.row.file + suffix)
            return None
        return data

    def _mapped_tokens(self) -> memoryview:
        """The filters, left on disk; empty when they are missing or damaged."""
        if not self.side_bytes(TOKENS):
            return memoryview(b"")
        try:
            with self.path(TOKENS).open("rb") as file:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError:  # compacted away between the two calls, while this reader was between two pins
            return memoryview(b"")

    def _side_frame(self, suffix: str) -> pl.DataFrame | None:
        data = self.side_bytes(suffix)
        return None if data is None else pl.read_parquet(io.BytesIO(data))

    def _scan(self) -> pl.LazyFrame:
        self._verify()
        return pl.scan_parquet(self.path(), glob=False, row_index_name="row")

    def _collected(self, frame: pl.LazyFrame) -> pl.DataFrame:
        try:
            return frame.collect()
        except (polars.exceptions.PolarsError, OSError) as fault:
            raise self._damaged(str(fault)) from fault

    def _verify(self) -> None:
        """Check the whole file once, when it is first read: Parquet's own pages carry no checksum here."""
        with self._lock:
            if self._verified:
                return
            checksum = 0
            try:
                with self.path().open("rb") as file:
                    while part := file.read(1 << 20):
                        checksum = zlib.crc32(part, checksum)
            except OSError as fault:
                raise self._damaged(str(fault)) from fault
            if checksum != self._sums.get(LINES):
                raise self._damaged("its checksum is wrong")
            self._verified = True

    def _damaged(self, reason: str) -> DamagedError:
        self.damage = reason
        return DamagedError(f"segment {self.row.file} cannot be read: {reason}")


def block_sources_of(lines: pl.DataFrame, block_lines: int) -> pl.DataFrame:
    """Per block and source: rows, least and greatest position and time, greatest sequence. `lines` are in order."""
    index = pl.int_range(pl.len(), dtype=pl.Int64) // block_lines
    return (
        lines.group_by(index.alias("index"), "source")
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("position").min().alias("min_position"),
            pl.col("position").max().alias("max_position"),
            pl.col("time_ns").min().alias("min_time_ns"),
            pl.col("time_ns").max().alias("max_time_ns"),
            pl.col("sequence").max().alias("max_sequence"),
        )
        .sort("index", "source")
    )
