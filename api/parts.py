"""What the routes need of the running program: `api/compose.py` builds one `Dejalog`, `api/app.py` serves it.

Composition that the command line calls, all in `api/compose.py`:

    open_dejalog(settings: Settings, *, listen: str = "") -> AbstractContextManager[Dejalog]
        takes the lock of the data directory, opens or repairs everything, runs nearline work in the background
    serve(settings: Settings) -> None
        open_dejalog, the collector of `settings.collect.collect`, and `create_app` under uvicorn, until a signal
    demo(settings: Settings) -> None
        serve over the simulator's shop, in its own data directory
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, Unpack

from prometheus_client import Histogram

from api.answer import OnClaim, untold_claim
from api.ask_step import OnStep, untold
from api.llm_breaker import Breaker
from api.notify import Notifier
from api.readiness import Readiness
from api.sentence import Language
from api.settings import Settings
from index.generation import Generation
from index.incident import Note, Similar
from index.line_store import KeptStore
from index.pattern import PatternEdit
from ingest.chunk import ChunkSink
from ingest.collect import Collector
from ingest.push import PushHow
from workers.foreground import Foreground


@dataclasses.dataclass(frozen=True)
class NearlineStep:
    """How far one kind of nearline work has come."""

    sequence: int
    """It covers all lines up to this sequence of the store."""
    pending_lines: int
    count: int
    """Patterns, vectors or incidents there are."""
    seconds: float
    """How long its last run took."""
    error: str = ""
    """Why its last run failed; empty when it did not."""


@dataclasses.dataclass(frozen=True)
class SourceStatus:
    """One file or connection that lines come from."""

    id: str
    host: str
    path: str
    service: str
    position: int
    """Bytes acknowledged."""
    lag_bytes: int
    """Bytes of the file after that; 0 for a source that this process does not collect itself."""


@dataclasses.dataclass(frozen=True)
class Status:
    """What `/v1/status` and `/metrics` tell. Counters count from the start of the process."""

    revision: str
    sources: tuple[SourceStatus, ...]
    lag_bytes: int
    caught_up_to_ns: int | None
    """Lines stored up to this time are mined and indexed; None when nothing is stored."""
    nearline: Mapping[Literal["patterns", "vectors", "incidents"], NearlineStep]
    received: Mapping[str, int]
    """`chunks` and `bytes` that receivers were given."""
    stored_lines: int
    """Lines appended: what was received less blank records and what was stored already."""
    dropped: Mapping[str, int]
    """Lines not kept, by reason; retention counts here too (`retention`, `max_disk`)."""
    refused: int
    """Requests and chunks answered with "not now"."""
    store_bytes: int
    queue_bytes: int = 0
    """Bytes acknowledged and not yet in a segment."""
    marked: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Lines stored with something wrong about them, by mark (`ingest.line.Mark`, lower case)."""
    nearline_failures: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Runs of nearline steps that failed, by the kind of error."""


class LineReceiver(ChunkSink, Protocol):
    """What `ingest.receive.Receiver` offers to the routes."""

    def counters(self) -> Mapping[str, int]:
        """What happened so far, by name."""

    def accept_lines(self, body: bytes, **how: Unpack[PushHow]) -> Mapping[str, int]:
        """Store pushed lines; returns how many were `received`, `stored`, `blank` and `unparsed`. With a key, the same
        request sent again stores nothing. Raises InputError, RefusedError.
        """


class PeoplesKnowledge(Protocol):
    """What people know and want kept: `index.knowledge.Knowledge` implements it."""

    def edits(self, *, before_ns: int | None = None) -> tuple[PatternEdit, ...]:
        """In the order in which they were made."""

    def add_note(self, note: Note) -> Note:
        """Keep it; returns it with its id."""

    def notes(self, *, before_ns: int | None = None) -> tuple[Note, ...]:
        """By (time_ns, note_id)."""

    def save_view(self, name: str, view: Mapping[str, Any]) -> None:
        """Keep a view under its name, in place of an older one."""

    def views(self) -> dict[str, dict[str, Any]]:
        """All views, by name."""

    def view(self, name: str) -> dict[str, Any] | None:
        """The view of a name; None where there is none."""

    def delete_view(self, name: str) -> bool:
        """Whether there was one."""

    def save_channel(self, name: str, defaults: Mapping[str, Any]) -> None:
        """Keep what holds for the questions of a chat channel, in place of what did."""

    def channel(self, name: str) -> dict[str, Any] | None:
        """What holds for a channel; None where nothing was kept."""

    def tell_once(self, key: str, *, time_ns: int) -> bool:
        """Whether nobody was told of this before; from now on somebody was."""

    def untell(self, key: str) -> None:
        """Nobody was told of this after all."""

    def forget_told(self, *, before_ns: int) -> None:
        """Forget what was told before a time."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question as it came; times are UTC ns, None where not given."""

    text: str
    start_ns: int | None = None
    end_ns: int | None = None
    as_of_ns: int | None = None
    mode: Literal["auto", "deterministic", "llm"] = "auto"
    conversation_id: str = ""
    """Of the conversation that it goes on with; what answers it is kept there."""
    services: tuple[str, ...] = ()
    """Only these; empty: all that there are."""
    before: tuple[str, ...] = ()
    """What the asker said before, oldest first, where the caller keeps the conversation."""
    language: Language | None = None
    """To answer in, where it is not the question's."""


