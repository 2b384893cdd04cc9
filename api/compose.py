"""Builds one running Dejalog from its settings: the one place where the four packages meet."""

import dataclasses
import functools
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Histogram

from api.answer import Answer, AskSettings, OnClaim, answer_json, untold_claim
from api.ask_step import OnStep, untold
from api.conversation_answer import Source, answer_turn, conversation_id_of
from api.conversation_keep import Conversations, LocalConversations, open_conversations
from api.dependencies import watched
from api.heard_feedback import HeardFeedback
from api.keepers import Keepers, open_keepers, owned
from api.llm_answer import ModelBounds
from api.llm_ask import Hearing, with_model
from api.llm_open import open_model
from api.metrics import BUCKETS_S
from api.notify import Notifier
from api.parts import NearlineStep, Question, SourceStatus, Status
from api.readiness import Readiness
from api.retrieve import RetrieveSettings, prepare
from api.settings import Settings
from index.embed_minilm import MiniLMEmbedder
from index.generation import Generation
from index.incident import Incident, Note, Similar
from index.incident_learned import Learned, learned
from index.incident_similar import similar
from index.line_store import KeptStore
from index.pattern import PatternEdit
from index.store_parquet import ParquetStore
from index.vector import Embedder
from ingest import trace
from ingest.chunk import Chunk
from ingest.collect import Collector
from ingest.collect_settings import CollectSettings
from ingest.errors import InputError, NotFoundError
from ingest.receive import Receiver
from workers.foreground import Foreground, run_in_background, start_shared_threads
from workers.miner import ApartMiner, Miner
from workers.nearline import Nearline
from workers.settings import NearlineSettings

_log = structlog.get_logger()
STEP_GIVES_WAY_S = 0.06
"""Longest wait of one step of a chunk, or of writing a segment, for questions being answered: at four steps a chunk
4 MB/s still come in under questions without a pause."""
EDIT_WAIT_S = 30.0
"""How long an edit waits for the generation that shows it."""


