import io

import pytest

from api.send_stream import send_stream
from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.errors import ChunkError


class Kept:
    """A sink that keeps what it takes."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def accept(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)


class Dripping(io.BytesIO):
    """A pipe that hands out a few bytes at a time."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(min(7, size) if size and size > 0 else 7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"one line\n",
        b"no line end",
        b"\n\n\n",
        b"x" * (3 * CHUNK_BYTES + 17) + b"\nshort\n",
        b"".join(b"line %d\n" % number for number in range(200_000)),
        "多字节".encode() * 400_000,
    ],
    ids=["nothing", "a line", "no line end", "blank", "a long line", "many lines", "a long line of wide characters"],
)
def test_all_bytes_arrive_once_in_order_in_chunks_of_one_source(body: bytes) -> None:
    sink = Kept()
    assert send_stream(io.BytesIO(body), sink, host="h", service="s", zone="") == len(body)
    assert b"".join(chunk.body for chunk in sink.chunks) == body
    ends = [0, *(chunk.end for chunk in sink.chunks)]
    assert [chunk.start for chunk in sink.chunks] == ends[:-1]
    assert len({chunk.source for chunk in sink.chunks}) <= 1
    for before, chunk in zip([None, *sink.chunks], sink.chunks, strict=False):
        assert len(chunk.body) <= CHUNK_BYTES
        assert chunk.starts_inside_line is (before is not None and not before.body.endswith(b"\n"))


def test_a_slow_pipe_ships_what_it_has_before_its_end() -> None:
    body = b"".join(b"slow line %d\n" % number for number in range(500))
    sink = Kept()
    send_stream(Dripping(body), sink, host="h", service="s", zone="")
    assert b"".join(chunk.body for chunk in sink.chunks) == body
    assert len(sink.chunks) > 1


def test_two_streams_that_begin_alike_are_two_sources() -> None:
    sink = Kept()
    for _ in range(2):
        send_stream(io.BytesIO(b"same\n"), sink, host="h", service="s", zone="")
    assert len({chunk.source.id for chunk in sink.chunks}) == 2


def test_a_chunk_that_is_refused_for_good_ends_the_stream() -> None:
    class Refusing(Kept):
        def accept(self, chunk: Chunk) -> None:
            raise ChunkError("never")

    with pytest.raises(ChunkError):
        send_stream(io.BytesIO(b"x\n"), Refusing(), host="h", service="s", zone="")
