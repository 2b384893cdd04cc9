"""Sends cut chunks to the sink: several sources at once, each strictly in order, backing off when it is refused."""

import json
import queue
import random
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import structlog

from ingest import trace
from ingest.chunk import Chunk, ChunkSink
from ingest.collect_settings import CollectSettings, Counts
from ingest.errors import ChunkError, RefusedError
from ingest.tail import Tail

_log = structlog.get_logger()


class Dispatch:
    """A few threads that each take one tail and send what is pending of it. The position moves on acknowledgement only.

    A refusal pauses all sending (there is one receiver); an unexpected failure only the tail that met it.
    """

    def __init__(
        self,
        sink: ChunkSink,
        dead_letters: Path,
        counts: Counts,
        settings: CollectSettings,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._counts = counts
        self._settings = settings
        self._clock = clock
        self._jobs: queue.SimpleQueue[Tail | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Tail] = queue.SimpleQueue()
        self._busy: set[Tail] = set()
        self._failures: dict[Tail, tuple[int, float]] = {}
        self._lock = threading.Lock()
        self._refusals = 0
        self._paused_until = 0.0
        self._stopping = threading.Event()
        # Jitter needs no secret, only that collectors differ from each other.
        self._random = random.Random()  # noqa: S311
        # Daemons: a sink that hangs must not keep the process from ending; what it holds is sent again.
        self._threads = [
            threading.Thread(target=self._work, name=f"ship-{number}", daemon=True)
            for number in range(max(1, settings.workers))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> frozenset[Tail]:
        """Tails that a thread is sending from."""
        return frozenset(self._busy)

    def wait_s(self) -> float:
        """Seconds until sending is allowed again after a refusal, 0 when it is."""
        with self._lock:
            return max(0.0, self._paused_until - self._clock())

    def start(self, tail: Tail) -> None:
        """Hands over a tail with pending chunks, unless it is being sent from or has to wait."""
        if tail in self._busy or self.wait_s() > 0 or self._failures.get(tail, (0, 0.0))[1] > self._clock():
            return
        self._busy.add(tail)
        self._jobs.put(tail)

    def finished(self, timeout_s: float) -> list[Tail]:
        """Tails given back since the last call. Waits up to `timeout_s` for the first, and for more while tails queue
        for a thread: the caller would only take the processor from the threads.
        """
        found: list[Tail] = []
        deadline = time.monotonic() + timeout_s
        while self._busy:
            is_idle_wait = not found or len(self._busy) > len(self._threads)
            wait = max(0.0, deadline - time.monotonic()) if is_idle_wait else 0.0
            try:
                found.append(self._done.get(timeout=wait) if wait else self._done.get_nowait())
            except queue.Empty:
                return found
            self._busy.discard(found[-1])
        return found

    def stop(self) -> None:
        """No further chunk is begun; those on their way may end within `stop_s`."""
        self._stopping.set()
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + self._settings.stop_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (tail := self._jobs.get()) is not None:
            try:
                self._send(tail)
            except Exception as error:  # noqa: BLE001 - the loop of a worker: any failure is counted and tried again
                self._fail(tail, error)
            self._done.put(tail)

    def _send(self, tail: Tail) -> None:
        while tail.pending and not self._stopping.is_set():
            pending = tail.pending[0]
            try:
                with trace.begin("chunk.ship", kind="producer", bytes=len(pending.chunk.body)):
                    self._sink.accept(pending.chunk)
            except RefusedError as error:
                self._refuse(error)
                return
            except ChunkError as error:
                self._bury(pending.chunk, error)
            else:
                self._counts.add("chunks_shipped")
                self._counts.add("bytes_shipped", len(pending.chunk.body))
            tail.acknowledged = pending.after
            tail.pending.popleft()
            self._failures.pop(tail, None)
            if self._refusals:
                with self._lock:
                    self._refusals = 0

    def _refuse(self, error: RefusedError) -> None:
        with self._lock:
            delay = max(error.retry_after_s, self._delay(self._refusals))
            if self._clock() >= self._paused_until:
                self._refusals += 1
            self._paused_until = max(self._paused_until, self._clock() + delay)
        self._counts.add("retries_refused")
        _log.warning("collect_refused", found=str(error), retry_in_s=round(delay, 2))

    def _fail(self, tail: Tail, error: Exception) -> None:
        times = self._failures.get(tail, (0, 0.0))[0] + 1
        delay = self._delay(times - 1)
        self._failures[tail] = (times, self._clock() + delay)
        self._counts.add("retries_failed")
        # Not as exc_info: renderers print local variables, and there the log text would be.
        where = "".join(traceback.format_exception(error, limit=-5))
        _log.error("collect_send_failed", source=tail.source.id, times=times, retry_in_s=round(delay, 2), found=where)

    def _delay(self, times: int) -> float:
        """Doubles from `first_retry_s` to `max_retry_s`, with up to half of it taken off by chance."""
        settings = self._settings
        delay = min(settings.max_retry_s, settings.first_retry_s * 2.0 ** min(times, 30))
        return delay * self._random.uniform(0.5, 1.0)

    def _bury(self, chunk: Chunk, error: ChunkError) -> None:
        """Keeps a chunk that will never be taken, with the reason. When even that fails it is tried again later."""
        name = f"{chunk.source.id}-{chunk.start}-{chunk.end}"
        reason = {"source": chunk.source.id, "path": chunk.source.path, "start": chunk.start, "read_ns": chunk.read_ns}
        self._dead_letters.mkdir(parents=True, exist_ok=True)
        (self._dead_letters / f"{name}.bytes").write_bytes(chunk.body)
        (self._dead_letters / f"{name}.json").write_text(json.dumps(reason | {"error": str(error)}), encoding="utf-8")
        self._counts.add("dead_lettered_chunks")
        self._counts.add("dead_lettered_bytes", len(chunk.body))
        _log.error("collect_dead_letter", source=chunk.source.id, start=chunk.start, end=chunk.end, found=str(error))
