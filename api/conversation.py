"""What is kept of a conversation: slots that follow-ups take over, never the text of its turns.

    a turn ──read──▶ what it says ──put into──▶ slots of the turns before ──▶ a Question, asked as any other
    (conversation_words, _read)                 (conversation_merge)          (conversation_answer)

`conversation_keep` holds the slots in the process, `conversation_redis` in Redis. The same question over the same slots
gives the same answer.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import orjson

from api.answer import Answer
from api.question import Intent, Question, Unit
from api.sentence import Language

LINES = 12
"""Cited lines that are kept (a guess: a screen of them)."""
PATTERNS = 1
"""Patterns that "that message" means."""
QUERIES = 4
QUERY_CHARACTERS = 500
UNITS = 40
"""How much of a turn is kept at most (guesses): some kilobytes a conversation."""
VERSION = 1
"""Of the form in which slots are kept outside the process; another one is as good as none."""


@dataclasses.dataclass(frozen=True)
class Slots:
    """What was asked last, and what its answer rests on. Times are UTC ns."""

    units: tuple[Unit, ...]
    identifiers: tuple[str, ...]
    kinds: tuple[str, ...]
    services: tuple[str, ...]
    start_ns: int | None
    end_ns: int | None
    lately: bool
    intent: Intent
    like_this: bool
    is_about_anything: bool
    asks_for_lines: bool
    named_ids: tuple[str, ...]
    pattern_ids: tuple[str, ...]
    """That were asked about."""
    language: Language
    is_answered: bool = False
    """What follows is known."""
    incident: str = ""
    """That the answer told of first, by id."""
    from_ns: int | None = None
    """Where what the answer told of begins: the incident, or the first cited line."""
    to_ns: int | None = None
    patterns: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """Cited, by id."""
    queries: tuple[str, ...] = ()


def slots_of(read: Question) -> Slots:
    """What a question says, before it is answered."""
    return Slots(
        units=read.units[:UNITS],
        identifiers=read.identifiers,
        kinds=read.kinds,
        services=read.services,
        start_ns=read.start_ns,
        end_ns=read.end_ns,
        lately=read.lately,
        intent=read.intent,
        like_this=read.like_this,
        is_about_anything=read.is_about_anything,
        asks_for_lines=read.asks_for_lines,
        named_ids=read.named_ids[:PATTERNS],
        pattern_ids=read.pattern_ids,
        language=read.reply_in,
    )


def answered(slots: Slots, answer: Answer, before: Slots | None = None) -> Slots:
    """The slots with what the answer told. The incident at hand `before` stays so where the answer shows lines of it,
    and where a step from it finds nothing.
    """
    is_told = answer.verdict != "not_found"
    first = answer.similar[0].incident if answer.similar and is_told else None
    times = [line.time_ns for line in answer.citations]
    if first is not None:
        times = [first.start_ns, first.end_ns]
    incident = "" if first is None else first.incident_id
    if first is None and before is not None and (not is_told or _is_within(times, before)):
        incident, times = before.incident, [each for each in (before.from_ns, before.to_ns) if each is not None]
    return dataclasses.replace(
        slots,
        is_answered=True,
        incident=incident,
        from_ns=min(times, default=None),
        to_ns=max(times, default=None),
        patterns=tuple(dict.fromkeys(each.pattern_id for each in answer.citations if each.pattern_id))[:PATTERNS],
        lines=tuple(line.id for line in answer.citations)[:LINES],
        queries=tuple(each for each in answer.next_queries if len(each) <= QUERY_CHARACTERS)[:QUERIES],
    )


def _is_within(times: Sequence[int], before: Slots) -> bool:
    if not before.incident or before.from_ns is None or before.to_ns is None or not times:
        return False
    return before.from_ns <= min(times) and max(times) <= before.to_ns


def pack(slots: Slots) -> bytes:
    """As kept outside the process."""
    return orjson.dumps({"version": VERSION, "slots": dataclasses.asdict(slots)})


def unpack(packed: bytes) -> Slots | None:
    """The same slots; None for what another version kept."""
    content = orjson.loads(packed)
    if content.get("version") != VERSION:
        return None
    values: dict[str, Any] = content["slots"]
    units = tuple(Unit(**{name: _frozen(value) for name, value in unit.items()}) for unit in values["units"])
    return Slots(**{**{name: _frozen(value) for name, value in values.items()}, "units": units})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
