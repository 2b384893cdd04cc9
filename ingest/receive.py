"""The receiver: takes chunks and pushed lines, asks the store what is missing of them, and appends just that."""

import collections
import dataclasses
import itertools
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Unpack

import polars as pl
import structlog

from ingest import trace
from ingest.chunk import Chunk
from ingest.errors import RangeConflictError, RefusedError
from ingest.frame import Framed, frame, frame_raw
from ingest.line import LINE_SCHEMA, Mark
from ingest.line_sink import LineSink, SourceRange
from ingest.parse import parse, parse_nothing
from ingest.parse_fields import FieldNames
from ingest.push import Pushed, Pushes, PushHow, preferring
from ingest.signature import signature_columns

_LOCKS = 64
"""Sources share this many locks, so that memory does not grow with sources. A guess."""
_ATTEMPTS = 5
"""How often an append is tried when another one stores part of the same range meanwhile. A guess: one is usual."""
_NOTHING = {"received": 0, "stored": 0, "blank": 0, "unparsed": 0}
_PARSER_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, RecursionError)
"""What a bug of ours, or of Polars, may raise on hostile bytes. The bytes are stored all the same."""

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class _Part:
    """What is to be appended of one chunk."""

    chunk: Chunk
    missing: Sequence[SourceRange]
    lines: pl.DataFrame
    framed: Sequence[Framed]


def _no_wait() -> None:
    """Where nobody is given way to."""


