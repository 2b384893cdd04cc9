"""What an answer rests on: incidents, an incident in progress, lines, or what changed. Decided from retrieval alone."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from api.candidate import Candidates, IncidentCandidate
from api.evidence import Span
from api.question import Question, Unit
from api.question_time import LATELY_NS
from api.recognise import PatternCandidate
from api.retrieve import PatternFacts, RetrievalIndex
from api.support import Support, cover
from api.uneventful import is_uneventful
from index.bm25 import CONCEPT_PREFIX
from index.incident import Incident, Similar
from index.incident_learned import NOTHING_LEARNED, Learned
from index.incident_similar import in_words, similar

IN_PROGRESS_NS = 10 * 60 * 1_000_000_000
"""An incident is in progress while it ended no longer ago than this (a guess)."""
ALIKE = 0.3
"""An incident this similar to the one in progress counts as one like it (a guess)."""
LINES_ARE_BETTER = 0.25
"""By so much lines must prove more than incidents to be preferred in a question about trouble (a guess)."""
CLOSE = 0.8
"""An incident with this share of the best one's score fits the question about as well (a guess)."""
PATTERNS = 3
"""Patterns that claims are made about."""
NEARLY = 0.95
"""A pattern with this share of the best one's score is told beside it (measured: of lines cited for the best alone .72
are of the events asked for, for up to three .53).
"""
AS_GOOD = 0.85
"""A pattern that proves this share of what the best one proves is counted with it (a guess)."""
COUNTED = 50
"""So many patterns are counted when the question asks how many (a guess: more hardly speak of one thing)."""
QUOTING = 4
QUOTING_WORDS = 2
"""So many things named that all stand in one line are words of that line; one less is enough when so many of them are
words that the glossary does not know (guesses).
"""
SCORE_STEP = 0.0001
"""The least by which a score falls from one incident of an answer to the next: the last digit that is told."""
SIMILAR = 10
TEMPLATES = 20
Tokens = Mapping[str, Mapping[str, float]]
"""By pattern id."""
_GRAVITY = {"minor": 0, "major": 1, "critical": 2}


