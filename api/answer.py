"""From a question to a checked answer: read, retrieve, gather evidence, claim, check. No model writes anything here."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import structlog

from api.ask_step import Look, OnStep, untold
from api.candidate import Candidates, find_candidates
from api.check import Checked, check
from api.choose import Choice, choose
from api.claim import NoteFact
from api.evidence import Evidence, Span, gather
from api.llm import ModelUse
from api.plan import Draft, draft
from api.plan_incident import told_onsets
from api.plan_pattern import count_of
from api.question import Intent, Question, describe, read_question
from api.retrieve import RetrieveSettings, retrieval_of
from api.sentence import Language, quote, say
from api.support import SupportSettings, Verdict
from api.time_text import format_time
from index.generation import Generation
from index.glossary import own_glossary
from index.incident import EvidenceLine, Incident, Note, Similar
from index.incident_learned import NOTHING_LEARNED, Learned
from index.line_store import HighWater, LineStore
from index.query import phrase
from index.vector import Embedder
from ingest import trace

log = structlog.get_logger()

CITATION_CHARACTERS = 1000
TEMPLATE_CHARACTERS = 500
TITLE_CHARACTERS = 300
"""How much of log text goes into citations, patterns and titles (guesses)."""
NEXT_QUERIES = 4
_ENDS = (".", "!", "?", ":", "。", "！", "？", "：")


@dataclasses.dataclass(frozen=True)
class AskSettings:
    """All weights and thresholds of an answer."""

    retrieve: RetrieveSettings = dataclasses.field(default_factory=RetrieveSettings)
    support: SupportSettings = dataclasses.field(default_factory=SupportSettings)


@dataclasses.dataclass(frozen=True)
class AnsweredClaim:
    """One sentence and the ids of the lines that prove it."""

    text: str
    citations: tuple[str, ...]


OnClaim = Callable[[AnsweredClaim], None]


def untold_claim(_claim: AnsweredClaim) -> None:
    """For those who want the answer alone."""


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """What may have happened, as a model supposes it: no claim. What speaks for it and against it are claims."""

    text: str
    speaks_for: tuple[AnsweredClaim, ...]
    speaks_against: tuple[AnsweredClaim, ...]


@dataclasses.dataclass(frozen=True)
class AnsweredPattern:
    """One retrieved pattern, counted over the answer's window."""

    pattern_id: str
    template: str
    score: float
    count: int
    first_ns: int
    last_ns: int


@dataclasses.dataclass(frozen=True)
class AnsweredDocument:
    """A document that claims quote, or one that speaks of what is asked and of no incident that is known: no claim."""

    source: str
    title: str
    text: str
    is_quoted: bool


@dataclasses.dataclass(frozen=True)
class Answer:
    """What CONTRACT `POST /v1/ask` answers. Times are UTC ns; everything but `took_ms` is a function of question,
    revision and `as_of_ns`.
    """

    answer: str
    kind: Intent
    """What was asked for, as it was read; for whoever counts, no part of the reply."""
    verdict: Verdict
    confidence: float
    language: Language
    """Of its own sentences; no part of the reply."""
    headline: tuple[str, ...]
    """What it begins with before its claims."""
    mode: Literal["deterministic", "llm"]
    start_ns: int | None
    end_ns: int
    assumed: bool
    claims: tuple[AnsweredClaim, ...]
    citations: tuple[EvidenceLine, ...]
    patterns: tuple[AnsweredPattern, ...]
    similar: tuple[Similar, ...]
    next_queries: tuple[str, ...]
    read_as: str
    revision: str
    as_of_ns: int
    dropped_claims: int
    took_ms: int
    model: ModelUse | None = None
    """What a language model had to do with it."""
    hypotheses: tuple[Hypothesis, ...] = ()
    """The likeliest first."""
    looks: tuple[Look, ...] = ()
    documents: tuple[AnsweredDocument, ...] = ()


