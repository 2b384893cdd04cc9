"""The embedded line store: a journal for what was just acknowledged, Parquet segments for the rest, one catalogue.

Appends go to the journal and become visible in memory; `flush` turns memory into segments; `maintain` does what is due.
Readers work on a view (`index/view.py`) and are never blocked by writers.
"""

import dataclasses
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import structlog

from index.append_check import check_lines, conflict, overlap
from index.catalogue import (
    Catalogue,
    SegmentRow,
    add_damage,
    add_segments,
    put_value,
    remove_segments,
    replace_source_ranges,
)
from index.compact import choose_segments, merged_lines
from index.journal import Entry, Journal, encode, journal_path
from index.ledger import admitted, first_lines
from index.line_store import StoreStatus
from index.memory import MemoryFrame, with_frame
from index.quarantine import set_aside, sync_folder
from index.segment import SUFFIXES, Segment
from index.segment_write import Origin, partitions, read_origin, write_segment
from index.signature_table import changed_signatures, put_signatures
from index.source_ranges import SourceRanges
from index.store_reading import ReadingStore
from index.store_recover import JOURNAL_FOLDER, SEGMENT_FOLDER, Recovered, recover, with_sequence
from index.store_settings import StoreSettings
from index.store_snapshot import Snapshot, snapshot_of
from index.view import LedgerCache, View, Views
from ingest.errors import (
    DamagedError,
    DejalogError,
    RefusedError,
    StorageFullError,
)
from ingest.line_sink import SourceRange

log = structlog.get_logger()


DISK_CHECK_S = 0.5
"""How old a measurement of the disk may be; a guess: less than a chunk's worth of writing at full speed."""


