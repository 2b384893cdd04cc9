"""Routes of what a chat channel's questions are restricted to where they do not say it themselves."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.json_route import JsonRoute
from api.models import ChannelRequest
from api.reply import Timed
from api.running import Running
from ingest.errors import NotFoundError

router = APIRouter(prefix="/v1", tags=["bot"], route_class=JsonRoute)


@router.get("/channels/{name:path}", summary="The defaults of a chat channel")
def get_channel(dejalog: Running, name: Annotated[str, Path(max_length=200)]) -> Response:
    """`{"channel": {"name", "service", "window", "language"}}`."""
    timed = Timed()
    defaults = dejalog.knowledge.channel(name)
    if defaults is None:
        raise NotFoundError(f"the channel {name!r} has no defaults", hint="POST /v1/channels keeps some")
    return timed.reply({"channel": {"name": name, **defaults}})


@router.post("/channels", summary="Keep the defaults of a chat channel", status_code=201)
def post_channel(dejalog: Running, asked: ChannelRequest) -> Response:
    """`{"channel": {…}}`; takes the place of what it had."""
    timed = Timed()
    dejalog.knowledge.save_channel(asked.name, asked.model_dump(exclude={"name"}))
    return timed.reply({"channel": asked.model_dump()}, status=201)
