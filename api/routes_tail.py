"""The live tail: new lines as server-sent events, resumable without a gap or a repeat."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
import polars as pl
from fastapi import APIRouter, Header, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from api.line_json import lines_json
from api.metrics import Metrics
from api.models import TailRequest
from api.parts import Dejalog
from api.read_window import chosen_lines
from api.running import Measured, Running
from index.line_store import LineFilter
from ingest.errors import InputError

router = APIRouter(prefix="/v1", tags=["lines"])

POLL_S = 0.25
HEARTBEAT_S = 10.0
"""Proxies commonly close a stream that is silent for 30 or 60 s."""
BATCH = 1000


@router.get("/tail", summary="New lines as they come", response_class=StreamingResponse)
def get_tail(
    dejalog: Running,
    metrics: Measured,
    asked: Annotated[TailRequest, Query()],
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Server-sent events: `line` with a line as in search, its id the sequence to resume from (`Last-Event-ID` or
    `after`); `position` when time passes without a matching line; `reset`, at most once and first, when the sequence to
    resume from was not reached yet, because the store was set up anew: from there it goes on with what comes now. Its
    data is `{"after", "sequence"}`, what was asked and where it goes on. Lines come in order of arrival.
    """
    after = _resume(last_event_id, asked.after)
    query, signatures = chosen_lines(asked, dejalog.generation())
    where = LineFilter(query=query, services=tuple(asked.service), levels=tuple(asked.level), signatures=signatures)
    first: list[bytes] = []
    high = dejalog.store.high_sequence()
    if after is None:
        if asked.last:
            page = dejalog.store.search(where, limit=asked.last, order="newest")
            first = _events(dejalog, page.lines.filter(pl.col("sequence") <= high).sort("sequence"))
        after = high
    elif after > high:
        first = [_reset(after, high)]
        after = high
    dejalog.store.tail(where, after=high, limit=1)  # a query that does not parse is refused before the stream begins
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(dejalog, metrics, where, after, first), media_type="text/event-stream", headers=headers
    )


def _resume(last_event_id: str | None, after: int | None) -> int | None:
    if not last_event_id:
        return after
    number = last_event_id.removeprefix("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise InputError(f"Last-Event-ID: {last_event_id!r} is not one of ours", hint="send the id of the last event")
    return max(-1, int(last_event_id))


async def _stream(
    dejalog: Dejalog, metrics: Metrics, where: LineFilter, after: int, first: list[bytes]
) -> AsyncIterator[bytes]:
    metrics.tails.inc()
    try:
        for event in first:
            yield event
        yield _position(after)
        spoke = time.monotonic()
        while True:
            after, events = await run_in_threadpool(_next, dejalog, where, after)
            for event in events:
                yield event
            if events:
                spoke = time.monotonic()
                continue
            if time.monotonic() - spoke > HEARTBEAT_S:
                yield _position(after)
                spoke = time.monotonic()
            await asyncio.sleep(POLL_S)
    finally:
        metrics.tails.dec()


def _next(dejalog: Dejalog, where: LineFilter, after: int) -> tuple[int, list[bytes]]:
    """What came after `after`, and where to go on. The high sequence is read first: what arrives while the lines are
    read is found again by the next call.
    """
    high = dejalog.store.high_sequence()
    if high <= after:
        return after, []
    lines = dejalog.store.tail(where, after=after, limit=BATCH)
    if lines.height == 0:
        return high, []
    reached = int(lines["sequence"][-1])
    return (reached if lines.height == BATCH else max(reached, high)), _events(dejalog, lines)


def _events(dejalog: Dejalog, lines: pl.DataFrame) -> list[bytes]:
    return [
        b"id: %d\nevent: line\ndata: %s\n\n" % (line["sequence"], orjson.dumps(line))
        for line in lines_json(lines, dejalog.generation().patterns)
    ]


def _reset(after: int, high: int) -> bytes:
    return b'id: %d\nevent: reset\ndata: {"after":%d,"sequence":%d}\n\n' % (high, after, high)


def _position(after: int) -> bytes:
    return b"id: %d\nevent: position\ndata: {}\n\n" % after
