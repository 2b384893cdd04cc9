"""Every signature ever stored, with its earliest line: one document each, which only ever moves to an earlier line."""

import threading
from collections.abc import Sequence

import orjson
import polars as pl

from index.elastic_client import Elastic, Json, Versioned, action
from index.elastic_documents import hex_of
from index.elastic_template import Names
from index.ledger import SIGNATURE_SCHEMA, admitted, first_lines, joined_first_lines
from index.signature_table import changed_signatures
from ingest.errors import RefusedError

_UNSIGNED = ("signature", "shape")
_OVERLAP = 500
"""Changes read once more: those that were made at the same time may become searchable in another order. As many are
written at once, so that none can lie further back. A guess."""
_PAGE = 5_000
_ATTEMPTS = 50


class Signatures:
    """The table as one process knows it, brought up to date by what changed. Safe to use from many threads."""

    def __init__(self, client: Elastic, names: Names, *, budget: int) -> None:
        self._client = client
        self._index = names.signatures
        self._budget = budget
        self._lock = threading.Lock()
        self._table = SIGNATURE_SCHEMA.to_frame()
        self._seen = -1
        self._is_loaded = False

    def table(self) -> pl.DataFrame:
        """All of them: SIGNATURE_SCHEMA, by signature."""
        with self._lock:
            return self._refreshed()

    def table_with(self, wanted: Sequence[int]) -> pl.DataFrame:
        """As this process knows the table, if it has all of `wanted`; else brought up to date."""
        with self._lock:
            asked_for = pl.Series(wanted, dtype=pl.UInt64, strict=False)
            is_enough = self._is_loaded and bool(asked_for.is_in(self._table["signature"].implode()).all())
            return self._table if is_enough else self._refreshed()

    def changes(self) -> tuple[str, Json]:
        """The search, and its index, for what changed since the table was last brought up to date; see `take`."""
        with self._lock:
            return self._index, self._changes()

    def take(self, hits: Sequence[Json]) -> None:
        """Bring the table up to date with what a search for `changes` found."""
        with self._lock:
            self._take(hits)

    def add(self, lines: pl.DataFrame) -> None:
        """Remember the signatures of lines. Costs no request when all are known by an earlier line."""
        self.merge(first_lines(lines))

    def merge(self, firsts: pl.DataFrame) -> None:
        """Remember signatures with their earliest lines: SIGNATURE_SCHEMA, as `first_lines` gives them."""
        with self._lock:
            table = self._table if self._is_loaded else self._refreshed()
            changed = changed_signatures(table, admitted(table, firsts, self._budget))
            if changed.is_empty():
                return
            table = self._refreshed()
            changed = changed_signatures(table, admitted(table, firsts, self._budget))
            for _ in range(_ATTEMPTS):
                if changed.is_empty():
                    return
                changed = self._write(changed)
        raise RefusedError(f"{_ATTEMPTS} attempts to remember {changed.height} signatures met other writers")

    def _write(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Write rows over later lines of the same signatures; returns those that another writer changed meanwhile."""
        documents = _documents(rows)
        held = self._client.get_all(self._index, list(documents))
        items, written = [], []
        for (name, document), was in zip(documents.items(), held, strict=True):
            if was is None or _key(document) < _key(was.source):
                head = action("create" if was is None else "index", name, was)
                items.append(head + orjson.dumps(document) + b"\n")
                written.append(name)
        if not items:
            return rows.clear()
        replies: list[Json] = []
        for start in range(0, len(items), _OVERLAP):
            replies += self._client.bulk(self._index, b"".join(items[start : start + _OVERLAP]), refresh=True)
        for reply in replies:
            if reply["status"] not in {200, 201, 409}:
                raise RefusedError(f"remembering signatures: {reply.get('error')}")
        met = [name for name, reply in zip(written, replies, strict=True) if reply["status"] == 409]
        done = rows.filter(~hex_of(rows["signature"]).is_in(met))
        self._table = joined_first_lines([self._table, done])
        return rows.filter(hex_of(rows["signature"]).is_in(met))

    def _refreshed(self) -> pl.DataFrame:
        """The table after reading what changed since; the caller has the lock."""
        while True:
            hits = self._client.search(self._index, self._changes())["hits"]["hits"]
            self._take(hits)
            if len(hits) < _PAGE:
                break
        self._is_loaded = True
        return self._table

    def _changes(self) -> Json:
        after = [max(self._seen - _OVERLAP, -1)]
        return {"size": _PAGE, "sort": [{"_seq_no": "asc"}], "search_after": after, "track_total_hits": False}

    def _take(self, hits: Sequence[Json]) -> None:
        if hits:
            self._table = joined_first_lines([self._table, _rows([Versioned(hit["_source"], 0, 0) for hit in hits])])
            self._seen = max(self._seen, int(hits[-1]["sort"][0]))


def _key(document: Json) -> tuple[int, str, int]:
    return document["first_ns"], document["source"], document["position"]


def _documents(rows: pl.DataFrame) -> dict[str, Json]:
    """By id. Distinct signatures, not lines, are walked over."""
    shown = rows.with_columns(hex_of(rows[name]) for name in _UNSIGNED)
    return {row["signature"]: row for row in shown.iter_rows(named=True)}


def _rows(found: list[Versioned]) -> pl.DataFrame:
    schema = {name: pl.String if name in _UNSIGNED else kind for name, kind in SIGNATURE_SCHEMA.items()}
    frame = pl.DataFrame([document.source for document in found], schema=schema)
    return frame.with_columns(pl.col(*_UNSIGNED).str.to_integer(base=16, dtype=pl.UInt64))
