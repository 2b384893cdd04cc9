"""What an embedded store is told when it is opened: sizes, ages, limits, and the hook that tests crash it through."""

import dataclasses
from collections.abc import Callable


def no_step(_name: str) -> None:
    """The step hook of a store that is not under test."""


@dataclasses.dataclass(frozen=True)
class StoreSettings:
    """Every default works for a laptop and for one host with tens of GB."""

    flush_lines: int = 200_000
    """Lines in memory that make `maintain` flush. A guess: some 50-100 MB with their frames."""
    flush_bytes: int = 40 << 20
    """Estimated bytes in memory that make `maintain` flush."""
    flush_age_s: float = 300.0
    """Seconds after which the oldest line in memory is flushed; bounds the journal that a start replays."""
    memory_bytes: int = 192 << 20
    """Above this `append` answers RefusedError until a flush has made room."""
    block_lines: int = 16_384
    """Lines of a Parquet row group at most: what one read decodes. Measured: half of 32 k halves the time to read a
    page (8 ms to 4) for 2 % more bytes.
    """
    block_bytes: int = 16 << 20
    """Message bytes of a row group at most; groups of long lines hold fewer of them."""
    segment_lines: int = 500_000
    """Compaction makes no segment larger than this."""
    segment_bytes: int = 64 << 20
    """Bytes of messages that compaction joins at most, so that it needs a bounded amount of memory."""
    compact_fan_in: int = 4
    """So many segments of one partition and size tier are merged at once (the usual choice of LSM trees: 4-10)."""
    compression_level: int = 3
    """Of zstd. Measured on 1 M lines: see bench/store.py."""
    signature_budget: int = 5_000
    """Distinct signatures kept for one service; further ones are counted under their shape. A guess: ten times what
    the noisiest system of our development data has."""
    ledger_cache_bytes: int = 96 << 20
    """Ledgers of segments held in memory."""
    max_bytes: int | None = None
    """Bytes on disk above which nothing more is taken; None: no limit."""
    free_bytes_floor: int = 64 << 20
    """Nothing is taken when the disk has less than this left, so that commits and the catalogue still fit."""
    backup_age_s: float = 600.0
    """How old the backup of the catalogue may become; a guess."""
    busy_timeout_s: float = 30.0
    """How long one connection waits for another one's transaction."""
    step: Callable[[str], None] = no_step
    """Called between every two steps of commit and compaction, with the name of the step just done. Tests crash there;
    a server lets questions go first."""
