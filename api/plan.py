"""The planner: drafts the answer that choice and evidence allow. The checker comes after."""

import dataclasses

from api.choose import Choice
from api.claim import Claim
from api.evidence import Evidence
from api.plan_incident import incident_claims, matching_claim
from api.plan_pattern import count_of, identifier_claims, pattern_claims
from api.question import Question
from api.question_time import LATELY, LATELY_NS
from api.sentence import listed, quote, say, time_said
from api.support import Support, Verdict
from index.incident import Incident, Note, Similar


@dataclasses.dataclass(frozen=True)
class Draft:
    """An answer before it is checked."""

    verdict: Verdict
    strength: float
    headline: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    similar: tuple[Similar, ...] = ()


def draft(question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...], as_of_ns: int) -> Draft:
    """The answer that the evidence allows."""
    language = question.reply_in
    if not evidence.high_water.lines and not choice.similar:
        return Draft("not_found", 1.0, (say("verdict.empty", language),))
    if evidence.identified and choice.basis == "patterns":
        lines = tuple(identifier_claims(question, evidence))
        return Draft("found", 1.0, (say("verdict.answer_lines", language),), lines)
    if choice.basis == "changed":
        return _of_changes(question, choice, evidence, notes)
    if choice.basis == "incidents":
        return _of_incidents(question, choice, evidence, notes, as_of_ns)
    return _of_patterns(question, choice, evidence, notes, as_of_ns)


def _of_incidents(
    question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...], as_of_ns: int
) -> Draft:
    language, best = question.reply_in, choice.incidents[0]
    claims = incident_claims(best, choice.incidents[1:], notes, evidence, language)
    if choice.support.verdict != "found":
        headline: tuple[str, ...] = (_uncertain(question, choice.support),)
    else:
        headline = (*_widened(question, best.end_ns, as_of_ns), _closest(question, best))
        if question.intent == "count" or len(choice.incidents) > 1:
            claims.append(matching_claim(choice.incidents, language))
    return Draft(choice.support.verdict, choice.support.strength, headline, tuple(claims), choice.similar)


def _of_patterns(
    question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...], as_of_ns: int
) -> Draft:
    language, support = question.reply_in, choice.support
    facts = [each for each in choice.patterns if count_of(each, evidence)]
    if support.verdict == "not_found" or not facts:
        return Draft("not_found", support.strength, (_nothing(question, support),))
    claims = tuple(pattern_claims(facts, notes, evidence, question))
    if support.verdict == "inconclusive" or question.identifiers:
        # What was quoted is in no line: what comes near it is not it.
        return Draft("inconclusive", support.strength, (_uncertain(question, support),), claims)
    opening = "verdict.found_lines" if question.intent == "recall" else "verdict.answer_lines"
    widened = _widened(question, max(fact.last_ns for fact in facts), as_of_ns)
    return Draft("found", support.strength, (*widened, say(opening, language)), claims)


def _of_changes(question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...]) -> Draft:
    language = question.reply_in
    fresh = [each for each in choice.patterns if count_of(each, evidence)]
    claims: list[Claim] = []
    if choice.incidents:
        claims += incident_claims(choice.incidents[0], choice.incidents[1:], notes, evidence, language)
    claims += pattern_claims(fresh, (), evidence, question)
    if not claims:
        return Draft("not_found", 1.0, (say("verdict.changed_not", language),))
    return Draft("found", 1.0, (say("verdict.changed", language),), tuple(claims), choice.similar)


def _closest(question: Question, incident: Incident) -> str:
    title, start = quote(incident.title, 160), time_said(incident.start_ns)
    return say("verdict.found_incident", question.reply_in, title=title, start=start)


def _widened(question: Question, newest_ns: int, as_of_ns: int) -> tuple[str, ...]:
    if not question.lately or newest_ns >= as_of_ns - LATELY_NS:
        return ()
    return (say("verdict.widened", question.reply_in, days=LATELY.days),)


def _nothing(question: Question, support: Support) -> str:
    """Names the telling words that nothing covers."""
    if not support.missing:
        return say("verdict.not_found", question.reply_in)
    return say("verdict.not_found_missing", question.reply_in, missing=_missing(question, support))


def _uncertain(question: Question, support: Support) -> str:
    if not support.missing:
        return say("verdict.inconclusive", question.reply_in)
    return say("verdict.inconclusive_missing", question.reply_in, missing=_missing(question, support))


def _missing(question: Question, support: Support) -> str:
    return listed([f"“{quote(unit.text, 60)}”" for unit in support.missing], question.reply_in)
