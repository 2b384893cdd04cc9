"""Takes chunks out of the stream, has the receiver store their lines, then acknowledges and deletes them.

A chunk is acknowledged when the store has taken every line of it; a worker that is lost before that leaves the chunk to
another, which finds stored what is stored. What cannot be stored goes to the dead letters with the reason; what the
store refuses for now waits here, however long.
"""

import collections
import contextlib
import dataclasses
import math
import os
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence

import polars as pl
import structlog

from ingest import trace
from ingest.errors import DejalogError, InputError, RefusedError, WorkerError
from ingest.receive import Receiver
from workers.chunk_record import pushed_of, record_bytes, source_of, traceparent_of
from workers.chunk_stream import ChunkStream, Delivery

_log = structlog.get_logger()
_FAULTS = (Exception, pl.exceptions.PanicException)
"""What a worker's loop outlives: everything, a panic of Polars included, which is no Exception."""
_HOLD_EVERY_S = 1.0
"""How soon a lane notices that others have come or gone. A guess: each look is a write that Redis puts to its disk."""
_GROUP_BYTES = 256 << 10
"""Compressed bytes of chunks that are stored in one append: some megabytes of lines, what a store likes. A guess."""


@dataclasses.dataclass(frozen=True)
class IngestSettings:
    """Times in seconds. All but `lease_s` and `tries` are guesses that nobody has had a reason to change."""

    lease_s: float = 15.0
    """How long a worker that says nothing keeps its partitions and chunks."""
    tries: int = 5
    """How often a chunk may fail, or end its worker, before it is a dead letter."""
    read_count: int = 128
    """Chunks read at once, over all partitions; bounds memory, and what is looked at again after a loss."""
    block_s: float = 0.5
    """Longest wait for chunks; also how long a stop may take when there are none."""
    first_retry_s: float = 0.25
    longest_retry_s: float = 10.0
    tell_every_s: float = 10.0