class Dejalog:
    """One process's store, knowledge, nearline work and receiver; implements the Protocol of `api.parts`."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        keepers: Keepers,
        embedder: Embedder,
        foreground: Foreground,
        *,
        mines_apart: bool = False,
        readiness: Readiness | None = None,
        conversations: Conversations | None = None,
    ) -> None:
        self.settings = settings
        self.model = open_model(settings)  # first: its settings may contradict each other
        self._ask_settings = _ask_settings(settings)
        self.foreground = foreground
        self.store = keepers.store
        self.knowledge = keepers.knowledge
        self.receiver = Receiver(
            self.store, zone=settings.collect.zone, give_way=lambda: self.foreground.give_way(STEP_GIVES_WAY_S)
        )
        self.nearline = Nearline(
            self.store,
            self.knowledge,
            embedder,
            folder,
            nearline_settings(settings),
            foreground=self.foreground,
            prepare=self._prepare,
            miner=_apart(self.store, folder) if mines_apart else None,
            generations=keepers.generations,
        )
        self.nearline.mines_when_due = not _others_mine(settings)
        self.host = settings.collect.host or socket.gethostname()
        self.collector: Collector | None = None
        self.waiting_for = ""
        """What keeps this process from answering questions yet; empty when nothing does."""
        self.readiness = readiness or Readiness()
        self.question_seconds = Histogram(
            "dejalog_question_seconds",
            "Time to a whole answer, by what was asked for and the verdict.",
            ["kind", "verdict"],
            buckets=BUCKETS_S,
            registry=None,
        )
        self._bounds = ModelBounds(
            budget=settings.llm.llm_budget,
            answer_tokens=settings.llm.llm_answer_tokens,
            deadline_s=settings.llm.llm_timeout,
            only_when_asked=settings.llm.llm_mode == "asked",
        )
        self._embedder = embedder
        self._heard = HeardFeedback(self.knowledge)
        self.notifier = Notifier(
            settings.notify.notify_url, page_url=settings.notify.page_url, timeout_s=settings.notify.notify_timeout
        )
        bounds = settings.conversation
        self._conversations = conversations or LocalConversations(
            idle_s=bounds.conversation_idle, most=bounds.conversation_most
        )

    def _prepare(self, generation: Generation) -> None:
        """Have at hand what the first question about a generation would otherwise wait for, its signatures included."""
        prepare(generation, self._ask_settings.retrieve)
        self._heard.renew()
        self.store.signatures()

    def close(self) -> None:
        """Stop nearline work and notices. What was acknowledged is durable already."""
        self.nearline.stop()
        self.notifier.stop()
        if self.model is not None:
            self.model.close()

    @property
    def newest(self) -> Generation | None:
        """The newest generation if there is one yet; never mines."""
        return self.nearline.published

    def generation(self, *, as_of_ns: int | None = None) -> Generation:
        """The newest generation, or the one that a past time would have seen."""
        return self.nearline.generation(as_of_ns)

    def apply_edit(self, edit: PatternEdit) -> None:
        """Keep the edit and publish a generation that shows it before returning."""
        self.knowledge.add_edit(edit)
        self.nearline.wait_until_mined(EDIT_WAIT_S)

    def apply_feedback(self, feedback: Mapping[str, Any]) -> None:
        """Keep it; answers of this process use it at once, those of others within seconds."""
        self.knowledge.add_feedback(feedback)
        self._heard.renew()

    def apply_note(self, note: Note) -> Note:
        """Keep the note and publish a generation that shows it before returning."""
        kept = self.knowledge.add_note(note)
        self.nearline.wait_until_mined(EDIT_WAIT_S)
        return kept

    def ask(
        self,
        question: Question,
        on_step: OnStep = untold,
        on_claim: OnClaim = untold_claim,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """The answer in the form of `POST /v1/ask`."""
        began = time.monotonic()
        if question.mode == "llm" and self.model is None:
            hint = "auto and deterministic are accepted; OPENAI_BASE_URL sets one up"
            raise InputError("mode: no language model is set up on this server", hint=hint)
        named = dataclasses.replace(question, conversation_id=conversation_id_of(question.conversation_id))
        generation = functools.cache(lambda: self.nearline.generation(question.as_of_ns))
        hearing = Hearing(on_step, on_claim, is_gone)

        def tell(text: str, answer: Answer) -> Answer:
            asked = dataclasses.replace(question, text=text)
            return with_model(asked, answer, self.model, self, generation(), self._bounds, hearing)

        source = Source(
            generation=generation,
            store=self.store,
            embedder=self._embedder,
            now_ns=time.time_ns(),
            settings=self._ask_settings,
            on_step=on_step,
            learned=lambda found: self._learned(found, question.as_of_ns),
            tell=tell,
        )
        with trace.span("question") as span:
            answer = answer_turn(named, self._conversations, source)
            answer = dataclasses.replace(answer, took_ms=round((time.monotonic() - began) * 1000))
            span.set(kind=answer.kind, verdict=answer.verdict, claims=len(answer.claims))
        self.question_seconds.labels(answer.kind, answer.verdict).observe(time.monotonic() - began)
        content = answer_json(answer)
        return {**content, "conversation_id": named.conversation_id} if named.conversation_id else content

    def similar(
        self,
        *,
        incident_id: str = "",
        start_ns: int | None = None,
        end_ns: int | None = None,
        services: Sequence[str] = (),
        as_of_ns: int | None = None,
        limit: int = 10,
    ) -> tuple[Similar, ...]:
        """Past incidents like the named one, or like what deviates in the span."""
        generation = self.nearline.generation(as_of_ns)
        if incident_id:
            query = _named(generation, incident_id)
        elif start_ns is not None and end_ns is not None:
            query = self.nearline.span_incident(generation, start_ns, end_ns, services)
        else:
            raise InputError("name an incident_id, or start and end", hint='e.g. {"incident_id": "…"}')
        others = [incident for incident in generation.incidents if incident.incident_id != query.incident_id]
        return tuple(similar(query, others, limit, self._learned(generation, as_of_ns)))

    def _learned(self, generation: Generation, as_of_ns: int | None) -> Learned:
        """What people said of the generation's incidents, as that time would have known it."""
        half_life_ns = round(self.settings.retrieve.feedback_half_life * 1e9)
        feedback = self._heard.feedback(before_ns=as_of_ns)
        now_ns = time.time_ns() if as_of_ns is None else as_of_ns
        return learned(feedback, generation.incidents, as_of_ns=now_ns, half_life_ns=half_life_ns)

    def status(self) -> Status:
        """How things stand now."""
        counters = self.receiver.counters()
        store = self.store.status()
        sources = self.sources()
        progress = self.nearline.progress
        high = self.store.high_sequence()
        generation = self.nearline.published
        step = NearlineStep(
            sequence=progress.mined_sequence,
            pending_lines=max(0, high - progress.mined_sequence),
            count=0,
            seconds=progress.last_run_s,
            error=progress.last_error,
        )
        patterns = generation.patterns.patterns.height if generation else 0
        incidents = len(generation.incidents) if generation else 0
        return Status(
            revision=f"{generation.id}-{high}" if generation else "",
            sources=sources,
            lag_bytes=sum(source.lag_bytes for source in sources),
            caught_up_to_ns=self.nearline.mined_to_ns,
            nearline={
                "patterns": dataclasses.replace(step, count=patterns),
                "vectors": dataclasses.replace(step, count=patterns + incidents),
                "incidents": dataclasses.replace(step, count=incidents),
            },
            received={name: counters.get(f"received_{name}", 0) for name in ("chunks", "bytes", "lines")},
            stored_lines=counters.get("stored_lines", 0),
            dropped={"retention": progress.dropped_lines, "damaged": store.damaged_lines},
            refused=counters.get("refused_requests", 0),
            marked={
                name.removeprefix("marked_"): count for name, count in counters.items() if name.startswith("marked_")
            },
            store_bytes=store.disk_bytes,
            queue_bytes=store.journal_bytes,
            nearline_failures=dict(progress.failures),
        )

    def sources(self) -> tuple[SourceStatus, ...]:
        """What the collector of this process reads."""
        if self.collector is None:
            return ()
        return tuple(
            SourceStatus(
                id=source.source,
                host=self.host,
                path=source.path,
                service=source.service,
                position=source.position,
                lag_bytes=source.lag_bytes,
            )
            for source in self.collector.status().sources
        )

    def wait_until_mined(self, timeout_s: float, *, sequence: int | None = None) -> bool:
        """Whether everything acknowledged (up to `sequence`) is mined and indexed, waiting at most that long."""
        return self.nearline.wait_until_mined(timeout_s, sequence=sequence)


