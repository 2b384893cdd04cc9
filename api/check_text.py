"""The second half of the checker: a claim's sentence has to be one that its facts allow, word by word.

Facts are held against store and records in `api/check.py`; here they are put into words anew, without what the planner
computed, so that no word of a claim (an order, "only", a service beside another's count) can say more than they do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from api.claim import (
    Claim,
    CountFact,
    EndFact,
    ExtremeFact,
    Fact,
    IncidentsFact,
    LevelFact,
    LineFact,
    MomentFact,
    NamedFact,
    NoteFact,
    OrderFact,
    PatternFact,
    QuoteFact,
    SpanFact,
    SpreadFact,
    SumFact,
    TextCountFact,
    UsualFact,
    WhoFact,
)
from api.sentence import (
    Language,
    ago_said,
    delta_said,
    level_said,
    listed,
    moment_said,
    number_said,
    quote,
    say,
    time_said,
    told,
)
from index.incident import Incident, Note

QUOTED_CHARACTERS = 90
"""Longest quotation of a template within a sentence."""
SERVICES = 12
"""Of more services a sentence about a count names these first ones."""
_F = TypeVar("_F")


class Names:
    """What facts refer to by id: incidents, notes, and the names of patterns."""

    def __init__(
        self, incidents: Mapping[str, Incident], notes: Mapping[str, Note], patterns: Mapping[str, str]
    ) -> None:
        self.incidents = incidents
        self.notes = notes
        self.patterns = patterns


def is_said(claim: Claim, names: Names) -> bool:
    """Whether the claim's text is a sentence that its facts allow."""
    kinds = frozenset(type(fact) for fact in claim.facts)
    made = next((make for (needed, allowed), make in _SENTENCES if needed <= kinds <= allowed), None)
    return made is not None and claim.text in set(made(claim.facts, claim.language, names))


def _of(facts: Sequence[Fact], kind: type[_F]) -> list[_F]:
    return [fact for fact in facts if isinstance(fact, kind)]


