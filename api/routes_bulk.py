"""What shippers that were made for Elasticsearch ask and send: `_bulk`, and the questions that come before it.

Enough for Filebeat with its defaults, Fluent Bit, rsyslog and Elasticsearch's own clients to ship in; nothing can be
read here. What is asked for set-up (templates, policies, streams) is called present, so that nobody tries to make it.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from api.parts import LineReceiver
from api.reply import JsonReply, error_reply
from api.routes_write import durable
from api.running import Receiving
from ingest.errors import InputError, RefusedError
from ingest.receive_bulk import WRITES, BulkGroup, BulkItem, group_bulk, service_of_index, split_bulk

router = APIRouter(tags=["write"])

PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
"""Elasticsearch's clients talk to nothing that does not say so."""
VERSION = "8.19.0"
"""Whose wire format this is; Filebeat takes any number that it can read."""
_KINDS = ("_ilm/policy", "_index_template", "_component_template", "_template", "_data_stream", "_ingest/pipeline")
_BULK_BODY = {
    "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
}
Item = dict[str, dict[str, Any]]
FilterPath = Annotated[
    str, Query(description="What of the answer is wanted; other than `items` or `items.*` shortens.")
]
Index = Annotated[str, Path(description="The index of actions that name none.")]


def product_info() -> JsonReply:
    """What `GET /` tells a program: a server that takes what Elasticsearch takes."""
    version = {
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "docker",
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    }
    content = {"name": "dejalog", "cluster_name": "dejalog", "cluster_uuid": "dejalogdejalogdejalog0"}
    return JsonReply({**content, "version": version, "tagline": "You Know, for Search"}, headers=PRODUCT)


@router.put("/_bulk", include_in_schema=False)
@router.post("/_bulk", summary="Store documents in Elasticsearch's bulk format", openapi_extra=_BULK_BODY)
async def post_bulk(request: Request, receiver: Receiving, filter_path: FilterPath = "") -> Response:
    """`create` and `index` store a line each, read as by `/v1/lines`; the service of documents that name none is their
    index without its date or version. `update` and `delete` are answered with an error: lines are never changed. Each
    item has a `status`: 201 stored, 429 not now. Documents that all have an `_id`, or Filebeat's file and offset, may
    be sent again in an equal request: they are stored once.
    """
    return await _bulk(request, receiver, "", filter_path)


@router.put("/{index}/_bulk", include_in_schema=False)
@router.post("/{index}/_bulk", summary="The same, with an index for actions that name none", openapi_extra=_BULK_BODY)
async def post_index_bulk(
    request: Request, receiver: Receiving, index: Index, filter_path: FilterPath = ""
) -> Response:
    """See `/_bulk`."""
    return await _bulk(request, receiver, index, filter_path)


@router.get("/_license", include_in_schema=False)
async def get_license() -> Response:
    """Filebeat sends nothing at all before it has seen one."""
    return JsonReply(
        {"license": {"uid": "dejalog", "type": "basic", "mode": "basic", "status": "active"}}, headers=PRODUCT
    )


@router.get("/_xpack", include_in_schema=False)
async def get_xpack() -> Response:
    """Older shippers ask here for the same."""
    return JsonReply(
        {"license": {"type": "basic", "mode": "basic", "status": "active"}, "features": {}}, headers=PRODUCT
    )


@router.get("/_cluster/health", include_in_schema=False)
async def get_cluster_health() -> Response:
    """Asked by shippers to see whether they may send."""
    content = {"cluster_name": "dejalog", "status": "green", "timed_out": False, "number_of_nodes": 1}
    return JsonReply(content, headers=PRODUCT)


@router.get("/_cat/health", include_in_schema=False)
async def get_cat_health() -> Response:
    """The same for rsyslog."""
    return PlainTextResponse("dejalog green 1 1\n", headers=PRODUCT)


async def _present(name: str) -> Response:
    """What is asked for is there."""
    return JsonReply({"acknowledged": True, name: {}}, headers=PRODUCT)


async def _made(name: str) -> Response:
    """What was to be made is there."""
    assert name
    return JsonReply({"acknowledged": True}, headers=PRODUCT)


for _kind in _KINDS:
    router.add_api_route(f"/{_kind}/{{name}}", _present, methods=["GET", "HEAD"], include_in_schema=False)
    router.add_api_route(f"/{_kind}/{{name}}", _made, methods=["PUT", "POST"], include_in_schema=False)


async def _bulk(request: Request, receiver: LineReceiver, index: str, filter_path: str) -> Response:
    body = await request.body()
    try:
        items = split_bulk(body, index)
    except InputError as error:
        return error_reply(
            400,
            "bad_request",
            str(error),
            hint=error.hint,
            headers=PRODUCT,
            type="illegal_argument_exception",
            reason=str(error),
        )
    is_short = bool(filter_path) and not {"items", "items.*", "*"} & set(filter_path.split(","))
    said = [_unchanged(item) for item in items]
    refused: RefusedError | None = None
    for group in group_bulk(items):
        try:
            await durable(request, functools.partial(_store, receiver, group))
        except RefusedError as error:
            refused = error
            answers = {name: {name: _refused(error)} for name in WRITES}
        else:
            answers = {name: {name: {"status": 201} | ({} if is_short else {"result": "created"})} for name in WRITES}
        for place in group.places:
            said[place] = answers[items[place].operation]
    if not is_short:
        said = [_named(item, answer) for item, answer in zip(items, said, strict=True)]
    return _reply(said, refused, takes_time=not is_short or "took" in filter_path.split(","))


def _store(receiver: LineReceiver, group: BulkGroup) -> Mapping[str, int]:
    return receiver.accept_lines(
        group.body, service=service_of_index(group.index), idempotency_key=group.idempotency_key, is_array=False
    )


def _unchanged(item: BulkItem) -> Item:
    """The answer to what cannot be done to lines."""
    if item.operation == "delete":
        return {"delete": {"status": 404, "result": "not_found"}}
    reason = f"{item.operation}: lines are never changed; create and index are accepted"
    return {item.operation: {"status": 400, "error": {"type": "illegal_argument_exception", "reason": reason}}}


def _refused(error: RefusedError) -> dict[str, Any]:
    return {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": str(error)}}


def _named(item: BulkItem, answer: Item) -> Item:
    """With index and id, as whoever did not shorten the answer expects them."""
    of = {"_index": item.index} | ({} if item.id is None else {"_id": item.id})
    return {operation: of | said for operation, said in answer.items()}


def _reply(said: Sequence[Item], refused: RefusedError | None, *, takes_time: bool) -> Response:
    statuses = [next(iter(answer.values()))["status"] for answer in said]
    content: dict[str, Any] = {"took": 0} if takes_time else {}
    content |= {"errors": any(status >= 400 and status != 404 for status in statuses), "items": said}
    if refused is None or 201 in statuses:
        return JsonReply(content, headers=PRODUCT)
    after = str(max(1, math.ceil(refused.retry_after_s)))
    error = {"code": "refused", "message": str(refused), "hint": f"try again in {after} s"}
    error |= {"type": "es_rejected_execution_exception", "reason": str(refused)}
    return JsonReply(
        {**content, "error": error, "status": 429}, status_code=429, headers={**PRODUCT, "Retry-After": after}
    )
