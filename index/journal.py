"""The journal: acknowledged lines that are not in a segment yet, as checksummed frames behind a shared fsync."""

import contextlib
import dataclasses
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson
import polars as pl
import structlog

from index.quarantine import sync_folder
from ingest.errors import StorageFullError
from ingest.line_sink import SourceRange

log = structlog.get_logger()

MAGIC = b"DJL1"
HEADER = struct.Struct("<4sQqII")
"""Magic, bytes of payload, sequence of the first line, crc32 of the payload, crc32 of the header before this field."""
GROUP_BYTES = 32 << 20
"""Payload written behind one fsync at most (a guess: a tenth of a second of a slow disk)."""


@dataclasses.dataclass
class Entry:
    """One append on its way to the disk. The leader of its group fills in the last four fields."""

    lines: pl.DataFrame
    covers: tuple[SourceRange, ...]
    payload: bytes
    first_sequence: int = -1
    journal: int = -1
    done: bool = False
    fault: Exception | None = None


@dataclasses.dataclass(frozen=True)
class Frame:
    """What one append left in the journal."""

    lines: pl.DataFrame
    covers: tuple[SourceRange, ...]
    first_sequence: int


@dataclasses.dataclass(frozen=True)
class JournalReport:
    """How the reading of one journal file went."""

    frames: int
    damaged_bytes: int
    """Bytes in the middle, before a good frame, that no checksum vouches for: acknowledged lines may be lost."""
    good_end: int
    """Where the last good frame ends; what follows is the torn tail of an append that was never acknowledged."""
    tail_bytes: int
    tail_is_torn: bool
    """The tail is the beginning of one frame, as a crash leaves it; else its bytes were damaged later."""


def encode(lines: pl.DataFrame, covers: Sequence[SourceRange]) -> bytes:
    """The payload of a frame: length and JSON of what it covers, then the lines as Arrow IPC."""
    head = orjson.dumps([dataclasses.astuple(covered) for covered in covers])
    buffer = io.BytesIO()
    buffer.write(struct.pack("<I", len(head)))
    buffer.write(head)
    lines.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def decode(payload: bytes, first_sequence: int) -> Frame:
    """Inverse of `encode`, for a payload whose checksum was right."""
    (length,) = struct.unpack_from("<I", payload)
    covers = tuple(SourceRange(*item) for item in orjson.loads(payload[4 : 4 + length]))
    lines = pl.read_ipc(io.BytesIO(payload[4 + length :]))
    return Frame(lines=lines, covers=covers, first_sequence=first_sequence)


def journal_path(folder: Path, number: int) -> Path:
    """The file of one journal."""
    return folder / f"{number:012d}.journal"


def journal_numbers(folder: Path) -> list[int]:
    """The journals in a folder, oldest first."""
    return sorted(int(path.stem) for path in folder.glob("*.journal") if path.stem.isdigit())


def read_journal(path: Path, take: Callable[[Frame], None]) -> JournalReport:
    """Hand every good frame of a file to `take`, in order. Bytes between good frames are skipped and reported."""
    data = path.read_bytes()
    frames = damaged = good_end = 0
    for start, first_sequence, payload in _good_frames(data):
        damaged += start - good_end
        take(decode(payload, first_sequence))
        frames += 1
        good_end = start + HEADER.size + len(payload)
    return JournalReport(
        frames=frames,
        damaged_bytes=damaged,
        good_end=good_end,
        tail_bytes=len(data) - good_end,
        tail_is_torn=_is_torn(data[good_end:]),
    )


def _is_torn(tail: bytes) -> bool:
    if len(tail) < HEADER.size:
        return MAGIC.startswith(tail[:4])
    _, length, _, _, header_sum = HEADER.unpack_from(tail)
    is_header: bool = zlib.crc32(tail[: HEADER.size - 4]) == header_sum
    return is_header and len(tail) < HEADER.size + int(length)


