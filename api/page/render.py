"""Templates to replies: the environment, the headers of every page, packing, and the page of an error."""

import functools
import gzip
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import Headers

from api.page import filters, text
from api.page.address import Address
from api.page.assets import address_of, digest, styles, takes_gzip
from api.page.session import is_session
from api.reply import ERROR_HEADER, JsonReply, dejalog_error_reply
from ingest.errors import DejalogError, InputError
from ingest.line import LEVELS

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers would then call the origin of our own forms `null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Encoding, Cookie",
}
ASSETS_HEADER = "Dejalog-Page"
"""Names the files that a page loads: one that is open learns from a part that the server has others by now."""
LEAST_PACKED = 1000
"""Bytes below which packing gains nothing."""


@functools.cache
def environment() -> Environment:
    """The templates, read once. A name that a template was not given is an error, and everything is escaped."""
    made = Environment(
        loader=PackageLoader("api.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        clock=filters.clock,
        clock_text=filters.clock_text,
        in_zone=filters.in_zone,
        in_box=filters.in_box,
        count=filters.count,
        duration=filters.duration,
        size=filters.size,
        level_name=filters.level_name,
        plain=text.plain,
        one_line=text.one_line,
        markup=text.marked_up,
        folded=text.folded,
    )
    made.globals.update(asset=address_of, styles=styles, span=filters.span, LEVELS=LEVELS)
    return made


def page_reply(request: Request, template: str, address: Address, *, status: int = 200, **values: Any) -> Response:
    """A page of this template; `values` is what the template shows."""
    body = environment().get_template(template).render(address=address, has_session=is_session(request), **values)
    content = body.encode("utf-8", "replace")
    headers = {**HEADERS, ASSETS_HEADER: digest()}
    if len(content) >= LEAST_PACKED and takes_gzip(request):
        content = gzip.compress(content, compresslevel=5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status_code=status, media_type="text/html; charset=utf-8", headers=headers)


def error_page(request: Request, error: DejalogError) -> Response:
    """What went wrong, for people, with the status that programs would get."""
    return explained(request, dejalog_error_reply(error))


def explained(request: Request, as_json: JsonReply) -> Response:
    """The page that says what an error reply says."""
    error = orjson.loads(as_json.body)["error"]
    reply = page_reply(
        request,
        "error.html",
        _zoned(request),
        status=as_json.status_code,
        title="Not found" if as_json.status_code == HTTPStatus.NOT_FOUND else "This did not work",
        message=error["message"],
        hint=error["hint"],
    )
    for name in (ERROR_HEADER, "Retry-After", "Allow"):
        if name in as_json.headers:
            reply.headers[name] = as_json.headers[name]
    return reply


def _zoned(request: Request) -> Address:
    """The path that failed, in the zone of its address or of the form that was sent to it; a zone that does not exist
    may be what failed.
    """
    zone = request.query_params.get("zone", "") or getattr(request.state, "zone", "")
    try:
        return Address.read(request.url.path, [("zone", zone)])
    except InputError:
        return Address(request.url.path)


def wants_page(headers: Headers) -> bool:
    """Whether a browser asks for something to show; programs, and our own modules, take other types."""
    return "text/html" in headers.get("accept", "")
