"""Incidents that outlive their lines, on Elasticsearch: documents that never change, and one list of those that count.

A reader sees one list and so one whole set; a writer swaps the list by compare-and-set. Documents that left the list
are deleted; who read the old list a moment ago and misses one reads the new list.
"""

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Sequence

import orjson

from index.elastic_cell import Cell
from index.elastic_client import Elastic, Json, action
from index.incident import Incident
from index.knowledge import incident_from_json, incident_json, meet
from ingest.errors import RefusedError

_AT_ONCE = 500
_ATTEMPTS = 20


@dataclasses.dataclass(frozen=True)
class _Kept:
    """A row of the list."""

    incident_id: str
    start_ns: int
    end_ns: int
    services: tuple[str, ...]
    digest: str
    """Of the content, by which an incident that did not change is known."""
    document: str


class KeptIncidents:
    """The list and its documents, in an index that others may share."""

    def __init__(self, client: Elastic, index: str) -> None:
        self._client = client
        self._index = index
        self._list = Cell(client, index, "incidents")

    def keep(self, incidents: Sequence[Incident], *, floor_ns: int) -> None:
        """See `KnowledgeStore.keep_incidents`."""
        fresh: dict[str, str] = {}
        written: set[str] = set()

        def swap(content: Json | None) -> Json | None:
            held = _rows(content)
            rows = _chosen(held, incidents, floor_ns, fresh)
            self._write({name: body for body, name in fresh.items() if name not in written})
            written.update(fresh.values())
            return None if rows == held else {"kept": [dataclasses.asdict(row) for row in rows]}

        before, after = self._list.change(swap)
        left = {row.document for row in _rows(before if after is None else after)}
        self._delete((written | {row.document for row in _rows(before)}) - left)

    def all(self, *, before_ns: int | None) -> tuple[Incident, ...]:
        """See `KnowledgeStore.incidents`."""
        for _ in range(_ATTEMPTS):
            found = self._list.get()
            rows = _rows(None if found is None else found.source)
            rows = [row for row in rows if before_ns is None or row.end_ns <= before_ns]
            rows.sort(key=lambda row: (row.start_ns, row.incident_id))
            bodies = self._read([row.document for row in rows])
            if bodies is not None:
                return tuple(incident_from_json(json.loads(body)) for body in bodies)
        raise RefusedError(f"the kept incidents changed during each of {_ATTEMPTS} attempts to read them")

    def _write(self, bodies: dict[str, str]) -> None:
        items = [
            action("create", name) + orjson.dumps({"kind": "incident", "body": body}) + b"\n"
            for name, body in bodies.items()
        ]
        for start in range(0, len(items), _AT_ONCE):
            for reply in self._client.bulk(self._index, b"".join(items[start : start + _AT_ONCE])):
                if reply["status"] != 201:
                    raise RefusedError(f"keeping incidents: {reply.get('error')}")

    def _read(self, documents: Sequence[str]) -> list[str] | None:
        """Their bodies; None when one is gone."""
        bodies: list[str] = []
        for start in range(0, len(documents), _AT_ONCE):
            found = self._client.get_all(self._index, documents[start : start + _AT_ONCE])
            bodies += [document.source["body"] for document in found if document is not None]
        return bodies if len(bodies) == len(documents) else None

    def _delete(self, documents: set[str]) -> None:
        if documents:
            self._client.bulk(self._index, b"".join(action("delete", document) for document in sorted(documents)))


def _rows(content: Json | None) -> list[_Kept]:
    rows = [] if content is None else content["kept"]
    return [_Kept(**{**row, "services": tuple(row["services"])}) for row in rows]


def _chosen(held: Sequence[_Kept], incidents: Sequence[Incident], floor_ns: int, fresh: dict[str, str]) -> list[_Kept]:
    """The rows that are kept from now on. Bodies that none of the held ones has are added to `fresh` with the name of
    their document, which is never used again, so that nobody who deletes an older one of the same body takes it away.
    """
    older = [row for row in held if row.start_ns < floor_ns]
    known = {row.digest: row.document for row in held}
    rows = {row.incident_id: row for row in older}
    for incident in incidents:
        if incident.incident_id in rows or any(meet(incident, row) for row in older):
            continue
        body = json.dumps(incident_json(incident))
        digest = hashlib.blake2b(body.encode(), digest_size=16).hexdigest()
        document = known.get(digest) or fresh.setdefault(body, f"incident-{secrets.token_hex(12)}")
        rows[incident.incident_id] = _Kept(
            incident.incident_id, incident.start_ns, incident.end_ns, incident.services, digest, document
        )
    return list(rows.values())
