"""Claims about incidents: when, who failed first and who followed, what deviated, what people noted."""

from collections.abc import Iterator, Sequence
from typing import Literal

from api.claim import (
    Claim,
    CountFact,
    EndFact,
    Fact,
    IncidentsFact,
    LevelFact,
    LineFact,
    MomentFact,
    NamedFact,
    NoteFact,
    OrderFact,
    QuoteFact,
    SpanFact,
    SpreadFact,
    UsualFact,
    WhoFact,
    claim,
)
from api.evidence import Evidence
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
from index.incident import Deviation, EvidenceLine, Incident, Note, Onset
from index.incident_first import deviating

Another = Literal["another", "another_any"]
FOLLOWERS = 4
"""Services named after the first in the opening sentence (a guess: more is a list, not a sentence)."""
SLOWER = 1.5
"""What takes less than so many times as long as usual is not told of as slower (a guess)."""
DEVIATIONS = 4
NOTES = 4
SERVICES = 6
FURTHER = 2
MESSAGE_CHARACTERS = 120
TOLD_CHARACTERS = 90
"""Of a line or template within a sentence (a guess: one line of a terminal)."""


def incident_claims(
    incident: Incident,
    further: Sequence[Incident],
    notes: Sequence[Note],
    evidence: Evidence,
    language: Language,
    as_of_ns: int,
    *,
    another: Another = "another",
    close: Sequence[Incident] | None = None,
) -> list[Claim]:
    """About `incident` first, then its notes, then `further` ones: few that are like it, or all of any kind. `close`:
    those that fit what was asked about as well (None: all do); of the others it is said that they do not.
    """
    claims = [
        *_span(incident, language, as_of_ns),
        *_deviations(incident, evidence, language),
        *_loudest(incident, language),
        *noted_claims(incident, notes, language),
    ]
    for other in further[:FURTHER] if another == "another" else further:
        fits = another != "another" or close is None or other in close
        claims += _another(other, language, as_of_ns, another if fits else "less_alike")
    return claims


def story_claim(
    incident: Incident,
    lead: str,
    language: Language,
    as_of_ns: int,
    *,
    beyond_days: int = 0,
    end: EndFact | None = None,
) -> Claim:
    """The opening sentence: when it was, who failed first, who followed and how much later. `end`: what a lead states
    that calls it the first or the last.
    """
    shown = shown_onsets(incident)
    facts: list[Fact] = [
        MomentFact(
            time_ns=shown[0].time_ns if shown else incident.start_ns,
            as_of_ns=as_of_ns,
            line=shown[0].id if shown else "",
            incident_id=incident.incident_id,
            beyond_days=beyond_days,
        )
    ]
    facts += [end] if end is not None else []
    spread = ""
    if len(incident.services) > 2:
        facts.append(SpreadFact(incident.incident_id, len(incident.services)))
        spread = say("story.spread", language, count=len(incident.services))
    who = _who(incident, shown, facts, language)
    cited = tuple(line.id for line in shown[: FOLLOWERS + 1]) or _onset_line(incident)
    time_ns = shown[0].time_ns if shown else incident.start_ns
    return claim(
        "story",
        language,
        tuple(facts),
        cited,
        lead=lead,
        ago=ago_said(time_ns, as_of_ns, language),
        when=moment_said(time_ns, as_of_ns, language),
        spread=spread,
        who=who,
    )


def _who(incident: Incident, shown: Sequence[EvidenceLine], facts: list[Fact], language: Language) -> str:
    """Who failed first and who followed, in words; adds to `facts` what they state."""
    if not shown:
        # Silence has no line that could show who was first.
        services = incident.services[:SERVICES]
        facts.append(NamedFact(incident.incident_id, services))
        said = listed([quote(service, 80) for service in services], language)
        return say("story.silent", language, services=said)
    first, *later = shown[: FOLLOWERS + 1]
    text = told(first.message, TOLD_CHARACTERS)
    facts += [WhoFact(first.id, first.service), QuoteFact(first.id, text)]
    opening = say(
        "story.first_failed" if later else "story.only",
        language,
        service=quote(first.service, 80),
        sign=say("story.sign", language, text=text),
    )
    for line in later:
        delta_ns = line.time_ns - first.time_ns
        facts += [WhoFact(line.id, line.service), OrderFact(first.id, line.id, delta_ns)]
        opening += say(
            "story.followed", language, service=quote(line.service, 80), delta=delta_said(delta_ns, language)
        )
    return opening


