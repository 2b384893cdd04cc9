"""Where mining runs: in this process, or in one of its own that leaves the processors to whoever answers questions."""

import contextlib
import dataclasses
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from index.generation_build import Known, Mined, mine
from index.incident import Incident
from index.incident_mine import MineCache, span_incident
from index.line_store import LineReader
from index.pattern import PatternSet
from index.store_parquet import ParquetStore
from index.store_snapshot import Snapshot, SnapshotStore
from ingest.errors import DamagedError, InputError, WorkerError
from workers.foreground import NICENESS

log = structlog.get_logger()
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Job(Protocol[R_co]):
    """Something to compute from lines; picklable."""

    def run(self, lines: LineReader, cache: MineCache) -> R_co:
        """Its result, picklable too."""


@dataclasses.dataclass(frozen=True)
class MineJob:
    """A generation without its vectors."""

    known: Known
    as_of_ns: int | None

    def run(self, lines: LineReader, cache: MineCache) -> Mined:
        """See `generation_build.mine`."""
        return mine(lines, self.known, as_of_ns=self.as_of_ns, cache=cache)


@dataclasses.dataclass(frozen=True)
class SpanJob:
    """What deviates in a span; see `incident_mine.span_incident`."""

    patterns: PatternSet
    start_ns: int
    end_ns: int
    services: Sequence[str]
    before_ns: int | None

    def run(self, lines: LineReader, cache: MineCache) -> Incident:
        """See `incident_mine.span_incident`."""
        return span_incident(
            lines,
            self.patterns,
            self.start_ns,
            self.end_ns,
            services=self.services,
            before_ns=self.before_ns,
            cache=cache,
        )


class Miner(Protocol):
    """Runs one job at a time over the lines that the store holds when it begins."""

    def run(self, job: Job[R]) -> R:
        """The job's result. Raises what the job raises, and WorkerError."""

    def close(self) -> None:
        """Nothing runs any more."""


class OwnMiner:
    """A Miner in this process."""

    def __init__(self, store: LineReader) -> None:
        self._store = store
        self._cache = MineCache()

    def run(self, job: Job[R]) -> R:
        """See Miner."""
        return job.run(self._store, self._cache)

    def close(self) -> None:
        """See Miner."""


class _LostError(Exception):
    """The process ended before it answered."""


class ApartMiner:
    """A Miner in a process of its own, started with the first job and again after it was lost.

    It reads the segment files of `store` and copies, in `folder`, of the lines that are in memory. Where a segment is
    damaged the job runs here, so that the store sets it aside.
    """

    def __init__(self, store: ParquetStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._worker: tuple[BaseProcess, Connection] | None = None
        shutil.rmtree(folder, ignore_errors=True)  # copies that a killed process left

    def run(self, job: Job[R]) -> R:
        """See Miner."""
        with self._store.snapshot(self._folder) as snapshot:
            try:
                return self._ask_twice(snapshot, job)
            except DamagedError as damage:
                log.warning("mining.damaged", found=str(damage))
        return self._run_here(job)

    def close(self) -> None:
        """See Miner. What it is at is given up, and whoever waits for it gets a WorkerError."""
        self._closed.set()
        self._drop_worker()

    @property
    def process_id(self) -> int | None:
        """Of the worker, if there is one."""
        worker = self._worker
        return worker[0].pid if worker else None

    def _run_here(self, job: Job[R]) -> R:
        """Again after each damaged segment that the attempt set aside."""
        own = OwnMiner(self._store)
        while True:
            damaged = self._store.status().damaged_files
            try:
                return own.run(job)
            except DamagedError:
                if self._store.status().damaged_files == damaged:
                    raise

    def _ask_twice(self, snapshot: Snapshot, job: Job[R]) -> R:
        """A process that was ended, for want of memory say, is forgiven once."""
        try:
            return self._ask(snapshot, job)
        except _LostError as lost:
            log.warning("mining.process_lost", found=str(lost))
        try:
            return self._ask(snapshot, job)
        except _LostError as lost:
            raise WorkerError(f"the mining process ended twice while it was at work: {lost}") from lost

    def _ask(self, snapshot: Snapshot, job: Job[R]) -> R:
        with self._lock:
            if self._closed.is_set():
                raise WorkerError("mining was asked for while the server stops")
            process, connection = self._worker = self._worker or _start()
        try:
            connection.send((snapshot, job))
            result: R | Exception = connection.recv()
        except (EOFError, OSError) as fault:
            self._drop_worker()
            raise _LostError(f"exit code {process.exitcode} ({type(fault).__name__})") from fault
        except BaseException:
            self._drop_worker()  # what was left unread would be taken for the next answer
            raise
        if isinstance(result, Exception):
            raise result
        return result

    def _drop_worker(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            process, connection = worker
            process.join(0.2)  # one that ends by itself tells why
            process.kill()
            process.join()
            connection.close()


def _start() -> tuple[BaseProcess, Connection]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_work, args=(theirs,), name="mining", daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _work(connection: Connection) -> None:
    """In the process of its own: job after job, until the other side goes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group: the server decides when this one ends
    if sys.platform == "linux":
        os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lines, cache = SnapshotStore(), MineCache()
    with contextlib.suppress(EOFError, OSError):
        while True:
            snapshot, job = connection.recv()
            connection.send_bytes(_result(lines, cache, snapshot, job))


def _result(lines: SnapshotStore, cache: MineCache, snapshot: Snapshot, job: Job[object]) -> bytes:
    """What the job gave or raised, pickled."""
    try:
        lines.show(snapshot)
        return pickle.dumps(job.run(lines, cache))
    except (DamagedError, InputError) as error:
        return pickle.dumps(error)
    except Exception as error:  # noqa: BLE001 - a worker's loop: told to who asked, who logs and counts it
        where = "".join(traceback.format_exception(error, limit=-5))
        return pickle.dumps(WorkerError(f"mining failed: {type(error).__name__}: {error}\n{where}"))
    finally:
        lines.forget()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
