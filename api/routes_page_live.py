"""The route of the page that a live list listens to."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from api.asked import asked
from api.models import TailRequest
from api.page.address import Address
from api.page.live import LiveRows
from api.page.route import PageRoute
from api.running import Measured, Running
from api.tail import POLL_S, begun, resumed, tail_reply, tailed_lines

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/lines/live")
def get_live(
    request: Request,
    dejalog: Running,
    metrics: Measured,
    after: Annotated[int | None, Query(ge=-1, lt=1 << 62)] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Server-sent events as those of `/v1/tail`, but for `rows` in place of `line`: `{"count", "skipped", "html"}`,
    up to a hundred lines as the list shows them, in order of arrival. `skipped` lines before them are not sent.
    """
    address = Address.read("/lines", request.query_params.multi_items())
    chosen = {name: getattr(address, name) for name in ("query", "service", "level", "pattern")}
    where = tailed_lines(dejalog, asked(TailRequest, **chosen))
    start, first = begun(resumed(last_event_id, after), dejalog.store.high_sequence())
    return tail_reply(metrics, LiveRows(dejalog, where, address), start, first, rest_s=POLL_S)
