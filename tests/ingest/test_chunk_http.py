"""A chunk survives its way through headers and zstd, and nothing that contradicts itself becomes a chunk."""

import dataclasses

import pytest
import zstandard

from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.chunk_http import HEADER_NAMES, decode, encode
from ingest.errors import ChunkError
from ingest.source import Source

SOURCE = Source(
    id="0123456789abcdef",
    host="näme 1",
    path="/l/日志 %41,ü\n.log",
    service="cart",
    namespace="shop",
    pod="cart-0",
    container="server",
    format="docker",
    zone="+08:00",
)
CHUNK = Chunk(source=SOURCE, start=7, end=7 + 4096, read_ns=1_700_000_000_000_000_001, body=b"abc\n" * 1024)


@pytest.mark.parametrize(
    "chunk",
    [
        CHUNK,
        dataclasses.replace(CHUNK, starts_inside_line=True),
        dataclasses.replace(CHUNK, source=Source(id="0123456789abcdef")),
        Chunk(source=SOURCE, start=0, end=CHUNK_BYTES, read_ns=0, body=bytes(CHUNK_BYTES)),
    ],
    ids=["plain", "inside a line", "bare source", "as large as may be"],
)
def test_a_chunk_comes_back_as_it_went(chunk: Chunk) -> None:
    headers, body = encode(chunk)
    assert decode({name.upper(): value for name, value in headers.items()}, body) == chunk
    assert set(headers) <= {*HEADER_NAMES, "Content-Encoding", "Content-Type"}
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Dejalog-Source", ""),
        ("Dejalog-Source", "xyz"),
        ("Dejalog-Start", "-1"),
        ("Dejalog-Start", "٣"),
        ("Dejalog-Start", "9" * 19),
        ("Dejalog-End", "7"),
        ("Dejalog-End", "8"),
        ("Dejalog-End", str(2 * CHUNK_BYTES)),
        ("Dejalog-Read-Ns", "1e9"),
        ("Dejalog-Inside-Line", "yes"),
        ("Dejalog-Path", "%ff"),
        ("Dejalog-Path", "a" * 5000),
        ("Dejalog-Format", "xml"),
        ("Content-Encoding", "gzip"),
        ("Content-Encoding", ""),
    ],
)
def test_a_header_that_cannot_be_right_is_refused(name: str, value: str) -> None:
    headers, body = encode(CHUNK)
    with pytest.raises(ChunkError):
        decode(headers | {name: value}, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not zstd",
        zstandard.compress(b"short"),
        zstandard.compress(CHUNK.body)[:-9],
        zstandard.compress(bytes(1 << 28)),
    ],
    ids=["empty", "not zstd", "short", "cut off", "bomb"],
)
def test_a_body_that_cannot_be_right_is_refused(body: bytes) -> None:
    headers, _ = encode(CHUNK)
    with pytest.raises(ChunkError):
        decode(headers, body)


def test_an_uncompressed_body_is_taken() -> None:
    headers, _ = encode(CHUNK)
    del headers["Content-Encoding"]
    assert decode(headers, CHUNK.body) == CHUNK
