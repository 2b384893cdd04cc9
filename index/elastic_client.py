"""The one file that speaks with Elasticsearch: requests as they are written in its reference, errors as ours."""

import dataclasses
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import elastic_transport
import elasticsearch
import orjson
import urllib3
from elastic_transport.client_utils import DEFAULT
from elasticsearch.serializer import OrjsonSerializer

from ingest import trace
from ingest.errors import EngineError, RefusedError, SettingError, StorageFullError, UnavailableError

JSON = {"accept": "application/json", "content-type": "application/json"}
NDJSON = {"accept": "application/json", "content-type": "application/x-ndjson"}
_OVERLOADED = frozenset({429, 502, 503, 504})
_UNAUTHORIZED = frozenset({401, 403})
"""A password that was changed may be right again; what is sent is not at fault."""
PIT_KEEP_ALIVE = "2m"
"""How long a point in time outlives the last request that used it."""
PAGE_HITS = 10_000
"""Hits of one page of a walk over many. A guess: pages of some MB."""

INDICES_AT_ONCE = 40
"""Names in the first line of a request, of which Elasticsearch accepts 4 KiB."""
ALLOCATION_S = 5.0
"""How long a reader waits for an index that is being made. A guess: 0.1 s is usual."""
_UNALLOCATED = ("no_shard_available_action_exception", "missing shards")
_ANY_INDEX: dict[str, object] = {"ignore_unavailable": "true", "allow_no_indices": "true"}

Json = dict[str, Any]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Versioned:
    """A document as it was read, and what a compare-and-set needs to know of it."""

    source: Json
    seq_no: int
    primary_term: int


class Elastic:
    """A connection to a cluster, safe to use from many threads.

    Every method raises RefusedError while the cluster does not answer or is overloaded, StorageFullError when it takes
    no more, and EngineError when it answers what it should not.
    """

    def __init__(self, url: str, *, ca: Path | None = None, timeout_s: float = 30.0, connections: int = 16) -> None:
        """`url` may hold a user and a password; several URLs are parted by commas. `ca` holds the certificates that are
        trusted instead of the common ones. Raises SettingError when it, or an address, cannot be read as such.
        """
        self._timeout_s = timeout_s
        nodes = url.split(",")
        self._nodes = len(nodes)
        trusted = _trusted(ca)
        try:
            self._client = elasticsearch.Elasticsearch(
                nodes,
                ca_certs=trusted,
                serializer=OrjsonSerializer(),
                connections_per_node=connections,
                request_timeout=timeout_s,
                max_retries=0,
                retry_on_status=(),
            )
        except ValueError:  # it holds the address, password and all
            raise SettingError(
                "an address of Elasticsearch is not one: accepted is http://user:password@host:9200, several parted by "
                "commas, a scheme and a port in each, and %2F for a slash in a password"
            ) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        timeout_s: float | None = None,
        allowed: Sequence[int] = (),
        params: Mapping[str, object] | None = None,
    ) -> Json:
        """The reply, parsed. Replies whose status is among the `allowed` come back as they are. `params` go into the
        query string. Raises TimeoutError when a `timeout_s` was given and has passed.
        """
        client = self._client if timeout_s is None else self._client.options(request_timeout=timeout_s)
        headers = NDJSON if isinstance(body, bytes) else JSON
        try:
            with trace.span(f"elasticsearch {_operation(path)}", kind="client"):
                reply = self._perform(client, method, path, params=params, headers=headers, body=body)
        except elasticsearch.ApiError as fault:
            if fault.status_code in allowed:
                return fault.body if isinstance(fault.body, dict) else {}
            raise _translated(fault) from fault
        except elastic_transport.ConnectionTimeout as fault:
            if timeout_s is not None:
                raise TimeoutError("Elasticsearch did not answer within the deadline") from fault
            raise UnavailableError(
                f"Elasticsearch did not answer within {self._timeout_s} s", retry_after_s=5.0
            ) from fault
        except elastic_transport.TransportError as fault:
            raise UnavailableError(f"Elasticsearch cannot be reached: {fault.message}", retry_after_s=5.0) from fault
        found: Json = reply.body if isinstance(reply.body, dict) else {}
        return found

    def _perform(self, client: elasticsearch.Elasticsearch, method: str, path: str, **how: Any) -> Any:
        """One request. Where a node cannot be connected to the next is asked, since nothing was asked of the first. Any
        other failure is the caller's: what was asked may be done.
        """
        tried = 1
        while True:
            try:
                return client.perform_request(method, path, **how)
            except elastic_transport.ConnectionError as fault:
                if tried == self._nodes or not isinstance(fault.__cause__, urllib3.exceptions.NewConnectionError):
                    raise
            tried += 1

    def search(self, index: str, body: Mapping[str, object], *, timeout_s: float | None = None) -> Json:
        """One search over an index, a pattern (which nothing need fit), or the point in time that `body` has."""
        path, params = ("/_search", None) if "pit" in body else (f"/{index}/_search", _ANY_INDEX)
        return _when_allocated(lambda: _whole(self.request("POST", path, body, timeout_s=timeout_s, params=params)))

    def searches(self, index: str, bodies: Sequence[Mapping[str, object]]) -> list[Json]:
        """Several searches in one round trip, answers in the same order."""
        return self.searches_of([(index, body) for body in bodies])

    def searches_of(
        self, searches: Sequence[tuple[str, Mapping[str, object]]], *, timeout_s: float | None = None
    ) -> list[Json]:
        """As `searches`, each with its own index."""
        parts = (part for index, body in searches for part in ({"index": index, **_ANY_INDEX}, body))
        text = b"".join(orjson.dumps(part) + b"\n" for part in parts)
        return _when_allocated(
            lambda: [
                _whole(found) for found in self.request("POST", "/_msearch", text, timeout_s=timeout_s)["responses"]
            ]
        )

    @contextmanager
    def point_in_time(self, index: str) -> Iterator[Json]:
        """What goes into the bodies of searches that must all see the same documents."""
        opened = _when_allocated(
            lambda: self.request("POST", f"/{index}/_pit", params={"keep_alive": PIT_KEEP_ALIVE, **_ANY_INDEX})
        )
        pit = {"id": opened["id"], "keep_alive": PIT_KEEP_ALIVE}
        try:
            yield {"pit": pit}
        finally:
            self.request("DELETE", "/_pit", {"id": pit["id"]}, allowed=(404,))

    def get(self, index: str, document: str) -> Versioned | None:
        """The newest state of a document, searchable or not."""
        found = _when_allocated(lambda: self.request("GET", f"/{index}/_doc/{document}", allowed=(404,)))
        return versioned(found) if found.get("found") else None

    def get_all(self, index: str, documents: Sequence[str]) -> list[Versioned | None]:
        """As `get`, many in one round trip and the same order."""
        if not documents:
            return []
        wanted = {"ids": list(documents)}
        found = _when_allocated(lambda: _all_answered(self.request("POST", f"/{index}/_mget", wanted, allowed=(404,))))
        if "docs" not in found:
            return [None] * len(documents)
        return [versioned(row) if row.get("found") else None for row in found["docs"]]

    def bulk(
        self, index: str, body: bytes, *, refresh: bool = False, fields: str = "items.*.status,items.*.error"
    ) -> list[Json]:
        """The result of each item, in order: those `fields` of it. With `refresh` it is searchable on return."""
        params = {"filter_path": fields, "refresh": str(refresh).lower()}
        found = self.request("POST", f"/{index}/_bulk", body, params=params)
        return [next(iter(item.values())) for item in found.get("items", ())]

    def refresh(self, *indices: str) -> None:
        """Make what was written so far searchable."""
        for start in range(0, len(indices), INDICES_AT_ONCE):
            names = ",".join(indices[start : start + INDICES_AT_ONCE])
            self.request("POST", f"/{names}/_refresh", params={"ignore_unavailable": "true"})