class Receiver:
    """A ChunkSink over a store. Any number of threads may call it."""

    def __init__(
        self,
        sink: LineSink,
        *,
        zone: str = "",
        clock: Callable[[], int] = time.time_ns,
        give_way: Callable[[], None] = _no_wait,
    ) -> None:
        """`zone`: that of clocks without one when the source names none. `clock`: UTC ns, when pushed lines arrive.
        `give_way` is called before each of the four steps in which a chunk is worked on, and may wait.
        """
        self._sink = sink
        self._zone = zone
        self._pushes = Pushes(clock)
        self._give_way = give_way
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self._counts: collections.Counter[str] = collections.Counter()
        self._counts_lock = threading.Lock()

    def accept(self, chunk: Chunk) -> None:
        """Store what is not stored yet of the chunk's bytes; see ChunkSink. Raises RefusedError."""
        self._take(chunk, FieldNames())

    def accept_lines(self, body: bytes, **how: Unpack[PushHow]) -> dict[str, int]:
        """Store pushed lines: JSON objects one a line, an array of them, or bare text lines.

        `service` is that of lines that name none. With a key, the same body sent again stores nothing, and another body
        is another request; without one, every request is new. Answers how many
        lines were `received`, `stored`, `blank` and `unparsed` (stored as they came). Raises InputError when the body
        is a JSON array that does not parse; RefusedError when the store takes nothing now.
        """
        pushed = self._pushes.place(body, **how)
        return dict(_NOTHING) if pushed is None else self.accept_pushed(pushed)

    def accept_pushed(self, pushed: Pushed) -> dict[str, int]:
        """As `accept_lines`, of lines that have their place already."""
        return self._take(pushed.chunk, preferring(pushed.time_field, pushed.message_field))

    def accept_group(self, group: Sequence[Pushed]) -> int:
        """Store several chunks in one append, all or none of them; answers how many lines were stored. Raises
        RefusedError; RangeConflictError when another stores part of them meanwhile, or when they overlap with each
        other: then each is to be stored by itself.
        """
        parts = [self._read(each.chunk, preferring(each.time_field, each.message_field)) for each in group]
        self._append_parts(parts)
        for each in group:
            self._count(received_chunks=1, received_bytes=len(each.chunk.body))
        return sum(self._count_stored(part)["stored"] for part in parts)

    def counters(self) -> dict[str, int]:
        """What happened so far: `received_*` (lines: those of a chunk that came again included), `stored_lines`,
        `repeated_bytes`, `blank_records`, `marked_*`, `docker_attrs_dropped` (records whose `attrs`, labels that
        Docker was told to add, are not kept), `raw_chunks` (chunks that our parser failed on), `refused_requests` and
        the same by reason (`refused_busy`, …).
        """
        with self._counts_lock:
            return dict(sorted(self._counts.items()))

    def _take(self, chunk: Chunk, names: FieldNames) -> dict[str, int]:
        self._count(received_chunks=1, received_bytes=len(chunk.body))
        with self._locks[zlib.crc32(chunk.source.id.encode()) % _LOCKS]:
            for _ in range(_ATTEMPTS):
                try:
                    return self._append(chunk, names)
                except RangeConflictError:
                    continue
                except RefusedError as error:
                    self._count_refused(error)
                    raise
        refusal = RefusedError(
            f"bytes [{chunk.start}, {chunk.end}) of source {chunk.source.id} were being stored by others "
            f"in each of {_ATTEMPTS} attempts"
        )
        self._count_refused(refusal)
        raise refusal

    def _append(self, chunk: Chunk, names: FieldNames) -> dict[str, int]:
        part = self._read(chunk, names)
        self._append_parts([part])
        return self._count_stored(part)

    def _read(self, chunk: Chunk, names: FieldNames) -> _Part:
        missing = self._sink.missing(SourceRange(chunk.source.id, chunk.start, chunk.end))
        with trace.span("chunk.parse", bytes=len(chunk.body)) as span:
            pieces = [self._lines(chunk.part(piece.start, piece.end), names) for piece in missing]
            lines = pl.concat([piece for piece, _ in pieces]) if pieces else pl.DataFrame(schema=LINE_SCHEMA)
            span.set(lines=lines.height)
        return _Part(chunk, missing, lines, [framed for _, framed in pieces])

    def _append_parts(self, parts: Sequence[_Part]) -> None:
        covers = sorted(piece for part in parts for piece in part.missing)
        for before, after in itertools.pairwise(covers):
            if before.source == after.source and after.start < before.end:
                raise RangeConflictError(f"two of the chunks hold byte {after.start} of source {after.source}")
        if covers:
            self._give_way()
            lines = pl.concat([part.lines for part in parts])
            with trace.span("store.append", lines=lines.height, ranges=len(covers)):
                self._sink.append(lines, covers)

    def _lines(self, chunk: Chunk, names: FieldNames) -> tuple[pl.DataFrame, Framed]:
        """The lines of a chunk (LINE_SCHEMA, by position), and what the frame step found."""
        try:
            self._give_way()
            framed = frame(chunk)
            self._give_way()
            parsed = parse(chunk, framed.frame, zone=self._zone, names=names)
            self._give_way()
            lines = signature_columns(parsed)
        except _PARSER_FAULTS as error:
            _log.error(
                "chunk_stored_raw", source=chunk.source.id, start=chunk.start, end=chunk.end, fault=type(error).__name__
            )
            self._count(raw_chunks=1)
            framed = frame_raw(chunk)
            lines = signature_columns(parse_nothing(chunk, framed.frame))
        lines = lines.select_seq(LINE_SCHEMA.names())
        return (lines if lines.schema == LINE_SCHEMA else lines.cast(LINE_SCHEMA)), framed

    def _count_stored(self, part: _Part) -> dict[str, int]:
        chunk, missing, lines, framed = part.chunk, part.missing, part.lines, part.framed
        marks = lines["marks"].to_numpy()
        marked = {f"marked_{mark.name}".lower(): int((marks & mark != 0).sum()) for mark in Mark}
        repeated = len(chunk.body) - sum(piece.end - piece.start for piece in missing)
        blank = sum(each.blank for each in framed)
        received = lines.height + blank if missing else chunk.body.count(b"\n")
        self._count(
            received_lines=received,
            stored_lines=lines.height,
            blank_records=blank,
            repeated_bytes=repeated,
            docker_attrs_dropped=sum(each.dropped_attrs for each in framed),
            **marked,
        )
        return {
            "received": received,
            "stored": lines.height,
            "blank": blank,
            "unparsed": marked["marked_unparsed"],
        }

    def _count_refused(self, error: RefusedError) -> None:
        self._count(refused_requests=1, **{f"refused_{error.reason}": 1})

    def _count(self, **more: int) -> None:
        with self._counts_lock:
            self._counts.update(more)
