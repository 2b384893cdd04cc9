"""Load and what must come of it: senders that behave as collectors do, a worker, the wait until all is stored."""

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator

from index.elastic_client import Elastic
from index.elastic_write import WriteSettings
from index.store_elastic import ElasticsearchStore, ElasticSettings
from ingest.chunk import Chunk
from ingest.errors import RefusedError
from ingest.push import Pushed
from ingest.receive import Receiver
from ingest.ship_http import HttpShipper
from tests.workers.chunks_made import chunks, numbered, wait_until
from workers.chunk_stream import ChunkStream
from workers.ingest import IngestCounts, IngestSettings, run_lanes

LINES = 20
"""Of a sender's chunk."""
QUICK = IngestSettings(lease_s=2, block_s=0.01, first_retry_s=0.02, longest_retry_s=0.2)


class Sender(threading.Thread):
    """Sends numbered lines of one source as a collector does: the same chunk until it is acknowledged, in order."""

    def __init__(self, number: int, url: str, stop: threading.Event) -> None:
        super().__init__()
        self.number = number
        self.lines = 0
        self._url = url
        self._enough = stop

    def run(self) -> None:
        start = 0
        with HttpShipper(self._url, timeout_s=5) as shipper:
            while not self._enough.is_set():
                chunk = numbered(self.number, self.lines, LINES, start=start)
                while not _accepted(shipper, chunk):
                    pass
                start, self.lines = chunk.end, self.lines + LINES


def _accepted(shipper: HttpShipper, chunk: Chunk) -> bool:
    try:
        shipper.accept(chunk)
    except RefusedError:
        time.sleep(0.05)  # a sender's own patience
        return False
    return True


@contextlib.contextmanager
def load(url: str, numbers: Iterable[int]) -> Iterator[list[Sender]]:
    """Senders of these sources, at work within the block; what they sent last is acknowledged when it ends."""
    enough = threading.Event()
    senders = [Sender(number, url, enough) for number in numbers]
    for sender in senders:
        sender.start()
    try:
        yield senders
    finally:
        enough.set()
        for sender in senders:
            sender.join()


def wait_until_drained(redis_url: str, *, timeout_s: float = 120) -> None:
    """Until every chunk of the stream is stored; then its bytes are counted to nothing and none is a dead letter."""
    with contextlib.closing(ChunkStream(redis_url)) as stream:
        assert_drained(stream, timeout_s=timeout_s)


def assert_drained(stream: ChunkStream, *, timeout_s: float = 120) -> None:
    """As `wait_until_drained`, of this stream."""
    wait_until(lambda: not stream.status().waiting, timeout_s=timeout_s, pause_s=0.05)
    assert stream.status().held_bytes == stream.status().dead == 0, stream.dead_letters()


def mixed(sources: int, count: int) -> list[Pushed]:
    """`count` chunks of each of the sources from 0 on, in turn."""
    each = [chunks(number, count) for number in range(sources)]
    return [work[at] for at in range(count) for work in each]


def put(stream: ChunkStream, pushed: Pushed) -> None:
    """Append it, as often as it takes."""
    while not _appended(stream, pushed):
        time.sleep(0.02)  # a sender's own patience


def _appended(stream: ChunkStream, pushed: Pushed) -> bool:
    try:
        stream.append(pushed)
    except RefusedError:
        return False
    return True


def opened(client: Elastic, prefix: str, *, replicas: int = 0) -> ElasticsearchStore:
    """A store that soon gives up waiting for a busy server, and leaves that to the worker."""
    return ElasticsearchStore(client, ElasticSettings(prefix, replicas=replicas, write=WriteSettings(retry_s=0.3)))


@contextlib.contextmanager
def storing(url: str, prefix: str, stream: ChunkStream, *, replicas: int = 0) -> Iterator[IngestCounts]:
    """A worker of two lanes, at work within the block, that stores in Elasticsearch."""
    stop, counts = threading.Event(), IngestCounts()
    with contextlib.closing(Elastic(url, timeout_s=5)) as client:
        how = (stream, Receiver(opened(client, prefix, replicas=replicas)), QUICK, counts, stop)
        worker = threading.Thread(target=run_lanes, args=how, kwargs={"lanes": 2})
        worker.start()
        try:
            yield counts
        finally:
            stop.set()
            worker.join()
