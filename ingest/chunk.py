"""The chunk: bytes `[start, end)` of one source, cut between whole records; what collectors ship and receivers take."""

import dataclasses
from typing import Protocol

from ingest.errors import ChunkError
from ingest.source import Source

CHUNK_BYTES = 1 << 20
"""Most bytes of one chunk before compression (DESIGN.md). A longer line is shipped in pieces of this size."""


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Raw bytes as the file holds them, with what the frame step needs to be a pure function of the chunk."""

    source: Source
    start: int
    end: int
    read_ns: int
    """When these bytes were read, UTC ns; made durable by the collector before the first send."""
    body: bytes
    """Uncompressed; `len(body) == end - start`."""
    starts_inside_line: bool = False
    """The first byte continues a line that is longer than a chunk may be."""

    def __post_init__(self) -> None:
        if self.start < 0 or self.end - self.start != len(self.body):
            raise ChunkError(
                f"chunk [{self.start}, {self.end}) of source {self.source.id} has a body of {len(self.body)} bytes",
                hint="end - start must equal the length of the uncompressed body",
            )

    def part(self, start: int, end: int) -> "Chunk":
        """The same chunk cut down to `[start, end)`, which must lie inside it."""
        inside = self.starts_inside_line if start == self.start else self.body[start - self.start - 1] != 0x0A
        return dataclasses.replace(
            self, start=start, end=end, body=self.body[start - self.start : end - self.start], starts_inside_line=inside
        )


class ChunkSink(Protocol):
    """Where a collector ships to: a server over HTTP, or the receiver of the same process."""

    def accept(self, chunk: Chunk) -> None:
        """Returns when every byte of the chunk is durable; the same or an overlapping chunk may be sent any number of
        times. Raises RefusedError (nothing was taken, try later) or ChunkError (never send this again).
        """
