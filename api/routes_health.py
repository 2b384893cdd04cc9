"""Routes that every process answers for those who watch it: alive, ready, and what it measured."""

import dataclasses

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from api.metrics import CONTENT_TYPE
from api.reply import error_reply
from api.running import Measured

router = APIRouter()


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Whether the process is alive", tags=["status"])
async def get_health() -> Response:
    """`{"status": "ok"}`."""
    return JSONResponse({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Whether the process can do its work", tags=["status"])
async def get_ready(request: Request) -> Response:
    """`{"status": "ok", "dependencies": [{"name", "state", "reason", "is_needed"}]}`; 503, an error that names it, and
    the same list when one of them fails that the process cannot work without. A state is `ok`, `degraded` (it can be
    read and takes nothing in) or `failed`.
    """
    standings = await run_in_threadpool(request.app.state.readiness.standings)
    listed = [dataclasses.asdict(each) for each in standings]
    blocking = [f"{each.name}: {each.reason}" for each in standings if each.is_blocking]
    if not blocking:
        return JSONResponse({"status": "ok", "dependencies": listed})
    return error_reply(
        503,
        "not_ready",
        "; ".join(blocking),
        hint="it goes on by itself once this is mended",
        headers={"Retry-After": "1"},
        outside={"status": "not_ready", "dependencies": listed},
    )


@router.get("/metrics", summary="Metrics for Prometheus", tags=["status"], response_class=PlainTextResponse)
def get_metrics(metrics: Measured) -> Response:
    """The Prometheus text format."""
    return Response(metrics.text(), media_type=CONTENT_TYPE)
