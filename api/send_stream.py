"""Ships a stream that cannot be read twice (stdin) as the chunks of a new source."""

import time
from typing import Protocol

from ingest.chunk import CHUNK_BYTES, Chunk, ChunkSink
from ingest.cut import find_cuts
from ingest.errors import RefusedError
from ingest.source import Source, mint_source_id

GIVE_UP_S = 60.0
"""How long a server that refuses is tried again. A guess."""


class Readable(Protocol):
    """What stdin offers."""

    def read1(self, size: int = -1, /) -> bytes:
        """Some bytes, as soon as there are any; none at the end."""


def send_stream(stream: Readable, sink: ChunkSink, *, host: str, service: str, zone: str) -> int:
    """Ship everything to the end of `stream`; the number of bytes. Every call is a source of its own: two streams that
    begin alike are never taken for one. Raises as the sink does, RefusedError only after trying for a minute.
    """
    source: Source | None = None
    held, position, inside = b"", 0, False
    while True:
        part = stream.read1(CHUNK_BYTES)
        held += part
        if source is None and (len(held) >= 1024 or not part):
            source = Source(
                id=mint_source_id(host, "-", held, time.time_ns()), host=host, path="-", service=service, zone=zone
            )
        if source is None:
            continue
        ends = find_cuts(held).ends if part else _last_ends(held)
        for start, end in zip((0, *ends), ends, strict=False):
            body = held[start:end]
            chunk = Chunk(source, position, position + len(body), time.time_ns(), body, starts_inside_line=inside)
            _send(sink, chunk)
            position, inside = position + len(body), not body.endswith(b"\n")
        held = held[ends[-1] :] if ends else held
        if not part:
            return position


def _last_ends(held: bytes) -> tuple[int, ...]:
    """Cuts of what nothing follows any more."""
    ends = find_cuts(held).ends
    return ends if not held or (ends and ends[-1] == len(held)) else (*ends, len(held))


def _send(sink: ChunkSink, chunk: Chunk) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            sink.accept(chunk)
        except RefusedError as error:
            if time.monotonic() > deadline:
                raise
            time.sleep(min(error.retry_after_s, 5.0))
        else:
            return
