"""The embedded store's lines at one moment, as another process may read them: segment files, and lines from memory."""

import dataclasses
from pathlib import Path

import polars as pl

from index.catalogue import SegmentRow
from index.memory import MemoryFrame
from index.segment import Segment
from index.store_reading import ReadingStore
from index.view import LedgerCache, View, Views
from ingest.errors import StorageFullError

LEDGER_CACHE_BYTES = 96 << 20


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Small enough to be sent. Its files stay as long as whoever made it holds them."""

    segment_folder: Path
    segments: tuple[SegmentRow, ...]
    frames: tuple[Path, ...]
    """Lines that are in no segment yet: Arrow files."""
    signatures: pl.DataFrame
    signature_budget: int
    next_sequence: int


def snapshot_of(view: View, segment_folder: Path, frame_folder: Path) -> Snapshot:
    """Of a pinned view; lines in memory are written to `frame_folder`. Raises StorageFullError when they cannot be."""
    frame_folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for number, frame in enumerate(view.frames):
        path = frame_folder / f"{number}.arrow"
        try:
            frame.lines.write_ipc(path, compression="lz4")
        except (OSError, pl.exceptions.PolarsError) as fault:
            raise StorageFullError(f"copying lines in memory to be mined: {fault}") from fault
        frames.append(path)
    rows = tuple(segment.row for segment in view.segments)
    known = view.flushed_signatures
    return Snapshot(segment_folder, rows, tuple(frames), known, view.signature_budget, view.next_sequence)


class SnapshotStore(ReadingStore):
    """A `LineReader` of one snapshot after another: what was read of a segment serves for the next one too.

    A damaged segment raises DamagedError: only the process that owns the store may set it aside.
    """

    def __init__(self) -> None:
        super().__init__(Views(View()), LedgerCache(LEDGER_CACHE_BYTES))

    def show(self, snapshot: Snapshot) -> None:
        """Read this one from now on. Raises OSError when a file of lines from memory cannot be read."""
        held = {segment.row.number: segment for segment in self._views.current.segments}
        segments = tuple(held.get(row.number) or Segment(row, snapshot.segment_folder) for row in snapshot.segments)
        self._ledgers.forget(set(held.values()) - set(segments))
        frames = tuple(MemoryFrame(pl.read_ipc(path), journal=0) for path in snapshot.frames)
        view = View(segments, frames, snapshot.signatures, snapshot.signature_budget, snapshot.next_sequence)
        self._views.change(lambda _: view)

    def forget(self) -> None:
        """Let go of the lines from memory; what was read of segments stays for the next snapshot."""
        self._views.change(lambda view: dataclasses.replace(view, frames=()))

    def _set_damaged_aside(self, view: View) -> bool:  # noqa: ARG002 - the owner's alone
        return False
