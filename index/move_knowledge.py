"""Moves what people said and what outlives the lines from one keeper to another, once each however often it is done."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from index.incident import Incident
from index.knowledge import incident_json
from index.knowledge_store import KnowledgeStore
from ingest.errors import DifferenceError


def move_knowledge(source: KnowledgeStore, target: KnowledgeStore) -> dict[str, int]:
    """Have in `target` what `source` has: edits and feedback behind those that are there, in their order; notes; kept
    incidents and the boundary before which none is mined; views, and channels' defaults, whose names are free. Returns
    how many there are of each. Raises DifferenceError when something is not there afterwards.
    """
    for edit in _absent(source.edits(), target.edits()):
        target.add_edit(edit)
    for note in source.notes():
        target.add_note(note)
    for row in _absent_rows(source.feedback(), target.feedback()):
        target.add_feedback(row)
    views, channels = source.views(), source.channels()
    for name in _untaken(views, target.views()):
        target.save_view(name, views[name])
    for name in _untaken(channels, target.channels()):
        target.save_channel(name, channels[name])
    _keep_incidents(source.incidents(), target)
    boundary = source.frozen_before_ns()
    if boundary is not None:
        target.freeze(before_ns=boundary)
    return _proven(source, target)


def _absent(rows: Sequence[Any], there: Sequence[Any]) -> list[Any]:
    """Those that are not there yet, each as often as it is missing, in order."""
    left = Counter(there)
    absent = []
    for row in rows:
        if left[row] > 0:
            left[row] -= 1
        else:
            absent.append(row)
    return absent


def _untaken(names: Collection[str], there: Collection[str]) -> list[str]:
    """Names that are free there, in order."""
    return sorted(set(names) - set(there))


def _absent_rows(rows: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    texts = _absent([_text(row) for row in rows], [_text(row) for row in there])
    return [json.loads(text) for text in texts]


def _text(row: Mapping[str, Any]) -> str:
    return json.dumps(dict(row), sort_keys=True)


def _keep_incidents(incidents: Sequence[Incident], target: KnowledgeStore) -> None:
    """Beside those that are kept there already: `keep_incidents` replaces what starts at its floor or later."""
    if not incidents:
        return
    floor_ns = min(incident.start_ns for incident in incidents)
    ids = {incident.incident_id for incident in incidents}
    there = target.incidents()
    others = [each for each in there if each.start_ns >= floor_ns and each.incident_id not in ids]
    if {_body(each) for each in incidents} - {_body(each) for each in there}:
        target.keep_incidents([*incidents, *others], floor_ns=floor_ns)


def _body(incident: Incident) -> str:
    return json.dumps(incident_json(incident))


def _proven(source: KnowledgeStore, target: KnowledgeStore) -> dict[str, int]:
    """How many there are of each kind. Raises DifferenceError."""
    incidents = {_body(each) for each in target.incidents()}
    absent: dict[str, Sequence[Any]] = {
        "edits": _absent(source.edits(), target.edits()),
        "notes": _absent(source.notes(), target.notes()),
        "feedback": _absent_rows(source.feedback(), target.feedback()),
        "views": _untaken(source.views(), target.views()),
        "channels": _untaken(source.channels(), target.channels()),
        "incidents": [each.incident_id for each in source.incidents() if _body(each) not in incidents],
    }
    missing = [f"{len(rows)} {kind} are not there, first {rows[0]!s:.200}" for kind, rows in absent.items() if rows]
    mine, theirs = source.frozen_before_ns(), target.frozen_before_ns()
    if mine is not None and (theirs is None or theirs < mine):
        missing.append(f"incidents before {mine} are not to be mined again, there it is {theirs}")
    if missing:
        raise DifferenceError(f"what people said was moved and differs: {'; '.join(missing)}")
    return {
        "edits": len(source.edits()),
        "notes": len(source.notes()),
        "feedback": len(source.feedback()),
        "views": len(source.views()),
        "channels": len(source.channels()),
        "incidents": len(source.incidents()),
    }
