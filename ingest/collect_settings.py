"""The collector's settings, and the counters that say what it did."""

import collections
import dataclasses
import threading

from ingest.chunk import CHUNK_BYTES


@dataclasses.dataclass(frozen=True)
class CollectSettings:
    """Every default works offline. Guesses are marked: no measurement contradicts them yet."""

    zone: str = ""
    """Of clock times written without one (Source.zone)."""
    poll_s: float = 0.5
    """Between two looks at files that grew lately."""
    discover_s: float = 1.0
    """Between two looks for new files; longer when a look takes long, so that it costs at most a tenth of a core."""
    settle_s: float = 1.0
    """A last line that nothing follows is shipped after this much quiet. A guess."""
    open_s: float = 5.0
    """An open run, trace or unterminated line is shipped after this much quiet (DESIGN.md)."""
    chunk_bytes: int = CHUNK_BYTES
    """Most bytes of a chunk; the receiver takes no more than the default."""
    read_bytes: int = 8 << 20
    """Most bytes read from one file at a time."""
    memory_bytes: int = 32 << 20
    """Most bytes cut and not acknowledged, over all files."""
    workers: int = 3
    """Chunks of different files on their way at once."""
    max_open_files: int = 256
    first_retry_s: float = 0.5
    max_retry_s: float = 30.0
    orphan_s: float = 600.0
    """How long a truncated file's rotated copy is waited for. A guess."""
    deleted_hold_s: float = 86_400.0
    """How long a deleted file with unread bytes is kept open while the receiver refuses; then given up, and counted."""
    forget_s: float = 7 * 86_400.0
    """How long a file that is gone is remembered."""
    stop_s: float = 8.0
    """How long a stop waits for chunks on their way."""


class Counts:
    """Named sums, safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: collections.Counter[str] = collections.Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Adds to a sum, which begins at 0."""
        with self._lock:
            self._sums[name] += amount

    def snapshot(self) -> dict[str, int]:
        """All sums, by name."""
        with self._lock:
            return dict(sorted(self._sums.items()))
