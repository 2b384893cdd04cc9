"""Routes about the program itself: how far it has come, and what is here."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from api.content_status import status_content
from api.models import StatusRequest
from api.page.address import Address
from api.page.render import page_reply
from api.page.routes import operations
from api.parts import Dejalog
from api.reply import Timed
from api.running import Running
from api.time_text import parse_duration_s

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
    content = await run_in_threadpool(status_content, dejalog)
    return timed.reply(content.values | {"waited_out": waited_out}, partial=waited_out)


@router.get("/docs", summary="Every route, for people", tags=["status"], response_class=HTMLResponse)
def get_docs(request: Request) -> Response:
    """The content of /openapi.json as a page that loads nothing from anywhere."""
    shown = operations(request.app.openapi())
    return page_reply(request, "routes.html", Address("/docs"), operations=shown)


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
