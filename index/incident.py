"""The incident: a stretch in which services deviate. It owns copies of its evidence, so it outlives the lines."""

import dataclasses
from typing import Literal

DeviationKind = Literal["appeared", "burst", "vanished", "slower", "level"]

UNPLACED = "document:"
REMARK_BELOW = 3
"""Fewer lines than this are never a burst (index/deviation.py, FEWEST_MORE)."""


@dataclasses.dataclass(frozen=True)
class EvidenceLine:
    """A copy of a stored line, whole but for a message cut at 4,096 characters."""

    id: str
    time_ns: int
    service: str
    level: str
    message: str
    pattern_id: str
    source: str
    position: int


@dataclasses.dataclass(frozen=True)
class Deviation:
    """One way in which one service left its usual course during the incident."""

    service: str
    kind: DeviationKind
    pattern_id: str
    """For `slower` the later of the two lines' patterns; for `level` empty."""
    template: str
    observed: float
    """Lines counted in the incident; for `slower` the median gap in seconds."""
    expected: float
    """What the service's usual course implies for the same stretch, same unit."""
    surprise: float
    """Signed: positive for more or slower than usual, negative for less (DESIGN.md)."""
    onset_ns: int
    """Time of the first line that shows it; for `vanished` of the last line before it stopped (or the start)."""
    evidence: tuple[str, ...]
    """Ids of lines in `Incident.evidence`, first the one that shows the onset."""
    before_template: str = ""
    """For `slower` the earlier line's template."""

    @property
    def is_remark(self) -> bool:
        """Whether it is no burst but a line or two that are hardly ever written (index/incident_remark.py)."""
        return self.kind == "appeared" and self.observed < REMARK_BELOW


@dataclasses.dataclass(frozen=True)
class Onset:
    """When a service first deviated. Ordered: who failed first, who followed."""

    service: str
    time_ns: int
    line_id: str
    """The evidence line that shows it."""


@dataclasses.dataclass(frozen=True)
class Incident:
    """All fields are functions of lines earlier than `known_before_ns` of the mining run, and of nothing else."""

    incident_id: str
    """16 hex digits from the minute it starts in and the faulty service: later lines move weights, not these."""
    title: str
    start_ns: int
    end_ns: int
    severity: Literal["minor", "major", "critical"]
    services: tuple[str, ...]
    """The faulty service named first, then the others by onset."""
    onset: tuple[Onset, ...]
    kinds: tuple[str, ...]
    """Tags the incident's own structure earns: `avalanche` (three services or more, one after another),
    `deploy` (pods of the faulty service had just begun), `errors`, `silence`, `slowness`, `restart`, … Used for titles
    and for questions about a kind."""
    deviations: tuple[Deviation, ...]
    """By falling absolute surprise."""
    evidence: tuple[EvidenceLine, ...]
    """By (time_ns, source, position)."""
    signature: tuple[tuple[str, float], ...]
    """Features (`kind|service|pattern_id`) with their weights, unit length, by feature name."""
    line_count: int
    family_id: str = ""
    """The incident pattern it belongs to; of the earliest member's id; its own id when alone."""


@dataclasses.dataclass(frozen=True)
class Similar:
    """How a past incident resembles the one asked about."""

    incident: Incident
    score: float
    """0 to 1 after exact re-scoring."""
    shared: tuple[str, ...]
    """Templates both have, most weight first; `missing`: only the past one; `extra`: only the one asked about."""
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    order_agreement: float | None
    """Share of the pairs of common services that failed in the same order; None with fewer than two."""
    margin: float
    """Score minus that of the next one."""
    learned: float = 0.0
    """By how much people moved it, who confirmed or denied its family; in parts of a score."""


@dataclasses.dataclass(frozen=True)
class Note:
    """What a person knows of an incident or a pattern."""

    note_id: str
    target: str
    """The incident's or pattern's id; `document:` and the source where a document speaks of none that is known."""
    text: str
    name: str = ""
    cause: str = ""
    fix: str = ""
    runbook: str = ""
    author: str = ""
    time_ns: int = 0
    source: str = ""
    """The document it is from, whose title is `name`; empty for what somebody wrote here. All notes of one reading of a
    document have the same time."""

    @property
    def is_unplaced(self) -> bool:
        """Whether it is a document's that speaks of no incident or pattern that is known."""
        return self.target.startswith(UNPLACED)
