"""A receiver of webhooks: a real HTTP server that keeps what it is sent and answers as it is told."""

import contextlib
import dataclasses
import http.server
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from tests.http_server import serving_http


@dataclasses.dataclass
class Webhook:
    """`answers`: the statuses of the next replies; then 200. A status of 0 hangs up without one."""

    url: str
    received: list[dict[str, Any]]
    answers: list[int]
    headers: dict[str, str]
    """Sent with each reply that is no 200."""
    came: threading.Condition

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """What was received once so many requests have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.received) >= count, timeout=60), self.received
            return list(self.received)

    def wait_for_kind(self, kind: str, *, after: int) -> list[dict[str, Any]]:
        """What was received behind the first `after`, once one of this kind is among it."""
        with self.came:
            found = self.came.wait_for(lambda: any(each["kind"] == kind for each in self.received[after:]), timeout=60)
            assert found, self.received[after:]
            return self.received[after:]


@contextlib.contextmanager
def webhook(answers: Sequence[int] = ()) -> Iterator[Webhook]:
    found = Webhook("", [], list(answers), {}, threading.Condition())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with found.came:
                status = found.answers.pop(0) if found.answers else 200
                found.received.append(orjson.loads(body))
                found.came.notify_all()
            if status:
                self.send_response(status)
                for name, value in found.headers.items() if status != 200 else ():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing to say."""

    with serving_http(Handler) as address:
        found.url = f"{address}/hook/secret"
        yield found
