"""The collector: follows files and ships their bytes as chunks; a position moves when its chunk is acknowledged."""

import dataclasses
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from ingest.chunk import ChunkSink
from ingest.collect_settings import CollectSettings, Counts
from ingest.discover import scan
from ingest.dispatch import Dispatch
from ingest.errors import DamagedError, StorageFullError
from ingest.follow import Follower
from ingest.registry import Changes, Registry
from ingest.tails import Moment, Tails

_log = structlog.get_logger()
_LOOK_SHARE = 10
"""A look that takes long is followed by ten times as long without one, so that looking costs a tenth of a core."""


@dataclasses.dataclass(frozen=True)
class SourceStatus:
    """How far one source is."""

    source: str
    path: str
    service: str
    position: int
    """Acknowledged."""
    size: int
    lag_bytes: int
    is_gone: bool


@dataclasses.dataclass(frozen=True)
class CollectStatus:
    """A look from outside. `counts` are sums since the start; `skipped` are names passed over, with reasons."""

    sources: tuple[SourceStatus, ...]
    lag_bytes: int
    oldest_s: float
    """Age of the oldest chunk that is cut and not acknowledged; 0 when there is none."""
    counts: dict[str, int]
    skipped: dict[str, str]
    registry_is_durable: bool


class Collector:
    """Follows `paths` and ships to `sink`; its registry and dead letters are in `folder`.

    Nothing that was read is lost and nothing is counted twice, whenever it is killed: cuts are durable before the first
    send, so what is sent again is byte-identical. `run` and `drain` belong to one thread, `status` to any.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        sink: ChunkSink,
        folder: Path,
        *,
        host: str,
        settings: CollectSettings,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._paths = [str(path) for path in paths]
        self._settings = settings
        self._clock = clock
        self._wall_ns = wall_ns
        self._counts = Counts()
        self._registry = Registry(folder)
        if self._registry.set_aside:
            self._counts.add("registry_damaged")
        self._tails = Tails(self._counts, host=host, settings=settings)
        self._follower = Follower(self._tails, self._counts, settings)
        self._dispatch = Dispatch(sink, folder / "dead-letter", self._counts, settings, clock=clock)
        self._next_scan = self._next_look = self._soon = self._commit_after = float("-inf")
        self._tails.load(self._registry, self._moment(is_last=False))

    def run(self, stop: threading.Event) -> None:
        """Collects until `stop` is set, then ends within `stop_s` and about a second."""
        while not stop.is_set():
            try:
                progressed = self.step()
            except Exception as error:  # noqa: BLE001 - the worker's loop: one bad round must not end collecting
                self._counts.add("rounds_failed")
                _log.error("collect_round_failed", found="".join(traceback.format_exception(error, limit=-5)))
                progressed = False
            if not progressed:
                stop.wait(self._settings.poll_s)
        self.close()

    def drain(self, stop: threading.Event | None = None) -> CollectStatus:
        """Ships everything there is to the end of every file, open tails included, and returns when all of it is
        acknowledged (or `stop` is set). Refusals are waited for.
        """
        idle_rounds = 0
        # Two looks in a row must find nothing: the first may have shown a file that changed meanwhile.
        while idle_rounds < 2 and not (stop and stop.is_set()):
            self._next_scan = self._soon = float("-inf")
            if self.step(is_last=True):
                idle_rounds = 0
            elif self._is_sending():
                time.sleep(min(0.05, self._settings.poll_s))
            else:
                idle_rounds += 1
        self._commit()
        return self.status()

    def step(self, *, is_last: bool = False) -> bool:
        """One round: look, read and cut, make the cuts durable, send, take in what was acknowledged. True when there
        was something to do. `is_last` does not wait for what may follow.
        """
        self._look(is_last=is_last)
        tails, follower, dispatch = self._tails, self._follower, self._dispatch
        held = sum(len(pending.chunk.body) for tail in list(tails.all.values()) for pending in list(tail.pending))
        follower.fill(self._moment(is_last=is_last), budget=self._settings.memory_bytes - held, busy=dispatch.busy)
        if not self._commit():
            return False
        for tail in list(tails.all.values()):
            if tail.pending:
                dispatch.start(tail)
        finished = dispatch.finished(self._settings.poll_s)
        for tail in finished:
            tails.saved(tail)
        return bool(finished) and dispatch.wait_s() == 0

    def status(self) -> CollectStatus:
        """Where every source stands now."""
        sources = tuple(
            SourceStatus(
                source=tail.source.id,
                path=tail.seen_at,
                service=tail.source.service,
                position=tail.acknowledged.position,
                size=tail.size,
                lag_bytes=0 if tail.key is None else tail.lag_bytes,
                is_gone=tail.key is None or tail.gone_ns is not None,
            )
            for tail in list(self._tails.all.values())
        )
        return CollectStatus(
            sources=tuple(sorted(sources, key=lambda source: (source.path, source.source))),
            lag_bytes=sum(source.lag_bytes for source in sources),
            oldest_s=self._oldest_s(),
            counts=self._counts.snapshot(),
            skipped=dict(self._follower.skipped),
            registry_is_durable=self._registry.is_durable,
        )

    def close(self) -> None:
        """Stops sending, records what was acknowledged and closes all files."""
        self._dispatch.stop()
        for tail in self._dispatch.finished(0):
            self._tails.saved(tail)
        self._commit()
        self._tails.files.close_all()
        self._registry.close()

    def _moment(self, *, is_last: bool) -> Moment:
        return Moment(now=self._clock(), now_ns=self._wall_ns(), is_last=is_last)

    def _look(self, *, is_last: bool) -> None:
        """A scan for new and rotated files; between two, the known ones by name; between these, the open ones."""
        moment, tails, follower = self._moment(is_last=is_last), self._tails, self._follower
        if moment.now >= (self._soon if tails.must_look else self._next_scan):
            follower.take_in(scan(self._paths), moment)
            taken = self._clock() - moment.now
            self._next_scan = moment.now + max(self._settings.discover_s, _LOOK_SHARE * taken)
            self._soon = moment.now + taken
        elif moment.now >= self._next_look:
            follower.notice_all(moment)
            taken = self._clock() - moment.now
            self._next_look = moment.now + max(self._settings.poll_s, _LOOK_SHARE * taken)
        else:
            follower.notice_growth(moment)

    def _commit(self) -> bool:
        """Makes all changes durable; False when that is not possible now, and so nothing new may be sent."""
        tails = self._tails
        if not tails.changes:
            return True
        if self._clock() < self._commit_after:
            return False
        try:
            self._registry.commit(tails.changes)
        except StorageFullError as error:
            self._counts.add("registry_full")
            self._commit_after = self._clock() + error.retry_after_s
            _log.error("registry_full", found=str(error), retry_in_s=error.retry_after_s)
            return False
        except DamagedError:
            self._counts.add("registry_damaged")
            self._registry.begin_anew()
            tails.changes = tails.everything()
            return False
        tails.changes = Changes()
        return True

    def _oldest_s(self) -> float:
        pending = [each.chunk.read_ns for tail in list(self._tails.all.values()) for each in list(tail.pending)[:1]]
        return max(0.0, (self._wall_ns() - min(pending)) / 1e9) if pending else 0.0

    def _is_sending(self) -> bool:
        return any(tail.pending for tail in list(self._tails.all.values()))
