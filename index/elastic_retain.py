"""Retention in Elasticsearch: whole days go, and their counts with them.

A day is closed to writers before it is looked at, so that no line comes in between the look and the deletion; writers
that meet a closed day wait, and write to a new index of that day once it is gone.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from index.elastic_client import Elastic
from index.elastic_query import either, span_query
from index.elastic_template import Names

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
    """See `LineStore.drop_before`; a partition is a day."""
    return sum(_drop_if_old(client, day.index, cutoff_ns) for day in days(client, names))


def drop_to_size(client: Elastic, names: Names, max_bytes: int) -> int:
    """See `LineStore.drop_to_size`."""
    held = days(client, names)
    excess = sum(day.bytes for day in held) - max_bytes
    dropped = 0
    for day in held:
        if excess <= 0:
            break
        with _closed(client, day.index):
            dropped += _delete(client, day.index)
        excess -= day.bytes
    return dropped


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
        client.request("PUT", f"/{index}/_settings", {"index.blocks.write": None}, allowed=(404,))


def _delete(client: Elastic, index: str) -> int:
    """Delete a closed index; returns the lines it had."""
    client.refresh(index)
    body = {"query": {"match_all": {}}, "size": 0, "track_total_hits": True}
    lines = int(client.search(index, body)["hits"]["total"]["value"])
    client.request("DELETE", f"/{index}", allowed=(404,))
    _log.info("store.dropped", index=index, lines=lines)
    return lines
