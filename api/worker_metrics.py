"""What `/metrics` of the distributed mode's processes tells: the chunk stream, its receivers and its ingest workers."""

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.metrics import counted
from ingest.errors import RefusedError
from workers.chunk_stream import ChunkStream, StreamStatus

Family = CounterMetricFamily | GaugeMetricFamily
STATUS_AGE_S = 1.0
"""How old a status may be that is shown again: several scrapers must not multiply the requests to Redis. A guess."""


class StreamCollector(Collector):
    """Of one process. `receiving` and `ingesting` are its counters, empty where it does not do that."""

    def __init__(
        self,
        stream: ChunkStream,
        *,
        receiving: Callable[[], Mapping[str, int]] = dict,
        storing: Callable[[], Mapping[str, int]] = dict,
        ingesting: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._stream = stream
        self._receiving = receiving
        self._storing = storing
        self._ingesting = ingesting
        self._status: tuple[float, StreamStatus] | None = None

    def collect(self) -> Iterator[Family]:
        """Made from the counters and one status of the stream."""
        yield from _received({**self._receiving(), **self._storing()})
        yield from _ingested(self._ingesting())
        try:
            status = self._read_status()
        except RefusedError:
            yield GaugeMetricFamily("dejalog_stream_up", "Whether Redis answers.", value=0)
            return
        yield GaugeMetricFamily("dejalog_stream_up", "Whether Redis answers.", value=1)
        yield from _stream(status)

    def _read_status(self) -> StreamStatus:
        if self._status is None or time.monotonic() - self._status[0] > STATUS_AGE_S:
            self._status = (time.monotonic(), self._stream.status())
        return self._status[1]


def _received(counts: Mapping[str, int]) -> Iterator[Family]:
    if not counts:
        return
    received = {unit: counts.get(f"received_{unit}", 0) for unit in ("chunks", "bytes", "lines")}
    yield counted("dejalog_received", "What receivers were given.", "unit", received)
    yield CounterMetricFamily(
        "dejalog_refused", "Requests answered with not now.", value=counts.get("refused_requests", 0)
    )
    marked = {name.removeprefix("marked_"): count for name, count in counts.items() if name.startswith("marked_")}
    yield counted("dejalog_marked_lines", "Lines stored with something wrong about them.", "mark", marked)


def _ingested(counts: Mapping[str, int]) -> Iterator[Family]:
    if not counts:
        return
    for name, doc in (
        ("settled_chunks", "Chunks stored and acknowledged."),
        ("taken_over_chunks", "Chunks of workers that were lost."),
        ("dead_letter_chunks", "Chunks moved to the dead letters."),
        ("store_refusals", "Times that the store took nothing for now."),
        ("failed_tries", "Failures at a chunk that were not the store's."),
        ("stream_faults", "Failures of the stream."),
    ):
        yield CounterMetricFamily(f"dejalog_ingest_{name}", doc, value=counts.get(name, 0))
    yield CounterMetricFamily(
        "dejalog_stored_lines", "Lines appended to the store.", value=counts.get("settled_lines", 0)
    )


def _stream(status: StreamStatus) -> Iterator[Family]:
    for name, doc, value in (
        ("held_bytes", "Bytes of chunks that Redis holds, dead letters included.", status.held_bytes),
        ("waiting_chunks", "Chunks not stored yet.", status.waiting),
        ("unacknowledged_chunks", "Chunks in workers' hands.", status.unacknowledged),
        ("oldest_seconds", "Age of the oldest chunk not stored yet.", status.oldest_s),
        ("dead_letters", "Chunks among the dead letters.", status.dead),
        ("workers", "Lanes of workers that are alive.", status.workers),
    ):
        yield GaugeMetricFamily(f"dejalog_stream_{name}", doc, value=value)
