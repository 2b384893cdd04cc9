"""Lines, patterns and incidents as replies show them: plain values, times as RFC 3339, ids as text."""

from collections.abc import Sequence
from typing import Any

import orjson
import polars as pl

from api.read_window import pattern_ids_of
from api.time_text import format_time
from index.incident import Deviation, EvidenceLine, Incident, Note, Similar
from index.pattern import PatternEdit, PatternSet
from ingest.line import Mark, line_id

MARKS = {int(mark): str(mark.name).lower() for mark in Mark}


def lines_json(lines: pl.DataFrame, patterns: PatternSet) -> list[dict[str, Any]]:
    """One object a line, in the order of the frame."""
    if lines.is_empty():
        return []
    ids = pattern_ids_of(lines, patterns)
    return [
        {
            "id": line_id(row["source"], row["position"]),
            "time": format_time(row["time_ns"]),
            "service": row["service"],
            "level": row["level"],
            "message": row["message"],
            "pattern_id": ids[row["signature"]],
            "source": row["source"],
            "position": row["position"],
            "host": row["host"],
            "namespace": row["namespace"],
            "pod": row["pod"],
            "container": row["container"],
            "stream": row["stream"],
            "arrival": format_time(row["arrival_ns"]),
            "marks": [name for bit, name in MARKS.items() if row["marks"] & bit],
            "sequence": row["sequence"],
            "attributes": attributes_json(row["attributes"]),
        }
        for row in lines.iter_rows(named=True)
    ]


def attributes_json(text: str | None) -> dict[str, Any]:
    """The attributes of a line; what was stored as something else than an object stands under `_`."""
    if not text:
        return {}
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"_": text}
    return content if isinstance(content, dict) else {"_": content}


def patterns_json(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """One object a pattern, from the rows of `count_patterns`."""
    return [
        {
            "pattern_id": row["pattern_id"],
            "template": row["template"],
            "name": row["name"],
            "count": row["count"],
            "services": row["services"],
            "levels": row["levels"],
            "first_seen": format_time(row["first_ns"]),
            "last_seen": format_time(row["last_ns"]),
            "state": row["state"],
            "example": row["example"],
        }
        for row in rows.iter_rows(named=True)
    ]


def edit_json(edit: PatternEdit) -> dict[str, Any]:
    """One edit of a pattern."""
    return {
        "pattern_id": edit.pattern_id,
        "action": edit.action,
        "argument": edit.argument,
        "time": format_time(edit.time_ns),
    }


def note_json(note: Note) -> dict[str, Any]:
    """One note."""
    return {
        "note_id": note.note_id,
        "target": note.target,
        "text": note.text,
        "name": note.name,
        "cause": note.cause,
        "fix": note.fix,
        "runbook": note.runbook,
        "author": note.author,
        "time": format_time(note.time_ns),
        "source": note.source,
    }


def incident_json(incident: Incident) -> dict[str, Any]:
    """An incident as a list shows it."""
    return {
        "incident_id": incident.incident_id,
        "title": incident.title,
        "start": format_time(incident.start_ns),
        "end": format_time(incident.end_ns),
        "services": list(incident.services),
        "severity": incident.severity,
        "family_id": incident.family_id or incident.incident_id,
        "kinds": list(incident.kinds),
        "line_count": incident.line_count,
    }


def whole_incident_json(incident: Incident, family: Sequence[Incident], notes: Sequence[Note]) -> dict[str, Any]:
    """An incident with all that it owns."""
    return {
        **incident_json(incident),
        "onset": _onset_json(incident),
        "deviations": [_deviation_json(each) for each in incident.deviations],
        "evidence": [evidence_json(each) for each in incident.evidence],
        "family": [incident_json(each) for each in family],
        "notes": [note_json(each) for each in notes if each.target == incident.incident_id],
    }


def evidence_json(line: EvidenceLine) -> dict[str, Any]:
    """A line as the incident keeps it."""
    return {
        "id": line.id,
        "time": format_time(line.time_ns),
        "service": line.service,
        "level": line.level,
        "message": line.message,
        "pattern_id": line.pattern_id,
        "source": line.source,
        "position": line.position,
    }


def similar_json(similar: Similar) -> dict[str, Any]:
    """A past incident with what it has in common with the one asked about, and `learned`: by how much people's word
    moved it, if it did.
    """
    return {
        "incident_id": similar.incident.incident_id,
        "score": round(similar.score, 6),
        "title": similar.incident.title,
        "start": format_time(similar.incident.start_ns),
        "end": format_time(similar.incident.end_ns),
        "services": list(similar.incident.services),
        "severity": similar.incident.severity,
        "family_id": similar.incident.family_id or similar.incident.incident_id,
        "shared": list(similar.shared),
        "missing": list(similar.missing),
        "extra": list(similar.extra),
        "onset": _onset_json(similar.incident),
        "order_agreement": similar.order_agreement,
        "margin": round(similar.margin, 6),
        **({"learned": similar.learned} if similar.learned else {}),
    }


def _onset_json(incident: Incident) -> list[dict[str, Any]]:
    first_ns = incident.onset[0].time_ns if incident.onset else 0
    return [
        {
            "service": each.service,
            "time": format_time(each.time_ns),
            "after_s": round((each.time_ns - first_ns) / 1e9, 3),
            "line_id": each.line_id,
        }
        for each in incident.onset
    ]


def _deviation_json(deviation: Deviation) -> dict[str, Any]:
    return {
        "service": deviation.service,
        "kind": deviation.kind,
        "pattern_id": deviation.pattern_id,
        "template": deviation.template,
        "before_template": deviation.before_template,
        "observed": round(deviation.observed, 3),
        "expected": round(deviation.expected, 3),
        "surprise": round(deviation.surprise, 3),
        "onset": format_time(deviation.onset_ns),
        "evidence": list(deviation.evidence),
    }
