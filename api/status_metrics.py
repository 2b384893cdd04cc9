"""What `/metrics` of `dejalog serve` tells: its receiver, store, nearline work, collector and questions."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.collect_metrics import collected
from api.llm_breaker import ModelMeter
from api.metrics import beginning, counted
from api.parts import Dejalog, Status
from api.readiness import START
from ingest.errors import DejalogError

STORED = ("dejalog_stored_lines", "Lines appended to the store.")
DROPPED = ("dejalog_dropped_lines", "Lines not kept, by reason.")


class StatusCollector(Collector):
    """A whole Dejalog's metrics. Those that the store would have to tell are absent while it does not answer."""

    def __init__(self, dejalog: Dejalog) -> None:
        self._dejalog = dejalog

    def collect(self) -> Iterator[Metric]:
        """Made from the counters and one status."""
        counters = self._dejalog.receiver.counters()
        documents = self._dejalog.store.counters()
        yield from received(counters)
        yield from stored(counters, documents)
        yield from self._dejalog.question_seconds.collect()
        model = self._dejalog.model
        yield from model.collect() if model is not None else ModelMeter().collect()
        yield from self._dejalog.notifier.collect()
        if self._dejalog.collector is not None:
            yield from collected(self._dejalog.collector.status())
        dropped = {"blank": counters.get("blank_records", 0), "dead_letter": documents.get("dead", 0)}
        status = self._status()
        if status is None:
            yield counted(*DROPPED, "reason", dropped)
            return
        yield counted(*DROPPED, "reason", {**dropped, **status.dropped})
        yield GaugeMetricFamily("dejalog_queue_bytes", "Bytes stored in the journal only.", value=status.queue_bytes)
        yield GaugeMetricFamily("dejalog_store_bytes", "Bytes of the store on disk.", value=status.store_bytes)
        yield from _nearline(status)

    def _status(self) -> Status | None:
        """None while the store does not answer; one that is known to be away is not waited for."""
        if any(each.is_blocking and each.name != START for each in self._dejalog.readiness.standings()):
            return None
        try:
            return self._dejalog.status()
        except DejalogError:
            return None


def received(counters: Mapping[str, int]) -> Iterator[Metric]:
    """What a receiver, of whatever kind, was given and what became of it at once."""
    units = {unit: counters.get(f"received_{unit}", 0) for unit in ("chunks", "bytes", "lines")}
    yield counted("dejalog_received", "What receivers were given.", "unit", units)
    refused = beginning("refused_", counters)
    refused.pop("requests", None)
    yield counted("dejalog_refused", "Requests and chunks answered with not now, by reason.", "reason", refused)


def stored(counters: Mapping[str, int], documents: Mapping[str, int]) -> Iterator[Metric]:
    """What was written to the store; `documents` are an Elasticsearch's."""
    yield CounterMetricFamily(*STORED, value=counters.get("stored_lines", 0))
    marked = beginning("marked_", counters)
    yield counted("dejalog_marked_lines", "Lines stored with something wrong about them.", "mark", marked)
    yield CounterMetricFamily(
        "dejalog_repeated_bytes", "Bytes sent again that were stored already.", value=counters.get("repeated_bytes", 0)
    )
    yield CounterMetricFamily(
        "dejalog_raw_chunks", "Chunks stored as they came: our parser failed.", value=counters.get("raw_chunks", 0)
    )
    yield counted("dejalog_store_documents", "What became of documents sent to a store.", "result", documents)


def _nearline(status: Status) -> Iterator[Metric]:
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
    failures = status.nearline_failures
    yield counted("dejalog_nearline_failures", "Runs of nearline steps that failed, by error.", "reason", failures)
