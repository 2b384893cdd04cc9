"""Elasticsearch's bulk format as lines: what `POST /_bulk` holds, action by action, with the documents left as bytes.

Read as Elasticsearch reads it, and more mildly: blank lines are skipped (Filebeat and rsyslog write one after every
document), `_type` and whatever else an action says is ignored, the last line needs no line feed.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Sequence

import orjson

from ingest.errors import InputError

WRITES = frozenset({"create", "index"})
"""Operations that add a document; lines are never changed, so the others do nothing here."""
_WITHOUT_DOCUMENT = "delete"
_OPERATIONS = WRITES | {"update", _WITHOUT_DOCUMENT}
_DATED = re.compile(r"[-._](?:v?\d+(?:\.\d+){1,3}|\d{4}(?:[-._]?\d{2}){0,2}|\d{6,8})$")
_DATA_STREAM = re.compile(r"^\.ds-(?P<name>.+)-\d{4}\.\d{2}\.\d{2}-\d{6}$")


@dataclasses.dataclass(frozen=True)
class BulkItem:
    """One action. `document` is as it came; None for a deletion."""

    operation: str
    index: str
    id: str | None
    document: bytes | None


@dataclasses.dataclass(frozen=True)
class BulkGroup:
    """The documents of one index that are to be stored, in order, with their places among the request's items."""

    index: str
    places: Sequence[int]
    documents: Sequence[bytes]
    idempotency_key: str
    """Empty when a document does not say who it is: then a repeat cannot be told from a second event."""

    @property
    def body(self) -> bytes:
        """The documents, one a line."""
        return b"\n".join(self.documents) + b"\n"


def split_bulk(body: bytes, default_index: str = "") -> list[BulkItem]:
    """The actions in order. Raises InputError when the body is not in the bulk format, or is cut short."""
    lines = list(filter(bytes.strip, body.split(b"\n")))
    actions, documents = lines[::2], lines[1::2]
    if len(actions) == len(documents):
        said = {action: _action(action, default_index) for action in set(actions)}
        known = {action: found for action, found in said.items() if found and found[0] != _WITHOUT_DOCUMENT}
        if len(known) == len(said):
            return [BulkItem(*known[action], doc) for action, doc in zip(actions, documents, strict=True)]
    return list(_walk(lines, default_index))


def group_bulk(items: Sequence[BulkItem]) -> list[BulkGroup]:
    """What is to be stored, by index, in the order in which indexes come."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        if item.operation in WRITES and item.document is not None:
            places.setdefault(item.index, []).append(place)
    return [_group(index, [(place, items[place]) for place in of_index]) for index, of_index in places.items()]


def service_of_index(index: str) -> str:
    """The service of lines that name none: the index without the dates and versions that shippers append."""
    name = found["name"] if (found := _DATA_STREAM.match(index)) else index
    while name != (shorter := _DATED.sub("", name)):
        name = shorter
    return name


def _walk(lines: Sequence[bytes], default_index: str) -> Iterable[BulkItem]:
    at = 0
    while at < len(lines):
        found = _action(lines[at], default_index)
        if found is None:
            raise InputError(
                f"line {at + 1} of the bulk request (blank ones not counted) is no action: {lines[at][:80]!r}",
                hint='an action is {"create": {}} or {"index": {}} on one line, its document on the next',
            )
        at += 1
        if found[0] == _WITHOUT_DOCUMENT:
            yield BulkItem(*found, None)
            continue
        if at == len(lines):
            raise InputError("the bulk request ends after an action, without its document", hint="it may be cut short")
        yield BulkItem(*found, lines[at])
        at += 1


def _action(line: bytes, default_index: str) -> tuple[str, str, str | None] | None:
    """Operation, index and id; None when the line is no action."""
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(content, dict) or len(content) != 1:
        return None
    [(operation, said)] = content.items()
    if operation not in _OPERATIONS or not isinstance(said, dict):
        return None
    named = said.get("_id")
    return operation, str(said.get("_index") or default_index), None if named is None else str(named)


def _group(index: str, items: Sequence[tuple[int, BulkItem]]) -> BulkGroup:
    documents = [item.document for _, item in items if item.document is not None]
    is_named = all(item.id is not None or _says_where_it_stood(item.document or b"") for _, item in items)
    key = hashlib.blake2b(digest_size=16)
    for _, item in items if is_named else ():
        key.update(repr((item.index, item.id)).encode())
    return BulkGroup(index, [place for place, _ in items], documents, f"bulk {key.hexdigest()}" if is_named else "")


def _says_where_it_stood(document: bytes) -> bool:
    """Whether it carries file and offset, as Filebeat's do: another event cannot be equal to it."""
    return b'"offset":' in document and (b'"fingerprint":' in document or b'"inode":' in document)
