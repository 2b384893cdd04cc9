"""Post-mortems and runbooks become notes on the incidents and patterns that they speak of."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from api.document_match import Match, match_incidents, match_patterns, named_services
from api.document_read import Document, read_document
from api.document_time import window_of
from api.line_json import note_json
from api.models import DocumentRequest
from api.parts import Dejalog
from api.time_text import format_time
from index.generation import Generation
from index.incident import UNPLACED, Note


def keep_document(dejalog: Dejalog, asked: DocumentRequest) -> dict[str, Any]:
    """Keep what it says in place of what it said when it was last read; nothing where that is the same, and nothing on
    a `dry_run`. What it says counts from now on, whenever it happened: `as_of` an earlier time hides it. Raises
    InputError.
    """
    document = read_document(asked.source, asked.content)
    generation = dejalog.generation()
    known = generation.counts["service"].unique().sort().to_list()
    services = named_services(document, known)
    window = window_of(document, zone_minutes=_zone_minutes(dejalog.settings.collect.zone))
    matches = match_incidents(document, window, services, generation.incidents)
    if document.kind == "runbook" or not matches:
        matches += match_patterns(document, _templates(generation))
    notes = _notes(document, matches, time.time_ns())
    outcome = _keep(dejalog, notes, is_dry=asked.dry_run)
    return {
        "source": document.source,
        "title": document.title,
        "kind": document.kind,
        "window": None if window is None else _window_json(window.start_ns, window.end_ns, window.why),
        "services": list(services),
        "matches": [
            {"target": each.target, "what": each.what, "title": each.title, "why": each.why} for each in matches
        ],
        "notes": [note_json(each) for each in notes],
        "outcome": outcome,
    }


def _keep(dejalog: Dejalog, notes: Sequence[Note], *, is_dry: bool) -> str:
    before = [note for note in dejalog.knowledge.notes() if note.source == notes[0].source]
    if {_said(note) for note in before} == {_said(note) for note in notes}:
        return "unchanged"
    if is_dry:
        return "would replace" if before else "would keep"
    for note in notes[:-1]:
        dejalog.knowledge.add_note(note)
    dejalog.apply_note(notes[-1])
    return "replaced" if before else "kept"


def _said(note: Note) -> tuple[str, ...]:
    return note.target, note.name, note.text, note.cause, note.fix, note.runbook


def _notes(document: Document, matches: Sequence[Match], now_ns: int) -> list[Note]:
    """One for each thing that it speaks of; where there is none, one that is found by its words."""
    targets = [each.target for each in matches] or [UNPLACED + document.source]
    parts = document.parts
    said = {name: parts.get(name, "") for name in ("text", "cause", "fix", "runbook")}
    if not any(said.values()):
        said["text"] = " ".join(document.lines)[:500]
    return [
        Note(note_id="", target=target, name=document.title, time_ns=now_ns, source=document.source, **said)
        for target in targets
    ]


def _templates(generation: Generation) -> dict[str, str]:
    return dict(generation.patterns.patterns.select("pattern_id", "template").iter_rows())


def _window_json(start_ns: int, end_ns: int, why: str) -> dict[str, str]:
    return {"start": format_time(start_ns), "end": format_time(end_ns), "why": why}


def _zone_minutes(zone: str) -> int:
    """East of UTC, now; 0 where no zone is set."""
    if not zone:
        return 0
    if zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[4:6])
        return -minutes if zone[0] == "-" else minutes
    offset = dt.datetime.now(ZoneInfo(zone)).utcoffset()
    return int((offset or dt.timedelta()).total_seconds()) // 60
