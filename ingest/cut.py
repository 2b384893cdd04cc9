"""Where a buffer of a file may be cut into chunks: between whole records, never inside a run or a stack trace."""

import dataclasses
import re
from collections.abc import Sequence

import orjson

from ingest.chunk import CHUNK_BYTES
from ingest.continuation import continues, may_open

_FIRST_WINDOW = 4 << 10
"""Bytes looked at before a cut; four times as many whenever no safe place is among them. Most cuts need two records."""
_MOST_RECORDS = 4096
"""Records looked at before a cut; a trace that is longer is cut at a line end. A guess, far above real traces."""
_LOOK_AHEAD = 4 << 10
"""Bytes looked at behind a cut, for the next record of each stream."""
_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+ (stdout|stderr) ([FP])(?::[^ ]*)?(?: (.*))?$", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Record:
    """What decides about a cut, of one record: offsets in the buffer, the line end included."""

    start: int
    end: int
    stream: str
    is_partial: bool
    message: str


@dataclasses.dataclass(frozen=True)
class Cuts:
    """How a buffer may be shipped. All offsets are in the buffer; `0 <= ready <= whole <= size`."""

    ends: tuple[int, ...]
    """Ends of chunks that may be shipped now, growing."""
    whole: int
    """End of the last whole line: the last record, which nothing follows yet, ends here."""
    is_open: bool
    """The last record is a partial one, or one that a stack trace may well follow."""


def find_cuts(buffer: bytes, *, limit: int = CHUNK_BYTES, more_follows: bool = False) -> Cuts:
    """Cuts `buffer`, which begins where a chunk may begin, into chunks of at most `limit` bytes.

    `more_follows`: the file is known to go on behind the buffer. Otherwise the last record (with the run or trace that
    it belongs to) is left over, since nobody knows what comes next. Cost grows with chunks, not with lines.
    """
    ends: list[int] = []
    start = 0
    while len(buffer) - start > limit:
        start = _cut_within(buffer, start, start + limit)
        ends.append(start)
    if more_follows and ends:
        return Cuts(ends=tuple(ends), whole=start, is_open=False)
    whole = max(buffer.rfind(b"\n", start) + 1, start)
    closed, last = _last_safe(buffer, start, whole)
    if closed > start:
        ends.append(closed)
    is_open = last is not None and (last.is_partial or closed < last.start or may_open(last.message))
    return Cuts(ends=tuple(ends), whole=whole, is_open=is_open)


def _cut_within(buffer: bytes, start: int, limit: int) -> int:
    """The largest safe cut in (start, limit]; where there is none, the last line end; else `limit` itself."""
    newline = buffer.rfind(b"\n", start, limit)
    if newline < 0:
        return _whole_character(buffer, start, limit)
    ahead = buffer.rfind(b"\n", newline + 1, newline + 1 + _LOOK_AHEAD) + 1
    if not ahead:
        # The next record is longer than what is looked at: its start must do.
        ahead = buffer.find(b"\n", newline + 1) + 1 or newline + 1
    window = _FIRST_WINDOW
    while True:
        low = _line_start(buffer, start, newline - window)
        found = records(buffer, low, ahead)
        cut = _largest_free(found, newline + 1, at_start=low == start)
        if cut > start:
            return cut
        if low == start or len(found) > _MOST_RECORDS:
            return newline + 1
        window *= 4


def _last_safe(buffer: bytes, start: int, whole: int) -> tuple[int, Record | None]:
    """The start of the last run of records in [start, whole), and the last record; (start, None) when there is none."""
    if whole == start:
        return start, None
    window = _FIRST_WINDOW
    while True:
        low = _line_start(buffer, start, whole - 1 - window)
        found = records(buffer, low, whole)
        cut = _largest_free(found, found[-1].start, at_start=low == start)
        if cut > start:
            return cut, found[-1]
        if low == start or len(found) > _MOST_RECORDS:
            return start, found[-1]
        window *= 4


def _line_start(buffer: bytes, start: int, position: int) -> int:
    """The start of the first line that begins at or behind `position`, `start` when that lies before it."""
    if position <= start:
        return start
    return buffer.rfind(b"\n", start, position) + 1 or start


def _whole_character(buffer: bytes, start: int, limit: int) -> int:
    """`limit`, or up to three bytes less when it would cut a UTF-8 character in two."""
    for back in range(4):
        if limit - back > start and buffer[limit - back] & 0xC0 != 0x80:
            return limit - back
    return limit


def _largest_free(found: Sequence[Record], limit: int, *, at_start: bool) -> int:
    """The start of the last record, at most `limit`, that no run or trace of any stream reaches across; -1 for none.

    Streams interleave: a record that belongs to an earlier one of its stream blocks every place between the two. Unless
    the records begin `at_start` of the chunk, what precedes the first is unknown, and so it is no place to cut.
    """
    reaches_back_to = _reaches(found, at_start=at_start)
    low = limit + 1
    for record, reach in zip(reversed(found), reversed(reaches_back_to), strict=True):
        place = record.start
        if place <= limit and place <= min(low, reach) and (at_start or place > found[0].start):
            return place
        low = min(low, reach)
    return -1


def _reaches(found: Sequence[Record], *, at_start: bool) -> list[int]:
    """For each record the start of the one that it belongs to: its own start when it begins a run."""
    reaches = []
    last: dict[str, Record] = {}
    for record in found:
        previous = last.get(record.stream)
        if previous is None:
            # A record that continues something, with nothing before it here, continues what lies before the window.
            joined = not at_start and continues(record.message, "")
            reaches.append(-1 if joined else record.start)
        else:
            joined = previous.is_partial or continues(record.message, previous.message)
            reaches.append(previous.start if joined else record.start)
        last[record.stream] = record
    return reaches


def records(buffer: bytes, low: int, high: int) -> list[Record]:
    """The records of the whole lines in [low, high). For short stretches only: this goes line by line."""
    found = []
    start = low
    for line in buffer[low:high].split(b"\n")[:-1]:
        end = start + len(line) + 1
        found.append(_record(line, start, end))
        start = end
    return found


def _record(line: bytes, start: int, end: int) -> Record:
    if line.startswith(b'{"'):
        docker = _docker(line)
        if docker is not None:
            log, stream = docker
            return Record(start, end, stream, not log.endswith("\n"), log.rstrip("\r\n"))
    else:
        cri = _CRI.match(line)
        if cri:
            message = (cri[3] or b"").decode(errors="replace")
            return Record(start, end, cri[1].decode(), cri[2] == b"P", message.rstrip("\r"))
    return Record(start, end, "", is_partial=False, message=line.decode(errors="replace"))


def _docker(line: bytes) -> tuple[str, str] | None:
    """`log` and `stream` of a json-file record; None for any other JSON."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    log, stream = fields.get("log"), fields.get("stream")
    if isinstance(log, str) and isinstance(stream, str) and "time" in fields:
        return log, stream
    return None
