"""How bodies become parameters: between the gate and the routes, for clients that name no or another content type."""

from collections.abc import Callable, Coroutine, Iterable
from email.message import Message as Header
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Message

from ingest.errors import InputError

MOST_FORM_FIELDS = 1000
"""A guess: far more than there are parameters."""
_FORM = "application/x-www-form-urlencoded"
_OF_BODY = {b"content-type", b"content-length"}
_HINT = "send a JSON object with `Content-Type: application/json`"


class JsonRoute(APIRoute):
    """Reads the body of a POST as JSON whatever its content type says: `curl -d` calls all that it sends a form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the reading of the body."""
        handle = super().get_route_handler()

        async def read_and_handle(request: Request) -> Response:
            if request.method == "POST":
                body = await request.body()
                request = _replayed(request, self.json_body(request, body))
            return await handle(request)

        return read_and_handle

    def json_body(self, request: Request, body: bytes) -> bytes:
        """The body as JSON. Raises InputError for another type that holds none."""
        if not body or _is_json(request) or _object(body) is not None:
            return body
        raise _not_json(request)


class ReadRoute(JsonRoute):
    """Of a read: the body may be a form, and what it leaves open may stand in the address, as with GET."""

    def json_body(self, request: Request, body: bytes) -> bytes:
        """Parameters of the address and of the body as one object; those of the body count first."""
        values = {} if not body.strip() else _object(body)
        if values is None and _is_json(request):
            return body  # refused by FastAPI, which says where it breaks
        if values is None:
            values = _form(request, body)
        return orjson.dumps(_by_name(request.query_params.multi_items()) | values)


def _content_type(request: Request) -> str:
    header = Header()
    header["content-type"] = request.headers.get("content-type", "")
    return header.get_content_type() if header["content-type"] else ""


def _is_json(request: Request) -> bool:
    kind = _content_type(request)
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _form(request: Request, body: bytes) -> dict[str, Any]:
    if _content_type(request) != _FORM or body.lstrip()[:1] in {b"{", b"["}:
        raise _not_json(request)
    try:
        return _by_name(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS))
    except ValueError as error:
        raise _not_json(request) from error


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A name that comes once has a text, one that is repeated a list."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _not_json(request: Request) -> InputError:
    named = _content_type(request)
    kind = f"Content-Type {named[:80]}" if named else "no Content-Type"
    return InputError(f"body: it is not a JSON object; it came with {kind}", hint=_HINT)


def _replayed(request: Request, body: bytes) -> Request:
    """The same request with this body, called JSON."""
    headers = [(name, value) for name, value in request.scope["headers"] if name not in _OF_BODY]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return rest.pop() if rest else await request.receive()

    return Request({**request.scope, "headers": headers}, receive)
