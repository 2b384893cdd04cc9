"""What `/metrics` of the distributed mode's processes tells: the chunk stream, its receivers and its ingest workers."""

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.metrics import beginning, counted
from api.status_metrics import DROPPED, received, stored
from ingest.errors import RefusedError
from workers.chunk_stream import ChunkStream, StreamStatus

STATUS_AGE_S = 1.0
"""How old a status may be that is shown again: several scrapers must not multiply the requests to Redis. A guess."""


class StreamCollector(Collector):
    """Of one process: `receiving`, or `storing` with `ingesting`, are its counters; `documents` those of its store."""

    def __init__(
        self,
        stream: ChunkStream,
        *,
        receiving: Callable[[], Mapping[str, int]] | None = None,
        storing: Callable[[], Mapping[str, int]] = dict,
        ingesting: Callable[[], Mapping[str, int]] | None = None,
        documents: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._stream = stream
        self._receiving = receiving
        self._storing = storing
        self._ingesting = ingesting
        self._documents = documents
        self._status: tuple[float, StreamStatus | None] = (-STATUS_AGE_S, None)

    def collect(self) -> Iterator[Metric]:
        """Made from the counters and one status of the stream."""
        if self._receiving is not None:
            yield from received(self._receiving())
        if self._ingesting is not None:
            storing, documents = self._storing(), self._documents()
            yield from received(storing)
            yield from stored(storing, documents)
            dropped = {"blank": storing.get("blank_records", 0), "dead_letter": documents.get("dead", 0)}
            yield counted(*DROPPED, "reason", dropped)
            yield from _ingested(self._ingesting())
        status = self._read_status()
        if status is None:
            yield GaugeMetricFamily("dejalog_stream_up", "Whether Redis answers.", value=0)
            return
        yield GaugeMetricFamily("dejalog_stream_up", "Whether Redis answers.", value=1)
        yield from _stream(status)

    def _read_status(self) -> StreamStatus | None:
        """None while Redis does not answer: remembered too for a while, since one that hangs is waited for."""
        if time.monotonic() - self._status[0] > STATUS_AGE_S:
            try:
                status = self._stream.status()
            except RefusedError:
                status = None
            self._status = (time.monotonic(), status)
        return self._status[1]


def _ingested(counts: Mapping[str, int]) -> Iterator[Metric]:
    for name, doc in (
        ("settled_chunks", "Chunks stored and acknowledged."),
        ("taken_over_chunks", "Chunks of workers that were lost."),
        ("failed_tries", "Failures at a chunk that were not the store's."),
        ("stream_faults", "Failures of the stream."),
    ):
        yield CounterMetricFamily(f"dejalog_ingest_{name}", doc, value=counts.get(name, 0))
    dead = beginning("dead_lettered_", counts)
    yield counted("dejalog_ingest_dead_letter_chunks", "Chunks moved to the dead letters, by reason.", "reason", dead)
    refused = beginning("store_refused_", counts)
    yield counted("dejalog_ingest_store_refusals", "Times the store took nothing, by reason.", "reason", refused)


def _stream(status: StreamStatus) -> Iterator[Metric]:
    for name, doc, value in (
        ("held_bytes", "Bytes of chunks that Redis holds, dead letters included.", status.held_bytes),
        ("waiting_chunks", "Chunks not stored yet.", status.waiting),
        ("unacknowledged_chunks", "Chunks in workers' hands.", status.unacknowledged),
        ("oldest_seconds", "Age of the oldest chunk not stored yet.", status.oldest_s),
        ("dead_letters", "Chunks among the dead letters.", status.dead),
        ("workers", "Lanes of workers that are alive.", status.workers),
    ):
        yield GaugeMetricFamily(f"dejalog_stream_{name}", doc, value=value)