@dataclasses.dataclass(frozen=True)
class Choice:
    """The basis of an answer. `similar` are the incidents in the order of the answer, explained."""

    basis: Literal["incidents", "patterns", "changed", "anything"]
    support: Support
    similar: tuple[Similar, ...]
    patterns: tuple[PatternFacts, ...]
    this: Incident | None = None
    """What "this" in the question was taken for."""
    close: tuple[Incident, ...] = ()
    """Of the incidents those that fit about as well as the best: these are counted, and are the first and the last."""
    is_uneventful: bool = False
    """Trouble was asked about, and lines speak of it that belong to no incident of that kind."""

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Best first."""
        return tuple(each.incident for each in self.similar)


def choose(
    question: Question, found: Candidates, index: RetrievalIndex, span: Span, learned: Learned = NOTHING_LEARNED
) -> Choice:
    """Pure: depends on the question, the generation and what people said only. The last moves the order of what fits,
    never whether it fits.
    """
    if at_hand := _at_hand(question, index):
        return at_hand
    if question.intent == "changed":
        return _changed(found, index, span)
    if question.is_about_anything:
        return _anything(question, index, span)
    this = _this_incident(index, question, span.end_ns)
    if this is not None and not question.kinds and (alike := _like(this, found, index, learned)):
        support = Support("found", max(each.score - each.learned for each in alike), ())
        return Choice("incidents", support, _asked_end_first(alike, question), (), this)
    if _rests_on_incidents(question, found, index):
        support = found.incident_support
        fitting = [
            each for each in found.incidents if each.support.verdict == support.verdict and each.incident != this
        ]
        has_others = bool(fitting)
        if not has_others:
            fitting = [each for each in found.incidents if each.support.verdict == support.verdict]
        close = tuple(each.incident for each in fitting if each.score >= CLOSE * max(one.score for one in fitting))
        fitting = _as_learned(fitting, learned)
        if this is not None and has_others:
            fitting = _nearest_first(this, fitting)
        if this is None:
            fitting = _told_together(_in_time(fitting, question, close, span.end_ns))
        elif question.intent in {"first", "last"}:
            fitting = _in_time(fitting, question, close, span.end_ns)
        return Choice("incidents", support, _explained(fitting[:SIMILAR]), (), this, close)
    return _of_patterns(question, found, index, span, this)


def _at_hand(question: Question, index: RetrievalIndex) -> Choice | None:
    """The patterns or the incident that a conversation points at, and nothing else."""
    if question.pattern_ids:
        named = tuple(index.facts[each] for each in question.pattern_ids if each in index.facts)
        return Choice("patterns", Support("found" if named else "not_found", 1.0, ()), (), named)
    incident = index.incident_of.get(question.subject)
    if incident is None:
        return None
    told = Similar(incident, 1.0, templates(incident), (), (), None, 0.0)
    return Choice("incidents", Support("found", 1.0, ()), (told,), ())


def _of_patterns(
    question: Question, found: Candidates, index: RetrievalIndex, span: Span, this: Incident | None
) -> Choice:
    supported, support = found.supported(PATTERNS), found.pattern_support
    best = max((each.ranked.score for each in supported), default=0.0)
    certain = [each for each in supported if each.ranked.score >= NEARLY * best]
    if question.intent == "count" and support.verdict == "found":
        return Choice("patterns", support, (), _all_that_speak_of_it(question, certain, index, span), this)
    told = tuple(each.facts for each in certain)
    if support.verdict == "found" and is_uneventful(question, supported, index.generation):
        uncertain = dataclasses.replace(support, verdict="inconclusive")
        return Choice("patterns", uncertain, (), told, this, is_uneventful=True)
    return Choice("patterns", support, (), told, this)


def _all_that_speak_of_it(
    question: Question, certain: Sequence[PatternCandidate], index: RetrievalIndex, span: Span
) -> tuple[PatternFacts, ...]:
    """The patterns to count, however well they rank: those that have every word of a question that quotes a line, else
    all that speak of each thing that is asked about; if there are none, of each telling thing and of as much of the
    rest as any does. Where nothing is telling, those that prove about as much as the best.
    """
    told = [unit for unit in question.units if unit.weight == "telling"]
    if not told:
        strongest = max(each.support.strength for each in certain)
        return tuple(each.facts for each in certain if each.support.strength >= AS_GOOD * strongest)
    asked = {
        key: facts
        for key, facts in index.facts.items()
        if span.overlaps(facts.first_ns, facts.last_ns + 1)
        and (not question.services or set(question.services) & set(facts.services))
    }
    quoting = _speaking_of(question.units, asked, index.patterns.tokens) if _may_quote(question) else []
    speaking = quoting or next(filter(None, _speaking(question.units, told, asked, index)), [])
    return tuple(sorted(speaking, key=lambda facts: (-facts.count, facts.pattern_id))[:COUNTED])


def _speaking(
    units: Sequence[Unit], told: Sequence[Unit], asked: Mapping[str, PatternFacts], index: RetrievalIndex
) -> Iterator[list[PatternFacts]]:
    """Of the units `told` are the telling ones. By what all lines of a pattern say; only then by what its example says
    as well, whose values are its own: a heap of 504 MB is no gateway timeout.
    """
    known = [unit for unit in units if unit.weight != "word"]
    with_example = _speaking_of(told, asked, index.patterns.tokens)  # what all lines say is part of that
    among = {facts.pattern_id: facts for facts in with_example}
    for tokens in (index.said_by(among), index.patterns.tokens):
        yield _speaking_of(known, among, tokens)
        yield _saying_most(units, _speaking_of(told, among, tokens), tokens)


def _saying_most(units: Sequence[Unit], among: Sequence[PatternFacts], tokens: Tokens) -> list[PatternFacts]:
    covered = {facts.pattern_id: sum(_speaks_of(unit, tokens[facts.pattern_id]) for unit in units) for facts in among}
    most = max(covered.values(), default=0)
    return [facts for facts in among if covered[facts.pattern_id] == most]


def _speaking_of(units: Sequence[Unit], asked: Mapping[str, PatternFacts], tokens: Tokens) -> list[PatternFacts]:
    return [facts for key, facts in asked.items() if all(_speaks_of(unit, tokens[key]) for unit in units)]


def _speaks_of(unit: Unit, tokens: Mapping[str, float]) -> bool:
    return cover(unit, tokens, is_incident=False, is_fault=False) >= 1.0


def _may_quote(question: Question) -> bool:
    unknown = sum(unit.weight == "word" for unit in question.units)
    return len(question.units) >= QUOTING or (len(question.units) == QUOTING - 1 and unknown >= QUOTING_WORDS)


def _quotes_a_line(question: Question, found: Candidates, index: RetrievalIndex) -> bool:
    """Whether the question's words are those of a pattern that was found."""
    among = {each.facts.pattern_id: each.facts for each in found.patterns}
    return _may_quote(question) and bool(_speaking_of(question.units, among, index.patterns.tokens))


