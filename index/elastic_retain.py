"""Retention in Elasticsearch: whole days go, and their counts with them.

A day is closed to writers before it is looked at, so that no line comes in between the look and the deletion; writers
that meet a closed day wait, and write to a new index of that day once it is gone. One process at a time drops days: it
holds a lease, and opens what one that died left closed; so does a writer that waits for a closed day in vain.
"""

import dataclasses
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from index.elastic_cell import Cell
from index.elastic_client import Elastic, Json
from index.elastic_query import either, span_query
from index.elastic_template import Names
from ingest.errors import RefusedError

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
    with _leased(client, names) as lease:
        return 0 if lease is None else sum(_drop_if_old(client, day, cutoff_ns, lease) for day in days(client, names))


def drop_to_size(client: Elastic, names: Names, max_bytes: int) -> int:
    """See `LineStore.drop_to_size`. Drops nothing while another process is at it."""
    dropped = 0
    held = days(client, names)
    excess = sum(day.bytes for day in held) - max_bytes
    if excess <= 0:
        return 0
    with _leased(client, names) as lease:
        for day in held:
            if excess <= 0 or lease is None:
                break
            with _closed(client, day.index):
                dropped += _delete(client, day.index, lease)
            excess -= day.bytes
    return dropped


def open_left_closed(client: Elastic, names: Names) -> None:
    """Open the days that a process which died while it dropped days left closed, unless another is at it."""
    if _closed_days(client, names):
        with _leased(client, names):
            pass


def has_expired(client: Elastic, names: Names, cutoff_ns: int) -> bool:
    """Whether a day is old enough to be dropped."""
    return any(not _has_young(client, day.index, cutoff_ns) for day in days(client, names))


class _Lease:
    """The right to drop days, which one process has at a time and loses when it says nothing for LEASE_S."""

    def __init__(self, client: Elastic, names: Names) -> None:
        self._cell = Cell(client, names.state, _DOCUMENT)
        self._owner = secrets.token_hex(8)

    def take(self) -> bool:
        """Whether it is ours now."""

        def taken(held: Json | None) -> Json | None:
            return None if held is not None and held["expires"] > time.time() else self._claim()

        return self._cell.change(taken)[1] is not None

    def keep(self) -> None:
        """Have it for another while. Raises RefusedError when another process has taken over."""
        if self._cell.change(lambda held: self._claim() if self._is_ours(held) else None)[1] is None:
            raise RefusedError("another process has taken over dropping days: this one said nothing for too long")

    def end(self) -> None:
        """Others may take it at once."""
        self._cell.change(lambda held: {"expires": 0} if self._is_ours(held) else None)

    def _claim(self) -> Json:
        return {"owner": self._owner, "expires": time.time() + LEASE_S}

    def _is_ours(self, held: Json | None) -> bool:
        return held is not None and held.get("owner") == self._owner


@contextmanager
def _leased(client: Elastic, names: Names) -> Iterator[_Lease | None]:
    """The right to drop days; None while another process has it. Days that one which died left closed are opened."""
    lease = _Lease(client, names)
    if not lease.take():
        yield None
        return
    _open_all(client, names)
    yield lease
    lease.end()  # not after a failure: what is half done is looked after by whoever takes over


def _open_all(client: Elastic, names: Names) -> None:
    for index in _closed_days(client, names):
        _open(client, index)


def _closed_days(client: Elastic, names: Names) -> list[str]:
    path, wanted = f"/{names.lines}/_settings", "*.settings.index.blocks.write"
    return list(client.request("GET", path, params={"filter_path": wanted, "flat_settings": "false"}))


def _drop_if_old(client: Elastic, day: Day, cutoff_ns: int, lease: _Lease) -> int:
    lease.keep()
    if _has_young(client, day.index, cutoff_ns):
        return 0
    with _closed(client, day.index):
        client.refresh(day.index)
        return 0 if _has_young(client, day.index, cutoff_ns) else _delete(client, day.index, lease)


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


def _delete(client: Elastic, index: str, lease: _Lease) -> int:
    """Delete a closed index; returns the lines it had."""
    client.refresh(index)
    body = {"query": {"match_all": {}}, "size": 0, "track_total_hits": True}
    lines = int(client.search(index, body)["hits"]["total"]["value"])
    lease.keep()  # who has taken over has opened the day, and it may hold lines by now that nobody has looked at
    client.request("DELETE", f"/{index}", allowed=(404,))
    _log.info("store.dropped", index=index, lines=lines)
    return lines
