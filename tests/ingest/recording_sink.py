"""A ChunkSink that keeps bytes as a receiver does: each range once, overlaps compared, refusing when it is told to."""

import threading

from ingest.chunk import Chunk
from ingest.errors import ChunkError, RefusedError


class RecordingSink:
    def __init__(self) -> None:
        self.sources: dict[str, bytearray] = {}
        self.services: dict[str, str] = {}
        self.sent: list[Chunk] = []
        self.gaps_are_expected = False
        self.refuse_before = 0
        self.refuse_after = 0
        self.reject = 0
        self.explode = 0
        self._lock = threading.Lock()

    def accept(self, chunk: Chunk) -> None:
        with self._lock:
            if self.refuse_before:
                self.refuse_before -= 1
                raise RefusedError("not now", retry_after_s=0.01)
            if self.reject:
                self.reject -= 1
                raise ChunkError("never")
            if self.explode:
                self.explode -= 1
                raise ZeroDivisionError
            self._take(chunk)
            if self.refuse_after:
                self.refuse_after -= 1
                raise RefusedError("the answer is lost", retry_after_s=0.01)

    def _take(self, chunk: Chunk) -> None:
        self.sent.append(chunk)
        self.services[chunk.source.id] = chunk.source.service
        held = self.sources.setdefault(chunk.source.id, bytearray())
        if self.gaps_are_expected:
            return
        assert chunk.start <= len(held), f"a gap before {chunk.start} of {chunk.source.id}, {len(held)} bytes are there"
        overlap = held[chunk.start : chunk.end]
        assert bytes(overlap) == chunk.body[: len(overlap)], "the same range came with other bytes"
        held.extend(chunk.body[len(overlap) :])

    def lines(self) -> list[str]:
        """All lines of all sources, each source in order."""
        return [
            line
            for source in sorted(self.sources)
            for line in self.sources[source].decode(errors="replace").splitlines()
        ]
