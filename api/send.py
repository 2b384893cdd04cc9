"""Puts files into a Dejalog from outside: once (`ingest`) or as they grow (`collect`)."""

import contextlib
import dataclasses
import glob
import hashlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli_output import complain
from api.client import Client, server_url
from api.lock import DataDirLock
from api.parts import Dejalog
from api.send_stream import Readable, send_stream
from api.service_log import start_quiet_log
from api.settings import Settings
from ingest import trace
from ingest.chunk import Chunk, ChunkSink
from ingest.collect import Collector, CollectStatus
from ingest.collect_settings import CollectSettings
from ingest.errors import DejalogError, InputError
from ingest.ship_http import HttpShipper

WAIT_STEP_S = 10.0
STDIN = "-"


@dataclasses.dataclass(frozen=True)
class Done:
    """What `ingest` did."""

    files: int
    """That held something new; other runs' files do not count, nor do those that have not grown."""
    bytes: int
    """Shipped now; what was acknowledged before is not sent again."""
    lines: int
    """In the store, all told."""


class _Counted:
    """A ChunkSink that tells how many bytes of how many sources went through."""

    def __init__(self, sink: ChunkSink, tell: Callable[[int], None]) -> None:
        self._sink = sink
        self._tell = tell
        self._lock = threading.Lock()
        self.bytes = 0
        self.sources: set[str] = set()

    def accept(self, chunk: Chunk) -> None:
        """Pass it on; count it when it was taken."""
        self._sink.accept(chunk)
        with self._lock:
            self.bytes += len(chunk.body)
            self.sources.add(chunk.source.id)
            self._tell(self.bytes)


@dataclasses.dataclass(frozen=True)
class _Target:
    """Where to: a server, or the data directory opened here."""

    sink: ChunkSink
    folder: Path
    """The collector's memory for this target."""
    wait: Callable[[float], bool]
    """Whether all is mined, waiting at most that long."""
    lines: Callable[[], int]


def ingest_once(settings: Settings, paths: Sequence[str], *, url: str, service: str, wait: bool) -> Done:
    """Store what `paths` hold now; `-` is stdin. Raises InputError for a path that is not there."""
    start_quiet_log()
    files = [path for path in paths if path != STDIN]
    absent = [path for path in files if not _names(path)]
    if absent:
        raise InputError(f"there is no file {absent[0]!r}", hint="name files, folders, globs, or - for stdin")
    with _target(settings, url) as target, _progress("sending", _total_bytes(files)) as tell:
        sink = _Counted(target.sink, tell)
        if files:
            _complain_of(_drain(settings, files, sink, target.folder))
        if STDIN in paths:
            send_stream(
                cast("Readable", sys.stdin.buffer),
                sink,
                host=_host(settings),
                service=service,
                zone=settings.collect.zone,
            )
        if wait:
            _wait(target)
        return Done(len(sink.sources), sink.bytes, target.lines())


def collect_to(url: str, paths: Sequence[str], settings: Settings) -> None:
    """Ship `paths` to the server at `url` as they grow, until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder = _memory(settings, url, "collect")
    with (
        trace.exporting(settings.watch.trace_endpoint, service="dejalog-collector"),
        DataDirLock(folder),
        HttpShipper(url, settings.server.token) as shipper,
    ):
        collector = Collector(paths, shipper, folder, host=_host(settings), settings=_collect_settings(settings))
        with _watched(settings, collector, url):
            collector.run(stop)


@contextlib.contextmanager
def _watched(settings: Settings, collector: Collector, url: str) -> Iterator[None]:
    """Health and metrics of the collector where they are wanted; only then is a server loaded."""
    if settings.stream.worker_listen is None:
        yield
        return
    from api.collect_metrics import CollectCollector
    from api.dependencies import watched_server
    from api.http_server import answering

    with watched_server(url) as readiness, answering(settings, CollectCollector(collector), readiness):
        yield


@contextlib.contextmanager
def _target(settings: Settings, url: str) -> Iterator[_Target]:
    server = server_url(settings, url=url)
    if not server:
        from api.compose import open_dejalog

        with open_dejalog(settings) as dejalog:
            yield _here(dejalog, settings)
        return
    with Client(server, settings.server.token) as client, HttpShipper(server, settings.server.token) as shipper:
        client.get("/v1/status")  # a server that cannot be reached is told at once, not waited for
        folder = _memory(settings, server, "ingest")

        def mined(seconds: float) -> bool:
            return not client.get("/v1/status", wait=f"{seconds:.3f}s")["waited_out"]

        with DataDirLock(folder):
            yield _Target(shipper, folder, mined, lambda: int(client.get("/v1/status")["lines"]))


def _here(dejalog: Dejalog, settings: Settings) -> _Target:
    folder = _memory(settings, "", "ingest")
    return _Target(
        dejalog.receiver,
        folder,
        dejalog.wait_until_mined,
        lambda: dejalog.store.high_water().lines,
    )


def _memory(settings: Settings, url: str, command: str) -> Path:
    """One folder for each target: what one server has acknowledged says nothing of another."""
    name = hashlib.blake2b(url.encode(), digest_size=6).hexdigest() if url else "here"
    return settings.store.data_dir / command / name


def _drain(settings: Settings, paths: Sequence[str], sink: ChunkSink, folder: Path) -> CollectStatus:
    folder.mkdir(parents=True, exist_ok=True)
    collector = Collector(paths, sink, folder, host=_host(settings), settings=_collect_settings(settings))
    with contextlib.closing(collector):
        return collector.drain()


def _collect_settings(settings: Settings) -> CollectSettings:
    return CollectSettings(zone=settings.collect.zone, discover_s=settings.collect.scan_interval)


def _host(settings: Settings) -> str:
    return settings.collect.host or socket.gethostname()


def _complain_of(status: CollectStatus) -> None:
    for path, reason in sorted(status.skipped.items()):
        complain(f"{path} was passed over: {reason}")
    rejected = status.counts.get("dead_lettered_chunks", 0)
    if rejected:
        raise DejalogError(f"{rejected} chunks were rejected and kept aside in the dead-letter folder")


def _wait(target: _Target) -> None:
    with _progress("mining", None) as tell:
        while not target.wait(WAIT_STEP_S):
            tell(0)


def _total_bytes(paths: Sequence[str]) -> int:
    """About how much there is, for the progress bar."""
    total = 0
    for path in paths:
        for name in _names(path):
            if Path(name).is_dir():
                total += sum(_size(Path(root) / file) for root, _, files in os.walk(name) for file in files)
            else:
                total += _size(Path(name))
    return total


def _names(path: str) -> list[str]:
    """What there is of a path or pattern, as the collector reads patterns."""
    return [path] if Path(path).exists() else glob.glob(path, recursive=True)  # noqa: PTH207 Path.glob takes no absolute


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextlib.contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal; yields what is told how far it is."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    columns = (TextColumn(what), BarColumn(), *((DownloadColumn(),) if total else ()), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
