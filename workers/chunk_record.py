"""A chunk as an entry of a stream: the fields that it has over HTTP, its compressed body, what pushed lines add."""

from collections.abc import Mapping
from typing import Any

from ingest import chunk_http, trace
from ingest.errors import ChunkError
from ingest.push import Pushed

_BODY = "body"
_TIME_FIELD, _MESSAGE_FIELD = "time_field", "message_field"
_LARGEST = 1 << 30
"""Bytes of an unpacked body that are accepted back; receivers bound what goes in (DEJALOG_MAX_BODY)."""

Fields = dict[bytes, bytes]
"""What an entry holds. Names are unique; the order means nothing."""


def record_of(pushed: Pushed) -> Fields:
    """The entry of a chunk. `pushed_of` is its inverse."""
    headers, body = chunk_http.encode(pushed.chunk)
    named = {_TIME_FIELD: pushed.time_field, _MESSAGE_FIELD: pushed.message_field}
    named |= {trace.TRACEPARENT: trace.traceparent()}
    texts: dict[str, str] = headers | {name: value for name, value in named.items() if value}
    return {name.encode(): value.encode() for name, value in texts.items()} | {_BODY.encode(): body}


def pushed_of(fields: Mapping[bytes, bytes]) -> Pushed:
    """The chunk of an entry. Raises ChunkError when it is none, or a damaged one."""
    body = fields.get(_BODY.encode())
    if body is None:
        raise ChunkError(f"the entry has no body; its fields are {sorted(fields)!r:.200}")
    try:
        texts = {name.decode(): value.decode() for name, value in fields.items() if name != _BODY.encode()}
    except UnicodeDecodeError as error:
        raise ChunkError(f"a field of the entry is not UTF-8: {error}") from error
    chunk = chunk_http.decode(texts, body, max_bytes=_LARGEST)
    return Pushed(chunk, texts.get(_TIME_FIELD, ""), texts.get(_MESSAGE_FIELD, ""))


def traceparent_of(fields: Mapping[bytes, bytes]) -> str:
    """The span that appended the entry; empty when its receiver made none."""
    return fields.get(trace.TRACEPARENT.encode(), b"").decode("ascii", "replace")


def record_bytes(fields: Mapping[bytes, bytes]) -> int:
    """What an entry counts against the bound: the lengths of its names and values. Redis needs a little more."""
    return sum(len(name) + len(value) for name, value in fields.items())


def source_of(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """What may be logged of an entry: where its bytes come from, never the bytes."""
    names = {b"Dejalog-Source": "source", b"Dejalog-Start": "start", b"Dejalog-End": "end"}
    return {key: fields.get(name, b"").decode("ascii", "replace")[:40] for name, key in names.items()}