def told_onsets(incident: Incident) -> list[Onset]:
    """Who failed first and who followed, without services that hardly deviated beside the others."""
    strong, shown = deviating(incident.deviations), {each.service for each in incident.deviations}
    places = {service: place for place, service in enumerate(incident.services)}
    # Services that fell silent share the start of the window: the faulty one, named first, goes first among them.
    return sorted(
        (onset for onset in incident.onset if onset.service in strong or onset.service not in shown),
        key=lambda onset: (onset.time_ns, places.get(onset.service, len(places)), onset.service),
    )


def shown_onsets(incident: Incident) -> list[EvidenceLine]:
    """The lines that show who failed first and who followed, by time; none when the first has no line to show it."""
    lines = {line.id: line for line in incident.evidence}
    onsets = told_onsets(incident)
    if not onsets or onsets[0].line_id not in lines or lines[onsets[0].line_id].time_ns > onsets[0].time_ns:
        return []
    shown = [lines[onset.line_id] for onset in onsets if onset.line_id in lines]
    return [line for line in shown if line.time_ns >= shown[0].time_ns]


def matching_claim(
    incidents: Sequence[Incident], language: Language, *, as_of_ns: int = 0, within_days: int = 0
) -> Claim:
    """How many incidents fit the question; of the last `within_days` days, if given."""
    ids = tuple(incident.incident_id for incident in incidents)
    cited = tuple(line for incident in incidents for line in _onset_line(incident))
    fact = IncidentsFact(ids, as_of_ns, within_days)
    name = "incidents_lately" if within_days else "incidents"
    return claim(name, language, (fact,), cited, count=len(ids), days=within_days)


def _onset_line(incident: Incident) -> tuple[str, ...]:
    """The line that shows how it began: of the first onset that has one, else the earliest kept."""
    kept = {line.id for line in incident.evidence}
    shown = [onset.line_id for onset in incident.onset if onset.line_id in kept]
    return tuple((shown or [line.id for line in incident.evidence])[:1])


def _span(incident: Incident, language: Language, as_of_ns: int) -> Iterator[Claim]:
    """How long, and the services that the opening sentence does not name."""
    named = {line.service for line in shown_onsets(incident)[: FOLLOWERS + 1]}
    services = tuple(service for service in incident.services if service not in named)[:SERVICES] if named else ()
    fact = SpanFact(incident.incident_id, incident.start_ns, incident.end_ns, services, as_of_ns)
    # Evidence of what vanished may be older than the incident: the last line before the silence.
    shown = [line.id for line in incident.evidence if incident.start_ns <= line.time_ns < incident.end_ns]
    cited = [shown[0], shown[-1]] if shown else []
    yield claim(
        "when_touched" if services else "when",
        language,
        (fact,),
        tuple(cited),
        duration=delta_said(incident.end_ns - incident.start_ns, language),
        end=moment_said(incident.end_ns, as_of_ns, language),
        services=listed([quote(service, 80) for service in services], language),
    )


def _deviations(incident: Incident, evidence: Evidence, language: Language) -> Iterator[Claim]:
    remarked = {name for each in incident.deviations if each.is_remark for name in each.evidence[:1]}
    yield from (quote_claim(line, language) for line in incident.evidence if line.id in remarked)
    said = 0
    for deviation in (each for each in incident.deviations if not each.is_remark):
        found = _slower(incident, deviation, language) if deviation.kind == "slower" else None
        if deviation.kind in {"appeared", "burst", "vanished"}:
            found = _counted(incident, deviation, evidence, language)
        if found is not None:
            yield found
            said += 1
        if said == DEVIATIONS:
            return


