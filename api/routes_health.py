"""Routes that every process answers for those who watch it: alive, ready, and what it measured."""

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
@router.get("/readyz", summary="Whether questions can be answered", tags=["status"])
async def get_ready(request: Request) -> Response:
    """`{"status": "ok"}`, or 503 with what is being waited for."""
    waiting = await run_in_threadpool(request.app.state.ready)
    if not waiting:
        return JSONResponse({"status": "ok"})
    return error_reply(503, "not_ready", waiting, hint="ask again", headers={"Retry-After": "1"})


@router.get("/metrics", summary="Metrics for Prometheus", tags=["status"], response_class=PlainTextResponse)
def get_metrics(metrics: Measured) -> Response:
    """The Prometheus text format."""
    return Response(metrics.text(), media_type=CONTENT_TYPE)
