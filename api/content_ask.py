"""What people ask and tell, from what they sent: for the JSON routes and the forms of the web page."""

import time
from typing import Any

from api.models import AskRequest, FeedbackRequest, NoteRequest, ViewRequest
from api.parts import Dejalog, Question
from api.read_window import canonical_pattern_id
from api.time_text import format_time, parse_duration_s, parse_time
from index.incident import Note
from index.query import parse
from ingest.errors import InputError, NotFoundError


def question_of(asked: AskRequest) -> Question:
    """The question as it is asked of the program. Raises InputError."""
    now_ns = time.time_ns()
    times = {
        name: None if text is None else parse_time(text, now_ns=now_ns, name=name)
        for name, text in (("start", asked.start), ("end", asked.end), ("as_of", asked.as_of))
    }
    start_ns, end_ns = times["start"], times["end"]
    if start_ns is not None and end_ns is not None and start_ns > end_ns:
        raise InputError("start lies after end", hint="end is exclusive; swap the two")
    if not asked.question.strip():
        raise InputError("question: it is empty", hint='e.g. {"question": "Has this happened before?"}')
    return Question(
        asked.question,
        start_ns,
        end_ns,
        times["as_of"],
        asked.mode,
        asked.conversation_id,
        services=tuple(asked.services),
        language=asked.language or None,
    )


def keep_note(dejalog: Dejalog, asked: NoteRequest) -> Note:
    """Keep what a person knows; returns when answers can use it. Raises InputError, NotFoundError."""
    if not any((asked.text, asked.name, asked.cause, asked.fix, asked.runbook)):
        raise InputError("the note is empty", hint="give text, name, cause, fix or runbook")
    note = Note(
        note_id="",
        target=_note_target(dejalog, asked.target),
        text=asked.text,
        name=asked.name,
        cause=asked.cause,
        fix=asked.fix,
        runbook=asked.runbook,
        author=asked.author,
        time_ns=time.time_ns(),
    )
    return dejalog.apply_note(note)


def keep_feedback(dejalog: Dejalog, asked: FeedbackRequest) -> dict[str, Any]:
    """Keep what a user thought of an answer."""
    now_ns = time.time_ns()
    dejalog.apply_feedback({**asked.model_dump(), "time_ns": now_ns})
    return {**asked.model_dump(), "time": format_time(now_ns)}


def keep_view(dejalog: Dejalog, asked: ViewRequest) -> None:
    """Keep a view, in place of an older one of the same name. Raises InputError for a span that cannot be watched, and
    for a query that does not parse where it is to be.
    """
    if asked.every is not None and not 10 <= parse_duration_s(asked.every, name="every") <= 7 * 86400:
        raise InputError(f"every: {asked.every!r} is not from 10s to 7d", hint="without it 5m are counted")
    if asked.threshold is not None:
        parse(asked.query)
    dejalog.knowledge.save_view(asked.name, asked.model_dump(exclude={"name"}))


def forget_view(dejalog: Dejalog, name: str) -> None:
    """Raises NotFoundError where there is none."""
    if "\x00" in name or not dejalog.knowledge.delete_view(name):
        raise NotFoundError(f"there is no view {name!r}", hint="GET /v1/views lists them")


def _note_target(dejalog: Dejalog, target: str) -> str:
    """The target's id as it stands now. Raises NotFoundError."""
    generation = dejalog.generation()
    if any(each.incident_id == target for each in generation.incidents):
        return target
    try:
        canonical = canonical_pattern_id(target, generation.patterns)
    except InputError:
        canonical = ""
    if canonical and generation.patterns.patterns["pattern_id"].is_in([canonical]).any():
        return canonical
    raise NotFoundError(
        f"target: there is no incident or pattern {target[:80]!r}", hint="GET /v1/incidents and /v1/patterns list them"
    )
