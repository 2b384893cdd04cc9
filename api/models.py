"""What requests may say: the parameters and bodies of every route, checked here before anything else sees them."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from api.time_text import parse_time
from ingest.errors import InputError
from ingest.line import LEVELS

MAX_LINES = 10_000
MAX_PATTERNS = 100_000
LEVEL_NAMES = {
    "critical": "fatal",
    "crit": "fatal",
    "emerg": "fatal",
    "emergency": "fatal",
    "alert": "fatal",
    "panic": "fatal",
    "err": "error",
    "severe": "error",
    "warning": "warn",
    "information": "info",
    "notice": "info",
    "none": "",
    "unknown": "",
} | {level: level for level in LEVELS}
"""Other names of levels that people type."""


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _split(value: Any) -> Any:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence):
        return values
    parts = [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]
    return [part.strip() if isinstance(part, str) else part for part in parts]


def _levels(values: list[str]) -> list[str]:
    unknown = [value for value in values if value.lower() not in LEVEL_NAMES]
    if unknown:
        raise ValueError(f"{unknown[0][:40]!r} is not a level; accepted are {', '.join(filter(None, LEVELS))}, unknown")
    return [LEVEL_NAMES[value.lower()] for value in values]


def storable(value: str) -> str:
    """The same text. Raises ValueError for one with characters that no store keeps."""
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("it holds a character that cannot be kept")
    return value


def _window(value: str) -> str:
    if value:
        try:
            parse_time(value, now_ns=time.time_ns())
        except InputError as error:
            raise ValueError(f"{value[:80]!r} is not a time; {error.hint}") from error
    return value


Text = Annotated[str, StringConstraints(max_length=8192), AfterValidator(storable)]
Short = Annotated[str, StringConstraints(max_length=512), AfterValidator(storable)]
Time = Annotated[Annotated[str, StringConstraints(max_length=64)], BeforeValidator(_as_text)]
Duration = Annotated[Annotated[str, StringConstraints(max_length=32)], BeforeValidator(_as_text)]
Names = Annotated[
    list[Annotated[str, StringConstraints(max_length=512)]], Field(max_length=1000), BeforeValidator(_split)
]
Levels = Annotated[Names, AfterValidator(_levels)]
PatternId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Request(BaseModel):
    """Of every request: nothing is changed once it is read, and a name that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


COMMON = frozenset({"query", "start", "end", "service", "level", "limit", "cursor", "order", "timeout"})
"""Parameters that every read route takes (CONTRACT.md); a route with no use for one goes on without it."""


class Span(Request):
    """A span of time; what either end defaults to depends on the route."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_unused(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if name in cls.model_fields or name not in COMMON}

    start: Time | None = Field(None, description="First instant: RFC 3339, unix s/ms/us/ns, `now-1h` or `1h`.")
    end: Time | None = Field(None, description="Exclusive end, in the same forms.")


class Chosen(Request):
    """Which lines, whenever they are from."""

    query: Text = Field("*", description="The query language of docs/reference/query.md; `*` is every line.")
    service: Names = Field([], description="Only these services; repeat it or separate with commas.")
    level: Levels = Field([], description="Only these levels; repeat it or separate with commas.")
    pattern: Names = Field([], description="Only lines of these patterns, by id.")


class Selection(Chosen, Span):
    """The common parameters: which lines."""

    timeout: Duration | None = Field(None, description="Longest time for reading; past it the reply is `partial`.")


class SearchRequest(Selection):
    """Which lines, how many and from which end."""

    limit: int = Field(100, ge=0, le=MAX_LINES, description="Most lines of one reply.")
    cursor: Text | None = Field(None, description="The `cursor` of the reply before, with the same other parameters.")
    order: Literal["newest", "oldest"] = Field("newest", description="Which end comes first.")


class ExportRequest(Selection):
    """Which lines, from which end, in which form."""

    format: Literal["ndjson", "csv"] = Field("ndjson", description="One JSON object a line, or a table.")
    limit: int | None = Field(None, ge=0, description="Most lines; without it all of them.")
    order: Literal["newest", "oldest"] = Field("newest", description="Which end comes first.")


class HistogramRequest(Selection):
    """Which lines, in buckets of which width."""

    step: Duration | None = Field(None, description="Width of a bucket; without it about `buckets` of a round width.")
    buckets: int = Field(60, ge=1, le=1000, description="About how many buckets, where no step is given.")


class FacetsRequest(Selection):
    """Which lines, and which fields of them."""

    fields: Names = Field(
        ["service", "level", "namespace", "pod", "container", "host", "stream"],
        description="Fields to count values of.",
    )
    limit: int = Field(20, ge=1, le=1000, description="Most values of one field.")


class FieldsRequest(Selection):
    """Which lines' fields."""

    limit: int = Field(1000, ge=1, le=MAX_LINES, description="Most fields of the reply.")


class ContextRequest(Request):
    """How many neighbours of a line."""

    before: int = Field(10, ge=0, le=1000, description="Lines of the same source before it.")
    after: int = Field(10, ge=0, le=1000, description="Lines of the same source after it.")


class TailRequest(Chosen):
    """Which new lines; a stream has neither end nor limit."""

    after: int | None = Field(
        None, ge=-1, lt=1 << 62, description="Resume after this sequence; `Last-Event-ID` is the same."
    )
    last: int = Field(0, ge=0, le=1000, description="Begin with this many lines that are there already.")