def ask(
    question: str | Question,
    *,
    store: LineStore,
    generation: Generation,
    embedder: Embedder,
    now_ns: int,
    start_ns: int | None = None,
    end_ns: int | None = None,
    as_of_ns: int | None = None,
    services: Sequence[str] = (),
    settings: AskSettings | None = None,
    on_step: OnStep = untold,
    learned: Learned = NOTHING_LEARNED,
    reply_in: Language | None = None,
) -> Answer:
    """Answer a question from `generation` (of `as_of_ns` when that is given) and two round trips to the store. No model
    is asked: api/llm_answer.py has one tell what this answer says.

    A question that is read already is taken as it is: `start_ns`, `end_ns` and `services` are for one in words.
    `on_step` is called as each step begins; what it raises ends the work. `learned` is what people said of past
    incidents before `as_of_ns`; `reply_in` the language of the answer where it is not the question's.
    """
    began = time.perf_counter()
    as_of_ns = now_ns if as_of_ns is None else as_of_ns
    prepared = _prepare(
        question,
        store,
        generation,
        embedder,
        as_of_ns,
        start_ns,
        end_ns,
        services,
        settings or AskSettings(),
        on_step,
        learned,
        reply_in,
    )
    on_step("check")
    with trace.span("question.check", claims=len(prepared.drafted.claims)) as span:
        checked = check(prepared.drafted.claims, store=store, generation=generation)
        span.set(kept=len(checked.claims), dropped=checked.dropped, cited_lines=len(checked.lines))
    with trace.span("question.answer"):
        answer = _answer(prepared, checked, generation, as_of_ns)
    log.info(
        "question_answered",
        verdict=answer.verdict,
        claims=len(answer.claims),
        dropped_claims=answer.dropped_claims,
        revision=answer.revision,
    )
    return dataclasses.replace(answer, took_ms=round((time.perf_counter() - began) * 1000))


def draft_answer(
    question: str,
    *,
    store: LineStore,
    generation: Generation,
    embedder: Embedder,
    now_ns: int,
) -> Draft:
    """What `ask` would have checked: for measuring the checker."""
    return _prepare(question, store, generation, embedder, now_ns, None, None, (), AskSettings()).drafted


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """An answer up to its check."""

    read: Question
    found: Candidates
    choice: Choice
    evidence: Evidence
    drafted: Draft
    documents: tuple[Note, ...]
    """That speak of what is asked and of no incident or pattern that is known."""
    learned: str
    """Names what people said that moved the choice."""


def _prepare(
    question: str | Question,
    store: LineStore,
    generation: Generation,
    embedder: Embedder,
    as_of_ns: int,
    start_ns: int | None,
    end_ns: int | None,
    services: Sequence[str],
    settings: AskSettings,
    on_step: OnStep = untold,
    learned: Learned = NOTHING_LEARNED,
    reply_in: Language | None = None,
) -> _Prepared:
    """Read the question, retrieve, choose, gather, draft."""
    on_step("read")
    index = retrieval_of(generation, own_glossary(), settings.retrieve)
    if isinstance(question, Question):
        read = question
    else:
        read = read_question(
            question,
            now_ns=as_of_ns,
            glossary=index.glossary,
            services=index.services,
            start_ns=start_ns,
            end_ns=end_ns,
            only_services=services,
        )
    if reply_in is not None:
        read = dataclasses.replace(read, reply_in=reply_in)
    span = Span(read.start_ns, as_of_ns if read.end_ns is None else min(read.end_ns, as_of_ns))
    on_step("retrieve")
    with trace.span("question.retrieve") as step:
        found = find_candidates(index, read, embedder.embed([read.spoken]), span, settings.support)
        choice = choose(read, found, index, span, learned)
        step.set(patterns=len(found.patterns), incidents=len(found.incidents))
    on_step("gather")
    with trace.span("question.gather", patterns=len(choice.patterns), incidents=len(choice.incidents)):
        evidence = gather(
            store,
            generation,
            read,
            span,
            pattern_ids=[facts.pattern_id for facts in choice.patterns],
            shown_ids=[each.facts.pattern_id for each in found.patterns],
            incident_span=Span(choice.incidents[0].start_ns, choice.incidents[0].end_ns) if choice.incidents else None,
            as_of_ns=as_of_ns,
            deviating=[each.pattern_id for each in choice.incidents[0].deviations] if choice.incidents else (),
        )
    on_step("claim")
    with trace.span("question.claim") as step:
        drafted = draft(read, choice, evidence, generation.notes, as_of_ns)
        step.set(claims=len(drafted.claims))
    notes = {note.note_id: note for note in generation.notes}
    documents = tuple(notes[note_id] for note_id in index.rank_documents(read))
    return _Prepared(read, found, choice, evidence, drafted, documents, learned.mark)


