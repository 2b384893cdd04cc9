"""Replies: JSON as orjson writes it, and one shape for every error whatever raised it."""

import dataclasses
import math
import secrets
import time
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from ingest.errors import (
    DamagedError,
    DejalogError,
    InputError,
    NotFoundError,
    QuerySyntaxError,
    RefusedError,
    StorageFullError,
)

LOG = structlog.get_logger()
ERROR_HEADER = "Dejalog-Error"
"""The code of an error once more, for whoever counts replies without reading them."""


class JsonReply(Response):
    """A JSON body from plain values."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Bytes of `content`; numbers that JSON cannot hold become null."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


@dataclasses.dataclass(frozen=True)
class Content:
    """What a read found: plain values as the reply shows them, and whether time ran out before it was all."""

    values: dict[str, Any]
    partial: bool = False


class Timed:
    """Measures `took_ms` from construction."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def read(self, content: Content) -> JsonReply:
        """The reply to a read."""
        return self.reply(content.values, partial=content.partial)

    def reply(self, content: dict[str, Any], *, partial: bool = False, status: int = 200) -> JsonReply:
        """`content` with `took_ms` and `partial`."""
        took_ms = round((time.monotonic() - self._began) * 1000, 3)
        return JsonReply({**content, "took_ms": took_ms, "partial": partial}, status_code=status)


def error_reply(
    status: int,
    code: str,
    message: str,
    *,
    hint: str = "",
    headers: dict[str, str] | None = None,
    outside: dict[str, Any] | None = None,
    **more: Any,
) -> JsonReply:
    """The error envelope of CONTRACT.md; `outside` stands beside it."""
    content = {"error": {"code": code, "message": message, "hint": hint, **more}, **(outside or {})}
    return JsonReply(content, status_code=status, headers={**(headers or {}), ERROR_HEADER: code})


def install_error_replies(app: FastAPI) -> None:
    """Make every error of `app` an error reply."""
    app.add_exception_handler(DejalogError, _dejalog_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def dejalog_error_reply(error: DejalogError) -> JsonReply:
    """What each branch of the error tree means over HTTP."""
    if isinstance(error, QuerySyntaxError):
        return error_reply(400, "query_syntax", str(error), hint=error.hint, position=error.position)
    if isinstance(error, NotFoundError):
        return error_reply(404, "not_found", str(error), hint=error.hint)
    if isinstance(error, InputError):
        return error_reply(400, "bad_request", str(error), hint=error.hint)
    if isinstance(error, RefusedError):
        full = isinstance(error, StorageFullError)
        after = str(max(1, math.ceil(error.retry_after_s)))
        hint = "free space or lower DEJALOG_RETENTION or DEJALOG_MAX_DISK" if full else f"try again in {after} s"
        code = "storage_full" if full else "refused"
        return error_reply(429, code, str(error), hint=hint, headers={"Retry-After": after})
    code = "damaged" if isinstance(error, DamagedError) else "unavailable"
    return error_reply(503, code, str(error), hint="see the server's log; `dejalog doctor` checks what it can")


async def _dejalog_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DejalogError)
    reply = dejalog_error_reply(error)
    if reply.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOG.error("request_failed", path=request.url.path, error=str(error))
    return reply


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in {"query", "body", "path", "header"})
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "is not a parameter of this route"
    hint = "the parameters of every route stand in docs/reference/http.md and at /docs"
    return error_reply(400, "bad_request", f"{place or 'body'}: {message}", hint=hint)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return http_error_reply(request, error)


def http_error_reply(request: Request, error: HTTPException) -> JsonReply:
    """What no route takes: the address, or the method."""
    headers = dict(error.headers) if error.headers else None
    if error.status_code == HTTPStatus.NOT_FOUND:
        return error_reply(
            404, "not_found", f"there is nothing at {request.url.path[:200]}", hint="/docs lists what is"
        )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{request.url.path[:200]} does not take {request.method}"
        return error_reply(405, "method_not_allowed", message, hint="/docs lists the methods", headers=headers)
    return error_reply(error.status_code, "bad_request", str(error.detail), headers=headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    return unexpected_reply(request.url.path, error)


def unexpected_reply(path: str, error: Exception) -> JsonReply:
    """For an error that nobody foresaw; the log has it whole, under the id that is told."""
    fault = secrets.token_hex(4)
    LOG.error("request_broke", path=path, fault=fault, exc_info=error)
    hint = f"the server's log tells more of fault {fault}"
    return error_reply(500, "internal", "this is a fault of Dejalog's own", hint=hint)