def _operation(path: str) -> str:
    """What a request is about, without the ids of documents: `_bulk` of `/index/_bulk`."""
    return next((part for part in path.split("?", maxsplit=1)[0].split("/") if part.startswith("_")), "index")


def _whole(found: Json) -> Json:
    """Raises EngineError or RefusedError when some shards did not answer: part of an answer is none."""
    if "error" in found:
        raise _refused_or_broken(int(found.get("status", 500)), str(found["error"])[:500])
    shards = found.get("_shards", {})
    if shards.get("failed"):
        raise _refused_or_broken(503, f"{shards['failed']} of {shards['total']} shards did not answer: {shards}"[:500])
    return found


def _all_answered(found: Json) -> Json:
    """Raises RefusedError when a document could not be looked for: that is not the same as not being there."""
    for row in found.get("docs", ()):
        if "error" in row and "index_not_found" not in str(row["error"]):
            raise _refused_or_broken(503, str(row["error"])[:500])
    return found


def _when_allocated(ask: Callable[[], T]) -> T:
    """The answer; an index that another process is just making has no shard for a moment, and is waited for."""
    end = time.monotonic() + ALLOCATION_S
    while True:
        try:
            return ask()
        except RefusedError as fault:
            if not any(mark in str(fault) for mark in _UNALLOCATED) or time.monotonic() > end:
                raise
        time.sleep(0.02)


def versioned(found: Json) -> Versioned:
    """A reply of get as a document and its version."""
    return Versioned(found["_source"], found["_seq_no"], found["_primary_term"])


def action(name: str, document: str, was: Versioned | None = None) -> bytes:
    """The first line of an item of a bulk request; with `was` it only succeeds while the document is still that."""
    about: Json = {"_id": document}
    if was is not None:
        about |= {"if_seq_no": was.seq_no, "if_primary_term": was.primary_term}
    return orjson.dumps({name: about}) + b"\n"


def is_full(reason: str) -> bool:
    """Whether a refusal says that the disk or the index takes no more."""
    return "flood-stage" in reason or "read-only" in reason or "read_only" in reason


def _trusted(ca: Path | None) -> Any:
    """What the client takes as its `ca_certs`. A file that is none is told now, not met as a server that is away."""
    if ca is None:
        return DEFAULT
    try:
        ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        raise SettingError(f"the certificates for Elasticsearch, {ca}, cannot be read: {error}") from error
    return str(ca)


def _translated(fault: elasticsearch.ApiError) -> RefusedError | EngineError:
    return _refused_or_broken(fault.status_code, str(fault.body)[:500])


def _refused_or_broken(status: int, reason: str) -> RefusedError | EngineError:
    if is_full(reason):
        return StorageFullError(f"Elasticsearch takes no more: {reason}", retry_after_s=10.0)
    if status in _OVERLOADED or "cluster_block_exception" in reason:
        return RefusedError(f"Elasticsearch answered {status}: {reason}", retry_after_s=1.0)
    if status in _UNAUTHORIZED:
        return RefusedError(f"Elasticsearch answered {status}, the user may not: {reason}", retry_after_s=10.0)
    return EngineError(f"Elasticsearch answered {status}: {reason}")