def _good_frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(offset, first sequence, payload) of each frame whose checksums are right."""
    offset = data.find(MAGIC)
    while offset >= 0:
        frame = _frame_at(data, offset)
        if frame is None:
            offset = data.find(MAGIC, offset + 1)
            continue
        yield (offset, *frame)
        offset += HEADER.size + len(frame[1])
        if data[offset : offset + 4] != MAGIC:
            offset = data.find(MAGIC, offset)


def _frame_at(data: bytes, offset: int) -> tuple[int, bytes] | None:
    if offset + HEADER.size > len(data):
        return None
    _, length, first_sequence, payload_sum, header_sum = HEADER.unpack_from(data, offset)
    if zlib.crc32(data[offset : offset + HEADER.size - 4]) != header_sum:
        return None
    payload = data[offset + HEADER.size : offset + HEADER.size + length]
    if len(payload) != length or zlib.crc32(payload) != payload_sum:
        return None
    return first_sequence, payload


def _header(payload: bytes, first_sequence: int) -> bytes:
    head = HEADER.pack(MAGIC, len(payload), first_sequence, zlib.crc32(payload), 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(head))


class Journal:
    """The files appends are written to, one at a time; concurrent appenders share one fsync.

    The first appender of a group leads: it writes every entry that is waiting, syncs once, publishes them in order and
    wakes the others. Nothing of a group that fails is kept: the file is cut back to its last good length.
    """

    def __init__(
        self,
        folder: Path,
        *,
        number: int,
        next_sequence: int,
        publish: Callable[[list[Entry]], None],
        step: Callable[[str], None],
    ) -> None:
        """Start file `number`. `publish` makes durable entries visible; it is called by one thread at a time."""
        self._folder = folder
        self._publish = publish
        self._step = step
        self._condition = threading.Condition()
        self._waiting: list[Entry] = []
        self._busy = False
        self.next_sequence = next_sequence
        self.number = number
        self._descriptor, self._length, self._cut_needed = self._create(number), 0, False

    def commit(self, entry: Entry) -> None:
        """Returns when `entry` is durable and published. Raises StorageFullError, with nothing kept."""
        with self._condition:
            self._waiting.append(entry)
        while self._must_lead(entry):
            self._lead()
        if entry.fault is not None:
            raise entry.fault

    def _must_lead(self, entry: Entry) -> bool:
        """Wait while another thread leads; False when that has taken care of `entry`."""
        with self._condition:
            while self._busy and not entry.done:
                self._condition.wait()
            if entry.done:
                return False
            self._busy = True
            return True

    def roll(self) -> int:
        """Close the current file and start the next; returns the closed one's number. Waits for the group in flight."""
        with self._condition:
            while self._busy:
                self._condition.wait()
            self._busy = True
        try:
            self._cut()
            closed = self.number
            descriptor = self._create(closed + 1)
            os.close(self._descriptor)
            self._descriptor, self._length, self.number = descriptor, 0, closed + 1
        except OSError as fault:
            raise StorageFullError(f"starting a new journal file: {fault}") from fault
        finally:
            self._release()
        return closed

    @property
    def length(self) -> int:
        """Bytes of the current file."""
        return self._length

    def close(self) -> None:
        """Wait for the group in flight and close the file."""
        with self._condition:
            while self._busy:
                self._condition.wait()
            self._busy = True
            os.close(self._descriptor)

    def _create(self, number: int) -> int:
        path = journal_path(self._folder, number)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        sync_folder(self._folder)
        return descriptor

    def _lead(self) -> None:
        """Write, sync and publish what waits; every entry of the group is done after it, well or not."""
        with self._condition:
            group = self._take_group()
        try:
            fault = self._write(group)
            if fault is None:
                self._publish(group)
            for entry in group:
                entry.fault = fault
        finally:
            with self._condition:
                for entry in group:
                    entry.done = True
                self._busy = False
                self._condition.notify_all()

    def _take_group(self) -> list[Entry]:
        taken, size = 0, 0
        while taken < len(self._waiting) and (taken == 0 or size + len(self._waiting[taken].payload) <= GROUP_BYTES):
            size += len(self._waiting[taken].payload)
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    def _write(self, group: list[Entry]) -> StorageFullError | None:
        """All of a group behind one fsync, or nothing of it and the reason."""
        try:
            self._cut()
            self._write_and_sync(group)
        except OSError as problem:
            log.warning("journal.write_failed", entries=len(group), error=str(problem))
            with contextlib.suppress(OSError):  # tried again before the next group is written
                self._cut()
            return StorageFullError(f"writing the journal: {problem}")
        return None

    def _write_and_sync(self, group: list[Entry]) -> None:
        sequence, length = self.next_sequence, self._length
        self._cut_needed = True
        for entry in group:
            entry.first_sequence, entry.journal = sequence, self.number
            sequence += entry.lines.height
            for part in (_header(entry.payload, entry.first_sequence), entry.payload):
                _write_all(self._descriptor, part)
                length += len(part)
        self._step("append.written")
        os.fsync(self._descriptor)
        self._step("append.synced")
        self._cut_needed = False
        self.next_sequence, self._length = sequence, length

    def _cut(self) -> None:
        """Take back what a failed group left behind, before anything else is written."""
        if self._cut_needed:
            os.ftruncate(self._descriptor, self._length)
            os.fsync(self._descriptor)
            self._cut_needed = False

    def _release(self) -> None:
        with self._condition:
            self._busy = False
            self._condition.notify_all()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
