"""From lines in memory to segment files, each step durable before the next; and what a file tells when it is found."""

import dataclasses
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import polars as pl
import polars.exceptions

from index.catalogue import SegmentRow
from index.ledger import folded, ledger_of, with_vagueness
from index.memory import is_ascii
from index.quarantine import sync_folder
from index.segment import (
    BLOCKS,
    DAY_NS,
    LEDGER,
    LINES,
    ORDER,
    STORED_SCHEMA,
    SUFFIXES,
    TOKENS,
    block_sources_of,
)
from index.store_settings import StoreSettings
from index.tokens import token_filters
from ingest.errors import DamagedError
from ingest.line_sink import SourceRange

METADATA_KEY = "dejalog"
FORMAT_VERSION = 1
MOST_PARTITIONS = 64
"""Partitions of one flush before days of few lines are put together: a guess that bounds what hostile times can do."""
WIDE_DAYS = 64
FEW_LINES = 1_024


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a segment's file says of how it was made, so that a lost catalogue can be rebuilt from the files."""

    covers: tuple[SourceRange, ...] = ()
    """What was covered by the appends that it was flushed from."""
    journals: tuple[int, ...] = ()
    """The journals it was flushed from: while all of them exist, the flush may not have been committed."""
    replaces: tuple[int, ...] = ()
    """Numbers of the segments it was compacted from."""


def partitions(lines: pl.DataFrame) -> Iterator[tuple[int, int, pl.DataFrame]]:
    """(day, retain_day, its lines in order), by day. `day` is that of a line's time, `retain_day` that of the later of
    time and arrival. When times are scattered over very many days, `day` is the first of 64 for days of few lines.
    """
    keyed = lines.with_columns(
        (pl.col("time_ns") // DAY_NS).alias("day"),
        (pl.max_horizontal("time_ns", "arrival_ns") // DAY_NS).alias("retain_day"),
    )
    if keyed.select(pl.struct("day", "retain_day").n_unique()).item() > MOST_PARTITIONS:
        is_sparse = pl.len().over("day", "retain_day") < FEW_LINES
        wide = pl.col("day") // WIDE_DAYS * WIDE_DAYS
        keyed = keyed.with_columns(pl.when(is_sparse).then(wide).otherwise("day").alias("day"))
    parts = keyed.partition_by("day", "retain_day", as_dict=True, include_key=False)
    for day, retain_day in sorted(parts):
        yield day, retain_day, parts[day, retain_day].sort(ORDER)


def write_segment(
    lines: pl.DataFrame,
    *,
    number: int,
    partition: tuple[int, int],
    folder: Path,
    origin: Origin,
    known: pl.Series,
    settings: StoreSettings,
) -> SegmentRow:
    """Write `lines` (STORED_SCHEMA, in order, not empty) as segment files under their final names, all synced.

    Names appear by rename, the lines last, so a file of lines is always whole and has its side files.
    """
    message_bytes = int(lines.select(pl.col("message").str.len_bytes().sum()).item())
    block_lines = _block_lines(lines.height, message_bytes, settings)
    retain = lines.select(pl.max_horizontal("time_ns", "arrival_ns").max()).item()
    row = SegmentRow(
        number=number,
        file=f"{number:012d}",
        day=partition[0],
        retain_day=partition[1],
        rows=lines.height,
        message_bytes=message_bytes,
        block_lines=block_lines,
        min_time_ns=lines["time_ns"][0],
        max_time_ns=lines["time_ns"][-1],
        max_retain_ns=retain,
        min_sequence=lines.select(pl.col("sequence").min()).item(),
        max_sequence=lines.select(pl.col("sequence").max()).item(),
        is_ascii=int(is_ascii(lines["message"])),
    )
    make: dict[str, Callable[[], bytes]] = {
        TOKENS: lambda: token_filters(lines["message"], block_lines, step=settings.step),
        BLOCKS: lambda: _parquet(block_sources_of(lines, block_lines)),
        LEDGER: lambda: _parquet(with_vagueness(folded(ledger_of(lines), known), lines)),
        LINES: lambda: _parquet(
            lines.select(STORED_SCHEMA.names()),
            level=settings.compression_level,
            block_lines=block_lines,
            metadata={METADATA_KEY: _metadata(row, origin)},
        ),
    }
    files: dict[str, bytes] = {}
    for suffix, made in make.items():
        settings.step("segment.made" + suffix)
        files[suffix] = made()
    for suffix, data in files.items():
        _write_synced(folder / f"{row.file}{suffix}.tmp", data)
    settings.step("segment.written")
    for suffix in files:
        (folder / f"{row.file}{suffix}.tmp").rename(folder / (row.file + suffix))
        settings.step("segment.renamed" + suffix)
    return _with_sums(row, files)


def read_origin(path: Path) -> tuple[SegmentRow, Origin]:
    """What the file of lines at `path` tells about itself, with checksums of the files as they are.

    Raises DamagedError when it is not a whole segment of ours.
    """
    try:
        metadata = orjson.loads(pl.read_parquet_metadata(path)[METADATA_KEY])
        row = SegmentRow(**metadata["segment"])
        origin = Origin(
            covers=tuple(SourceRange(*item) for item in metadata["covers"]),
            journals=tuple(metadata["journals"]),
            replaces=tuple(metadata["replaces"]),
        )
        pl.scan_parquet(path, glob=False).select("sequence", "time_ns", "message").collect()
    except (polars.exceptions.PolarsError, OSError, KeyError, TypeError, ValueError) as fault:
        raise DamagedError(f"{path.name} is no segment that can be read: {fault}") from fault
    folder = path.parent
    present = [suffix for suffix in SUFFIXES if (folder / (row.file + suffix)).exists()]
    return _with_sums(row, {suffix: (folder / (row.file + suffix)).read_bytes() for suffix in present}), origin


def sync_segments(folder: Path) -> None:
    """Make the names of new segments durable."""
    sync_folder(folder)


def _block_lines(rows: int, message_bytes: int, settings: StoreSettings) -> int:
    by_bytes = settings.block_bytes * rows // max(message_bytes, 1)
    return max(1, min(settings.block_lines, by_bytes))


def _metadata(row: SegmentRow, origin: Origin) -> str:
    return orjson.dumps(
        {
            "version": FORMAT_VERSION,
            "segment": dataclasses.asdict(row),
            "covers": [dataclasses.astuple(covered) for covered in origin.covers],
            "journals": origin.journals,
            "replaces": origin.replaces,
        }
    ).decode()


def _parquet(
    frame: pl.DataFrame, *, level: int = 1, block_lines: int | None = None, metadata: dict[str, str] | None = None
) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=level, row_group_size=block_lines, metadata=metadata
    )
    return buffer.getvalue()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _with_sums(row: SegmentRow, files: dict[str, bytes]) -> SegmentRow:
    sums = {suffix: zlib.crc32(data) for suffix, data in files.items()}
    size = sum(len(data) for data in files.values())
    return dataclasses.replace(row, bytes=size, checksums=orjson.dumps(sums).decode())
