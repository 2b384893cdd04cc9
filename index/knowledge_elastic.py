"""What people said, on Elasticsearch: a document each, numbered by whoever creates the next one first."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

from index.elastic_cell import Cell
from index.elastic_client import Elastic, Json, action
from index.elastic_incidents import KeptIncidents
from index.elastic_query import both
from index.elastic_template import Names, prepare
from index.incident import Incident, Note
from index.knowledge import current_notes, note_id
from index.pattern import PatternEdit
from index.store_elastic import ElasticSettings
from ingest.errors import RefusedError

_Named = Literal["view", "channel"]
"""Kinds of documents that are kept under names."""
_PAGE = 5_000
_ATTEMPTS = 200
"""Numbers tried for one document. A guess: each is taken because another writer was first."""


class ElasticKnowledge:
    """A KnowledgeStore in an index of its own. The client is owned by the caller.

    Texts are kept as JSON within a document, so that whatever a person writes comes back as it was.
    """

    def __init__(self, client: Elastic, settings: ElasticSettings | None = None) -> None:
        """Templates are made if they are missing."""
        settings = settings or ElasticSettings()
        names = Names(settings.prefix)
        prepare(client, names, shards=settings.shards, replicas=settings.replicas)
        self._client = client
        self._index = names.knowledge
        self._incidents = KeptIncidents(client, self._index)
        self._freeze = Cell(client, self._index, "freeze")

    def close(self) -> None:
        """See KnowledgeStore."""

    def add_edit(self, edit: PatternEdit) -> None:
        """See KnowledgeStore."""
        self._add_next("edit", dataclasses.asdict(edit), edit.time_ns)

    def edits(self, *, before_ns: int | None = None) -> tuple[PatternEdit, ...]:
        """See KnowledgeStore."""
        return tuple(PatternEdit(**body) for body in self._bodies("edit", before_ns))

    def add_note(self, note: Note) -> Note:
        """See KnowledgeStore."""
        kept = dataclasses.replace(note, note_id=note_id(note))
        self._create("note", kept.note_id, dataclasses.asdict(kept), kept.time_ns)
        return kept

    def notes(self, *, before_ns: int | None = None) -> tuple[Note, ...]:
        """See KnowledgeStore."""
        found = [Note(**body) for body in self._bodies("note", before_ns)]
        return current_notes(sorted(found, key=lambda note: (note.time_ns, note.note_id)))

    def add_feedback(self, feedback: Mapping[str, Any]) -> None:
        """See KnowledgeStore."""
        self._add_next("feedback", dict(feedback), int(feedback.get("time_ns", 0)))

    def feedback(self, *, before_ns: int | None = None) -> tuple[dict[str, Any], ...]:
        """See KnowledgeStore."""
        return tuple(self._bodies("feedback", before_ns))

    def save_view(self, name: str, view: Mapping[str, Any]) -> None:
        """See KnowledgeStore."""
        self._save("view", name, view)

    def views(self) -> dict[str, dict[str, Any]]:
        """See KnowledgeStore."""
        return self._all_named("view")

    def view(self, name: str) -> dict[str, Any] | None:
        """See KnowledgeStore."""
        return self._named("view", name)

    def save_channel(self, name: str, defaults: Mapping[str, Any]) -> None:
        """See KnowledgeStore."""
        self._save("channel", name, defaults)

    def channels(self) -> dict[str, dict[str, Any]]:
        """See KnowledgeStore."""
        return self._all_named("channel")

    def channel(self, name: str) -> dict[str, Any] | None:
        """See KnowledgeStore."""
        return self._named("channel", name)

    def delete_view(self, name: str) -> bool:
        """See KnowledgeStore."""
        body = action("delete", _named_id("view", name))
        return _checked(self._client.bulk(self._index, body, refresh=True)[0], {200, 404}) == 200

    def tell_once(self, key: str, *, time_ns: int) -> bool:
        """See KnowledgeStore."""
        return self._create("told", _digest(key), {"key": key}, time_ns)

    def untell(self, key: str) -> None:
        """See KnowledgeStore."""
        self._delete([f"told-{_digest(key)}"])

    def forget_told(self, *, before_ns: int) -> None:
        """See KnowledgeStore."""
        query = {"query": _of_kind("told", before_ns=before_ns), "size": _PAGE, "_source": False}
        while hits := self._client.search(self._index, query)["hits"]["hits"]:
            self._delete([str(hit["_id"]) for hit in hits])

    def keep_incidents(self, incidents: Sequence[Incident], *, floor_ns: int) -> None:
        """See KnowledgeStore."""
        self._incidents.keep(incidents, floor_ns=floor_ns)

    def incidents(self, *, before_ns: int | None = None) -> tuple[Incident, ...]:
        """See KnowledgeStore."""
        return self._incidents.all(before_ns=before_ns)

    def freeze(self, *, before_ns: int) -> None:
        """See KnowledgeStore."""

        def grown(content: Json | None) -> Json | None:
            boundaries: list[int] = [] if content is None else content["boundaries"]
            is_further = not boundaries or before_ns > boundaries[-1]
            return {"boundaries": [*boundaries, before_ns]} if is_further else None

        self._freeze.change(grown)

    def frozen_before_ns(self) -> int | None:
        """See KnowledgeStore."""
        boundaries = self._boundaries()
        return boundaries[-1] if boundaries else None

    def revision(self, *, before_ns: int | None = None) -> int:
        """See KnowledgeStore."""
        query = _of_kind("edit", "note", before_ns=before_ns)
        body = {"query": query, "size": 0, "track_total_hits": True}
        return int(self._client.search(self._index, body)["hits"]["total"]["value"]) + len(self._boundaries())

    def _save(self, kind: _Named, name: str, value: Mapping[str, Any]) -> None:
        """Keep a document under its name, in place of an older one."""
        document = _document(kind, {"name": name, kind: dict(value)}, 0, 0)
        body = action("index", _named_id(kind, name)) + orjson.dumps(document) + b"\n"
        _checked(self._client.bulk(self._index, body, refresh=True)[0], {200, 201})

    def _all_named(self, kind: _Named) -> dict[str, dict[str, Any]]:
        found = {body["name"]: body[kind] for body in self._bodies(kind, None)}
        return dict(sorted(found.items()))

    def _named(self, kind: _Named, name: str) -> dict[str, Any] | None:
        found = self._client.get(self._index, _named_id(kind, name))
        value: dict[str, Any] | None = None if found is None else json.loads(found.source["body"])[kind]
        return value

    def _delete(self, documents: Sequence[str]) -> None:
        """Those that are there; nobody's next search finds them."""
        body = b"".join(action("delete", document) for document in documents)
        for item in self._client.bulk(self._index, body, refresh=True):
            _checked(item, {200, 404})

    def _boundaries(self) -> list[int]:
        found = self._freeze.get()
        return [] if found is None else list(found.source["boundaries"])

    def _add_next(self, kind: str, body: Json, time_ns: int) -> None:
        """Keep a document behind all others of its kind: its number is the first that nobody has."""
        first = self._last(kind) + 1
        for number in range(first, first + _ATTEMPTS):
            if self._create(kind, f"{number:012d}", body, time_ns, sequence=number):
                return
        raise RefusedError(f"{_ATTEMPTS} attempts to keep the next {kind} met other writers")

    def _last(self, kind: str) -> int:
        body = {"query": _of_kind(kind), "size": 1, "sort": [{"sequence": "desc"}], "_source": ["sequence"]}
        hits = self._client.search(self._index, body)["hits"]["hits"]
        return int(hits[0]["_source"]["sequence"]) if hits else -1

    def _create(self, kind: str, name: str, body: Json, time_ns: int, *, sequence: int = 0) -> bool:
        """Whether it was not there; everybody's next search finds it."""
        document = _document(kind, body, time_ns, sequence)
        item = action("create", f"{kind}-{name}") + orjson.dumps(document) + b"\n"
        return _checked(self._client.bulk(self._index, item, refresh=True)[0], {201, 409}) == 201

    def _bodies(self, kind: str, before_ns: int | None) -> Iterator[dict[str, Any]]:
        """All of a kind, by number."""
        query: Json = {"query": _of_kind(kind, before_ns=before_ns), "size": _PAGE, "sort": [{"sequence": "asc"}]}
        with self._client.point_in_time(self._index) as pit:
            page = query | pit
            while True:
                hits = self._client.search("", page)["hits"]["hits"]
                yield from (json.loads(hit["_source"]["body"]) for hit in hits)
                if len(hits) < _PAGE:
                    return
                page = query | pit | {"search_after": hits[-1]["sort"]}


def _document(kind: str, body: Json, time_ns: int, sequence: int) -> Json:
    return {"kind": kind, "time_ns": time_ns, "sequence": sequence, "body": json.dumps(body)}


def _of_kind(*kinds: str, before_ns: int | None = None) -> Json:
    wanted: Json = {"terms": {"kind": list(kinds)}}
    return wanted if before_ns is None else both(wanted, {"range": {"time_ns": {"lt": before_ns}}})


def _named_id(kind: _Named, name: str) -> str:
    """Names may be longer than ids."""
    return f"{kind}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _checked(item: Json, expected: set[int]) -> int:
    status = int(item["status"])
    if status not in expected:
        raise RefusedError(f"keeping what people know: {item.get('error')}")
    return status