def _answer(prepared: _Prepared, checked: Checked, generation: Generation, as_of_ns: int) -> Answer:
    question, drafted, choice, evidence = prepared.read, prepared.drafted, prepared.choice, prepared.evidence
    patterns = _patterns(prepared.found, evidence)
    verdict = drafted.verdict
    headline = list(drafted.headline)
    if verdict == "found" and not checked.claims:
        # Nothing that was to be said could be proven.
        verdict, headline = "inconclusive", [say("verdict.inconclusive", question.reply_in)]
    if verdict == "found" and not headline and drafted.claims[0] not in checked.claims:
        headline = [say("verdict.found_incident", question.reply_in)]
    claims = tuple(dict.fromkeys(AnsweredClaim(claim.text, claim.citations) for claim in checked.claims))
    return Answer(
        kind=question.intent,
        answer=told_as_text([*headline, *(claim.text for claim in claims)], question.reply_in),
        language=question.reply_in,
        headline=tuple(headline),
        verdict=verdict,
        confidence=_confidence(verdict, drafted.strength, checked),
        mode="deterministic",
        start_ns=evidence.span.start_ns if evidence.span.start_ns is not None else evidence.high_water.first_ns,
        end_ns=evidence.span.end_ns,
        assumed=question.assumed,
        claims=claims,
        citations=in_order(checked),
        patterns=patterns,
        similar=drafted.similar if verdict != "not_found" else (),
        documents=_documents(prepared, checked, generation),
        next_queries=_next_queries(question, verdict, choice, patterns),
        read_as=describe(question, this_incident="" if choice.this is None else choice.this.incident_id),
        revision="-".join(filter(None, (generation.id, fingerprint(evidence.high_water), prepared.learned))),
        as_of_ns=as_of_ns,
        dropped_claims=checked.dropped,
        took_ms=0,
    )


def told_anew(answer: Answer, claims: tuple[AnsweredClaim, ...], lines: Iterable[EvidenceLine] = ()) -> Answer:
    """The answer with other claims, which cite lines of its own or of `lines`."""
    known = {line.id: line for line in (*answer.citations, *lines)}
    supposed = [claim for each in answer.hypotheses for claim in (*each.speaks_for, *each.speaks_against)]
    cited = dict.fromkeys(line for claim in (*claims, *supposed) for line in claim.citations)
    text = told_as_text([*answer.headline, *(claim.text for claim in claims)], answer.language)
    return dataclasses.replace(answer, answer=text, claims=claims, citations=tuple(known[line] for line in cited))


def _documents(prepared: _Prepared, checked: Checked, generation: Generation) -> tuple[AnsweredDocument, ...]:
    """Those that claims quote first, each once."""
    quoted = {fact.note_id for claim in checked.claims for fact in claim.facts if isinstance(fact, NoteFact)}
    notes = [note for note in generation.notes if note.source and note.note_id in quoted]
    found = {note.source: note for note in reversed([*notes, *prepared.documents])}
    of_claims = {note.source for note in notes}
    return tuple(
        AnsweredDocument(
            source=quote(note.source, TITLE_CHARACTERS),
            title=quote(note.name, TITLE_CHARACTERS),
            text=quote(note.text or note.cause or note.runbook or note.fix, TEMPLATE_CHARACTERS),
            is_quoted=note.source in of_claims,
        )
        for note in reversed(found.values())
    )


def told_as_text(sentences: Sequence[str], language: Language) -> str:
    """One text; what ends in a quotation is ended as a sentence."""
    stop = say("unit.stop", language)
    ended = (text if text.endswith(_ENDS) else text + stop for text in sentences)
    return say("unit.sentence", language).join(ended)


def in_order(checked: Checked) -> tuple[EvidenceLine, ...]:
    """The cited lines in the order in which the claims speak of them."""
    cited = dict.fromkeys(line for claim in checked.claims for line in claim.citations)
    return tuple(checked.lines[line] for line in cited)


def _confidence(verdict: Verdict, strength: float, checked: Checked) -> float:
    """How sure the verdict is, 0 to 1; less when claims had to be dropped. A guess, not a calibrated probability."""
    kept = len(checked.claims) / (len(checked.claims) + checked.dropped) if checked.claims else 1.0
    sure = {"found": 0.5 + 0.49 * strength, "inconclusive": 0.3 + 0.2 * strength, "not_found": 0.95 - 0.5 * strength}
    return round(min(max(sure[verdict] * kept, 0.0), 1.0), 2)


def _patterns(found: Candidates, evidence: Evidence) -> tuple[AnsweredPattern, ...]:
    return tuple(
        AnsweredPattern(
            pattern_id=each.facts.pattern_id,
            template=quote(each.facts.template, TEMPLATE_CHARACTERS),
            score=round(each.ranked.score, 4),
            count=count_of(each.facts, evidence),
            first_ns=each.facts.first_ns,
            last_ns=each.facts.last_ns,
        )
        for each in found.patterns
    )


def fingerprint(high_water: HighWater) -> str:
    """The part of a revision that tells what the store held."""
    text = f"{high_water.lines} {high_water.first_ns} {high_water.last_ns}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _next_queries(
    question: Question, verdict: Verdict, choice: Choice, patterns: Sequence[AnsweredPattern]
) -> tuple[str, ...]:
    """Queries of the query language that a person would try next: in the time of the best incident where there is one,
    else in the time that was searched.
    """
    if verdict != "not_found" and choice.incidents:
        queries = _queries_of(choice.incidents[0])
    else:
        found = [pattern for pattern in patterns if pattern.count][:2]
        queries = [phrase(text) for text in question.identifiers[:1]] + [_pasted(each.template) for each in found]
    kept = [query for query in dict.fromkeys(queries) if query and len(query) <= CITATION_CHARACTERS]
    return tuple(kept[:NEXT_QUERIES])