class IngestCounts:
    """What the lanes of one process did; safe to use from many threads."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def add(self, name: str, more: int = 1) -> None:
        """`settled_chunks`, `settled_lines`, `dead_letter_chunks`, `taken_over_chunks`, `store_refusals`,
        `failed_tries`, `stream_faults`; by reason `dead_lettered_…` and `store_refused_…`.
        """
        with self._lock:
            self._counts[name] += more

    def read(self) -> Mapping[str, int]:
        """All so far."""
        with self._lock:
            return dict(sorted(self._counts.items()))


class IngestLane:
    """One consumer of the stream, in a thread of its own; a process runs a few."""

    def __init__(
        self, stream: ChunkStream, receiver: Receiver, settings: IngestSettings, counts: IngestCounts, *, name: str = ""
    ) -> None:
        self._stream = stream
        self._receiver = receiver
        self._settings = settings
        self._counts = counts
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._held: set[int] = set()
        self._unclean: set[int] = set()
        """Partitions in which entries may be pending that are not in hand: new ones must wait for them."""
        self._held_at = -math.inf
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then the chunk in hand is finished and the partitions are given up."""
        self._stop = stop
        faults = 0
        while not stop.is_set():
            try:
                self.step()
                faults = 0
            except _FAULTS as failure:  # the worker loop outlives any failure; it is logged and counted
                self._recover(failure, faults)
                faults += 1
        self._leave()

    def step(self) -> int:
        """One round: hold partitions, finish what others left, store what is new. Answers how many chunks are done."""
        if time.monotonic() - self._held_at >= min(_HOLD_EVERY_S, self._settings.lease_s / 5):
            self._hold(may_change=True)
        done = sum(self._clean(partition) for partition in sorted(self._unclean))
        clean = sorted(self._held - self._unclean)
        if not clean:
            self._stop.wait(self._settings.block_s)
            return done
        block_s = self._settings.block_s / (5 if self._unclean else 1)
        count = max(1, self._settings.read_count // len(clean))
        found = self._stream.read(self.name, clean, count=count, block_s=block_s)
        # Until each is settled the partition counts as unclean: whatever fails below, nothing is passed over.
        self._unclean |= {delivery.partition for delivery in found}
        finished = [delivery for group in _groups(found) for delivery in self._store_group(group)]
        left = collections.Counter(each.partition for each in found)
        left.subtract(each.partition for each in finished)
        self._unclean -= {partition for partition, count in left.items() if not count}
        return done + len(finished)

    def _hold(self, *, may_change: bool) -> None:
        asked_at = time.monotonic()
        held = set(self._stream.hold(self.name, lease_s=self._settings.lease_s, may_change=may_change))
        self._unclean = (self._unclean & held) | (held - self._held)
        if held != self._held:
            _log.info("ingest.partitions", worker=self.name, partitions=sorted(held))
        self._held, self._held_at = held, asked_at

    def _hold_if_due(self) -> None:
        if time.monotonic() - self._held_at > self._settings.lease_s / 3:
            self._hold(may_change=False)

    def _clean(self, partition: int) -> int:
        """Store what is pending in the partition, oldest first; it is clean when nothing is left. Answers how many."""
        done = 0
        while partition in self._held and not self._stop.is_set():
            self._hold_if_due()
            delivery = self._stream.own_pending(self.name, partition)
            if delivery is None:
                delivery = self._stream.take_over(self.name, partition, idle_s=self._settings.lease_s)
                self._counts.add("taken_over_chunks", delivery is not None)
            if delivery is None:
                if not self._stream.pending(partition):
                    self._unclean.discard(partition)
                return done
            if delivery.times > 1:
                _log.info("ingest.again", worker=self.name, times=delivery.times, **source_of(delivery.fields))
            if not self._store(delivery):
                return done
            done += 1
        return done

    def _store_group(self, group: Sequence[Delivery]) -> list[Delivery]:
        """Those that are done with. They are stored in one append; if that fails, each by itself, which shows why."""
        self._hold_if_due()
        held = [delivery for delivery in group if delivery.partition in self._held]
        if len(held) > 1:
            try:
                with _traced(held):
                    stored = self._receiver.accept_group([pushed_of(delivery.fields) for delivery in held])
            except _FAULTS as error:  # a worker's loop: what failed will fail again, and be told of
                _log.debug("ingest.group_failed", worker=self.name, chunks=len(held), found=type(error).__name__)
            else:
                self._settle(held, stored)
                return held
        return [delivery for delivery in held if self._store(delivery)]

    def _settle(self, done: Sequence[Delivery], stored: int) -> None:
        self._stream.settle(*done)
        self._counts.add("settled_chunks", len(done))
        self._counts.add("settled_lines", stored)

    def _store(self, delivery: Delivery) -> bool:
        """Whether the entry is done with: stored and acknowledged, or a dead letter. False only when stopping."""
        times = delivery.times
        refusals = 0
        while times <= self._settings.tries:
            try:
                with _traced([delivery]):
                    counts = self._receiver.accept_pushed(pushed_of(delivery.fields))
            except InputError as error:
                return self._bury(delivery, "no_chunk", f"the entry is no chunk: {error}")
            except (RefusedError, OSError) as error:
                self._stream.forgive(self.name, delivery)
                times = 1
                if not self._wait_for_store(error, refusals):
                    return False
                refusals += 1
            except _FAULTS as error:  # a worker's loop: counted, tried again, at last a dead letter
                reason = "".join(traceback.format_exception_only(error)).strip()
                # Not as exc_info: renderers print local variables, and there the log text would be.
                where = "".join(traceback.format_exception(error, limit=-5))
                self._counts.add("failed_tries")
                _log.error("ingest.failed", worker=self.name, times=times, found=where, **source_of(delivery.fields))
                if times >= self._settings.tries:
                    return self._bury(dataclasses.replace(delivery, times=times), "failed", reason)
                if not self._pause(self._delay_s(times)):
                    return False
                times += 1
            else:
                self._settle([delivery], counts["stored"])
                return True
        told = f"{times - 1} workers that were given this chunk ended before it was stored"
        return self._bury(delivery, "ended_workers", told)

    def _bury(self, delivery: Delivery, kind: str, reason: str) -> bool:
        self._stream.bury(delivery, reason)
        self._counts.add("dead_letter_chunks")
        self._counts.add(f"dead_lettered_{kind}")
        _log.error(
            "ingest.dead_letter", worker=self.name, tries=delivery.times, reason=reason, **source_of(delivery.fields)
        )
        return True

    def _wait_for_store(self, error: Exception, refusals: int) -> bool:
        """Whether to go on."""
        delay_s = max(getattr(error, "retry_after_s", 0.0), self._delay_s(refusals))
        self._counts.add("store_refusals")
        self._counts.add(f"store_refused_{getattr(error, 'reason', 'os_error')}")
        _log.warning("ingest.store_refused", worker=self.name, found=str(error), retry_in_s=round(delay_s, 2))
        return self._pause(delay_s)

    def _pause(self, delay_s: float) -> bool:
        """Whether to go on after a wait, in which the partitions stay held."""
        deadline = time.monotonic() + delay_s
        while (left_s := deadline - time.monotonic()) > 0:
            if self._stop.wait(min(left_s, self._settings.lease_s / 3)):
                return False
            self._hold_if_due()
        return not self._stop.is_set()

    def _delay_s(self, times: int) -> float:
        return min(self._settings.longest_retry_s, self._settings.first_retry_s * 2.0 ** min(times, 20))

    def _recover(self, failure: BaseException, faults: int) -> None:
        """After a failure of the stream, or of ours: what is in hand is read again."""
        self._unclean |= self._held
        self._counts.add("stream_faults")
        if isinstance(failure, RefusedError):
            _log.warning("ingest.stream_away", worker=self.name, found=str(failure))
        else:
            _log.exception("ingest.broke", worker=self.name)
        self._stop.wait(self._delay_s(faults))
        try:
            self._stream.prepare()  # a server that lost everything has no groups
        except DejalogError as error:
            _log.debug("ingest.stream_away", worker=self.name, found=str(error))

    def _leave(self) -> None:
        try:
            self._stream.leave(self.name)
        except RefusedError as error:
            _log.warning("ingest.left_without_word", worker=self.name, found=str(error))
        _log.info("ingest.stopped", worker=self.name, **self._counts.read())


def _traced(deliveries: Sequence[Delivery]) -> contextlib.AbstractContextManager[object]:
    """The storing of these chunks, in the trace of each."""
    parents = [traceparent_of(each.fields) for each in deliveries] if trace.is_on() else ()
    return trace.begin("chunk.store", kind="consumer", parents=parents, chunks=len(deliveries))


def _groups(found: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Neighbours of at most `_GROUP_BYTES` together, as they are packed; a larger one is alone."""
    group: list[Delivery] = []
    size = 0
    for delivery in found:
        more = record_bytes(delivery.fields)
        if group and size + more > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(delivery)
        size += more
    if group:
        yield group


def run_lanes(
    stream: ChunkStream,
    receiver: Receiver,
    settings: IngestSettings,
    counts: IngestCounts,
    stop: threading.Event,
    *,
    lanes: int,
) -> None:
    """Run so many lanes until `stop` is set, telling of progress where there is any. Raises WorkerError when a lane
    ends before that, once the others have ended, too.
    """
    threads = [
        threading.Thread(target=IngestLane(stream, receiver, settings, counts).run, args=(stop,), name=f"ingest-{lane}")
        for lane in range(lanes)
    ]
    for thread in threads:
        thread.start()
    told: Mapping[str, int] = {}
    while not stop.wait(settings.tell_every_s) and all(thread.is_alive() for thread in threads):
        told = _tell(stream, counts, told)
    is_lost = not stop.is_set()
    stop.set()
    for thread in threads:
        thread.join()
    if is_lost:
        raise WorkerError("a lane of this worker ended by itself: see the log; the worker is to be started again")


def _tell(stream: ChunkStream, counts: IngestCounts, told: Mapping[str, int]) -> Mapping[str, int]:
    now = counts.read()
    if now != told:
        try:
            status = dataclasses.asdict(stream.status())
        except RefusedError:
            status = {}
        _log.info("ingest.progress", **now, **status)
    return now
