"""One document that processes agree by: read, changed and written back only while nobody else has changed it."""

from collections.abc import Callable

import orjson

from index.elastic_client import Elastic, Json, Versioned, action
from ingest.errors import RefusedError

_ATTEMPTS = 50
"""A guess: each attempt fails because another one succeeded."""


class Cell:
    """A document of an index. Safe to use from many threads and processes."""

    def __init__(self, client: Elastic, index: str, document: str) -> None:
        self._client = client
        self._index = index
        self._document = document

    def get(self) -> Versioned | None:
        """Its newest state, searchable or not."""
        return self._client.get(self._index, self._document)

    def put(self, content: Json, was: Versioned | None) -> Versioned | None:
        """Write it in place of the state `was` (None: of nothing); None, with nothing changed, when it is another."""
        return self.put_beside(content, was, b"")[0]

    def put_beside(self, content: Json, was: Versioned | None, items: bytes) -> tuple[Versioned | None, list[Json]]:
        """As `put`, in one request with items for the same index that do not depend on it; what became of them, too."""
        body = action("create" if was is None else "index", self._document, was) + orjson.dumps(content) + b"\n"
        item, *others = self._client.bulk(self._index, body + items, fields="items")
        if item["status"] in {200, 201}:
            return Versioned(content, item["_seq_no"], item["_primary_term"]), others
        if item["status"] != 409:
            raise RefusedError(f"writing {self._document}: {item.get('error')}")
        return None, others

    def change(self, change: Callable[[Json | None], Json | None]) -> tuple[Json | None, Json | None]:
        """Write what `change` makes of the content; it may be called again with what another process wrote, and returns
        None when nothing is to be written. Returns the content before and after.
        """
        for _ in range(_ATTEMPTS):
            was = self.get()
            before = None if was is None else was.source
            after = change(before)
            if after is None or self.put(after, was) is not None:
                return before, after
        raise RefusedError(f"{_ATTEMPTS} attempts to change {self._document} met other writers")
