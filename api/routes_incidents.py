"""Routes of incidents: the list, one with all that it owns, and past ones like it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from api.content_incidents import incident_content, incidents_content, similar_content
from api.json_route import JsonRoute
from api.models import IncidentsRequest, SimilarRequest
from api.reply import Timed
from api.running import Running

router = APIRouter(prefix="/v1", tags=["incidents"], route_class=JsonRoute)


@router.get("/incidents", summary="Incidents")
def get_incidents(dejalog: Running, asked: Annotated[IncidentsRequest, Query()]) -> Response:
    """`{"incidents": […], "total", "cursor"}`: those that overlap the window, newest first."""
    return Timed().read(incidents_content(dejalog, asked))


@router.get("/incidents/{incident_id}", summary="One incident")
def get_incident(
    dejalog: Running,
    incident_id: Annotated[str, Path(max_length=64)],
    as_of: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """`{"incident": {…, "onset", "deviations", "evidence", "family", "notes"}}`. Evidence lines are the incident's own
    copies: they stay when retention drops the lines.
    """
    return Timed().read(incident_content(dejalog, incident_id, as_of))


@router.post("/incidents/similar", summary="Past incidents like one, or like what happened in a span")
def post_similar(dejalog: Running, asked: SimilarRequest) -> Response:
    """Takes `{"incident_id"}` or `{"start", "end", "services"?}`; answers `{"similar": […]}`, best first, each with
    what is shared, missing and extra, the order of onset and the margin to the next.
    """
    return Timed().read(similar_content(dejalog, asked))
