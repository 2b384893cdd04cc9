"""The chunk as an HTTP request: headers that describe it and a zstd body; shared by the shipper and the server."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

import zstandard

from ingest.chunk import CHUNK_BYTES, Chunk
from ingest.errors import ChunkError
from ingest.source import Source

CHUNK_PATH = "/v1/chunks"
ZSTD_LEVEL = 1
"""Level 3 costs half as much again in CPU and saves a few percent on container logs (INGEST.md section 3)."""

_SOURCE_FIELDS = {
    "Dejalog-Source": "id",
    "Dejalog-Host": "host",
    "Dejalog-Path": "path",
    "Dejalog-Service": "service",
    "Dejalog-Namespace": "namespace",
    "Dejalog-Pod": "pod",
    "Dejalog-Container": "container",
    "Dejalog-Format": "format",
    "Dejalog-Zone": "zone",
}
HEADER_NAMES = (
    *_SOURCE_FIELDS,
    "Dejalog-Start",
    "Dejalog-End",
    "Dejalog-Read-Ns",
    "Dejalog-Inside-Line",
)
"""Every header of a chunk besides `Content-Encoding: zstd`; values are percent-encoded UTF-8."""
_REQUIRED = ("Dejalog-Source", "Dejalog-Start", "Dejalog-End", "Dejalog-Read-Ns")
_FORMATS = ("auto", "docker", "cri", "plain", "ndjson")
_MAX_VALUE = 4096
"""Characters of a header's value; Linux' longest path."""


def encode(chunk: Chunk) -> tuple[dict[str, str], bytes]:
    """Headers and compressed body of a chunk. Empty fields are left out."""
    values = {name: str(getattr(chunk.source, field)) for name, field in _SOURCE_FIELDS.items()}
    values |= {
        "Dejalog-Start": str(chunk.start),
        "Dejalog-End": str(chunk.end),
        "Dejalog-Read-Ns": str(chunk.read_ns),
        "Dejalog-Inside-Line": "1" if chunk.starts_inside_line else "",
    }
    headers = {name: quote(value, safe="/:+.,@=") for name, value in values.items() if value}
    headers |= {"Content-Encoding": "zstd", "Content-Type": "application/octet-stream"}
    return headers, zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(chunk.body)


def decode(headers: Mapping[str, str], body: bytes, max_bytes: int = CHUNK_BYTES) -> Chunk:
    """The chunk that `encode` was given. Headers are taken in any case; no `Content-Encoding`: a raw body.

    Raises ChunkError when a header is absent or not what it should be, or when the body is damaged, larger than
    `max_bytes` or of another length than the headers say. Never decompresses more than `max_bytes`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    absent = [name for name in _REQUIRED if not given.get(name.lower())]
    if absent:
        raise ChunkError(f"the chunk has no header {', '.join(absent)}", hint=f"required are {', '.join(_REQUIRED)}")
    start, end, read_ns = (_number(given, name) for name in _REQUIRED[1:])
    if not 0 < end - start <= max_bytes:
        raise ChunkError(
            f"the chunk's headers say bytes {start} to {end}", hint=f"a chunk holds 1 to {max_bytes} bytes"
        )
    return Chunk(
        source=_source(given),
        start=start,
        end=end,
        read_ns=read_ns,
        body=_decompress(body, given.get("content-encoding", ""), end - start),
        starts_inside_line=_flag(given, "Dejalog-Inside-Line"),
    )


def _number(given: Mapping[str, str], name: str) -> int:
    text = given[name.lower()]
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 1 << 63):
        raise ChunkError(f"header {name} is {text[:40]!r}", hint="a whole number from 0 to 2^63 - 1 is accepted")
    return int(text)


def _flag(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name.lower(), "")
    if text not in {"", "0", "1"}:
        raise ChunkError(f"header {name} is {text[:40]!r}", hint="0 or 1 is accepted")
    return text == "1"


def _source(given: Mapping[str, str]) -> Source:
    fields = {}
    for name, field in _SOURCE_FIELDS.items():
        raw = given.get(name.lower(), "")
        try:
            value = unquote(raw, errors="strict")
        except UnicodeDecodeError as error:
            raise ChunkError(f"header {name} is not percent-encoded UTF-8: {raw[:80]!r}") from error
        if len(value) > _MAX_VALUE:
            raise ChunkError(f"header {name} has {len(value)} characters", hint=f"at most {_MAX_VALUE} are accepted")
        fields[field] = value
    fields["format"] = fields["format"] or "auto"
    if fields["format"] not in _FORMATS:
        raise ChunkError(f"header Dejalog-Format is {fields['format'][:40]!r}", hint=f"one of {', '.join(_FORMATS)}")
    source_id = fields["id"]
    if len(source_id) != 16 or not set(source_id) <= set("0123456789abcdef"):
        raise ChunkError(f"header Dejalog-Source is {source_id[:40]!r}", hint="16 hex digits are accepted")
    return Source(**fields)


def _decompress(body: bytes, encoding: str, expected: int) -> bytes:
    if encoding.strip().lower() in {"", "identity"}:
        plain = body
    elif encoding.strip().lower() == "zstd":
        try:
            # One byte more than promised shows a body that is too long without unpacking the rest of it.
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body) as reader:
                plain = reader.read(expected + 1)
        except zstandard.ZstdError as error:
            raise ChunkError(f"the chunk's body is not zstd: {error}") from error
    else:
        raise ChunkError(f"Content-Encoding {encoding[:40]!r} is not accepted", hint="zstd or none")
    if len(plain) != expected:
        longer = "or more " if len(plain) > expected else ""
        raise ChunkError(f"the chunk's headers say {expected} bytes, its body has {len(plain)} {longer}")
    return plain
