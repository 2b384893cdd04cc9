"""Claims about lines: how often a pattern was written, when first and last, what its lines say."""

from collections.abc import Iterator, Sequence
from typing import Literal

from api.claim import Claim, CountFact, ExtremeFact, LineFact, PatternFact, SumFact, TextCountFact, claim
from api.evidence import SHOWN, Evidence
from api.plan_incident import TOLD_CHARACTERS, level_facts, note_claims, quote_claim
from api.question import Question
from api.retrieve import PatternFacts
from api.sentence import level_said, listed, quote, say, time_said, told
from index.incident import EvidenceLine, Note

SERVICES = 12
QUOTES = 2


def pattern_claims(
    facts: Sequence[PatternFacts], notes: Sequence[Note], evidence: Evidence, question: Question
) -> list[Claim]:
    """About each pattern that has lines in the span, the best one in detail."""
    claims: list[Claim] = []
    is_summed = question.intent == "count" and len(facts) > 1
    if is_summed:
        claims += _sum(facts, evidence, question)
    for place, fact in enumerate(facts[:SHOWN]):
        claims += _about(fact, evidence, question, in_detail=place == 0 and not is_summed)
        lines = _of(fact.pattern_id, evidence.newest)[:1]
        for note in notes:
            if note.target == fact.pattern_id:
                claims += note_claims(note, lines, question.reply_in)
    return claims


def count_of(fact: PatternFacts, evidence: Evidence) -> int:
    """Lines of the pattern in the question's span and services."""
    return evidence.counts.get(fact.pattern_id, 0)


def identifier_claims(question: Question, evidence: Evidence) -> Iterator[Claim]:
    """How many lines hold what was quoted, and what the newest say."""
    if not evidence.identified:
        return
    span = evidence.span
    if len(question.identifiers) == 1 and evidence.identified_total is not None:
        text = question.identifiers[0]
        as_id, total = evidence.identified_as_id, evidence.identified_total
        fact = TextCountFact(text, span.start_ns, span.end_ns, question.services, total, as_id)
        cited = tuple(line.id for line in evidence.identified[:3])
        name = "id_count" if as_id else "identifier_count"
        yield claim(name, question.reply_in, (fact,), cited, text=quote(text), count=total)
    for line in evidence.identified[:QUOTES]:
        yield quote_claim(line, question.reply_in)


def _sum(facts: Sequence[PatternFacts], evidence: Evidence, question: Question) -> Iterator[Claim]:
    """Asked how many: all of them together."""
    lines = [line for fact in facts for line in _of(fact.pattern_id, evidence.newest)[:1]]
    value = sum(count_of(fact, evidence) for fact in facts)
    span, services = evidence.counted, question.services
    where, when = _where_and_when(services, evidence, question)
    yield claim(
        "pattern_sum",
        question.reply_in,
        (
            SumFact(tuple(fact.pattern_id for fact in facts), span.start_ns, span.end_ns, services, value),
            *(PatternFact(line.id, line.pattern_id) for line in lines),
        ),
        tuple(line.id for line in lines),
        count=value,
        patterns=len(facts),
        where=where,
        span=when,
    )


def _where_and_when(services: Sequence[str], evidence: Evidence, question: Question) -> tuple[str, str]:
    """The services and the span that were counted over, in words; empty where everything was."""
    language, span = question.reply_in, evidence.counted
    said = [quote(service, 80) for service in services[:SERVICES]]
    where = say("claim.pattern_where", language, services=listed(said, language)) if said else ""
    if span.start_ns is None:
        return where, ""
    return where, say("claim.pattern_span", language, start=time_said(span.start_ns), end=time_said(span.end_ns))


def _about(fact: PatternFacts, evidence: Evidence, question: Question, *, in_detail: bool) -> Iterator[Claim]:
    value = count_of(fact, evidence)
    oldest, newest = _of(fact.pattern_id, evidence.oldest), _of(fact.pattern_id, evidence.newest)
    if not value or not (oldest or newest):
        return
    yield _count(fact, value, (oldest[:1] + newest[:1]), evidence, question, says_when=in_detail)
    if not in_detail:
        return
    if oldest:
        yield _extreme("first", oldest[0], evidence, question)
    if newest and value > 1:
        yield _extreme("last", newest[0], evidence, question)
    yield quote_claim((newest or oldest)[0], question.reply_in)


def _count(
    fact: PatternFacts,
    value: int,
    lines: Sequence[EvidenceLine],
    evidence: Evidence,
    question: Question,
    *,
    says_when: bool,
) -> Claim:
    """The services are named when they are few: counted over these, the number must come out the same."""
    language, span = question.reply_in, evidence.counted
    services = question.services or (fact.services if len(fact.services) <= SERVICES else ())
    where, when = _where_and_when(services, evidence, question)
    when = when if says_when else ""
    level = fact.levels[0] if len(fact.levels) == 1 else ""
    return claim(
        "pattern_count",
        language,
        (
            CountFact(fact.pattern_id, span.start_ns, span.end_ns, services, value),
            *(PatternFact(line.id, fact.pattern_id) for line in lines),
            *level_facts(fact.pattern_id, level),
        ),
        tuple(line.id for line in lines),
        template=told(fact.name, TOLD_CHARACTERS),
        level=level_said(level, language),
        count=value,
        where=where,
        span=when,
    )


def _extreme(which: Literal["first", "last"], line: EvidenceLine, evidence: Evidence, question: Question) -> Claim:
    span = evidence.counted
    return claim(
        "pattern_first" if which == "first" else "pattern_last",
        question.reply_in,
        (
            LineFact(line.id, line.service, line.time_ns),
            ExtremeFact(line.pattern_id, which, line.id, line.time_ns, span.start_ns, span.end_ns, question.services),
        ),
        (line.id,),
        time=time_said(line.time_ns),
        service=quote(line.service, 80),
    )


def _of(pattern_id: str, lines: Sequence[EvidenceLine]) -> list[EvidenceLine]:
    return [line for line in lines if line.pattern_id == pattern_id]
