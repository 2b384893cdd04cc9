"""The live tail: new lines as server-sent events, resumable without a gap or a repeat."""

from typing import Annotated

import orjson
import polars as pl
from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse

from api.line_json import lines_json
from api.models import TailRequest
from api.parts import Dejalog
from api.running import Measured, Running
from api.tail import begun, new_lines, resumed, tail_reply, tailed_lines
from index.line_store import LineFilter

router = APIRouter(prefix="/v1", tags=["lines"])

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
    where = tailed_lines(dejalog, asked)
    high = dejalog.store.high_sequence()
    asked_after = resumed(last_event_id, asked.after)
    after, first = begun(asked_after, high)
    if asked_after is None and asked.last:
        first = _last(dejalog, where, asked.last, high)
    return tail_reply(metrics, lambda reached: _take(dejalog, where, reached), after, first)


def _last(dejalog: Dejalog, where: LineFilter, limit: int, high: int) -> list[bytes]:
    page = dejalog.store.search(where, limit=limit, order="newest")
    return _events(dejalog, page.lines.filter(pl.col("sequence") <= high).sort("sequence"))


def _take(dejalog: Dejalog, where: LineFilter, after: int) -> tuple[int, list[bytes]]:
    reached, lines = new_lines(dejalog, where, after, limit=BATCH)
    return reached, _events(dejalog, lines)


def _events(dejalog: Dejalog, lines: pl.DataFrame) -> list[bytes]:
    return [
        b"id: %d\nevent: line\ndata: %s\n\n" % (line["sequence"], orjson.dumps(line))
        for line in lines_json(lines, dejalog.generation().patterns)
    ]
