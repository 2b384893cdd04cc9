"""Routes that take lines in; each answers when what it took is durable."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from api.models import LinesRequest
from api.reply import JsonReply, Timed
from api.running import Receiving
from ingest.chunk_http import HEADER_NAMES, decode

router = APIRouter(prefix="/v1", tags=["write"])
Answer = TypeVar("Answer")

WRITERS = 4
"""Requests that are parsed and stored at once. A guess: while some wait for the disk, others parse."""

_CHUNK_HEADERS = [
    {
        "name": name,
        "in": "header",
        "required": name in {"Dejalog-Source", "Dejalog-Start", "Dejalog-End", "Dejalog-Read-Ns"},
        "schema": {"type": "string"},
    }
    for name in HEADER_NAMES
]


@router.post(
    "/chunks",
    summary="Store one chunk of a source, as a collector ships it",
    openapi_extra={
        "parameters": _CHUNK_HEADERS,
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def post_chunk(request: Request, receiver: Receiving) -> Response:
    """The body is the chunk's raw bytes, with `Content-Encoding: zstd` compressed. Sending a chunk again, or one that
    overlaps with what is stored, stores only what is missing. Answers `{"accepted_to"}`, the end of the chunk, once
    every byte is durable.
    """
    timed = Timed()
    chunk = decode(request.headers, await request.body())
    await durable(request, lambda: receiver.accept(chunk))
    return timed.reply({"accepted_to": chunk.end})


@router.post(
    "/lines",
    summary="Store lines as NDJSON",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
    },
)
async def post_lines(
    request: Request,
    receiver: Receiving,
    how: Annotated[LinesRequest, Query()],
    idempotency_key: Annotated[str, Header(max_length=256)] = "",
) -> JsonReply:
    """One JSON object a line (or an array of them). The time is read from `@timestamp`, `time`, `ts` or `_time`, the
    message from `message`, `msg`, `_msg`, `log` or `body`, with `service`, `level` (or `severity_text`), `host` and
    `stream`; all other fields become attributes. A line that is not JSON is stored as it came and marked. Answers how
    many lines were `received`, `stored`, `blank` and `unparsed`; a receiver of the distributed mode answers 202 and how
    many were `queued`. With an `Idempotency-Key` the same body sent again
    stores nothing; another body under the same key is another request.
    """
    timed = Timed()
    body = await request.body()
    counts = await durable(
        request,
        lambda: receiver.accept_lines(
            body,
            service=how.service,
            time_field=how.time_field,
            message_field=how.message_field,
            idempotency_key=idempotency_key,
        ),
    )
    return timed.reply(dict(counts), status=202 if "queued" in counts else 200)


async def durable(request: Request, store: Callable[[], Answer]) -> Answer:
    """What `store` returns; so many at once that reads still find a thread and memory stays bounded."""
    return await anyio.to_thread.run_sync(store, limiter=request.app.state.writers)
