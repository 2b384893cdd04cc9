"""The order of arrival that any number of writers share: each append reserves a block of numbers by compare-and-set.

A block is open until its lines are searchable. Who reads by sequence reads up to the lowest open block, so that a line
that becomes visible late is never passed over. A writer that dies leaves its block open for LEASE_S; then its numbers
stay unused but for lines that were written already.
"""

import secrets
import threading
import time
from collections.abc import Callable

import orjson

from index.elastic_cell import Cell
from index.elastic_client import Elastic, Json, Versioned, action
from index.elastic_template import Names
from ingest.errors import RefusedError

LEASE_S = 60.0
"""How long a block holds readers back whose writer says nothing; a writer at work renews it. A guess: some times what
the largest append takes; clocks of writers may differ by seconds.
"""
RENEW_S = 15.0
State = Json
"""`next`: the number that the next block begins with. `open`: from a token to its block's first number and expiry."""
_DOCUMENT = "sequence"
_ATTEMPTS = 100
"""Compare-and-sets tried before an append is refused. A guess: each attempt fails because another one succeeded."""


class Sequence:
    """The shared counter as one process sees it. Safe to use from many threads."""

    def __init__(self, client: Elastic, names: Names) -> None:
        self._cell = Cell(client, names.state, _DOCUMENT)
        self._lock = threading.Lock()
        self._known: Versioned | None = None

    def reserve(self, count: int, *, beside: bytes = b"") -> "Block":
        """The next `count` numbers; items of a bulk request on the same index are sent `beside`, once, and answered in
        `Block.beside`. Raises RefusedError when too many others want some at once.
        """
        token = secrets.token_hex(8)

        def take(state: State) -> int:
            start: int = state["next"]
            state["next"] = start + count
            state["open"][token] = [start, _expiry()]
            return start

        return Block(self, token, *self._change(take, beside=beside))

    def renew(self, token: str) -> None:
        """Hold readers back for another lease."""

        def prolong(state: State) -> int:
            if token in state["open"]:
                state["open"][token][1] = _expiry()
            return 0

        self._change(prolong)

    def release(self, token: str) -> None:
        """Let readers pass: the lines of the block are searchable, or will never be."""
        self._change(lambda state: _without(state, token))

    def release_item(self, token: str) -> tuple[bytes, State]:
        """An item for a bulk request on the same index that releases a block, and the state that it writes."""
        with self._lock:
            was = self._known or self._cell.get()
        state = _state(was)
        _without(state, token)
        return action("index", _DOCUMENT, was) + orjson.dumps(state) + b"\n", state

    def released(self, state: State, item: Json, token: str) -> None:
        """Take note of what became of a `release_item`; release the block otherwise where it met another writer."""
        if item["status"] != 200:
            self.release(token)
            return
        with self._lock:
            self._known = Versioned(state, item["_seq_no"], item["_primary_term"])

    def end(self) -> int:
        """All lines with a smaller sequence are searchable."""
        state = _state(self._cell.get())
        return int(min([state["next"], *(start for start, _ in state["open"].values())]))

    def _change(self, change: Callable[[State], int], *, beside: bytes = b"") -> tuple[int, list[Json]]:
        """Change the state by compare-and-set; returns what `change`, which may be called several times, returned, and
        what became of the items sent `beside` the first attempt.
        """
        items: list[Json] = []
        with self._lock:
            for _ in range(_ATTEMPTS):
                was, self._known = self._known or self._cell.get(), None
                state = _state(was)
                result = change(state)
                self._known, others = self._cell.put_beside(state, was, beside)
                items, beside = items + others, b""
                if self._known is not None:
                    return result, items
        raise RefusedError(f"{_ATTEMPTS} attempts to reserve a place in the order of arrival met other writers")


class Block:
    """Numbers from `first` on, open until `release`."""

    def __init__(self, sequence: Sequence, token: str, first: int, beside: list[Json]) -> None:
        self._sequence = sequence
        self._token = token
        self._renewed = time.monotonic()
        self.first = first
        self.beside = beside

    def keep(self) -> None:
        """Tell that the writer is at work; cheap unless the lease grows old."""
        if time.monotonic() - self._renewed > RENEW_S:
            self._sequence.renew(self._token)
            self._renewed = time.monotonic()

    def release(self) -> None:
        """See Sequence.release."""
        self._sequence.release(self._token)

    def release_item(self) -> tuple[bytes, State]:
        """See Sequence.release_item."""
        return self._sequence.release_item(self._token)

    def released(self, state: State, item: Json) -> None:
        """See Sequence.released."""
        self._sequence.released(state, item, self._token)


def _state(found: Versioned | None) -> State:
    """The counter, without blocks whose writer is given up. A copy: what is changed may not be written."""
    now = time.time()
    held: Json = {"next": 0, "open": {}} if found is None else found.source
    return {"next": held["next"], "open": {token: list(row) for token, row in held["open"].items() if row[1] > now}}


def _without(state: State, token: str) -> int:
    state["open"].pop(token, None)
    return 0


def _expiry() -> float:
    return time.time() + LEASE_S
