"""Long reads that end when the client has gone: the work runs in a thread and is told by an event."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

LOOK_S = 0.5
"""How often it is looked whether the client is still there."""


async def until_closed(request: Request, work: Callable[[threading.Event], Response]) -> Response:
    """What `work` returns; the event it is given is set once the client has closed the connection."""
    closed = threading.Event()
    watch = asyncio.create_task(_watch(request, closed))
    try:
        return await run_in_threadpool(work, closed)
    finally:
        closed.set()
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch


async def _watch(request: Request, closed: threading.Event) -> None:
    while not closed.is_set():
        await asyncio.sleep(LOOK_S)
        if await request.is_disconnected():
            closed.set()
