"""The nearline steps in one process: flush and compact, mine a generation, drop what retention no longer keeps.

Two threads: mining may take seconds and must not hold up the store's maintenance. What they publish is a function of
the stored lines, so when they run decides only how fresh a result is, never what it says.
"""

import collections
import dataclasses
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from index.embedding_cache import EmbeddingCache
from index.generation import Generation
from index.generation_build import Mined, read_known, with_vectors
from index.generation_folder import GenerationFolder
from index.generation_store import GenerationStore, Stamp
from index.incident import Incident
from index.knowledge_store import KnowledgeStore
from index.line_store import KeptStore
from index.vector import Embedder
from ingest import trace
from ingest.errors import DejalogError
from workers.foreground import Foreground, run_in_background
from workers.miner import MineJob, Miner, OwnMiner, SpanJob
from workers.settings import NearlineSettings

_log = structlog.get_logger()
_PAUSE_FACTOR = 10.0
_BEGINNING_NS = -(2**62)
_STILL_OPEN_NS = 3_600_000_000_000
"""Incidents of the newest hour are not frozen: they may go on. A guess."""


@dataclasses.dataclass
class Progress:
    """What `/v1/status` shows of the nearline steps."""

    mined_sequence: int = -1
    runs: int = 0
    failures: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Runs of any step that failed, by the kind of error."""
    last_run_s: float = 0.0
    last_error: str = ""
    dropped_lines: int = 0
    """By retention and by the limit on the disk."""


class Nearline:
    """Owns the published generation and the threads that renew it. `store` and `knowledge` are owned by the caller."""

    def __init__(
        self,
        store: KeptStore,
        knowledge: KnowledgeStore,
        embedder: Embedder,
        folder: Path,
        settings: NearlineSettings,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        foreground: Foreground | None = None,
        prepare: Callable[[Generation], object] | None = None,
        miner: Miner | None = None,
        generations: GenerationStore | None = None,
    ) -> None:
        """`prepare` is called with each generation before it is published; `foreground` is given way to. `miner` is
        closed with this; by default it is one in this process. `generations`: where they are published, by default a
        folder of `folder`.
        """
        self._store = store
        self._knowledge = knowledge
        self._embedder = embedder
        self._generations = generations or GenerationFolder(folder / "generation")
        self._version: str | None = None
        self._settings = settings
        self._now_ns = now_ns
        self._foreground = foreground or Foreground()
        self._prepare = prepare
        self._embeddings = EmbeddingCache(folder / "embeddings.sqlite")
        self._miner = miner or OwnMiner(store)
        self._mine_lock = threading.Lock()
        self._changed = threading.Condition()
        self._waiters = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._current: tuple[Generation, Stamp] | None = None
        self._past: OrderedDict[tuple[object, ...], Generation] = OrderedDict()
        self.progress = Progress()
        self.mines_when_due = True
        """Off while a history is loaded (what would be mined of its first days is mined again at its end), and where
        other processes mine: what they publish is taken up all the same.
        """

    def start(self) -> None:
        """Take up the saved generation if it still holds, and begin."""
        self.take_up_saved()
        self._threads = [
            threading.Thread(target=self._run, args=(step, pause), name=f"nearline-{name}", daemon=True)
            for name, step, pause in (
                ("maintain", self._maintain, self._settings.maintain_every_s),
                ("mine", self._mine_when_due, self._settings.maintain_every_s),
                ("retention", self.apply_retention, self._settings.retention_every_s),
            )
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Give up mining, finish other steps under way and return; nothing is lost by stopping at any time."""
        self._stop.set()
        self._miner.close()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def generation(self, as_of_ns: int | None = None) -> Generation:
        """The published generation, or the one as of a past time (mined on the first request, then remembered)."""
        if as_of_ns is None:
            if self._current is None:
                self.mine()
            assert self._current is not None
            return self._current[0]
        key = (as_of_ns, self._store.high_water(before_ns=as_of_ns), self._knowledge.revision(before_ns=as_of_ns))
        with self._mine_lock:
            if key not in self._past:
                self._past[key] = self._build(as_of_ns)
                while len(self._past) > self._settings.kept_generations:
                    self._past.popitem(last=False)
            self._past.move_to_end(key)
            return self._past[key]

    def span_incident(
        self, generation: Generation, start_ns: int, end_ns: int, services: Sequence[str] = ()
    ) -> Incident:
        """What deviates in any span, to compare it with incidents, as the generation would have seen it."""
        with self._mine_lock:
            return self._miner.run(SpanJob(generation.patterns, start_ns, end_ns, services, generation.as_of_ns))

    def mine(self, *, anew: bool = False) -> Generation:
        """Mine now, publish and save, unless nothing was added since (`anew`: even then). Lines appended while it runs
        may or may not be in it.
        """
        with self._mine_lock:
            stamp = self.stamp
            if not anew and self._current is not None and self._current[1] == stamp:
                return self._current[0]
            started = time.monotonic()
            with trace.begin("nearline.mine") as span:
                self._keep(self._build(None), stamp, started)
                assert self._current is not None
                generation = self._current[0]
                span.set(patterns=generation.patterns.patterns.height, incidents=len(generation.incidents))
            return generation

    def publish(self, mined: Mined, stamp: Stamp) -> bool:
        """Publish and save what was mined elsewhere; False, with nothing done, when what is published is as new."""
        with self._mine_lock:
            current = self._current[1] if self._current else None
            if current is not None and not stamp.is_newer(current):
                return False
            started = time.monotonic()
            self._keep(with_vectors(mined, self._embedder, self._embeddings), stamp, started)
            return True

    def embed(self, texts: Sequence[str]) -> None:
        """Make the vectors of these texts now, so that they are there when a generation wants them."""
        self._embeddings.embed(self._embedder, texts)

    @property
    def stamp(self) -> Stamp:
        """What a generation mined now would be made from."""
        return Stamp(self._store.high_sequence(), self._knowledge.revision())

    @property
    def published_stamp(self) -> Stamp | None:
        """What the published generation was made from."""
        return self._current[1] if self._current else None

    def take_up_saved(self) -> None:
        """Publish the saved generation if it still holds."""
        saved = self._generations.newest(embedder=self._embedder.name)
        if saved is None:
            self._version = self._generations.version()
        else:
            self._version = saved.version
            self._publish(saved.generation, saved.stamp)

    @property
    def published(self) -> Generation | None:
        """The newest generation if there is one yet; never mines."""
        return self._current[0] if self._current else None

    @property
    def mined_to_ns(self) -> int | None:
        """Time of the newest line that the published generation knows."""
        newest = self.published.counts["last_ns"].max() if self.published else None
        assert newest is None or isinstance(newest, int)
        return newest

    def wait_until_mined(self, timeout_s: float, *, sequence: int | None = None) -> bool:
        """Whether everything appended (up to `sequence`, if given) and edited before the call is mined; waits for it
        at most `timeout_s`.
        """
        target = self.stamp
        if sequence is not None:
            target = dataclasses.replace(target, high_sequence=sequence)
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._waiters += 1
            try:
                while not self._has_mined(target) and not self._stop.is_set():
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.notify_all()
                    self._changed.wait(min(left, 1.0))
            finally:
                self._waiters -= 1
        return self._has_mined(target)

    def apply_retention(self) -> None:
        """Freeze what was mined, then drop the partitions that retention, or the limit on the disk, no longer keeps."""
        settings = self._settings
        cutoff_ns = self._now_ns() - int(settings.retention_s * 1e9)
        is_over_limit = settings.max_disk_bytes is not None and self._store.disk_bytes() > settings.max_disk_bytes
        if not is_over_limit and not self._store.has_expired(cutoff_ns):
            return
        try:
            self.mine()
        except (DejalogError, OSError) as failure:
            # A store that cannot be mined must still be kept within its limits; what was mined before is frozen.
            self.progress.failures[type(failure).__name__] += 1
            self.progress.last_error = str(failure)
            _log.error("nearline.unmined_before_retention", found=str(failure))
        high_water = self._store.high_water()
        if high_water.last_ns is not None:
            self._knowledge.freeze(before_ns=high_water.last_ns - _STILL_OPEN_NS)
        dropped = self._store.drop_before(cutoff_ns)
        if settings.max_disk_bytes is not None:
            dropped += self._store.drop_to_size(settings.max_disk_bytes)
        self.progress.dropped_lines += dropped
        _log.info("nearline.retention", dropped_lines=dropped)
        self.mine(anew=True)

    def _save(self, generation: Generation, stamp: Stamp) -> tuple[Generation, Stamp]:
        """Publish for other processes; returns what is published then: another one's if it was mined from more."""
        embedder = self._embedder.name
        while True:
            version = self._generations.publish(generation, stamp, embedder=embedder, over=self._version)
            if version is not None:
                self._version = version
                return generation, stamp
            self._version = self._generations.version()
            newest = self._generations.newest(embedder=embedder)
            if newest is not None and newest.stamp != stamp and newest.stamp.covers(stamp):
                self._version = newest.version
                return newest.generation, newest.stamp

    def _has_mined(self, target: Stamp) -> bool:
        if self._current is None:
            return False
        return self._current[1].covers(target)

    def _build(self, as_of_ns: int | None) -> Generation:
        known = read_known(self._knowledge, before_ns=as_of_ns)
        return with_vectors(self._miner.run(MineJob(known, as_of_ns)), self._embedder, self._embeddings)

    def _keep(self, generation: Generation, stamp: Stamp, started: float) -> None:
        """Freeze its incidents, save and publish it."""
        floor_ns = self._knowledge.frozen_before_ns() or _BEGINNING_NS
        self._knowledge.keep_incidents(generation.incidents, floor_ns=floor_ns)
        generation, stamp = self._save(generation, stamp)
        self.progress.last_run_s = time.monotonic() - started
        self.progress.runs += 1
        self.progress.last_error = ""
        self._publish(generation, stamp)
        _log.info(
            "nearline.mined",
            generation=generation.id,
            patterns=generation.patterns.patterns.height,
            incidents=len(generation.incidents),
            duration_s=round(self.progress.last_run_s, 3),
        )

    def _publish(self, generation: Generation, stamp: Stamp) -> None:
        if self._prepare is not None:
            self._prepare(generation)
        with self._changed:
            self._current = (generation, stamp)
            self.progress.mined_sequence = stamp.high_sequence
            self._changed.notify_all()

    def _maintain(self) -> None:
        self._foreground.give_way(self._settings.give_way_s)
        self._store.maintain()

    def _mine_when_due(self) -> None:
        pause_s = max(self._settings.mine_every_s, _PAUSE_FACTOR * self.progress.last_run_s)
        is_first = self.mines_when_due and not self.progress.runs
        resume = time.monotonic() + (0.0 if is_first else pause_s)
        with self._changed:
            while not self._stop.is_set() and not self._waiters and time.monotonic() < resume:
                self._changed.wait(0.5)
        self._foreground.give_way(self._settings.give_way_s)
        with self._mine_lock:
            if self._generations.version() != self._version:
                self.take_up_saved()
        is_due = self.mines_when_due or self._waiters > 0
        if is_due and not self._stop.is_set() and (self._current is None or self._current[1] != self.stamp):
            self.mine()

    def _run(self, step: Callable[[], None], pause_s: float) -> None:
        run_in_background()
        while not self._stop.is_set():
            try:
                step()
            except Exception as failure:  # noqa: BLE001 - the worker loop outlives any failure of a step; it is logged and counted
                if self._stop.is_set():
                    return
                self.progress.failures[type(failure).__name__] += 1
                self.progress.last_error = str(failure)
                _log.exception("nearline.failed", step=step.__name__)
                pause_s = max(pause_s, 1.0)
            self._stop.wait(pause_s)