class ParquetStore(ReadingStore):
    """A `LineStore` in one data directory, which no other process may have open. Safe to use from many threads."""

    def __init__(self, folder: Path, settings: StoreSettings, catalogue: Catalogue, found: Recovered) -> None:
        """Use `open`."""
        self._folder = folder
        self._settings = settings
        self._catalogue = catalogue
        self._ranges = found.ranges
        self._flushed_ranges = found.flushed_ranges
        self._reserved = SourceRanges()
        self._unflushed: list[tuple[int, tuple[SourceRange, ...]]] = list(found.unflushed)
        self._released = found.released_journal
        self._next_number = found.next_segment
        self._range_change = threading.Condition()
        self._maintenance = threading.RLock()
        super().__init__(Views(found.view), LedgerCache(settings.ledger_cache_bytes))
        self._memory_since: float | None = time.monotonic() if found.view.frames else None
        self._backed_up = time.monotonic()
        self._disk = (0.0, 0)
        self._journal = Journal(
            folder / JOURNAL_FOLDER,
            number=found.next_journal,
            next_sequence=found.view.next_sequence,
            publish=self._publish,
            step=settings.step,
        )

    @classmethod
    def open(cls, folder: Path, settings: StoreSettings | None = None) -> "ParquetStore":
        """Open or create the store of a data directory; what a crash left behind is put right, what is damaged is set
        aside with an event. Raises StorageFullError or DamagedError when that is impossible.
        """
        settings = settings or StoreSettings()
        folder.mkdir(parents=True, exist_ok=True)
        catalogue = Catalogue.open(folder, busy_timeout_s=settings.busy_timeout_s)
        found = recover(folder, catalogue, settings)
        store = cls(folder, settings, catalogue, found)
        if found.flush_now:
            store.flush()
        return store

    def close(self) -> None:
        """Close files. Lines in memory are in the journal; the next `open` finds them there."""
        with self._maintenance:
            self._journal.close()
            self._back_up()
            self._catalogue.close()

    # ---- writing -------------------------------------------------------------------------------------------------

    def missing(self, covers: SourceRange) -> list[SourceRange]:
        """See LineSink. Waits for appends of the same bytes that are under way."""
        with self._range_change:
            self._range_change.wait_for(lambda: not self._reserved.overlaps(covers))
            return self._ranges.missing(covers)

    def covered(self) -> list[SourceRange]:
        """All that is stored, by source and start, none empty or adjacent."""
        with self._range_change:
            return list(self._ranges)

    def append(self, lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
        """See LineSink. Raises RefusedError when more waits in memory than `memory_bytes`."""
        kept = tuple(covered for covered in covers if covered.start < covered.end)
        check_lines(lines, kept)
        if not kept:
            return
        self._refuse_if_full(int(lines.estimated_size()))
        entry = Entry(lines, kept, encode(lines, kept))
        self._reserve(kept)
        try:
            self._journal.commit(entry)
        finally:
            self._unreserve(kept)

    def _reserve(self, covers: Sequence[SourceRange]) -> None:
        with self._range_change:
            for number, covered in enumerate(covers):
                taken = self._ranges.overlaps(covered) or self._reserved.overlaps(covered)
                if taken or any(overlap(covered, other) for other in covers[:number]):
                    raise conflict(covered)
            for covered in covers:
                self._reserved.add(covered)

    def _unreserve(self, covers: Sequence[SourceRange]) -> None:
        with self._range_change:
            for covered in covers:
                self._reserved.remove(covered)
            self._range_change.notify_all()

    def _publish(self, entries: list[Entry]) -> None:
        """Make durable entries visible. Called by the journal, one thread at a time."""
        frames = [
            MemoryFrame(with_sequence(entry.lines, entry.first_sequence), entry.journal)
            for entry in entries
            if entry.lines.height
        ]
        last = entries[-1]
        next_sequence = last.first_sequence + last.lines.height

        def add(view: View) -> View:
            held = view.frames
            for frame in frames:
                held = with_frame(held, frame)
            return dataclasses.replace(view, frames=held, next_sequence=next_sequence)

        self._views.change(add)
        with self._range_change:
            for entry in entries:
                for covered in entry.covers:
                    self._ranges.add(covered)
                self._unflushed.append((entry.journal, entry.covers))
        if frames and self._memory_since is None:
            self._memory_since = time.monotonic()

    def _refuse_if_full(self, size: int) -> None:
        held = self._views.current.memory_bytes
        if held + size > self._settings.memory_bytes and held:
            raise RefusedError(f"{held} bytes of lines wait in memory to be flushed", retry_after_s=0.5)
        free = shutil.disk_usage(self._folder).free
        if free < self._settings.free_bytes_floor:
            raise StorageFullError(f"the disk has {free} bytes left; {self._settings.free_bytes_floor} are kept free")
        limit = self._settings.max_bytes
        if limit is not None and self.disk_bytes(max_age_s=DISK_CHECK_S) > limit:
            raise StorageFullError(f"the store uses more than its limit of {limit} bytes", retry_after_s=5.0)

    # ---- maintenance ---------------------------------------------------------------------------------------------

    def maintain(self) -> bool:
        """Flush and compact if it is due; returns whether anything was done. Call it about once a second."""
        view = self._views.current
        since = self._memory_since
        is_due = (
            view.memory_lines >= self._settings.flush_lines
            or view.memory_bytes >= self._settings.flush_bytes
            or (since is not None and time.monotonic() - since >= self._settings.flush_age_s)
        )
        flushed = self.flush() if is_due else 0
        if time.monotonic() - self._backed_up >= self._settings.backup_age_s:
            self._back_up()
        return self.compact() > 0 or flushed > 0

    def flush(self) -> int:
        """Move the lines in memory to segments; returns how many. Appends and reads go on meanwhile.

        Raises StorageFullError when there is no room; the lines stay in memory and journal.
        """
        with self._maintenance:
            if not self._journal.length and not self._unflushed:
                return 0
            closed = self._journal.roll()
            self._settings.step("flush.rolled")
            view = self._views.current
            frames = [frame.lines for frame in view.frames if frame.journal <= closed]
            with self._range_change:
                covers = [covered for number, some in self._unflushed if number <= closed for covered in some]
            if not frames:
                self._commit_flush([], covers, view.flushed_signatures, closed)
                return 0
            lines = pl.concat(frames)
            signatures = admitted(view.flushed_signatures, first_lines(lines), self._settings.signature_budget)
            origin = Origin(covers=tuple(covers), journals=tuple(range(self._released + 1, closed + 1)))
            known = View(flushed_signatures=signatures).known
            with self._unlinked_on_failure() as rows:
                for day, retain_day, part in partitions(lines):
                    rows.append(self._write(part, (day, retain_day), origin, known))
                sync_folder(self._folder / SEGMENT_FOLDER)
                self._settings.step("segments.synced")
                self._commit_flush(rows, covers, signatures, closed)
            log.info("store.flushed", lines=lines.height, segments=len(rows))
            return lines.height

    @contextmanager
    def _unlinked_on_failure(self) -> Iterator[list[SegmentRow]]:
        """A list for segments that are written; when their commit fails their files go, and the numbers stay unused."""
        first = self._next_number
        try:
            yield []
        except (OSError, DejalogError) as fault:
            for number in range(first, self._next_number):
                for path in (self._folder / SEGMENT_FOLDER).glob(f"{number:012d}.*"):
                    path.unlink(missing_ok=True)
            if isinstance(fault, OSError):
                raise StorageFullError(f"writing segments: {fault}") from fault
            raise

    def _write(self, lines: pl.DataFrame, partition: tuple[int, int], origin: Origin, known: pl.Series) -> SegmentRow:
        self._next_number += 1
        return write_segment(
            lines,
            number=self._next_number - 1,
            partition=partition,
            folder=self._folder / SEGMENT_FOLDER,
            origin=origin,
            known=known,
            settings=self._settings,
        )

    def _commit_flush(
        self, rows: list[SegmentRow], covers: list[SourceRange], signatures: pl.DataFrame, closed: int
    ) -> None:
        """One transaction, then the same in memory, then the journals go."""
        for covered in covers:
            self._flushed_ranges.add(covered)
        sources = sorted({covered.source for covered in covers})
        old = self._views.current
        with self._catalogue.transaction() as connection:
            add_segments(connection, rows)
            replace_source_ranges(
                connection, sources, [part for source in sources for part in self._flushed_ranges.of(source)]
            )
            put_signatures(connection, changed_signatures(old.flushed_signatures, signatures))
            put_value(connection, "released_journal", closed)
            put_value(connection, "next_sequence", old.next_sequence)
            self._settings.step("flush.in_transaction")
        self._settings.step("flush.committed")
        segments = tuple(Segment(row, self._folder / SEGMENT_FOLDER) for row in rows)
        self._views.change(
            lambda view: dataclasses.replace(
                view,
                segments=view.segments + segments,
                frames=tuple(frame for frame in view.frames if frame.journal > closed),
                flushed_signatures=signatures,
            )
        )
        self._memory_since = time.monotonic() if self._views.current.frames else None
        with self._range_change:
            self._unflushed = [(number, some) for number, some in self._unflushed if number > closed]
        for number in range(self._released + 1, closed + 1):
            journal_path(self._folder / JOURNAL_FOLDER, number).unlink(missing_ok=True)
            self._settings.step("flush.journal_removed")
        self._released = closed

    def compact(self) -> int:
        """Merge small segments of one partition, one group a call; returns how many were merged."""
        with self._maintenance, self._views.pinned() as view:
            chosen = choose_segments(view.segments, self._settings)
            if not chosen:
                return 0
            try:
                lines = merged_lines(chosen)
            except DamagedError:
                if not self._set_damaged_aside(view):
                    raise
                return 0
            origins = [read_origin(segment.path())[1] for segment in chosen]
            origin = Origin(
                covers=tuple(SourceRanges(covered for its in origins for covered in its.covers)),
                replaces=tuple(segment.row.number for segment in chosen),
            )
            with self._unlinked_on_failure() as rows:
                rows.append(self._write(lines, (chosen[0].row.day, chosen[0].row.retain_day), origin, view.known))
                sync_folder(self._folder / SEGMENT_FOLDER)
                self._settings.step("compact.synced")
                with self._catalogue.transaction() as connection:
                    remove_segments(connection, [segment.row.number for segment in chosen])
                    add_segments(connection, rows)
                    self._settings.step("compact.in_transaction")
            self._settings.step("compact.committed")
            self._replace_segments(chosen, [Segment(rows[0], self._folder / SEGMENT_FOLDER)])
            log.info("store.compacted", segments=len(chosen), lines=lines.height)
            return len(chosen)

    def _replace_segments(self, old: Sequence[Segment], new: Sequence[Segment]) -> None:
        gone = set(old)
        self._views.change(
            lambda view: dataclasses.replace(
                view, segments=(*(segment for segment in view.segments if segment not in gone), *new)
            )
        )
        self._ledgers.forget(old)
        self._views.retire(old)
        self._settings.step("segments.retired")

    def _back_up(self) -> None:
        self._catalogue.backup(self._folder)
        self._backed_up = time.monotonic()

    def _set_damaged_aside(self, view: View) -> bool:
        """Set the segments aside that a reader of `view` found damaged; False when there are none."""
        with self._maintenance:
            damaged = [segment for segment in view.segments if segment.damage is not None]
            current = set(self._views.current.segments)
            for segment in damaged:
                if segment in current:
                    self._set_segment_aside(segment)
            return bool(damaged)

    def _set_segment_aside(self, segment: Segment) -> None:
        reason = segment.damage or ""
        for path in segment.paths():
            set_aside(path, self._folder, reason=reason)
        with self._catalogue.transaction() as connection:
            remove_segments(connection, [segment.row.number])
            add_damage(connection, segment.row.file + SUFFIXES[0], segment.row.rows, reason)
        self._replace_segments([segment], [])
        log.error("segment.lost", file=segment.row.file, lines=segment.row.rows, reason=reason)

    def drop_before(self, cutoff_ns: int) -> int:
        """See LineStore."""
        with self._maintenance:
            if any(_has_line_before(frame, cutoff_ns) for frame in self._views.current.frames):
                self.flush()
            return self._drop(self._expired(cutoff_ns))

    def has_expired(self, cutoff_ns: int) -> bool:
        """Whether `drop_before` would drop a partition that is in segments already."""
        return bool(self._expired(cutoff_ns))

    def _expired(self, cutoff_ns: int) -> set[tuple[int, int]]:
        latest: dict[tuple[int, int], int] = {}
        for segment in self._views.current.segments:
            key = (segment.row.day, segment.row.retain_day)
            latest[key] = max(latest.get(key, segment.row.max_retain_ns), segment.row.max_retain_ns)
        return {key for key, retain_ns in latest.items() if retain_ns < cutoff_ns}

    def drop_to_size(self, max_bytes: int) -> int:
        """See LineStore. The oldest partitions are those from whose lines retention counts longest."""
        with self._maintenance:
            if self.disk_bytes() <= max_bytes:
                return 0
            self.flush()
            excess = self.disk_bytes() - max_bytes
            sizes: dict[tuple[int, int], int] = {}
            for segment in self._views.current.segments:
                key = (segment.row.retain_day, segment.row.day)
                sizes[key] = sizes.get(key, 0) + segment.row.bytes
            gone: set[tuple[int, int]] = set()
            for retain_day, day in sorted(sizes):
                if excess <= 0:
                    break
                gone.add((day, retain_day))
                excess -= sizes[retain_day, day]
            return self._drop(gone)

    def _drop(self, partitions_gone: set[tuple[int, int]]) -> int:
        gone = [
            segment
            for segment in self._views.current.segments
            if (segment.row.day, segment.row.retain_day) in partitions_gone
        ]
        if not gone:
            return 0
        with self._catalogue.transaction() as connection:
            remove_segments(connection, [segment.row.number for segment in gone])
            self._settings.step("drop.in_transaction")
        self._settings.step("drop.committed")
        self._replace_segments(gone, [])
        self._back_up()
        lines = sum(segment.row.rows for segment in gone)
        log.info("store.dropped", partitions=len(partitions_gone), segments=len(gone), lines=lines)
        return lines

    @contextmanager
    def snapshot(self, frame_folder: Path) -> Iterator[Snapshot]:
        """All lines that are held now, for another process to read within the block; see `store_snapshot`."""
        with self._views.pinned() as view:
            try:
                yield snapshot_of(view, self._folder / SEGMENT_FOLDER, frame_folder)
            finally:
                shutil.rmtree(frame_folder, ignore_errors=True)

    def counters(self) -> dict[str, int]:
        """See KeptStore."""
        return {}

    def status(self) -> StoreStatus:
        """Figures for `doctor` and `/metrics`."""
        view = self._views.current
        damages = self._catalogue.damages()
        return StoreStatus(
            lines=sum(segment.row.rows for segment in view.segments) + view.memory_lines,
            segments=len(view.segments),
            memory_lines=view.memory_lines,
            memory_bytes=view.memory_bytes,
            journal_bytes=sum(path.stat().st_size for path in (self._folder / JOURNAL_FOLDER).iterdir()),
            disk_bytes=self.disk_bytes(),
            damaged_files=len(damages),
            damaged_lines=sum(damage.rows for damage in damages),
        )

    def disk_bytes(self, *, max_age_s: float = 0.0) -> int:
        """Bytes of segments, journals and catalogue; measured at most `max_age_s` ago."""
        measured, size = self._disk
        now = time.monotonic()
        if size == 0 or now - measured > max_age_s:
            size = _size_of(self._folder / JOURNAL_FOLDER) + _size_of(self._folder, "catalogue*")
            size += sum(segment.row.bytes for segment in self._views.current.segments)
            self._disk = (now, size)
        return size


def _has_line_before(frame: MemoryFrame, cutoff_ns: int) -> bool:
    is_before = pl.max_horizontal("time_ns", "arrival_ns") < cutoff_ns
    return not frame.lines.lazy().filter(is_before).select("position").head(1).collect().is_empty()


def _size_of(folder: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))