def _quote(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for line, quoted in zip(_of(facts, LineFact), _of(facts, QuoteFact), strict=False):
        if line.line == quoted.line:
            service = quote(line.service, 80)
            yield say("claim.quote", language, service=service, time=time_said(line.time_ns), message=quoted.text)


def _end_of_pattern(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for line, end in zip(_of(facts, LineFact), _of(facts, ExtremeFact), strict=False):
        if line.line == end.line:
            service = quote(line.service, 80)
            yield say(f"claim.pattern_{end.which}", language, time=time_said(line.time_ns), service=service)


def _deviation(facts: Sequence[Fact], language: Language, names: Names) -> Iterator[str]:
    for count, usual in zip(_of(facts, CountFact), _of(facts, UsualFact), strict=False):
        template = _template(usual, names)
        is_less = count.value < usual.expected
        if template is None or is_less != (usual.kind == "vanished"):
            continue
        if (count.services, count.pattern_id, count.incident_id) == (
            (usual.service,),
            usual.pattern_id,
            usual.incident_id,
        ):
            yield say(
                "claim.vanished" if is_less else "claim.appeared",
                language,
                service=quote(usual.service, 80),
                template=template,
                level=_level(facts, usual.pattern_id, language),
                count=count.value,
                usual=number_said(usual.expected),
            )


def _slower(facts: Sequence[Fact], language: Language, names: Names) -> Iterator[str]:
    for usual in _of(facts, UsualFact):
        template = _template(usual, names)
        if template is not None and usual.observed is not None:
            yield say(
                "claim.slower",
                language,
                service=quote(usual.service, 80),
                template=template,
                before=told(usual.before, QUOTED_CHARACTERS),
                observed=delta_said(round(usual.observed * 1e9), language),
                usual=delta_said(round(usual.expected * 1e9), language),
            )


def _template(usual: UsualFact, names: Names) -> str | None:
    incident = names.incidents.get(usual.incident_id)
    for each in incident.deviations if incident else ():
        if (each.service, each.kind, each.pattern_id) == (usual.service, usual.kind, usual.pattern_id):
            return told(each.template, QUOTED_CHARACTERS)
    return None


def _level(facts: Sequence[Fact], pattern_id: str, language: Language) -> str:
    """Empty also when the level that is known is another pattern's: then nothing may be said of it."""
    levels = [fact.level for fact in _of(facts, LevelFact) if fact.pattern_id == pattern_id]
    return level_said(levels[0], language) if levels else ""


def _count(facts: Sequence[Fact], language: Language, names: Names) -> Iterator[str]:
    """The span may go without saying: the answer's own."""
    for count in _of(facts, CountFact):
        if count.pattern_id in names.patterns:
            for span in {"", _span(count, language)}:
                yield say(
                    "claim.pattern_count",
                    language,
                    template=told(names.patterns[count.pattern_id], QUOTED_CHARACTERS),
                    level=_level(facts, count.pattern_id, language),
                    count=count.value,
                    where=_where(count.services, language),
                    span=span,
                )


def _sum(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for total in _of(facts, SumFact):
        where, patterns = _where(total.services, language), len(total.pattern_ids)
        for span in {"", _span(total, language)}:
            yield say("claim.pattern_sum", language, count=total.value, patterns=patterns, where=where, span=span)


def _where(services: Sequence[str], language: Language) -> str:
    said = listed([quote(service, 80) for service in services[:SERVICES]], language)
    return say("claim.pattern_where", language, services=said) if said else ""


def _span(count: CountFact | SumFact, language: Language) -> str:
    if count.start_ns is None:
        return ""
    return say("claim.pattern_span", language, start=time_said(count.start_ns), end=time_said(count.end_ns))


def _text_count(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for count in _of(facts, TextCountFact):
        name = "claim.id_count" if count.as_id else "claim.identifier_count"
        yield say(name, language, text=quote(count.text), count=count.value)


def _incidents(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for fact in _of(facts, IncidentsFact):
        name = "claim.incidents_lately" if fact.within_days else "claim.incidents"
        yield say(name, language, count=len(fact.incident_ids), days=fact.within_days)


def _note(facts: Sequence[Fact], language: Language, names: Names) -> Iterator[str]:
    for fact in _of(facts, NoteFact):
        note = names.notes.get(fact.note_id)
        if note is not None:
            author = say("claim.by", language, author=quote(note.author, 60)) if note.author else ""
            if note.source:
                of = {"title": quote(note.name, 120), "source": quote(note.source, 120)}
                author += say("claim.of_document", language, **of)
            yield say(f"claim.note_{fact.field}", language, author=author, text=f"“{quote(fact.text, 500)}”")


def _lasted(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for span in _of(facts, SpanFact):
        yield say(
            "claim.when_touched" if span.services else "claim.when",
            language,
            duration=delta_said(span.end_ns - span.start_ns, language),
            end=moment_said(span.end_ns, span.as_of_ns, language),
            services=listed([quote(service, 80) for service in span.services], language),
        )


def _another(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    for moment, who in zip(_of(facts, MomentFact), _of(facts, WhoFact), strict=False):
        for name in ("another", "another_any", "less_alike") if moment.line == who.line else ():
            yield say(f"claim.{name}", language, **_when(moment, language), service=quote(who.service, 80))


def _story(facts: Sequence[Fact], language: Language, _names: Names) -> Iterator[str]:
    moment, ends = _of(facts, MomentFact)[0], _of(facts, EndFact)
    who = _silent(facts, language) if _of(facts, NamedFact) else _failed(moment, facts, language)
    if who is None or any(end.incident_id != moment.incident_id for end in ends):
        return
    spreads = _of(facts, SpreadFact)
    spread = say("story.spread", language, count=spreads[0].count) if spreads else ""
    leads = [f"story.{end.which}" for end in ends] or ["story.yes", "story.plain", "story.near"]
    if moment.beyond_days:
        leads = ["story.widened"]
    for name in leads:
        lead = say(name, language, days=moment.beyond_days)
        yield say("claim.story", language, lead=lead, **_when(moment, language), spread=spread, who=who)


def _when(moment: MomentFact, language: Language) -> dict[str, str]:
    return {
        "ago": ago_said(moment.time_ns, moment.as_of_ns, language),
        "when": moment_said(moment.time_ns, moment.as_of_ns, language),
    }


def _silent(facts: Sequence[Fact], language: Language) -> str:
    said = [quote(service, 80) for fact in _of(facts, NamedFact) for service in fact.services]
    return say("story.silent", language, services=listed(said, language))


def _failed(moment: MomentFact, facts: Sequence[Fact], language: Language) -> str | None:
    """Who failed first and who followed: each follower's time is told from the line that shows the first."""
    wrote = {fact.line: fact.service for fact in _of(facts, WhoFact)}
    quoted = [fact.text for fact in _of(facts, QuoteFact) if fact.line == moment.line]
    orders = _of(facts, OrderFact)
    known = {moment.line, *(order.later for order in orders)}
    if not quoted or known != set(wrote) or any(order.first != moment.line for order in orders):
        return None
    opening = say(
        "story.first_failed" if orders else "story.only",
        language,
        service=quote(wrote[moment.line], 80),
        sign=say("story.sign", language, text=quoted[0]),
    )
    later = [
        say(
            "story.followed",
            language,
            service=quote(wrote[order.later], 80),
            delta=delta_said(order.delta_ns, language),
        )
        for order in orders
    ]
    return opening + "".join(later)


_Make = Callable[[Sequence[Fact], Language, Names], Iterator[str]]
_Kinds = frozenset[type[Fact]]


def _row(make: _Make, needed: Sequence[type[Fact]], *more: type[Fact]) -> tuple[tuple[_Kinds, _Kinds], _Make]:
    return (frozenset(needed), frozenset((*needed, *more))), make


_SENTENCES = (
    _row(_quote, [LineFact, QuoteFact]),
    _row(_end_of_pattern, [LineFact, ExtremeFact]),
    _row(_deviation, [CountFact, UsualFact], LevelFact),
    _row(_slower, [UsualFact]),
    _row(_count, [CountFact], PatternFact, LevelFact),
    _row(_sum, [SumFact], PatternFact),
    _row(_text_count, [TextCountFact]),
    _row(_incidents, [IncidentsFact]),
    _row(_note, [NoteFact]),
    _row(_lasted, [SpanFact]),
    _row(_another, [MomentFact, WhoFact]),
    _row(_story, [MomentFact, NamedFact], SpreadFact, EndFact),
    _row(_story, [MomentFact, WhoFact, QuoteFact], OrderFact, SpreadFact, EndFact),
)
"""Which facts a sentence needs and which more it may state."""