def _rests_on_incidents(question: Question, found: Candidates, index: RetrievalIndex) -> bool:
    """Whether incidents answer the question better than lines do."""
    incidents, patterns = found.incident_support, found.pattern_support
    asks_for_lines = question.intent in {"count", "first", "last"}
    if asks_for_lines and patterns.verdict != "not_found" and _quotes_a_line(question, found, index):
        return False
    if incidents.verdict != "found":
        return patterns.verdict == "not_found" and incidents.verdict == "inconclusive"
    if patterns.verdict != "found" or question.kinds:
        return True
    is_about_trouble = any(unit.is_fault for unit in question.units) or question.intent == "recall"
    is_better = incidents.strength >= patterns.strength - LINES_ARE_BETTER
    return (is_about_trouble and not asks_for_lines and is_better) or is_uneventful(
        question, found.supported(PATTERNS), index.generation
    )


def _this_incident(index: RetrievalIndex, question: Question, as_of_ns: int) -> Incident | None:
    """What "this" refers to: the incident that is named, else the one in progress if it is of the kind asked for."""
    for incident_id in question.named_ids:
        if incident_id in index.incident_of:
            return index.incident_of[incident_id]
    kinds = {CONCEPT_PREFIX + concept.id for concept in index.glossary.concepts if concept.kind}
    describes = any(unit.weight == "telling" and kinds.isdisjoint(unit.tokens) for unit in question.units)
    if not question.like_this or describes:
        return None
    since_ns = as_of_ns - IN_PROGRESS_NS
    running = [
        incident
        for incident in index.generation.incidents
        if incident.end_ns >= since_ns and set(question.kinds) <= set(incident.kinds)
    ]
    return running[-1] if running else None


def _as_learned(fitting: Sequence[IncidentCandidate], learned: Learned) -> list[IncidentCandidate]:
    """Those that fit, in the order that people's word gives them."""
    moved = []
    for each in fitting:
        score = learned.moved(each.score, each.incident)
        moved.append(dataclasses.replace(each, score=score, learned=score - each.score))
    return sorted(moved, key=lambda each: (-each.score, each.incident.incident_id))


def _like(this: Incident, found: Candidates, index: RetrievalIndex, learned: Learned) -> list[Similar]:
    """Earlier incidents of the span and services asked about that are like this one, whatever people said of them."""
    past = [each for each in index.generation.incidents if each.start_ns < this.start_ns]
    allowed = {each.incident.incident_id for each in found.incidents}
    alike = [each for each in similar(this, past, len(past), learned) if each.incident.incident_id in allowed]
    return [each for each in alike if each.score - each.learned >= ALIKE][:SIMILAR]


def _asked_end_first(alike: Sequence[Similar], question: Question) -> tuple[Similar, ...]:
    """Asked for the first or the last like this, that one comes first."""
    if question.intent not in {"first", "last"}:
        return tuple(alike)
    end = {"first": min, "last": max}[question.intent]
    wanted = end(alike, key=lambda each: (each.incident.start_ns, each.incident.incident_id))
    ordered = sorted(alike, key=lambda each: each is not wanted)
    scores = _falling([each.score for each in ordered])
    return tuple(dataclasses.replace(each, score=score) for each, score in zip(ordered, scores, strict=True))


def _nearest_first(this: Incident, fitting: Sequence[IncidentCandidate]) -> list[IncidentCandidate]:
    """Of incidents of the kind asked for, those most like the one at hand first."""
    likeness = {
        each.incident.incident_id: each.score
        for each in similar(this, [candidate.incident for candidate in fitting], len(fitting))
    }
    return sorted(
        fitting,
        key=lambda each: (-each.score - likeness.get(each.incident.incident_id, 0.0), each.incident.incident_id),
    )


def _in_time(
    fitting: Sequence[IncidentCandidate], question: Question, close: Sequence[Incident], as_of_ns: int
) -> list[IncidentCandidate]:
    """Asked for the first or the last, that one of those that fit comes first; asked about lately, incidents of the
    last days come before older ones that may fit better.
    """
    if question.intent in {"first", "last"}:
        ends = {"first": min, "last": max}[question.intent]
        wanted = ends(close, key=lambda incident: (incident.start_ns, incident.incident_id))
        return sorted(fitting, key=lambda each: each.incident != wanted)
    since_ns = as_of_ns - LATELY_NS
    return sorted(fitting, key=lambda each: question.lately and each.incident.end_ns <= since_ns)


def _told_together(fitting: Sequence[IncidentCandidate]) -> list[IncidentCandidate]:
    """Incidents of one family side by side, where the best of them stands."""
    place: dict[str, int] = {}
    for each in fitting:
        place.setdefault(each.incident.family_id, len(place))
    return sorted(fitting, key=lambda each: place[each.incident.family_id])


