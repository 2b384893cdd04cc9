"""Whether a file is still the one that was read: device and inode, a growing prefix, a marker before the position."""

import dataclasses
import enum
import hashlib
import os

PREFIX_BYTES = 1024
"""The prefix grows up to this; smaller files are compared by what they had (INGEST.md section 5)."""
MARKER_BYTES = 256
_HEAD_BYTES = 1024
_DIGITS = 8
"""As many digits as a date or a clock time with milliseconds has: enough to tell one start of a file from another."""


class Verdict(enum.Enum):
    """What a file is, compared with what was read of it."""

    RESUME = "resume"
    TRUNCATED = "truncated"
    REPLACED = "replaced"


@dataclasses.dataclass(frozen=True)
class Trace:
    """What is remembered of the bytes `[0, position)` of a file."""

    position: int = 0
    prefix_bytes: int = 0
    prefix: bytes = b""
    marker: bytes = b""


def digest(part: bytes) -> bytes:
    """16 bytes that stand for `part`; of nothing for nothing."""
    return hashlib.blake2b(part, digest_size=16).digest() if part else b""


def cut_mark(first: bytes, last: bytes) -> bytes:
    """Stands for the bytes of a cut: its first PREFIX_BYTES and its last MARKER_BYTES; the last alone may repeat."""
    return digest(first[:PREFIX_BYTES] + last[-MARKER_BYTES:])


def advance(trace: Trace, head: bytes, position: int, before: bytes) -> Trace:
    """`trace` moved on to `position`: `head` is the file's start, `before` ends with the bytes before `position`."""
    length = min(PREFIX_BYTES, position, len(head))
    if length > trace.prefix_bytes:
        trace = dataclasses.replace(trace, prefix_bytes=length, prefix=digest(head[:length]))
    return dataclasses.replace(trace, position=position, marker=digest(before[-MARKER_BYTES:]))


def judge(trace: Trace, descriptor: int) -> Verdict:
    """Compares the open file with the trace. A file that is smaller than the position was truncated; so was one whose
    bytes before the position are others; one that begins otherwise was replaced (or its inode used again).
    """
    head = os.pread(descriptor, trace.prefix_bytes, 0) if trace.prefix_bytes else b""
    if len(head) == trace.prefix_bytes and digest(head) != trace.prefix:
        return Verdict.REPLACED
    start = max(0, trace.position - MARKER_BYTES)
    before = os.pread(descriptor, trace.position - start, start)
    if len(before) < trace.position - start or digest(before) != trace.marker:
        return Verdict.TRUNCATED
    return Verdict.RESUME


def first_bytes(head: bytes, *, is_final: bool = False) -> bytes | None:
    """What a source's id is made of: a file's first whole lines until they hold eight digits, at most 1,024 bytes.

    It depends on the file's first lines only and not on how much of the file there was at first sight, so a file gets
    the same id again when the registry is lost. None: there is too little yet; `is_final` takes what there is.
    """
    head = head[:_HEAD_BYTES]
    digits = end = 0
    while (newline := head.find(b"\n", end)) >= 0:
        digits += sum(0x30 <= byte <= 0x39 for byte in head[end:newline])
        end = newline + 1
        if digits >= _DIGITS:
            return head[:end]
    return head if is_final or len(head) == _HEAD_BYTES else None


def same_content(descriptor: int, other: int, start: int, end: int) -> bool:
    """Whether both files hold the same bytes in [start, end); reads until the first difference."""
    while start < end:
        length = min(1 << 20, end - start)
        part = os.pread(descriptor, length, start)
        if len(part) != length or part != os.pread(other, length, start):
            return False
        start += length
    return True
