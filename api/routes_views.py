"""The route of one saved view."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.json_route import JsonRoute
from api.reply import Timed
from api.running import Running
from ingest.errors import NotFoundError

router = APIRouter(prefix="/v1", tags=["views"], route_class=JsonRoute)


@router.get("/views/{name:path}", summary="A saved view by its name")
def get_view(dejalog: Running, name: Annotated[str, Path(max_length=200)]) -> Response:
    """`{"view": {…}}`."""
    timed = Timed()
    view = dejalog.knowledge.view(name)
    if view is None:
        raise NotFoundError(f"there is no view {name!r}", hint="GET /v1/views lists them")
    return timed.reply({"view": {"name": name, **view}})
