"""What `/metrics` tells Prometheus, and the log of requests: both watch from outside, neither sees a body."""

import time
from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.parts import Dejalog, Status

LOG = structlog.get_logger()
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry of one app; `of` is asked when it is scraped."""

    def __init__(self, of: Collector) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(of)
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
        self.tails = Gauge("dejalog_tails", "Live tails open now.", registry=self._registry)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self._registry)


class StatusCollector(Collector):
    """A whole Dejalog's metrics."""

    def __init__(self, dejalog: Dejalog) -> None:
        self._dejalog = dejalog

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Made from one status."""
        status = self._dejalog.status()
        yield counted("dejalog_received", "What receivers were given.", "unit", status.received)
        yield CounterMetricFamily("dejalog_stored_lines", "Lines appended to the store.", value=status.stored_lines)
        yield counted("dejalog_dropped_lines", "Lines not kept, by reason.", "reason", status.dropped)
        yield counted("dejalog_marked_lines", "Lines stored with something wrong about them.", "mark", status.marked)
        yield CounterMetricFamily("dejalog_refused", "Requests answered with not now.", value=status.refused)
        yield GaugeMetricFamily("dejalog_sources", "Sources known.", value=len(status.sources))
        yield GaugeMetricFamily(
            "dejalog_lag_bytes", "Bytes of collected files not shipped yet.", value=status.lag_bytes
        )
        yield GaugeMetricFamily("dejalog_queue_bytes", "Bytes stored in the journal only.", value=status.queue_bytes)
        yield GaugeMetricFamily("dejalog_store_bytes", "Bytes of the store on disk.", value=status.store_bytes)
        yield from _nearline(status)


def counted(name: str, doc: str, label: str, values: object) -> CounterMetricFamily:
    """A counter with one value for each of a label's."""
    family = CounterMetricFamily(name, doc, labels=[label])
    assert hasattr(values, "items")
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _nearline(status: Status) -> Iterator[GaugeMetricFamily]:
    pending = GaugeMetricFamily("dejalog_nearline_pending_lines", "Lines not covered yet.", labels=["step"])
    seconds = GaugeMetricFamily("dejalog_nearline_seconds", "Duration of the last run.", labels=["step"])
    count = GaugeMetricFamily("dejalog_nearline_count", "Patterns, vectors or incidents there are.", labels=["step"])
    failed = GaugeMetricFamily("dejalog_nearline_failed", "Whether the last run failed.", labels=["step"])
    for name, step in sorted(status.nearline.items()):
        pending.add_metric([name], step.pending_lines)
        seconds.add_metric([name], step.seconds)
        count.add_metric([name], step.count)
        failed.add_metric([name], float(bool(step.error)))
    yield from (pending, seconds, count, failed)


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
        first_s = 0.0

        async def watch(message: Message) -> None:
            nonlocal first_s
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                first_s = time.monotonic() - began
            elif message["type"] == "http.response.body":
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._tell(scope, seen["status"], first_s, time.monotonic() - began, seen["bytes"])

    def _tell(self, scope: Scope, status: int, first_s: float, whole_s: float, size: int) -> None:
        route = getattr(scope.get("route"), "path", "") or "none"
        method = scope["method"] if scope["method"] in {"GET", "POST", "DELETE", "HEAD", "PUT"} else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(first_s)
        tell = LOG.debug if route in {"/healthz", "/readyz", "/metrics", "/v1/chunks"} and status < 400 else LOG.info
        tell(
            "request",
            method=method,
            route=route,
            status=status,
            seconds=round(whole_s, 4),
            reply_bytes=size,
            client=(scope.get("client") or ("", 0))[0],
        )