def _queries_of(incident: Incident) -> list[str]:
    """What the kept lines prove to be there. What fell silent is not looked for."""
    queries = []
    for service in incident.services[:1]:
        is_loud = any(line.service == service and line.level in {"error", "warn"} for line in incident.evidence)
        queries.append(f"service:{phrase(service)}" + (" level:(error OR warn)" if is_loud else ""))
    shown = [each.template for each in incident.deviations if each.kind in {"appeared", "burst"} and each.template]
    return queries + [_pasted(template) for template in dict.fromkeys(shown)]


def _pasted(template: str) -> str:
    """The constant part of a template as one phrase: the longest stretch between its masks."""
    stretches = [" ".join(part.split()) for part in quote(template, TEMPLATE_CHARACTERS).split("<*>")]
    longest = max(stretches, key=len)
    return phrase(longest.strip("…").strip()) if len(longest) > 3 else ""


def answer_json(answer: Answer) -> dict[str, Any]:
    """The answer as CONTRACT `POST /v1/ask` has it; with `documents` where there are any; similar incidents have
    `learned` where what people said moved them, and by how much. Log text in it is plain: no control characters.
    """
    documents = [dataclasses.asdict(each) for each in answer.documents]
    return {
        "answer": answer.answer,
        "verdict": answer.verdict,
        "confidence": answer.confidence,
        "mode": answer.mode,
        "window": {
            "start": None if answer.start_ns is None else format_time(answer.start_ns),
            "end": format_time(answer.end_ns),
            "assumed": answer.assumed,
        },
        "claims": [claim_json(claim) for claim in answer.claims],
        "citations": [_citation_json(line) for line in answer.citations],
        "patterns": [_pattern_json(pattern) for pattern in answer.patterns],
        "similar": [_similar_json(each) for each in answer.similar],
        "next_queries": list(answer.next_queries),
        "read_as": answer.read_as,
        "revision": answer.revision,
        "as_of": format_time(answer.as_of_ns),
        "dropped_claims": answer.dropped_claims,
        "usage": {
            "model_calls": answer.model.calls if answer.model else 0,
            "tokens": answer.model.tokens if answer.model else 0,
        },
        **({} if answer.model is None else _model_json(answer, answer.model)),
        "took_ms": answer.took_ms,
        **({"documents": documents} if documents else {}),
    }


def _model_json(answer: Answer, use: ModelUse) -> Mapping[str, Any]:
    return {
        "model": {
            "name": use.model,
            "prompt": use.prompt,
            "parameters": dict(use.parameters),
            "outcome": use.outcome,
            "why": use.why,
            "refused": dict(use.refused),
        },
        "hypotheses": [
            {
                "text": each.text,
                "for": [claim_json(claim) for claim in each.speaks_for],
                "against": [claim_json(claim) for claim in each.speaks_against],
            }
            for each in answer.hypotheses
        ],
        "looks": [dataclasses.asdict(look) for look in answer.looks],
    }


def claim_json(claim: AnsweredClaim) -> dict[str, Any]:
    """A claim as replies show it."""
    return {"text": claim.text, "citations": list(claim.citations)}


def _citation_json(line: EvidenceLine) -> Mapping[str, str]:
    return {
        "id": line.id,
        "time": format_time(line.time_ns),
        "service": quote(line.service),
        "level": line.level,
        "message": quote(line.message, CITATION_CHARACTERS),
        "pattern_id": line.pattern_id,
        "url": f"/v1/context/{line.id}",
    }


def _pattern_json(pattern: AnsweredPattern) -> Mapping[str, Any]:
    return {
        "pattern_id": pattern.pattern_id,
        "template": pattern.template,
        "score": pattern.score,
        "count": pattern.count,
        "first_seen": format_time(pattern.first_ns),
        "last_seen": format_time(pattern.last_ns),
    }


def _similar_json(similar: Similar) -> Mapping[str, Any]:
    incident: Incident = similar.incident
    return {
        "incident_id": incident.incident_id,
        "score": similar.score,
        "title": quote(incident.title, TITLE_CHARACTERS),
        "shared": [quote(template) for template in similar.shared],
        "missing": [quote(template) for template in similar.missing],
        "extra": [quote(template) for template in similar.extra],
        **({"learned": similar.learned} if similar.learned else {}),
        "onset": [
            {"service": quote(each.service), "time": format_time(each.time_ns)} for each in told_onsets(incident)
        ],
    }
