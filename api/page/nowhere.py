"""Errors that no route of the page meets, for people: an address that is none, and a fault of our own."""

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.page.render import explained, wants_page
from api.reply import JsonReply, http_error_reply, unexpected_reply


def install_error_pages(app: FastAPI) -> None:
    """Browsers get pages of these; programs go on getting the envelope."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _for_whom_asks(request, http_error_reply(request, error))


async def _unexpected(request: Request, error: Exception) -> Response:
    return _for_whom_asks(request, unexpected_reply(request.url.path, error))


def _for_whom_asks(request: Request, reply: JsonReply) -> Response:
    return explained(request, reply) if wants_page(request.headers) else reply
