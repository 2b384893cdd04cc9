"""Runs the processes of the distributed mode: a receiver before the chunk stream, ingest workers behind it."""

import contextlib
import signal
import threading
from collections.abc import Iterator

import structlog

from api.app import create_worker_app
from api.dependencies import watched
from api.http_server import answering, listen_at, run_app
from api.keepers import open_keepers, owned
from api.settings import Settings
from api.worker_metrics import StreamCollector
from index.line_store import KeptStore
from ingest import trace
from ingest.errors import RefusedError, SettingError
from ingest.receive import Receiver
from workers.chunk_stream import ChunkStream, StreamSettings
from workers.ingest import IngestCounts, IngestSettings, run_lanes
from workers.stream_receiver import StreamReceiver

_log = structlog.get_logger()
_MAINTAIN_EVERY_S = 0.25
_RETRY_S = 1.0
"""Between two attempts at a Redis or an Elasticsearch that is not up yet."""


def receive(settings: Settings) -> None:
    """Take lines in over HTTP and put them into the stream, until SIGINT or SIGTERM."""
    with (
        trace.exporting(settings.watch.trace_endpoint, service="dejalog-receiver"),
        contextlib.closing(listen_at(settings.server.listen)) as listener,
        contextlib.closing(_stream(settings)) as stream,
        watched(settings, redis="writing") as readiness,
    ):
        _prepared(stream)  # while Redis is away requests are refused, and /readyz says why
        receiver = StreamReceiver(stream, zone=settings.collect.zone)
        told = StreamCollector(stream, receiving=receiver.counters)
        app = create_worker_app(settings, told, readiness, receiver=receiver)
        _log.info("receiver.listening", url=f"http://{settings.server.listen}")
        run_app(app, listener)
        _log.info("receiver.stopped", **receiver.counters())


def ingest(settings: Settings) -> None:
    """Store what is in the stream, until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        stack.enter_context(trace.exporting(settings.watch.trace_endpoint, service="dejalog-ingest"))
        stream = stack.enter_context(contextlib.closing(_stream(settings)))
        store = _store_once_there(stack, settings, stop)
        if store is None:
            return
        receiver = Receiver(store, zone=settings.collect.zone)
        counts = IngestCounts()
        told = StreamCollector(stream, storing=receiver.counters, ingesting=counts.read, documents=store.counters)
        readiness = stack.enter_context(watched(settings, store="writing", redis="writing"))
        stack.enter_context(answering(settings, told, readiness))
        _prepare(stream, stop)
        lanes = settings.stream.worker_threads
        _log.info("ingest.started", lanes=lanes)
        how = IngestSettings(lease_s=settings.stream.stream_lease, tries=settings.stream.stream_tries)
        run_lanes(stream, receiver, how, counts, stop, lanes=lanes)


def open_stream(settings: Settings) -> ChunkStream:
    """The stream, for commands about it. Raises SettingError, UnavailableError."""
    stream = _stream(settings)
    stream.prepare()
    return stream


def _stream(settings: Settings) -> ChunkStream:
    how = settings.stream
    if not how.redis_url:
        raise SettingError("REDIS_URL is not set: workers and receivers meet there, e.g. redis://127.0.0.1:6379/0")
    return ChunkStream(how.redis_url, StreamSettings(how.stream_partitions, how.stream_max_bytes))


def _prepare(stream: ChunkStream, stop: threading.Event) -> None:
    """Until Redis answers or `stop` is set. Raises SettingError."""
    while not stop.is_set() and not _prepared(stream):
        stop.wait(_RETRY_S)


def _prepared(stream: ChunkStream) -> bool:
    """Whether Redis answers; says in plain words when it can lose what it acknowledges. Raises SettingError."""
    try:
        losses = stream.prepare()
    except RefusedError as error:
        _log.warning("stream.away", found=str(error), retry_in_s=_RETRY_S)
        return False
    for loss in losses:
        _log.warning("stream.can_lose_chunks", found=loss)
    return True


def _store_once_there(stack: contextlib.ExitStack, settings: Settings, stop: threading.Event) -> KeptStore | None:
    """The store, open until the stack ends; waits while its server is away. None when `stop` is set first."""
    while not stop.is_set():
        try:
            return stack.enter_context(_opened_store(settings))
        except RefusedError as error:
            _log.warning("store.away", found=str(error), retry_in_s=_RETRY_S)
        stop.wait(_RETRY_S)
    return None


@contextlib.contextmanager
def _opened_store(settings: Settings) -> Iterator[KeptStore]:
    """The store of the settings, kept in order meanwhile."""
    settings.store.data_dir.mkdir(parents=True, exist_ok=True)
    with owned(settings), open_keepers(settings, settings.store.data_dir) as keepers:
        store = keepers.store
        stop = threading.Event()
        thread = threading.Thread(target=_maintain, args=(store, stop), name="maintain", daemon=True)
        thread.start()
        try:
            yield store
        finally:
            stop.set()
            thread.join()


def _maintain(store: KeptStore, stop: threading.Event) -> None:
    while not stop.wait(_MAINTAIN_EVERY_S):
        try:
            store.maintain()
        except Exception:  # noqa: BLE001 - the worker loop outlives any failure of a step; it is logged
            _log.exception("store.maintenance_failed")
