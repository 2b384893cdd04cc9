"""Pushed lines as chunks: lines that come without a file get a source and positions here, before they are received."""

import dataclasses
import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from typing import TypedDict

import orjson

from ingest.chunk import Chunk
from ingest.errors import InputError
from ingest.parse_fields import FieldNames
from ingest.source import Source, mint_source_id

_PUSHED_SOURCES = 10_000
"""Sources of pushed lines whose positions are held; then all get new ids. A guess: a few MB."""


@dataclasses.dataclass(frozen=True)
class Pushed:
    """A chunk of pushed lines, and the fields that its sender named beside the usual ones."""

    chunk: Chunk
    time_field: str = ""
    message_field: str = ""


class PushHow(TypedDict, total=False):
    """What a sender may say of the lines that it pushes; all of it may be left out."""

    service: str
    """Of lines that name none."""
    time_field: str
    message_field: str
    idempotency_key: str
    source_host: str
    now_ns: int | None
    """When they arrived; None is now."""
    is_array: bool | None
    """False: it is none, whatever the body looks like; None: see for yourself."""


class Pushes:
    """Gives pushed lines their place. Any number of threads may use it."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        """`clock`: UTC ns, when lines arrive."""
        self._clock = clock
        self._lock = threading.Lock()
        self._incarnation = secrets.token_bytes(16)
        self._ends: dict[str, int] = {}

    def place(
        self,
        body: bytes,
        *,
        service: str = "",
        time_field: str = "",
        message_field: str = "",
        idempotency_key: str = "",
        source_host: str = "",
        now_ns: int | None = None,
        is_array: bool | None = None,
    ) -> Pushed | None:
        """The chunk of JSON objects one a line, of an array of them, or of bare text lines; None for nothing at all.
        Whether it is an array shows in the body unless `is_array` is False.

        `service` is that of lines that name none. With a key, the same body gets the same place again, and another body
        another; without one, every body gets a new place. Raises InputError when the body is a JSON array that does not
        parse.
        """
        lines = _ended(body) if is_array is False else _one_a_line(body)
        if not lines:
            return None
        if idempotency_key:
            source_id, start = mint_source_id(source_host, "push", _fingerprint(idempotency_key, lines), 0), 0
        else:
            source_id, start = self._reserve(source_host, service, len(lines))
        source = Source(source_id, host=source_host, service=service, format="ndjson")
        read_ns = self._clock() if now_ns is None else now_ns
        return Pushed(Chunk(source, start, start + len(lines), read_ns, lines), time_field, message_field)

    def _reserve(self, host: str, service: str, size: int) -> tuple[str, int]:
        """The source that lines pushed without a key belong to, and where in it the next `size` bytes begin."""
        with self._lock:
            source_id = mint_source_id(host, f"push/{service}", self._incarnation, 0)
            if source_id not in self._ends and len(self._ends) >= _PUSHED_SOURCES:
                # A position forgotten would be given out again, and what came with it taken for a repeat.
                self._ends.clear()
                self._incarnation = secrets.token_bytes(16)
                source_id = mint_source_id(host, f"push/{service}", self._incarnation, 0)
            start = self._ends.get(source_id, 0)
            self._ends[source_id] = start + size
            return source_id, start


def preferring(time_field: str, message_field: str) -> FieldNames:
    """The usual names, with those that the sender gave before them."""
    usual = FieldNames()
    return FieldNames(
        message=(message_field, *usual.message) if message_field else usual.message,
        time=(time_field, *usual.time) if time_field else usual.time,
    )


def _fingerprint(key: str, lines: bytes) -> bytes:
    """Of the key and all the lines: another body under a used key must not be taken for bytes stored already."""
    return hashlib.blake2b(key.encode()).digest() + hashlib.blake2b(lines).digest()


def _one_a_line(body: bytes) -> bytes:
    """The body as lines, each with its line feed; the elements of a JSON array become one line each."""
    if body.lstrip()[:2] in {b"[{", b"[]"} or (body.lstrip()[:1] == b"[" and body.rstrip()[-1:] == b"]"):
        body = _array_lines(body)
    return _ended(body)


def _ended(body: bytes) -> bytes:
    return body if not body or body.endswith(b"\n") else body + b"\n"


def _array_lines(body: bytes) -> bytes:
    try:
        elements = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if body.lstrip()[:2] != b"[{":  # text lines in brackets
            return body
        raise InputError(
            f"the body begins like a JSON array and is none: {error.msg} at byte {error.pos}",
            hint="send one JSON object a line, an array of objects, or bare text lines",
        ) from error
    return b"\n".join(map(orjson.dumps, elements))