class PatternsRequest(Selection):
    """Which patterns, counted over which lines."""

    limit: int = Field(10_000, ge=0, le=MAX_PATTERNS, description="Most patterns of one reply.")
    cursor: Text | None = Field(None, description="The `cursor` of the reply before, with the same other parameters.")
    order: Literal["count", "rare", "newest", "oldest"] = Field(
        "count", description="Most lines first, fewest first, or by `first_seen`."
    )
    state: Literal["all", "active", "muted"] = Field("all", description="Only patterns in this state.")
    as_of: Time | None = Field(None, description="As this past time would have seen it.")


class PatternRequest(Span):
    """Over which span a pattern is shown."""

    buckets: int = Field(60, ge=1, le=1000, description="About how many buckets the sparkline has.")
    examples: int = Field(5, ge=0, le=100, description="Most example lines.")


class EditRequest(Request):
    """What to do to a pattern."""

    action: Literal["rename", "merge", "split", "mute", "unmute"]
    argument: Text = Field("", description="The new name, or the id of the pattern to merge into.")


class IncidentsRequest(Span):
    """Which incidents; those that overlap the span."""

    query: Text = Field("*", description="Words that must occur in the title, services, kinds or templates.")
    service: Names = Field([], description="Only incidents of one of these services.")
    severity: Annotated[list[Literal["minor", "major", "critical"]], BeforeValidator(_split)] = Field([])
    kind: Names = Field([], description="Only incidents with one of these kinds, e.g. avalanche.")
    family_id: Short = Field("", description="Only members of this family.")
    limit: int = Field(1000, ge=0, le=MAX_LINES, description="Most incidents of one reply.")
    cursor: Text | None = Field(None, description="The `cursor` of the reply before, with the same other parameters.")
    order: Literal["newest", "oldest"] = Field("newest", description="Which end comes first.")
    as_of: Time | None = Field(None, description="As this past time would have seen it.")


class SimilarRequest(Span):
    """Like which incident, or like what happened in which span."""

    incident_id: Short = ""
    services: Names = []
    as_of: Time | None = None
    limit: int = Field(10, ge=1, le=100)


class AskRequest(Span):
    """A question in words."""

    question: Text
    as_of: Time | None = None
    mode: Literal["auto", "deterministic", "llm"] = "auto"
    conversation_id: Short = Field(
        "", description="Goes on with that conversation; `new` begins one. The reply tells its id."
    )
    services: Names = Field([], description="Only what these services wrote.")
    language: Literal["", "en", "zh"] = Field("", description="To answer in; without it the question's own.")


class NoteRequest(Request):
    """What a person knows of an incident or a pattern."""

    target: Short = Field(description="The id of the incident or pattern.")
    text: Text = ""
    name: Short = ""
    cause: Text = ""
    fix: Text = ""
    runbook: Text = ""
    author: Short = ""


class DocumentRequest(Request):
    """A post-mortem or a runbook in Markdown."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(storable)] = Field(
        description="What it is known by, e.g. `post-mortems/2026-03-payments.md`; the same again takes its place."
    )
    content: Annotated[str, StringConstraints(min_length=1, max_length=1 << 20)] = Field(description="Its text.")
    dry_run: bool = Field(False, description="Only say what it would be matched to, and why.")


class NotesRequest(Request):
    """Whose notes."""

    target: Short = Field("", description="Only notes of this incident or pattern.")


class FeedbackRequest(Request):
    """What a user thought of an answer."""

    verdict: Literal["up", "down", "not_the_same"] = Field(
        description="With a `target`: `up` is a past incident that was the same, `not_the_same` one that was not; both "
        "move how its family is ranked from then on, and fade."
    )
    question: Text = ""
    target: Short = Field("", description="The incident or pattern it is about, if one.")
    revision: Short = Field("", description="The `revision` of the answer.")
    text: Text = ""
    author: Short = ""


class ViewRequest(Span):
    """A saved view: a query under a name."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
    query: Text = "*"
    service: Names = []
    level: Levels = []
    tab: Literal["ask", "lines", "patterns", "incidents"] = Field("lines", description="The page's tab that shows it.")
    columns: Names = []
    order: Literal["newest", "oldest"] | None = None
    threshold: int | None = Field(
        None, ge=1, le=1_000_000_000, description="Tell the webhook when so many lines match within `every`."
    )
    every: Duration | None = Field(None, description="The span that is counted, 10s to 7d; without it 5m.")


class ChannelRequest(Request):
    """What holds for the questions of a chat channel that do not say it themselves."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
    service: Names = Field([], description="Only these; empty: all that there are.")
    window: Annotated[Short, AfterValidator(_window)] = Field(
        "", description="How far back they look, e.g. 7d; empty: all that is held."
    )
    language: Literal["", "en", "zh"] = Field("", description="Of their answers; empty: the question's own.")


class LinesRequest(Request):
    """How the fields of posted lines are to be read."""

    service: Short = Field("", description="The service of lines that name none.")
    time_field: Short = Field("", description="The field that holds the time, if not one of the usual.")
    message_field: Short = Field("", description="The field that holds the message, if not one of the usual.")


class StatusRequest(Request):
    """Whether to wait."""

    wait: Duration | None = Field(
        None, description="Return once all that was acknowledged before is mined, at most this."
    )