def _counted(incident: Incident, deviation: Deviation, evidence: Evidence, language: Language) -> Claim | None:
    """The count is the store's; where retention has dropped the lines, that of the incident's record."""
    counts = evidence.incident_counts
    value = round(deviation.observed) if counts is None else counts.get((deviation.pattern_id, deviation.service), 0)
    is_silent = deviation.kind == "vanished"
    if is_silent != (value < deviation.expected) or not deviation.evidence:
        return None
    count = CountFact(
        deviation.pattern_id, incident.start_ns, incident.end_ns, (deviation.service,), value, incident.incident_id
    )
    level = evidence.levels.get(deviation.pattern_id, "")
    usual = _usual(incident, deviation)
    return claim(
        "vanished" if is_silent else "appeared",
        language,
        (count, usual, *level_facts(deviation.pattern_id, level)),
        deviation.evidence[:2],
        service=quote(deviation.service, 80),
        template=told(deviation.template, TOLD_CHARACTERS),
        level=level_said(level, language),
        count=value,
        usual=number_said(deviation.expected),
    )


def level_facts(pattern_id: str, level: str) -> tuple[LevelFact, ...]:
    """The same words may be written at another level too: then they are another pattern, and are not counted."""
    return (LevelFact(pattern_id, level),) if level else ()


def _slower(incident: Incident, deviation: Deviation, language: Language) -> Claim | None:
    if not deviation.evidence or deviation.observed < SLOWER * deviation.expected:
        return None
    return claim(
        "slower",
        language,
        (_usual(incident, deviation, observed=deviation.observed),),
        deviation.evidence[:2],
        service=quote(deviation.service, 80),
        template=told(deviation.template, TOLD_CHARACTERS),
        before=told(deviation.before_template, TOLD_CHARACTERS),
        observed=delta_said(round(deviation.observed * 1e9), language),
        usual=delta_said(round(deviation.expected * 1e9), language),
    )


def _usual(incident: Incident, deviation: Deviation, *, observed: float | None = None) -> UsualFact:
    return UsualFact(
        incident.incident_id,
        deviation.service,
        deviation.kind,
        deviation.pattern_id,
        deviation.before_template,
        deviation.expected,
        observed,
    )


def _loudest(incident: Incident, language: Language) -> Iterator[Claim]:
    """The first line of the worst level, in its own words."""
    for level in ("fatal", "error", "warn"):
        for line in incident.evidence:
            if line.level == level:
                yield quote_claim(line, language)
                return


def quote_claim(line: EvidenceLine, language: Language) -> Claim:
    """What a line says."""
    text = told(line.message, MESSAGE_CHARACTERS)
    facts = (LineFact(line.id, line.service, line.time_ns), QuoteFact(line.id, text))
    return claim(
        "quote",
        language,
        facts,
        (line.id,),
        service=quote(line.service, 80),
        time=time_said(line.time_ns),
        message=text,
    )


def noted_claims(incident: Incident, notes: Sequence[Note], language: Language) -> list[Claim]:
    """Notes of the incident, else of its family's first, else of its patterns."""
    patterns = {deviation.pattern_id for deviation in incident.deviations if deviation.pattern_id}
    targets: list[set[str]] = [{incident.incident_id}, {incident.family_id}, patterns]
    chosen = next((found for target in targets if (found := [note for note in notes if note.target in target])), [])
    said = [made for note in chosen for made in note_claims(note, incident.evidence[:1], language)]
    return said[:NOTES]


def note_claims(note: Note, lines: Sequence[EvidenceLine], language: Language) -> Iterator[Claim]:
    """What a person knows, in their words."""
    author = say("claim.by", language, author=quote(note.author, 60)) if note.author else ""
    if note.source:
        author += say("claim.of_document", language, title=quote(note.name, 120), source=quote(note.source, 120))
    for field in ("cause", "fix", "runbook", "text"):
        text = getattr(note, field)
        if text:
            yield claim(
                f"note_{field}",
                language,
                (NoteFact(note.note_id, field, text),),
                tuple(line.id for line in lines),
                author=author,
                text=f"“{quote(text, 500)}”",
            )


def _another(incident: Incident, language: Language, as_of_ns: int, name: str) -> Iterator[Claim]:
    shown = shown_onsets(incident)
    if not shown:
        return
    first = shown[0]
    yield claim(
        name,
        language,
        (MomentFact(first.time_ns, as_of_ns, first.id), WhoFact(first.id, first.service)),
        (first.id,),
        ago=ago_said(first.time_ns, as_of_ns, language),
        when=moment_said(first.time_ns, as_of_ns, language),
        service=quote(first.service, 80),
    )
