"""What is sent to Elasticsearch, seen at the transport of its client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import elastic_transport
import pytest


class Sent(NamedTuple):
    """One request."""

    method: str
    target: str
    body: bytes
    thread: str

    @property
    def searches(self) -> int:
        """How many a multi-search holds: each is a head and a body."""
        return self.body.count(b"\n") // 2


@contextmanager
def requests_sent() -> Iterator[list[Sent]]:
    """The requests of all clients of this process until the block ends, in order; they are made all the same."""
    sent: list[Sent] = []
    perform = elastic_transport.Transport.perform_request

    def seen(self: elastic_transport.Transport, method: str, target: str, **how: Any) -> Any:
        body = how.get("body") or b""
        sent.append(Sent(method, target, body if isinstance(body, bytes) else b"", threading.current_thread().name))
        return perform(self, method, target, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elastic_transport.Transport, "perform_request", seen)
        yield sent
