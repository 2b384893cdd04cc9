"""Lines into Elasticsearch: requests sized by bytes, failures sent again item by item, what is never taken kept."""

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable

import orjson
import polars as pl
import structlog

from index.elastic_client import Elastic, Json, action, is_full
from index.elastic_documents import Documents, body_of
from index.elastic_retain import open_left_closed
from index.elastic_template import Names
from ingest.errors import EngineError, RefusedError, StorageFullError

_TAKEN = frozenset({200, 201, 409})
"""409: a document of this id is there. It is this line, written by an attempt that was interrupted."""
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_FIELDS = "items.*.status,items.*.error.type,items.*.error.reason"
_BLOCKED = "cluster_block_exception"
_SERVERS_FAULTS = frozenset({"validation_exception", "index_not_found_exception", "security_exception"})
"""No line is at fault where its day's index cannot be made (as many shards as the cluster may have, nobody may make
indices by writing to them) or we may not write to it: any other line of the day would be refused as well.
"""
FIRST_PAUSE_S = 0.1
MOST_PAUSE_S = 2.0
"""Pauses between attempts double from one to the other: guesses."""
_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class WriteSettings:
    """How a store writes."""

    bulk_bytes: int = 8 << 20
    """Bytes of one request. Elasticsearch's advice is 5 to 15 MB; its own limit is 100 MB."""
    retry_s: float = 10.0
    """How long items that Elasticsearch is too busy for are sent again before the append is refused. A guess: less than
    a sender's own time-out."""


class LineWriter:
    """Sends documents. Safe to use from many threads."""

    def __init__(self, client: Elastic, names: Names, settings: WriteSettings) -> None:
        self._client = client
        self._names = names
        self._settings = settings
        self._counts: Counter[str] = Counter()
        self._counts_lock = threading.Lock()

    def write(self, documents: Documents, *, step: Callable[[], None]) -> None:
        """Have each document in the day's index, or in the dead-letter index with the reason. Not searchable yet.
        `step` is called before each request.

        Raises RefusedError when Elasticsearch is too busy for longer than `retry_s` or does not answer, and
        StorageFullError when it takes no more; some documents may be written then, writing all again is harmless.
        """
        index = self._names.day(documents.day)
        for part in documents.parts(self._settings.bulk_bytes):
            self._write_part(index, part, step)

    def counters(self) -> dict[str, int]:
        """`created`, `present` (sent again), `retried` and `dead` documents so far."""
        with self._counts_lock:
            return dict(sorted(self._counts.items()))

    def _write_part(self, index: str, texts: pl.Series, step: Callable[[], None]) -> None:
        end = time.monotonic() + self._settings.retry_s
        pause = FIRST_PAUSE_S
        while len(texts):
            step()
            texts = self._send(index, texts)
            if not len(texts):
                return
            if time.monotonic() + pause > end:
                open_left_closed(self._client, self._names)
                raise RefusedError(
                    f"Elasticsearch is too busy: {len(texts)} lines of {index} were not taken within "
                    f"{self._settings.retry_s} s",
                    retry_after_s=MOST_PAUSE_S,
                )
            time.sleep(pause)
            pause = min(pause * 2, MOST_PAUSE_S)

    def _send(self, index: str, texts: pl.Series) -> pl.Series:
        """Send items once; returns those to be sent again. A request too large for the server is halved."""
        items = self._items(index, texts)
        if not items:
            half = len(texts) // 2
            return pl.concat([self._send(index, texts[:half]), self._send(index, texts[half:])])
        statuses = pl.Series([item["status"] for item in items], dtype=pl.Int64)
        failed = [number for number, status in enumerate(statuses) if status not in _TAKEN]
        again = [number for number in failed if self._may_be_taken(items[number])]
        dead = sorted(set(failed) - set(again))
        if dead:
            self._bury([items[number] for number in dead], texts[dead])
        self._count(
            created=int((statuses == 201).sum()),
            present=int((statuses == 409).sum()),
            retried=len(again),
            dead=len(dead),
        )
        return texts[again]

    def _items(self, index: str, texts: pl.Series) -> list[Json]:
        """The items' results; none when the request is too large and can be parted."""
        try:
            return self._client.bulk(index, body_of(texts), fields=_FIELDS)
        except EngineError as fault:
            if "answered 413" in str(fault) and len(texts) > 1:
                return []
            raise

    @staticmethod
    def _may_be_taken(item: Json) -> bool:
        """Whether another attempt may succeed. Raises StorageFullError when no attempt will until somebody acts."""
        reason = str(item.get("error", {}))
        if is_full(reason):
            raise StorageFullError(f"Elasticsearch takes no more: {reason[:300]}", retry_after_s=10.0)
        if item.get("error", {}).get("type") in _SERVERS_FAULTS:
            raise StorageFullError(
                f"Elasticsearch takes no lines until somebody acts: {reason[:300]}", retry_after_s=10.0
            )
        return item["status"] in _RETRIED or _BLOCKED in reason

    def _bury(self, items: list[Json], texts: pl.Series) -> None:
        """Keep what is never taken, with the reason; few lines, so one by one."""
        body = b""
        for item, text in zip(items, texts, strict=True):
            head, _, document = text.partition("\n")
            error = item.get("error", {})
            letter = {
                "reason": error.get("type", str(item["status"])),
                "detail": error.get("reason", ""),
                "time_ns": time.time_ns(),
                "document": document,
            }
            body += action("index", orjson.loads(head)["create"]["_id"]) + orjson.dumps(letter) + b"\n"
        for reply in self._client.bulk(self._names.dead, body, refresh=True):
            if reply["status"] not in _TAKEN:
                raise RefusedError(f"the dead-letter index does not take lines: {reply.get('error')}")
        reasons = Counter(str(item.get("error", {}).get("type")) for item in items)
        _log.error("elasticsearch.lines_refused", lines=len(items), reasons=dict(reasons))

    def _count(self, **more: int) -> None:
        with self._counts_lock:
            self._counts.update(more)
