"""Routes that read lines: search, counts over time and by value, one line and its neighbours."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.content_lines import (
    context_content,
    facets_content,
    fields_content,
    histogram_content,
    line_content,
    search_content,
)
from api.json_route import ReadRoute
from api.models import ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest, SearchRequest
from api.reply import Timed
from api.running import Running

router = APIRouter(prefix="/v1", tags=["lines"], route_class=ReadRoute)


@router.get("/search", summary="Lines that match")
def get_search(dejalog: Running, asked: Annotated[SearchRequest, Query()]) -> Response:
    """`{"lines": […], "total", "total_exact", "cursor"}`. Pass `cursor` back for the next page."""
    return Timed().read(search_content(dejalog, asked))


@router.post("/search", summary="Lines that match")
def post_search(dejalog: Running, asked: SearchRequest) -> Response:
    """As GET, with the parameters in a JSON body, as a form or in the address; those of the body count first."""
    return Timed().read(search_content(dejalog, asked))


@router.get("/histogram", summary="Counts over time, by level")
def get_histogram(dejalog: Running, asked: Annotated[HistogramRequest, Query()]) -> Response:
    """`{"buckets": [{"time", "count", "levels": {…}}], "step_s", "total"}`; empty buckets are absent."""
    return Timed().read(histogram_content(dejalog, asked))


@router.post("/histogram", summary="Counts over time, by level")
def post_histogram(dejalog: Running, asked: HistogramRequest) -> Response:
    """As GET, with the parameters in a JSON body."""
    return Timed().read(histogram_content(dejalog, asked))


@router.get("/facets", summary="The most frequent values of fields")
def get_facets(dejalog: Running, asked: Annotated[FacetsRequest, Query()]) -> Response:
    """`{"facets": {"service": [{"value", "count"}], …}}`."""
    return Timed().read(facets_content(dejalog, asked))


@router.post("/facets", summary="The most frequent values of fields")
def post_facets(dejalog: Running, asked: FacetsRequest) -> Response:
    """As GET, with the parameters in a JSON body."""
    return Timed().read(facets_content(dejalog, asked))


@router.get("/fields", summary="The fields that lines have")
def get_fields(dejalog: Running, asked: Annotated[FieldsRequest, Query()]) -> Response:
    """`{"fields": [{"field", "count"}]}`: built-in fields and keys of `attributes`."""
    return Timed().read(fields_content(dejalog, asked))


@router.post("/fields", summary="The fields that lines have")
def post_fields(dejalog: Running, asked: FieldsRequest) -> Response:
    """As GET, with the parameters in a JSON body."""
    return Timed().read(fields_content(dejalog, asked))


@router.get("/lines/{line_id}", summary="One line")
def get_line(dejalog: Running, line_id: str) -> Response:
    """`{"line": {…}, "kept_by"}`. A line that retention dropped is shown from the incident that kept a copy of it."""
    return Timed().read(line_content(dejalog, line_id))


@router.get("/context/{line_id}", summary="A line and its neighbours in the same source")
def get_context(dejalog: Running, line_id: str, asked: Annotated[ContextRequest, Query()]) -> Response:
    """`{"lines": […], "line_id", "kept_by"}`, oldest first, by position in the source: no filter applies and equal
    times do not confuse it. Of a line that retention dropped only the kept copy is shown.
    """
    return Timed().read(context_content(dejalog, line_id, asked))
