"""Routes of the web page that read: each screen at an address that says all of its state."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.page import ask, incidents, lines, patterns, status
from api.page.address import Address
from api.page.ask_live import live_answer
from api.page.assets import asset_reply
from api.page.complete import complete
from api.page.line import find_line
from api.page.live import KEPT_ROWS
from api.page.render import HEADERS, page_reply
from api.page.route import PageRoute
from api.page.token_menu import token_menu
from api.page.views import saved_views
from api.parts import Dejalog
from api.routes_bulk import product_info
from api.running import Running
from ingest.errors import InputError, NotFoundError

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Id = Annotated[str, Path(max_length=64)]


@router.get("/")
@router.head("/")
def get_ask(request: Request, dejalog: Running) -> Response:
    """Ask, the first screen; to a program, that this server takes what Elasticsearch takes."""
    if "json" in request.headers.get("accept", ""):
        return product_info()
    address = _address(request)
    if not address.q.strip() or ask.is_new(dejalog):
        return _front(request, dejalog, address)
    try:
        answered = ask.answer(dejalog, address)
    except InputError as error:
        return page_reply(
            request,
            "ask.html",
            address,
            status=400,
            answered=None,
            front=None,
            suggestions=ask.SUGGESTIONS,
            fault=lines.fault_of(error),
        )
    return page_reply(request, "ask.html", address, answered=answered, front=None, suggestions=(), fault=None)


@router.get("/ask/live")
async def get_live_answer(request: Request, dejalog: Running) -> Response:
    """The answer to the question of the first screen's address, as events of which an open page makes itself."""
    address = dataclasses.replace(Address.read("/", request.query_params.multi_items()), said="")
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(live_answer(dejalog, address), media_type="text/event-stream", headers=headers)


@router.get("/lines")
def get_lines(request: Request, dejalog: Running) -> Response:
    """Lines that match, over time and by value."""
    address = _address(request)
    part = request.query_params.get("part", "")
    shown: dict[str, Any] = {"found": None, "fault": None, "counted": None, "part": part, "kept_rows": KEPT_ROWS}
    status_code = 200
    try:
        shown.update(_lines(request, dejalog, address, part))
    except InputError as error:
        shown["fault"], status_code = lines.fault_of(error), 400
    ranges, views = lines.ranges(dejalog, address), saved_views(dejalog, address)
    template = "lines_part.html" if part else "lines.html"
    return page_reply(request, template, address, status=status_code, ranges=ranges, views=views, **shown)


@router.get("/lines/complete")
def get_completions(request: Request, dejalog: Running, at: Annotated[int, Query(ge=0)] = 0) -> Response:
    """What the query may go on with at the cursor, and where it is wrong; `screen` is the path that it is typed on."""
    screen = request.query_params.get("screen", "/lines")
    address = Address.read(screen, request.query_params.multi_items())
    return page_reply(request, "complete.html", address, found=complete(dejalog, address, at))


@router.get("/lines/menu")
def get_token_menu(request: Request) -> Response:
    """How a piece of a line filters the lines of the address: `text`, `of_level`, `of_service`, `of_pattern`; `of_line`
    and `time` are those of the line.
    """
    address, given = _address(request), request.query_params
    menu = token_menu(
        address,
        text=given.get("text", ""),
        level=given.get("of_level", ""),
        service=given.get("of_service", ""),
        pattern_id=given.get("of_pattern", ""),
        line_id=given.get("of_line", ""),
        time=given.get("time", ""),
    )
    return page_reply(request, "token_menu.html", address, menu=menu)


@router.get("/lines/{line_id}")
def get_line(request: Request, dejalog: Running, line_id: Id) -> Response:
    """One line: its fields, its context, its pattern, and incidents that it was a sign of."""
    address = _address(request)
    return page_reply(request, "line.html", address, one=find_line(dejalog, line_id, address))


@router.get("/patterns")
def get_patterns(request: Request, dejalog: Running) -> Response:
    """Patterns with counts that sum to the lines."""
    return _found(request, _address(request), dejalog, "patterns.html", patterns.find_patterns)


@router.get("/patterns/{pattern_id}")
def get_pattern(request: Request, dejalog: Running, pattern_id: Id) -> Response:
    """One pattern, and what can be done to it."""
    address = _address(request)
    return page_reply(request, "pattern.html", address, one=patterns.find_pattern(dejalog, pattern_id, address))


@router.get("/incidents")
def get_incidents(request: Request, dejalog: Running) -> Response:
    """Incidents over the days."""
    return _found(request, _address(request), dejalog, "incidents.html", incidents.find_incidents)


@router.get("/incidents/{incident_id}")
def get_incident(request: Request, dejalog: Running, incident_id: Id) -> Response:
    """One incident; it stays when retention has dropped its lines."""
    address = _address(request)
    return page_reply(request, "incident.html", address, one=incidents.find_incident(dejalog, incident_id))


@router.get("/status")
def get_status_page(request: Request, dejalog: Running) -> Response:
    """How far everything has come, and how to ship a first line."""
    shown = status.show_status(dejalog, str(request.base_url))
    return page_reply(request, "status.html", _address(request), shown=shown)


@router.get("/assets/{digest}/{name:path}")
def get_asset(request: Request, digest: Id, name: Id) -> Response:
    """A file that the page loads."""
    return asset_reply(request, digest, name)


def _lines(request: Request, dejalog: Dejalog, address: Address, part: str) -> dict[str, Any]:
    """What the screen of lines shows, or one part of it: `rows`, `histogram` or `facets`. The latter two count over
    `part_start` and `part_end`, the window of the rows, while their links keep what the address says; without these
    over the address' own window, as it is now.
    """
    window = {name: request.query_params.get(f"part_{name}", getattr(address, name)) for name in ("start", "end")}
    match part:
        case "":
            found = lines.find_lines(dejalog, address)
            timeout = "" if "counts" in request.query_params else lines.COUNT_WITHIN
            counted = lines.count_all(dejalog, address, found.window, timeout=timeout)
            return {"found": lines.with_total(found, counted), "counted": counted}
        case "rows":
            return {"found": lines.find_lines(dejalog, address)}
        case "histogram":
            return {"counted": lines.count_over_time(dejalog, address, **window)}
        case "facets":
            return {"counted": lines.count_values(dejalog, address, **window)}
        case _:
            raise NotFoundError(f"there is no part {part[:40]!r} of the lines", hint="rows, histogram or facets")


def _address(request: Request) -> Address:
    return Address.read(request.url.path, request.query_params.multi_items())


def _found(
    request: Request,
    address: Address,
    dejalog: Dejalog,
    template: str,
    find: Callable[[Dejalog, Address], object],
    **beside: Any,  # what the template shows besides
) -> Response:
    """A screen of what is found at the address, or of why it cannot be looked for."""
    try:
        found = find(dejalog, address)
    except InputError as error:
        fault = lines.fault_of(error)
        return page_reply(request, template, address, status=400, found=None, fault=fault, **beside)
    return page_reply(request, template, address, found=found, fault=None, **beside)


def _front(request: Request, dejalog: Dejalog, address: Address) -> Response:
    shown = ask.front(dejalog)
    if not shown.lines:
        return page_reply(request, "first_run.html", address, shipping=status.shipping(dejalog, str(request.base_url)))
    return page_reply(request, "ask.html", address, answered=None, front=shown, suggestions=ask.SUGGESTIONS, fault=None)