class Dejalog(Protocol):
    """One running program. Every method may block and is called from a worker thread; all are safe to call at once."""

    @property
    def settings(self) -> Settings:
        """What it was started with."""

    @property
    def foreground(self) -> Foreground:
        """Where requests that somebody waits for are counted."""

    @property
    def store(self) -> KeptStore:
        """Its lines."""

    @property
    def receiver(self) -> LineReceiver:
        """Where lines go in."""

    @property
    def knowledge(self) -> PeoplesKnowledge:
        """What people said."""

    @property
    def notifier(self) -> Notifier:
        """What people are told unasked goes out here."""

    @property
    def newest(self) -> Generation | None:
        """The newest generation if there is one yet; never mines."""

    def generation(self, *, as_of_ns: int | None = None) -> Generation:
        """The newest generation, or the one that a past time would have seen."""

    def apply_edit(self, edit: PatternEdit) -> None:
        """Keep the edit and publish a generation that shows it before returning."""

    def apply_feedback(self, feedback: Mapping[str, Any]) -> None:
        """Keep what a user thought of an answer, an incident or a pattern; from now on it moves rankings."""

    def apply_note(self, note: Note) -> Note:
        """Keep the note (its id is set here) and publish a generation that shows it before returning."""

    def ask(
        self,
        question: Question,
        on_step: OnStep = untold,
        on_claim: OnClaim = untold_claim,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """The answer in the form of CONTRACT `POST /v1/ask`. `on_claim` hears of claims that a model writes, as they
        come; the answer may hold others. `is_gone` says that nobody waits for it any more. Raises InputError, what
        `on_step` and `on_claim` raise, and ModelError with the reason `cancelled`.
        """

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
        """Past incidents like the named one, or like what deviates in the span. Raises NotFoundError, InputError."""

    def status(self) -> Status:
        """How things stand now."""

    def wait_until_mined(self, timeout_s: float, *, sequence: int | None = None) -> bool:
        """Whether all lines up to `sequence` (default: all acknowledged before the call) are mined and indexed; waits
        for it at most that long.
        """

    @property
    def readiness(self) -> Readiness:
        """What it depends on, and whether questions can be answered."""

    @property
    def model(self) -> Breaker | None:
        """The language model, if it has one."""

    @property
    def question_seconds(self) -> Histogram:
        """How long answers took."""

    @property
    def collector(self) -> Collector | None:
        """That of this process, if it has one."""
