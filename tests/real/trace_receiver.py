"""A real receiver of OTLP over HTTP for the tests: keeps every span that a process exports."""

import contextlib
import dataclasses
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.http_server import serving_http


@dataclasses.dataclass(frozen=True)
class Received:
    """One span."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: frozenset[str]
    """Trace ids that it links to."""
    attributes: dict[str, Any]
    status: str


class TraceReceiver:
    """What came in so far; `bytes` is all of it as it was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bytes = b""
        self._spans: list[Received] = []
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.bytes += body
            for of_process in request.resource_spans:
                named = {each.key: each.value.string_value for each in of_process.resource.attributes}
                for scope in of_process.scope_spans:
                    self._spans += [_received(named["service.name"], span) for span in scope.spans]

    def spans(self, name: str = "") -> list[Received]:
        """In the order in which they came; of this name if one is given."""
        with self._lock:
            return [span for span in self._spans if name in {"", span.name}]


def _received(service: str, span: Any) -> Received:
    values = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
    return Received(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        frozenset(link.trace_id.hex() for link in span.links),
        values,
        span.status.message,
    )


@contextlib.contextmanager
def trace_receiver() -> Iterator[TraceReceiver]:
    """One on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: tests read stderr."""

    with serving_http(Handler) as address:
        found = TraceReceiver(address)
        yield found