def _anything(question: Question, index: RetrievalIndex, span: Span) -> Choice:
    """All incidents of the span: the latest or the first of them first if that is asked, else the gravest. Asked about
    lately, those of the last days come before older ones.
    """
    since_ns = span.end_ns - LATELY_NS
    incidents = sorted(
        (
            incident
            for incident in index.generation.incidents
            if span.overlaps(incident.start_ns, incident.end_ns)
            and (not question.services or not set(question.services).isdisjoint(incident.services))
        ),
        key=lambda incident: (
            question.lately and incident.end_ns <= since_ns,
            0 if question.intent in {"first", "last"} else -_GRAVITY[incident.severity],
            incident.start_ns if question.intent == "first" else -incident.start_ns,
            incident.incident_id,
        ),
    )
    if not incidents:
        return Choice("anything", Support("not_found", 0.0, ()), (), ())
    shown = incidents[:SIMILAR]
    scores = [*_falling([1.0] * len(shown)), 0.0]
    told = tuple(
        Similar(incident, score, templates(incident), (), (), None, round(score - following, 4))
        for incident, (score, following) in zip(shown, itertools.pairwise(scores), strict=True)
    )
    return Choice("anything", Support("found", 1.0, ()), told, (), None, tuple(incidents))


def _changed(found: Candidates, index: RetrievalIndex, span: Span) -> Choice:
    """Incidents of the span, gravest first, and patterns first seen in it, the most frequent first."""
    gravest = sorted(
        (each.incident for each in found.incidents),
        key=lambda incident: (-_GRAVITY[incident.severity], incident.start_ns, incident.incident_id),
    )
    fresh = [
        facts
        for facts in index.facts.values()
        if span.start_ns is not None and span.start_ns <= facts.first_ns < span.end_ns
    ]
    fresh.sort(key=lambda facts: (-facts.count, facts.pattern_id))
    explained = tuple(Similar(each, 1.0, templates(each), (), (), None, 0.0) for each in gravest[:SIMILAR])
    verdict: Literal["found", "not_found"] = "found" if gravest or fresh else "not_found"
    return Choice("changed", Support(verdict, 1.0, ()), explained, tuple(fresh[:PATTERNS]))


def _explained(fitting: Sequence[IncidentCandidate]) -> tuple[Similar, ...]:
    """In the order of the question's ranking; shared, missing and extra are against the best."""
    best = fitting[0].incident
    against = {
        each.incident.incident_id: each for each in similar(best, [each.incident for each in fitting], len(fitting))
    }
    best_score = max(each.score - each.learned for each in fitting)
    scores = [*_falling([_fit(each, best_score) for each in fitting]), 0.0]
    margins = [round(score - following, 4) for score, following in itertools.pairwise(scores)]
    owed = [_owed(each, best_score) for each in fitting]
    explained = [Similar(best, scores[0], templates(best), (), (), None, margins[0], owed[0])]
    for each, score, margin, learned in zip(fitting[1:], scores[1:], margins[1:], owed[1:], strict=False):
        alike = against.get(each.incident.incident_id)
        alone = Similar(each.incident, score, (), templates(each.incident), (), None, margin)
        explained.append(dataclasses.replace(alike or alone, score=score, margin=margin, learned=learned))
    return tuple(explained)


def _owed(candidate: IncidentCandidate, best_score: float) -> float:
    """By how much people's word moved it, as a part of a score."""
    return round(candidate.support.strength * candidate.learned / best_score, 4) if best_score > 0 else 0.0


def _falling(scores: Sequence[float]) -> list[float]:
    """The order of an answer also knows of time and family: no incident scores as much as one before it, so that
    whoever sorts by score keeps the order.
    """
    capped: list[float] = []
    for score in scores:
        bar = capped[-1] - SCORE_STEP if capped else 1.0
        capped.append(max(round(min(score, bar), 4), 0.0))
    return capped


def _fit(candidate: IncidentCandidate, best_score: float) -> float:
    """0 to 1: how well the question is supported, less for those that fit it less well than the best."""
    relative = candidate.score / best_score if best_score > 0 else 1.0
    return min(max(candidate.support.strength * min(max(relative, 0.0), 1.0), 0.0), 1.0)


def templates(incident: Incident) -> tuple[str, ...]:
    """What deviated, in words, the most surprising first."""
    return tuple(dict.fromkeys(in_words(deviation) for deviation in incident.deviations))[:TEMPLATES]
