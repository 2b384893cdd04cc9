"""The receiver of the distributed mode: puts chunks and pushed lines into the stream instead of a store."""

import collections
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Unpack

from ingest.chunk import Chunk
from ingest.errors import RefusedError
from ingest.push import Pushed, Pushes, PushHow
from workers.chunk_stream import ChunkStream


class StreamReceiver:
    """A ChunkSink over the chunk stream that takes pushed lines too. Any number of threads may call it."""

    def __init__(self, stream: ChunkStream, *, zone: str = "", clock: Callable[[], int] = time.time_ns) -> None:
        """`zone`: that of clocks without one when the source names none; it travels with the chunk, so that whichever
        worker parses it finds the same times.
        """
        self._stream = stream
        self._zone = zone
        self._pushes = Pushes(clock)
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def accept(self, chunk: Chunk) -> None:
        """See ChunkSink: durable means in the stream."""
        self._append(Pushed(chunk))

    def accept_lines(self, body: bytes, **how: Unpack[PushHow]) -> dict[str, int]:
        """Take pushed lines, as `ingest.receive.Receiver.accept_lines` does; answers how many lines were `received` and
        `queued`: what becomes of them is known later.
        """
        pushed = self._pushes.place(body, **how)
        if pushed is None:
            return {"received": 0, "queued": 0}
        self._append(pushed)
        lines = pushed.chunk.body.count(b"\n")
        return {"received": lines, "queued": lines}

    def counters(self) -> Mapping[str, int]:
        """`received_chunks`, `received_bytes`, `received_lines` (of whatever form), `refused_requests` and the same by
        reason (`refused_storage_full`, …).
        """
        with self._lock:
            return dict(sorted(self._counts.items()))

    def _append(self, pushed: Pushed) -> None:
        body = pushed.chunk.body
        self._count(received_chunks=1, received_bytes=len(body), received_lines=body.count(b"\n"))
        source = pushed.chunk.source
        if self._zone and not source.zone:
            source = dataclasses.replace(source, zone=self._zone)
            pushed = dataclasses.replace(pushed, chunk=dataclasses.replace(pushed.chunk, source=source))
        try:
            self._stream.append(pushed)
        except RefusedError as error:
            self._count(refused_requests=1, **{f"refused_{error.reason}": 1})
            raise

    def _count(self, **more: int) -> None:
        with self._lock:
            self._counts.update(more)
