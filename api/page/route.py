"""Routes whose errors are pages: people get words with a way on, where programs get the envelope."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse

from api.page.render import HEADERS, error_page
from api.reply import dejalog_error_reply
from ingest.errors import DejalogError, InputError, NotFoundError


class PageRoute(APIRoute):
    """FastAPI's, but for errors of the tree."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler inside one that makes pages of errors."""
        handle = super().get_route_handler()

        async def handle_and_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except DejalogError as error:
                return error_page(request, error)
            except RequestValidationError as error:
                return error_page(request, InputError(f"the address: {error.errors()[0]['msg']}"))

        return handle_and_explain


def redirect(address: str) -> Response:
    """To be fetched with GET, so that reloading sends no form again."""
    return RedirectResponse(address, status_code=303, headers=HEADERS)


async def nothing_there(request: Request, _error: Exception) -> Response:
    """The reply at an address that no route has: a page for browsers, the envelope for programs."""
    missing = NotFoundError(f"there is nothing at {request.url.path[:200]}", hint="/docs lists what is")
    if "text/html" in request.headers.get("accept", ""):
        return error_page(request, missing)
    return dejalog_error_reply(missing)
