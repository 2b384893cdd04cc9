"""The planner: drafts the answer that choice and evidence allow. The checker comes after."""

import dataclasses
from collections.abc import Mapping

from api.choose import Choice
from api.claim import Claim, EndFact, NoteFact
from api.evidence import Evidence
from api.plan_incident import FURTHER, Another, incident_claims, matching_claim, noted_claims, story_claim
from api.plan_pattern import count_of, identifier_claims, pattern_claims
from api.question import Question, Wants
from api.question_time import LATELY, LATELY_NS
from api.sentence import listed, quote, say
from api.support import Support, Verdict
from index.incident import Note, Similar


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
        return _of_changes(question, choice, evidence, notes, as_of_ns)
    if choice.basis == "anything" and not choice.similar:
        return Draft("not_found", choice.support.strength, (say("verdict.no_incident", language),))
    if choice.basis in {"incidents", "anything"}:
        return _of_incidents(question, choice, evidence, notes, as_of_ns)
    return _of_patterns(question, choice, evidence, notes, as_of_ns)


def _of_incidents(
    question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...], as_of_ns: int
) -> Draft:
    language, best = question.reply_in, choice.incidents[0]
    if question.subject == best.incident_id and question.wants:
        return _of_subject(question, choice, evidence, notes, as_of_ns)
    is_found = choice.support.verdict == "found"
    is_old = is_found and question.lately and best.end_ns <= as_of_ns - LATELY_NS
    end = _end(question, choice) if is_found and not is_old else None
    lead = _lead(question, is_found=is_found, is_old=is_old, end=end)
    story = story_claim(best, lead, language, as_of_ns, beyond_days=LATELY.days if is_old else 0, end=end)
    further = choice.incidents[1:]
    if end is not None and end.which == "again":
        latest = max(choice.close, key=lambda incident: incident.start_ns)
        further = (latest, *(incident for incident in further if incident != latest))
    another: Another = "another_any" if choice.basis == "anything" else "another"
    close = choice.close or None
    claims = [
        story,
        *incident_claims(best, further, notes, evidence, language, as_of_ns, another=another, close=close),
    ]
    headline = () if is_found else (_uncertain(question, choice.support),)
    if is_found and (question.intent == "count" or len(choice.close or choice.incidents) > 1):
        # Asked how many, that is the verdict; else it closes the answer.
        claims.insert(
            0 if question.intent == "count" else len(claims), _matching(question, choice, as_of_ns, is_old=is_old)
        )
    return Draft(choice.support.verdict, choice.support.strength, headline, tuple(claims), choice.similar)


def _of_subject(
    question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...], as_of_ns: int
) -> Draft:
    """Why the incident at hand happened, or how it was fixed: what people noted first. Where nobody noted that, the
    answer says so, and tells what the lines show.
    """
    language, incident = question.reply_in, choice.incidents[0]
    known = noted_claims(incident, notes, language)
    if any(isinstance(fact, NoteFact) and fact.field in _TELL[question.wants] for each in known for fact in each.facts):
        return Draft("found", 1.0, (say("verdict.noted", language),), tuple(known), choice.similar)
    story = story_claim(incident, "", language, as_of_ns)
    claims = (story, *incident_claims(incident, (), notes, evidence, language, as_of_ns))
    missing = say("verdict.no_fix" if question.wants == "fix" else "verdict.no_cause", language)
    return Draft("inconclusive", 0.5, (missing,), claims, choice.similar)


_TELL: Mapping[Wants, frozenset[str]] = {
    "": frozenset(),
    "cause": frozenset({"cause", "text"}),
    "fix": frozenset({"fix", "runbook", "text"}),
}
"""Which fields of a note may tell it."""


def _matching(question: Question, choice: Choice, as_of_ns: int, *, is_old: bool) -> Claim:
    """How many fit; asked about lately, of the last days alone where there are any."""
    fitting = choice.close or choice.incidents
    recent = [incident for incident in fitting if incident.end_ns > as_of_ns - LATELY_NS]
    if not question.lately or is_old or not recent:
        return matching_claim(fitting, question.reply_in)
    return matching_claim(recent, question.reply_in, as_of_ns=as_of_ns, within_days=LATELY.days)


def _end(question: Question, choice: Choice) -> EndFact | None:
    """What it means that the story is of the first or the last; or, where lately was asked about, that it is not of the
    last, for which a reader would take it.
    """
    best = choice.incidents[0]
    among = choice.close or choice.incidents
    ids = tuple(incident.incident_id for incident in among)
    if question.intent in {"first", "last"}:
        return EndFact(best.incident_id, "first" if question.intent == "first" else "last", ids)
    came_again = question.lately and any(incident.start_ns > best.start_ns for incident in choice.close)
    if came_again and _name_of_lead(question) == "yes" and best in among:
        return EndFact(best.incident_id, "again", ids)
    return None


def _lead(question: Question, *, is_found: bool, is_old: bool, end: EndFact | None = None) -> str:
    """How the opening sentence begins."""
    if not is_found:
        return say("story.near", question.reply_in)
    if is_old:
        return say("story.widened", question.reply_in, days=LATELY.days)
    return say(f"story.{end.which if end else _name_of_lead(question)}", question.reply_in)


def _name_of_lead(question: Question) -> str:
    if question.is_about_anything and question.intent == "list":
        return "plain"
    return {"first": "first", "last": "last", "count": "plain", "changed": "plain"}.get(question.intent, "yes")


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
        headline = say("verdict.uneventful", language) if choice.is_uneventful else _uncertain(question, support)
        return Draft("inconclusive", support.strength, (headline,), claims)
    opening = "verdict.found_lines" if question.intent == "recall" else "verdict.answer_lines"
    widened = _widened(question, max(fact.last_ns for fact in facts), as_of_ns)
    return Draft("found", support.strength, (*widened, say(opening, language)), claims)


def _of_changes(
    question: Question, choice: Choice, evidence: Evidence, notes: tuple[Note, ...], as_of_ns: int
) -> Draft:
    language = question.reply_in
    fresh = [each for each in choice.patterns if count_of(each, evidence)]
    claims: list[Claim] = []
    if choice.incidents:
        best = choice.incidents[0]
        claims.append(story_claim(best, _lead(question, is_found=True, is_old=False), language, as_of_ns))
        others = choice.incidents[1 : 1 + FURTHER]
        claims += incident_claims(best, others, notes, evidence, language, as_of_ns, another="another_any")
    claims += pattern_claims(fresh, (), evidence, question)
    if not claims:
        return Draft("not_found", 1.0, (say("verdict.changed_not", language),))
    return Draft("found", 1.0, (say("verdict.changed", language),), tuple(claims), choice.similar)


def _widened(question: Question, newest_ns: int, as_of_ns: int) -> tuple[str, ...]:
    if not question.lately or newest_ns >= as_of_ns - LATELY_NS:
        return ()
    return (say("verdict.widened", question.reply_in, days=LATELY.days),)


def _nothing(question: Question, support: Support) -> str:
    """Names the telling words that nothing covers."""
    name = "not_found" if question.assumed and not question.services else "not_found_there"
    if not support.missing:
        return say(f"verdict.{name}", question.reply_in)
    return say(f"verdict.{name}_missing", question.reply_in, missing=_missing(question, support))


def _uncertain(question: Question, support: Support) -> str:
    if not support.missing:
        return say("verdict.inconclusive", question.reply_in)
    return say("verdict.inconclusive_missing", question.reply_in, missing=_missing(question, support))


def _missing(question: Question, support: Support) -> str:
    return listed([f"“{quote(unit.text, 60)}”" for unit in support.missing], question.reply_in)
