"""What `/metrics` of a collector tells: how far it has read and shipped, and what it could not."""

import collections
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.metrics import beginning, counted
from ingest import collect
from ingest.collect import CollectStatus
from ingest.follow import LOSSES


class CollectCollector(Collector):
    """Of a process that only collects."""

    def __init__(self, collector: collect.Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        """Made from one status."""
        return collected(self._collector.status())


def collected(status: CollectStatus) -> Iterator[Metric]:
    """The metrics of a collector's status."""
    counts = status.counts
    for name, doc in (
        ("bytes_read", "Bytes cut into chunks."),
        ("chunks_shipped", "Chunks acknowledged."),
        ("bytes_shipped", "Bytes acknowledged."),
    ):
        what, done = name.split("_")
        yield CounterMetricFamily(f"dejalog_collector_{done}_{what}", doc, value=counts.get(name, 0))
    lost = dict.fromkeys(LOSSES, 0) | beginning("bytes_lost_", counts)
    dropped = lost | {"dead_letter": counts.get("dead_lettered_bytes", 0)}
    yield counted("dejalog_collector_dropped_bytes", "Bytes never to be shipped, by reason.", "reason", dropped)
    retries = {"refused": counts.get("retries_refused", 0), "failed": counts.get("retries_failed", 0)}
    yield counted("dejalog_collector_retries", "Attempts to be made again, by reason.", "reason", retries)
    faults = {name: counts.get(name, 0) for name in ("registry_full", "registry_damaged", "rounds_failed")}
    faults["read_failed"] = counts.get("files_read_failed", 0)
    yield counted("dejalog_collector_faults", "Failures of the collector's own, by reason.", "reason", faults)
    skipped = GaugeMetricFamily(
        "dejalog_collector_skipped_files", "Files passed over now, by reason.", labels=["reason"]
    )
    for reason, files in sorted(collections.Counter(status.skipped.values()).items()):
        skipped.add_metric([reason], files)
    yield skipped
    yield GaugeMetricFamily("dejalog_sources", "Sources known.", value=len(status.sources))
    yield GaugeMetricFamily("dejalog_lag_bytes", "Bytes of collected files not shipped yet.", value=status.lag_bytes)
    yield GaugeMetricFamily(
        "dejalog_collector_oldest_seconds",
        "Age of the oldest chunk that is cut and not acknowledged.",
        value=status.oldest_s,
    )
    yield GaugeMetricFamily(
        "dejalog_collector_registry_durable",
        "Whether positions outlive the process.",
        value=float(status.registry_is_durable),
    )
