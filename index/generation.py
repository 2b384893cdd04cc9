"""The generation: one consistent set of patterns, vectors and incidents, computed from what lies before a time."""

import dataclasses

import polars as pl

from index.incident import Incident, Note
from index.pattern import PatternSet
from index.vector import VectorIndex


@dataclasses.dataclass(frozen=True)
class Generation:
    """What an answer is computed from, besides the lines themselves."""

    id: str
    """16 hex digits of the content: the same lines and edits give the same id."""
    as_of_ns: int | None
    """Only lines, notes and edits earlier than this were used; None: all there were."""
    patterns: PatternSet
    counts: pl.DataFrame
    """Rows (`pattern_id`, `service`, `level`, `count`, `first_ns`, `last_ns`): all retained lines before `as_of_ns`."""
    pattern_vectors: VectorIndex
    """Ids are pattern ids."""
    incidents: tuple[Incident, ...]
    """By (start_ns, incident_id)."""
    incident_vectors: VectorIndex
    """Ids are incident ids; the text embedded is `incident_text.document(incident)`."""
    notes: tuple[Note, ...]
