"""What `/metrics` tells Prometheus, and the log of requests: both watch from outside, neither sees a body."""

import contextlib
import time
from collections.abc import Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.reply import ERROR_HEADER
from ingest import trace

LOG = structlog.get_logger()
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WATCHERS = ("/healthz", "/readyz", "/metrics")
UNTRACED = frozenset({*WATCHERS, "/v1/tail", "/lines/live"})
"""Asked every few seconds by machines, or open for hours."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry of one process; each of `collectors` is asked when it is scraped."""

    def __init__(self, *collectors: Collector) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        for each in collectors:
            self._registry.register(each)
        self.seconds = Histogram(
            "dejalog_request_seconds",
            "Time to the first byte of a reply, by route template.",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self.requests = Counter(
            "dejalog_requests",
            "Requests answered, by route template and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.errors = Counter(
            "dejalog_errors",
            "Replies that were errors, by route template and code.",
            ["route", "reason"],
            registry=self._registry,
        )
        self.tails = Gauge("dejalog_tails", "Live tails open now.", registry=self._registry)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self._registry)


def counted(name: str, doc: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    """A counter with one value for each of a label's."""
    family = CounterMetricFamily(name, doc, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def beginning(prefix: str, counts: Mapping[str, int]) -> dict[str, int]:
    """The counts whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}


class RequestWatch:
    """ASGI middleware around everything: counts and logs each request once its reply has ended."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 the ASGI protocol
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        seen = {"status": 0, "bytes": 0}
        first_s, error = 0.0, ""

        async def watch(message: Message) -> None:
            nonlocal first_s, error
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                error = Headers(raw=message.get("headers", [])).get(ERROR_HEADER, "")
                first_s = time.monotonic() - began
            elif message["type"] == "http.response.body":
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        with _traced(scope) as span:
            try:
                await self._app(scope, receive, watch)
            finally:
                span.rename(f"{scope['method'][:10]} {_route(scope)}")
                span.set(http__response__status_code=seen["status"])
                if error:
                    self._metrics.errors.labels(_route(scope), error).inc()
                self._tell(scope, seen["status"], first_s, time.monotonic() - began, seen["bytes"])

    def _tell(self, scope: Scope, status: int, first_s: float, whole_s: float, size: int) -> None:
        route = _route(scope)
        method = scope["method"] if scope["method"] in {"GET", "POST", "DELETE", "HEAD", "PUT"} else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(first_s)
        tell = LOG.debug if route in {*WATCHERS, "/v1/chunks"} and status < 400 else LOG.info
        tell(
            "request",
            method=method,
            route=route,
            status=status,
            seconds=round(whole_s, 4),
            reply_bytes=size,
            client=(scope.get("client") or ("", 0))[0],
        )


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "") or "none"


def _traced(scope: Scope) -> contextlib.AbstractContextManager[trace.Span]:
    """The span of a request: it goes on in the trace that the sender names."""
    if not trace.is_on() or scope["path"] in UNTRACED:
        return trace.NO_SPAN
    sent_from = Headers(scope=scope).get(trace.TRACEPARENT, "")
    return trace.begin("request", kind="server", parents=[sent_from])
