"""Routes of patterns: the list whose counts sum to the lines, one pattern in full, and what people do to patterns."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.content_patterns import keep_edit, pattern_content, patterns_content
from api.json_route import JsonRoute
from api.line_json import edit_json
from api.models import EditRequest, PatternRequest, PatternsRequest
from api.reply import Timed
from api.running import Running
from api.until_closed import until_closed

router = APIRouter(prefix="/v1", tags=["patterns"], route_class=JsonRoute)
Id = Annotated[str, Path(max_length=64, description="The pattern's id, also one that was merged into another.")]


@router.get("/patterns", summary="Patterns with their counts")
async def get_patterns(request: Request, dejalog: Running, asked: Annotated[PatternsRequest, Query()]) -> Response:
    """`{"patterns": […], "total_lines", "total_patterns", "cursor"}`. The counts of all patterns, muted ones too, sum
    to `total_lines`. Lines not mined yet stand under patterns of their own.
    """
    timed = Timed()
    return await until_closed(request, lambda closed: timed.read(patterns_content(dejalog, asked, closed.is_set)))


@router.get("/patterns/{pattern_id}", summary="One pattern")
def get_pattern(dejalog: Running, pattern_id: Id, asked: Annotated[PatternRequest, Query()]) -> Response:
    """`{"pattern": {…, "by_service", "by_level", "buckets", "examples", "signatures", "edits", "notes"}}`."""
    return Timed().read(pattern_content(dejalog, pattern_id, asked))


@router.post("/patterns/{pattern_id}/edits", summary="Rename, merge, split, mute or unmute a pattern", status_code=201)
def post_edit(dejalog: Running, pattern_id: Id, asked: EditRequest) -> Response:
    """Kept for ever and replayed over whatever mining finds. `merge` puts the pattern into the one named by `argument`;
    `split` makes each of its signatures a pattern again. The reply comes when reads show it.
    """
    timed = Timed()
    return timed.reply({"edit": edit_json(keep_edit(dejalog, pattern_id, asked))}, status=201)
