"""The route that hands out all lines that match as one file, streamed as it is read."""

import datetime as dt
from collections.abc import Generator, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.export import export
from api.models import ExportRequest
from api.running import Running

router = APIRouter(prefix="/v1", tags=["lines"])
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8; header=present"}


@router.get("/export", summary="All lines that match, as a file", response_class=StreamingResponse)
@router.head("/export", include_in_schema=False)
def get_export(request: Request, dejalog: Running, asked: Annotated[ExportRequest, Query()]) -> Response:
    """The lines that are stored when it begins, without a limit unless one is given. `ndjson`: each a line as in
    search, exact. `csv` (RFC 4180): `id,time,service,level,message,pattern_id,source,attributes`, the last as JSON; a
    cell that begins with `=`, `+`, `-`, `@`, a tab, a line break or `'` has a `'` before it, so that no spreadsheet
    runs it as a formula. An export that breaks off ends its connection without the last chunk, NDJSON after a line
    `{"error": {…}}`: what ends regularly is whole.
    """
    parts = export(dejalog, asked)
    now = dt.datetime.now(tz=dt.UTC)
    headers = {
        "Content-Disposition": f'attachment; filename="dejalog-{now:%Y%m%dT%H%M%SZ}.{asked.format}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",
    }
    media_type = MEDIA_TYPES[asked.format]
    if request.method == "HEAD":
        parts.close()
        return Response(media_type=media_type, headers=headers)
    return _ClosedAtTheEnd(parts, media_type=media_type, headers=headers)


class _ClosedAtTheEnd(StreamingResponse):
    """Ends the work when the client has gone, not when the garbage collector comes by."""

    def __init__(self, parts: Generator[bytes], *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every response is sent."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._parts.close()
