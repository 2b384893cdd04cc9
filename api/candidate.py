"""Candidates: what retrieval found for a question, each with what it is worth as evidence, best first."""

import dataclasses
import math
from collections.abc import Sequence

from api.evidence import Span
from api.prominence import prominences
from api.question import Question
from api.recognise import PatternCandidate, proving_patterns, shown_by
from api.retrieve import RetrievalIndex
from api.support import (
    IncidentTexts,
    Said,
    Support,
    SupportSettings,
    best_support,
    incident_support,
    pattern_support,
    unspoken_units,
)
from api.uneventful import is_slight, knows_usual_course
from index.bm25 import CONCEPT_PREFIX
from index.incident import Incident
from index.vector import Vectors

_FAULT_LEVELS = frozenset({"fatal", "error", "warn"})
_SHOWN = 2.0
"""What having it among its chief deviations adds (measured: 1 to 3 alike)."""
_PROMINENCE = 3.0
"""What being all about the question adds to an incident's score (measured on few questions)."""
_GRAVITY = 0.03
"""What doubling an incident's extent adds to its score: of two that fit alike the graver comes first (a guess)."""
_GRAVITY_OF_SIGNS = 0.15
"""The same where only signs tell incidents apart: a few lines of a sign come with many things (a guess)."""


@dataclasses.dataclass(frozen=True)
class IncidentCandidate:
    """A retrieved incident. `score` orders incidents of one verdict; it is not a probability."""

    incident: Incident
    score: float
    support: Support
    learned: float = 0.0
    """By how much people moved the score, who confirmed or denied its family."""


@dataclasses.dataclass(frozen=True)
class Candidates:
    """All of them, best first: incidents by verdict, then score; patterns as retrieval ranks them."""

    patterns: tuple[PatternCandidate, ...]
    incidents: tuple[IncidentCandidate, ...]
    pattern_support: Support
    incident_support: Support

    def supported(self, limit: int) -> tuple[PatternCandidate, ...]:
        """The patterns that prove as much as the best, in the order of retrieval; none when nothing is proven."""
        proving = [each for each in self.patterns if each.support.verdict == self.pattern_support.verdict]
        return tuple(proving)[:limit] if self.pattern_support.verdict != "not_found" else ()

    def matching(self) -> tuple[IncidentCandidate, ...]:
        """The incidents that fit the question, best first."""
        return tuple(each for each in self.incidents if each.support.verdict == "found")


def find_candidates(
    index: RetrievalIndex, question: Question, vector: Vectors, span: Span, settings: SupportSettings
) -> Candidates:
    """`vector` is one row: the question's in the space of the generation's vectors."""
    ranked = _patterns(index, question, vector, span, settings)
    incidents = _incidents(index, question, vector, span, settings, ranked)
    patterns = ranked[: index.settings.pattern_limit]
    nothing = Support("not_found", 0.0, tuple(unit for unit in question.units if unit.weight == "telling"))
    return Candidates(
        patterns=tuple(patterns),
        incidents=tuple(incidents),
        pattern_support=best_support([each.support for each in patterns]) if patterns else nothing,
        incident_support=best_support([each.support for each in incidents]) if incidents else nothing,
    )


def _patterns(
    index: RetrievalIndex, question: Question, vector: Vectors, span: Span, settings: SupportSettings
) -> list[PatternCandidate]:
    among = {
        key
        for key, facts in index.facts.items()
        if span.overlaps(facts.first_ns, facts.last_ns + 1) and _is_of(question, facts.services)
    }
    unspoken = unspoken_units(question.units, (index.patterns.tokens[key] for key in sorted(among)))
    faults = {CONCEPT_PREFIX + concept.id for concept in index.glossary.concepts if concept.group == "faults"}
    found = []
    for ranked in index.rank_patterns(question, vector, among):
        facts = index.facts[ranked.id]
        is_fault = not _FAULT_LEVELS.isdisjoint(facts.levels) or any(token in faults for token in ranked.tokens)
        support = pattern_support(
            question, ranked, index.patterns.words, settings, unspoken=unspoken, is_fault=is_fault
        )
        found.append(PatternCandidate(facts, ranked, support, is_fault))
    return found


def _incidents(
    index: RetrievalIndex,
    question: Question,
    vector: Vectors,
    span: Span,
    settings: SupportSettings,
    patterns: Sequence[PatternCandidate],
) -> list[IncidentCandidate]:
    among = {
        key
        for key, incident in index.incident_of.items()
        if span.overlaps(incident.start_ns, incident.end_ns) and _is_of(question, incident.services)
    }
    found = []
    prominence = prominences(question.units, index.incidents.tokens, settings)
    is_shown_only = _is_shown_only(question, index)
    proving = proving_patterns(patterns, settings)
    texts = IncidentTexts(index.incidents.words, index.causes)
    for ranked in index.rank_incidents(question, vector, among):
        incident = index.incident_of[ranked.id]
        shown = shown_by(incident, proving)
        support = incident_support(
            question, ranked, Said(index.said[ranked.id], index.signs[ranked.id]), texts, settings
        )
        if shown > support.strength and not question.kinds:
            support = Support("found", shown, ())
        gravity = (_GRAVITY_OF_SIGNS if is_shown_only else _GRAVITY) * _extent(incident)
        fit = (0.0 if is_shown_only else ranked.score) + _PROMINENCE * prominence[ranked.id] + _SHOWN * shown
        found.append(IncidentCandidate(incident, fit + gravity, support))
    if knows_usual_course(index.generation):
        found = doubted(found)
    order = {"found": 0, "inconclusive": 1, "not_found": 2}
    return sorted(found, key=lambda each: (order[each.support.verdict], -each.score, each.incident.incident_id))


def doubted(candidates: list[IncidentCandidate]) -> list[IncidentCandidate]:
    """Slight incidents are no yes by themselves; beside a graver one that fits they are of its kind."""
    fitting = [each for each in candidates if each.support.verdict == "found"]
    if not fitting or not all(is_slight(each.incident) for each in fitting):
        return candidates
    return [
        dataclasses.replace(each, support=dataclasses.replace(each.support, verdict="inconclusive"))
        if each in fitting
        else each
        for each in candidates
    ]


def _is_shown_only(question: Question, index: RetrievalIndex) -> bool:
    """Whether words cannot tell incidents apart: all that is asked for is a kind, or a thing that no incident names
    and some show by its signs.
    """
    return bool(question.units) and all(
        unit.is_kind or (unit.signs and not any(index.incidents.words.has(token) for token in unit.tokens))
        for unit in question.units
    )


def _extent(incident: Incident) -> float:
    """In doublings: the strongest sign of something new or slow of each service, summed over services."""
    strongest: dict[str, float] = {}
    for deviation in incident.deviations:
        if deviation.kind in {"appeared", "burst", "slower"}:
            strongest[deviation.service] = max(strongest.get(deviation.service, 0.0), deviation.surprise)
    return math.log2(1 + math.fsum(strongest.values()) / 10)


def _is_of(question: Question, services: tuple[str, ...]) -> bool:
    return not question.services or not set(question.services).isdisjoint(services)
