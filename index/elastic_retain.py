"""Retention in Elasticsearch: whole days go, and their counts with them.

A day is closed to writers before it is looked at, so that no line comes in between the look and the deletion; writers
that meet a closed day wait, and write to a new index of that day once it is gone. One process at a time drops days: it
holds a lease, and opens what one that died left closed.
"""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import structlog

from index.elastic_client import Elastic, action
from index.elastic_query import either, span_query
from index.elastic_template import Names

LEASE_S = 60.0
"""How long a process that drops days may say nothing before another one takes over. A guess: a day takes a second."""
_DOCUMENT = "retention"
_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Day:
    """An index of lines."""

    index: str
    bytes: int
    """On all nodes, copies included."""
    lines: int


def days(client: Elastic, names: Names) -> list[Day]:
    """All of them, by name and so by day."""
    found = client.request(
        "GET",
        f"/{names.lines}/_stats/store,docs",
        params={"filter_path": "indices.*.total.store,indices.*.primaries.docs"},
    )
    rows = found.get("indices", {})
    return [
        Day(index, rows[index]["total"]["store"]["size_in_bytes"], rows[index]["primaries"]["docs"]["count"])
        for index in sorted(rows)
    ]


def drop_before(client: Elastic, names: Names, cutoff_ns: int) -> int:
    """See `LineStore.drop_before`; a partition is a day. Drops nothing while another process is at it."""
    dropped = 0
    if _take_lease(client, names):
        for day in days(client, names):
            dropped += _drop_if_old(client, day.index, cutoff_ns)
            _take_lease(client, names, again=True)
        _end_lease(client, names)
    return dropped


def drop_to_size(client: Elastic, names: Names, max_bytes: int) -> int:
    """See `LineStore.drop_to_size`. Drops nothing while another process is at it."""
    dropped = 0
    held = days(client, names)
    excess = sum(day.bytes for day in held) - max_bytes
    if excess > 0 and _take_lease(client, names):
        for day in held:
            if excess <= 0:
                break
            with _closed(client, day.index):
                dropped += _delete(client, day.index)
            excess -= day.bytes
            _take_lease(client, names, again=True)
        _end_lease(client, names)
    return dropped


def has_expired(client: Elastic, names: Names, cutoff_ns: int) -> bool:
    """Whether a day is old enough to be dropped."""
    return any(not _has_young(client, day.index, cutoff_ns) for day in days(client, names))


def _take_lease(client: Elastic, names: Names, *, again: bool = False) -> bool:
    """Whether this process is the one that drops days now; `again`: it is, and goes on."""
    held = client.get(names.state, _DOCUMENT)
    if held is not None and held.source["expires"] > time.time() and not again:
        return False
    body = action("create" if held is None else "index", _DOCUMENT, held)
    body += orjson.dumps({"expires": time.time() + LEASE_S}) + b"\n"
    is_taken = client.bulk(names.state, body)[0]["status"] in {200, 201}
    if is_taken and not again:
        _open_all(client, names)
    return is_taken


def _end_lease(client: Elastic, names: Names) -> None:
    client.bulk(names.state, action("index", _DOCUMENT) + orjson.dumps({"expires": 0}) + b"\n")


def _open_all(client: Elastic, names: Names) -> None:
    """Open the days that a process which died left closed."""
    found = client.request(
        "GET",
        f"/{names.lines}/_settings",
        params={"filter_path": "*.settings.index.blocks.write", "flat_settings": "false"},
    )
    for index in found:
        _open(client, index)


def _drop_if_old(client: Elastic, index: str, cutoff_ns: int) -> int:
    if _has_young(client, index, cutoff_ns):
        return 0
    with _closed(client, index):
        client.refresh(index)
        return 0 if _has_young(client, index, cutoff_ns) else _delete(client, index)


def _has_young(client: Elastic, index: str, cutoff_ns: int) -> bool:
    """Whether a line has its time or its arrival at the cutoff or later."""
    young = either(span_query(cutoff_ns, None), span_query(cutoff_ns, None, "arrival"))
    body = {"query": young, "size": 0, "terminate_after": 1, "track_total_hits": True}
    return bool(client.search(index, body)["hits"]["total"]["value"])


@contextmanager
def _closed(client: Elastic, index: str) -> Iterator[None]:
    """Within it no writer adds lines; those under way have ended."""
    client.request("PUT", f"/{index}/_block/write", allowed=(404,))
    try:
        yield
    finally:
        _open(client, index)


def _open(client: Elastic, index: str) -> None:
    client.request("PUT", f"/{index}/_settings", {"index.blocks.write": None}, allowed=(404,))


def _delete(client: Elastic, index: str) -> int:
    """Delete a closed index; returns the lines it had."""
    client.refresh(index)
    body = {"query": {"match_all": {}}, "size": 0, "track_total_hits": True}
    lines = int(client.search(index, body)["hits"]["total"]["value"])
    client.request("DELETE", f"/{index}", allowed=(404,))
    _log.info("store.dropped", index=index, lines=lines)
    return lines
