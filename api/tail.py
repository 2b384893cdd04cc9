"""What every live tail shares: new lines in order of arrival, as server-sent events that resume without gap or repeat.

Routes differ in how they show lines, and say it by what they make of each read.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import polars as pl
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from api.metrics import Metrics
from api.models import TailRequest
from api.parts import Dejalog
from api.read_window import chosen_lines
from index.line_store import LineFilter
from index.segment import STORED_SCHEMA
from ingest.errors import InputError

POLL_S = 0.25
HEARTBEAT_S = 10.0
"""Proxies commonly close a stream that is silent for 30 or 60 s."""

Take = Callable[[int], tuple[int, list[bytes]]]
"""From a sequence: how far it read, and the events that tell what is new."""


def tailed_lines(dejalog: Dejalog, asked: TailRequest) -> LineFilter:
    """Which lines a tail tells of. A query that does not parse is refused here, before the stream begins."""
    query, signatures = chosen_lines(asked, dejalog.generation())
    where = LineFilter(query=query, services=tuple(asked.service), levels=tuple(asked.level), signatures=signatures)
    dejalog.store.tail(where, after=dejalog.store.high_sequence(), limit=1)
    return where


def resumed(last_event_id: str | None, after: int | None) -> int | None:
    """The sequence to resume from; None begins with what comes now. Raises InputError."""
    if not last_event_id:
        return after
    number = last_event_id.removeprefix("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise InputError(f"Last-Event-ID: {last_event_id!r} is not one of ours", hint="send the id of the last event")
    return max(-1, int(last_event_id))


def begun(after: int | None, high: int) -> tuple[int, list[bytes]]:
    """Where a tail goes on, and what it says first: `reset` where `after` was not reached yet."""
    if after is None:
        return high, []
    return (high, [_reset(after, high)]) if after > high else (after, [])


def tail_reply(metrics: Metrics, take: Take, after: int, first: Sequence[bytes], *, rest_s: float = 0) -> Response:
    """The stream: `first`, then what `take` finds; `rest_s` is waited after each find, where showing lines is work."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(metrics, take, after, first, rest_s), media_type="text/event-stream", headers=headers
    )


async def _stream(
    metrics: Metrics, take: Take, after: int, first: Sequence[bytes], rest_s: float
) -> AsyncIterator[bytes]:
    metrics.tails.inc()
    try:
        for event in first:
            yield event
        yield _position(after)
        spoke = time.monotonic()
        while True:
            after, events = await run_in_threadpool(take, after)
            for event in events:
                yield event
            if events:
                spoke = time.monotonic()
                await asyncio.sleep(rest_s)
                continue
            if time.monotonic() - spoke > HEARTBEAT_S:
                yield _position(after)
                spoke = time.monotonic()
            await asyncio.sleep(POLL_S)
    finally:
        metrics.tails.dec()


def new_lines(dejalog: Dejalog, where: LineFilter, after: int, *, limit: int) -> tuple[int, pl.DataFrame]:
    """What came after `after`, and where to go on. The high sequence is read first: what arrives while the lines are
    read is found again by the next call.
    """
    high = dejalog.store.high_sequence()
    if high <= after:
        return after, STORED_SCHEMA.to_frame()
    lines = dejalog.store.tail(where, after=after, limit=limit)
    if lines.height == 0:
        return high, lines
    reached = int(lines["sequence"][-1])
    return (reached if lines.height == limit else max(reached, high)), lines


def _reset(after: int, high: int) -> bytes:
    return b'id: %d\nevent: reset\ndata: {"after":%d,"sequence":%d}\n\n' % (high, after, high)


def _position(after: int) -> bytes:
    return b"id: %d\nevent: position\ndata: {}\n\n" % after
