"""The tools that a language model may call: the program's own bounded reads, whose results are statements to cite."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.asked import asked
from api.content_lines import context_content, search_content
from api.content_patterns import patterns_content
from api.llm import Tool, ToolCall
from api.models import ContextRequest, PatternsRequest, SearchRequest
from api.parts import Dejalog
from api.plan_incident import told_onsets
from api.sentence import Language, quote, say, time_said
from api.time_text import format_time, parse_time
from index.incident import EvidenceLine
from ingest.errors import InputError

LINES = 8
"""Most lines that one call gives (a guess: eight fill a fifth of the smaller budget)."""
PATTERNS = 8
INCIDENTS = 3
NEIGHBOURS = 5
TIMEOUT = "3s"
"""Of one read: four rounds of four calls must leave time for the model (a guess)."""
QUOTED_CHARACTERS = 300


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Search(_Arguments):
    query: str = Field(
        description='Words are AND; "a phrase", field:value, level:error, service:NAME, -not, a OR b, prefix*.'
    )
    start: str = Field("", description="RFC 3339; default: the window of the question.")
    end: str = Field("", description="Exclusive.")
    order: str = Field("oldest", description="oldest or newest first.")


class _Patterns(_Arguments):
    query: str = Field("*", description="Which lines, as for search.")
    start: str = ""
    end: str = ""
    order: str = Field("count", description="count, rare, newest or oldest.")


class _Similar(_Arguments):
    start: str = Field(description="What happened from this time …")
    end: str = Field(description="… to this.")
    service: str = Field("", description="Only what deviated in this service.")


class _Context(_Arguments):
    statement: str = Field(description="The id of a statement; the lines around its first line are given.")


@dataclasses.dataclass(frozen=True)
class Found:
    """What a call gave: statements with their citations, the lines that these cite, and what is told of the step."""

    said: tuple[tuple[str, tuple[str, ...]], ...]
    lines: tuple[EvidenceLine, ...] = ()
    asked: str = ""
    count: int = 0


class Tools:
    """The tools of one question. Nothing at or after `end_ns` is read."""

    def __init__(self, dejalog: Dejalog, *, start_ns: int | None, end_ns: int, language: Language) -> None:
        self._dejalog = dejalog
        self._start_ns = start_ns
        self._end_ns = end_ns
        self._language = language
        self._tools: Mapping[str, tuple[str, type[_Arguments], Callable[[Any], Found]]] = {
            "search": ("Lines that match a query, with how many there are.", _Search, self._search),
            "patterns": ("Kinds of lines with their counts in a window.", _Patterns, self._patterns),
            "similar_incidents": ("Past incidents like what happened in a window.", _Similar, self._similar),
            "context": ("The lines just before and after one, of the same source.", _Context, self._context),
        }
        self.specs = tuple(
            Tool(name, description, _schema(arguments)) for name, (description, arguments, _) in self._tools.items()
        )
        """How the model is told of them."""
        self.line_of: Callable[[str], str] = lambda _statement: ""
        """The first line that a statement cites, by the statement's id; set by whoever keeps the statements."""

    def run(self, call: ToolCall, restore: Callable[[str], str]) -> Found:
        """Do what the model asks; `restore` puts back what was hidden from it. Raises InputError with words that help
        the model to ask again.
        """
        if call.name not in self._tools:
            raise InputError(f"there is no tool {call.name[:40]!r}", hint=f"there are {', '.join(self._tools)}")
        _, arguments, work = self._tools[call.name]
        try:
            given = orjson.loads(restore(call.arguments or "{}"))
            read = arguments.model_validate(given)
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise InputError(f"the arguments of {call.name} cannot be used: {str(error)[:300]}") from error
        return work(read)

    def _window(self, start: str, end: str) -> tuple[str, str]:
        """The window asked for within that of the question's `as_of`."""
        end_ns = min(self._time(end, "end"), self._end_ns) if end else self._end_ns
        start_ns = self._time(start, "start") if start else self._start_ns
        if start_ns is None:
            start_ns = self._dejalog.store.high_water().first_ns or end_ns
        return format_time(min(start_ns, end_ns)), format_time(end_ns)

    def _time(self, text: str, name: str) -> int:
        return parse_time(text, now_ns=self._end_ns, name=name)

    def _search(self, wanted: _Search) -> Found:
        start, end = self._window(wanted.start, wanted.end)
        order = "newest" if wanted.order == "newest" else "oldest"
        request = asked(
            SearchRequest, query=wanted.query, start=start, end=end, limit=LINES, order=order, timeout=TIMEOUT
        )
        found = search_content(self._dejalog, request).values
        lines = _lines(found["lines"])
        query = quote(wanted.query, QUOTED_CHARACTERS)
        said = say("tool.matched", self._language, query=query, count=found["total"], start=start, end=end)
        shown = tuple(line.id for line in lines)
        exact = ((said, shown),) if found["total_exact"] else ()
        return Found((*exact, *self._quoted(lines)), lines, query, found["total"])

    def _patterns(self, wanted: _Patterns) -> Found:
        start, end = self._window(wanted.start, wanted.end)
        order = wanted.order if wanted.order in {"count", "rare", "newest", "oldest"} else "count"
        request = asked(
            PatternsRequest, query=wanted.query, start=start, end=end, limit=PATTERNS, order=order, timeout=TIMEOUT
        )
        found = patterns_content(self._dejalog, request).values
        said: list[tuple[str, tuple[str, ...]]] = []
        lines: list[EvidenceLine] = []
        for row in found["patterns"] if found["total_exact"] else ():
            shown = _lines(self._examples(row["pattern_id"], start, end))
            lines += shown
            template = quote(row["template"], QUOTED_CHARACTERS)
            text = say("tool.pattern", self._language, template=template, count=row["count"], start=start, end=end)
            said.append((text, tuple(line.id for line in shown)))
        return Found(tuple(said), tuple(lines), quote(wanted.query, QUOTED_CHARACTERS), found["total_patterns"])

    def _examples(self, pattern_id: str, start: str, end: str) -> list[dict[str, Any]]:
        request = asked(SearchRequest, pattern=(pattern_id,), start=start, end=end, limit=1, order="oldest")
        lines: list[dict[str, Any]] = search_content(self._dejalog, request).values["lines"]
        return lines

    def _similar(self, wanted: _Similar) -> Found:
        start, end = self._window(wanted.start, wanted.end)
        services = [wanted.service] if wanted.service else []
        alike = self._dejalog.similar(
            start_ns=self._time(start, "start"),
            end_ns=self._time(end, "end"),
            services=services,
            as_of_ns=self._end_ns,
            limit=INCIDENTS,
        )
        said: list[tuple[str, tuple[str, ...]]] = []
        lines: list[EvidenceLine] = []
        for each in alike:
            kept = {line.id: line for line in each.incident.evidence}
            shown = [kept[onset.line_id] for onset in told_onsets(each.incident) if onset.line_id in kept][:1]
            lines += shown
            for line in shown:
                begun = time_said(line.time_ns)
                text = say("tool.alike", self._language, start=begun, service=quote(line.service, 80))
                said.append((text, (line.id,)))
                said += self._notes(each.incident.incident_id, line.id)
            said += self._quoted(tuple(shown))
        return Found(tuple(said), tuple(lines), f"{start} – {end}", len(alike))

    def _notes(self, incident_id: str, line: str) -> list[tuple[str, tuple[str, ...]]]:
        notes = [each for each in self._dejalog.generation().notes if each.target == incident_id]
        texts = [text for note in notes if note.time_ns < self._end_ns for text in (note.cause, note.fix, note.text)]
        return [
            (say("tool.noted", self._language, text=quote(text, QUOTED_CHARACTERS)), (line,)) for text in texts if text
        ]

    def _context(self, wanted: _Context) -> Found:
        line = self.line_of(wanted.statement.strip().strip("[]").upper())
        if not line:
            raise InputError(f"statement {wanted.statement[:20]!r} cites no line", hint="name one such as S3")
        request = ContextRequest(before=NEIGHBOURS, after=NEIGHBOURS)
        found = context_content(self._dejalog, line, request).values["lines"]
        lines = tuple(each for each in _lines(found) if each.time_ns < self._end_ns)
        return Found(self._quoted(lines), lines, wanted.statement[:20], len(lines))

    def _quoted(self, lines: tuple[EvidenceLine, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((quoted(line, self._language), (line.id,)) for line in lines)


def _schema(arguments: type[_Arguments]) -> dict[str, Any]:
    """Without titles, which only say the names again and cost tokens."""
    whole = arguments.model_json_schema()
    fields = {
        name: {key: value for key, value in field.items() if key != "title"}
        for name, field in whole["properties"].items()
    }
    return {"type": "object", "properties": fields, "required": whole.get("required", [])}


def quoted(line: EvidenceLine, language: Language) -> str:
    """A line as a statement: who wrote it, when, and what it says."""
    return say(
        "claim.quote",
        language,
        service=quote(line.service, 80),
        time=time_said(line.time_ns),
        message=quote(line.message, QUOTED_CHARACTERS),
    )


def _lines(rows: list[dict[str, Any]]) -> tuple[EvidenceLine, ...]:
    return tuple(_evidence(row) for row in rows)


def _evidence(row: dict[str, Any]) -> EvidenceLine:
    return EvidenceLine(
        id=row["id"],
        source=row["source"],
        position=row["position"],
        time_ns=parse_time(row["time"], now_ns=0),
        service=row["service"],
        level=row["level"],
        message=row["message"],
        pattern_id=row["pattern_id"],
    )