class BackgroundSink:
    """The receiver, for threads that do nothing but collect."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._thread = threading.local()

    def accept(self, chunk: Chunk) -> None:
        """See ChunkSink."""
        if not getattr(self._thread, "is_marked", False):
            run_in_background()
            self._thread.is_marked = True
        self._receiver.accept(chunk)


@contextmanager
def open_dejalog(
    settings: Settings,
    *,
    listen: str = "",
    folder: Path | None = None,
    starts_empty: bool = False,
    mines_apart: bool = False,
) -> Iterator[Dejalog]:
    """Take the lock of the data directory, open or repair everything, run nearline work in the background.

    `folder`: where to keep things, if not in the data directory itself (the demo's is beside a user's own);
    `starts_empty`: remove what it holds, once the lock is held; `mines_apart`: mine in a process of its own.
    """
    data_dir = settings.store.data_dir
    with owned(settings, address=listen):
        where = folder or data_dir
        if starts_empty and folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        where.mkdir(parents=True, exist_ok=True)
        start_shared_threads()
        embedder = MiniLMEmbedder.load(threads=settings.nearline.embed_threads, cache=data_dir / "models")
        foreground = Foreground()
        begun: list[Dejalog] = []
        with (
            open_keepers(settings, where, step=_giving_way(foreground)) as keepers,
            open_conversations(settings) as conversations,
            watched(
                settings,
                store="reading",
                redis="nothing",
                folder=where,
                starting=lambda: begun[0].waiting_for if begun else "the server begins",
            ) as readiness,
            closing(
                Dejalog(
                    settings,
                    where,
                    keepers,
                    embedder,
                    foreground,
                    mines_apart=mines_apart,
                    readiness=readiness,
                    conversations=conversations,
                )
            ) as dejalog,
        ):
            begun.append(dejalog)
            dejalog.nearline.start()
            yield dejalog


@contextmanager
def collecting(dejalog: Dejalog, paths: Sequence[str], folder: Path) -> Iterator[Collector]:
    """The collector of this process running over `paths` until the block ends."""
    collector = Collector(
        paths, BackgroundSink(dejalog.receiver), folder, host=dejalog.host, settings=collect_settings(dejalog.settings)
    )
    dejalog.collector = collector
    stop = threading.Event()
    thread = threading.Thread(target=collector.run, args=(stop,), name="collect", daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        stop.set()
        thread.join()


def _named(generation: Generation, incident_id: str) -> Incident:
    for incident in generation.incidents:
        if incident.incident_id == incident_id:
            return incident
    raise NotFoundError(f"there is no incident {incident_id[:40]!r}", hint="GET /v1/incidents lists them")


def collect_settings(settings: Settings) -> CollectSettings:
    """The collector's settings in those of the process."""
    return CollectSettings(zone=settings.collect.zone, discover_s=settings.collect.scan_interval)


def _giving_way(foreground: Foreground) -> Callable[[str], None]:
    def give_way(step: str) -> None:
        if step.startswith("segment."):
            foreground.give_way(STEP_GIVES_WAY_S)

    return give_way


def _apart(store: KeptStore, folder: Path) -> Miner | None:
    """A process of its own mines from files; where there are none, mining is done here."""
    return ApartMiner(store, folder / "mining") if isinstance(store, ParquetStore) else None


def _others_mine(settings: Settings) -> bool:
    """Whether Celery's workers are there to mine."""
    return settings.store.store == "elasticsearch" and bool(settings.stream.redis_url)


def _ask_settings(settings: Settings) -> AskSettings:
    weights = RetrieveSettings(
        bm25_weight=settings.retrieve.weight_bm25, incident_bm25_weight=settings.retrieve.weight_bm25_incidents
    )
    return AskSettings(retrieve=weights)


def nearline_settings(settings: Settings) -> NearlineSettings:
    """The nearline steps' settings in those of the process."""
    return NearlineSettings(
        mine_every_s=settings.nearline.nearline_interval,
        retention_every_s=settings.nearline.retention_interval,
        retention_s=settings.store.retention,
        max_disk_bytes=settings.store.max_disk,
    )
