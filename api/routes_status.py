"""Routes about the program itself: how far it has come, and what is here."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from api.models import StatusRequest
from api.pages import docs_page, front_page
from api.parts import Dejalog, Status
from api.reply import Timed
from api.routes_bulk import product_info
from api.running import Running
from api.time_text import format_time, parse_duration_s

router = APIRouter()
LONGEST_WAIT_S = 3600.0
WAIT_STEP_S = 1.0


@router.get("/v1/status", summary="How far everything has come", tags=["status"])
async def get_status(request: Request, dejalog: Running, asked: Annotated[StatusRequest, Query()]) -> Response:
    """`{"revision", "sources", "lag_bytes", "caught_up_to", "nearline", "dropped", …}`. With `?wait=30s` it comes once
    all that was acknowledged before the call is mined and indexed, or after that time; `waited_out` tells which.
    """
    timed = Timed()
    waited_out = False
    if asked.wait is not None:
        waited_out = not await _wait(request, dejalog, min(parse_duration_s(asked.wait, name="wait"), LONGEST_WAIT_S))
    status, held = await run_in_threadpool(lambda: (dejalog.status(), dejalog.store.high_water()))
    content = status_json(status) | {
        "lines": held.lines,
        "first": None if held.first_ns is None else format_time(held.first_ns),
        "last": None if held.last_ns is None else format_time(held.last_ns),
        "waited_out": waited_out,
    }
    return timed.reply(content, partial=waited_out)


@router.get("/", summary="What is here", tags=["status"], response_class=HTMLResponse, include_in_schema=False)
@router.head("/", include_in_schema=False)
def get_front(request: Request) -> Response:
    """A page that says what is here; to a program, that this server takes what Elasticsearch takes."""
    return product_info() if "json" in request.headers.get("accept", "") else front_page()


@router.get("/docs", summary="Every route, for people", tags=["status"], response_class=HTMLResponse)
def get_docs(request: Request) -> Response:
    """The content of /openapi.json as a page that loads nothing from anywhere."""
    return docs_page(request.app.openapi())


def status_json(status: Status) -> dict[str, Any]:
    """The status as /v1/status shows it."""
    return {
        "revision": status.revision,
        "sources": [
            {
                "id": each.id,
                "host": each.host,
                "path": each.path,
                "service": each.service,
                "position": each.position,
                "lag_bytes": each.lag_bytes,
            }
            for each in status.sources
        ],
        "lag_bytes": status.lag_bytes,
        "caught_up_to": None if status.caught_up_to_ns is None else format_time(status.caught_up_to_ns),
        "nearline": {
            name: {
                "sequence": step.sequence,
                "pending_lines": step.pending_lines,
                "count": step.count,
                "seconds": round(step.seconds, 3),
                "error": step.error,
            }
            for name, step in sorted(status.nearline.items())
        },
        "received": dict(sorted(status.received.items())),
        "stored_lines": status.stored_lines,
        "dropped": dict(sorted(status.dropped.items())),
        "marked": dict(sorted(status.marked.items())),
        "refused": status.refused,
        "store_bytes": status.store_bytes,
        "queue_bytes": status.queue_bytes,
    }


async def _wait(request: Request, dejalog: Dejalog, timeout_s: float) -> bool:
    """Whether everything acknowledged before the call is mined; gives up when the client has gone."""
    sequence = await run_in_threadpool(dejalog.store.high_sequence)
    deadline = time.monotonic() + timeout_s
    while True:
        left_s = max(0.0, deadline - time.monotonic())
        if await run_in_threadpool(dejalog.wait_until_mined, min(left_s, WAIT_STEP_S), sequence=sequence):
            return True
        if left_s <= 0 or await request.is_disconnected():
            return False
        await asyncio.sleep(0)
