"""Claims about incidents: when, who failed first and who followed, what deviated, what people noted."""

from collections.abc import Iterator, Mapping, Sequence

from api.claim import (
    Claim,
    CountFact,
    IncidentsFact,
    LineFact,
    NoteFact,
    OrderFact,
    QuoteFact,
    SpanFact,
    UsualFact,
    claim,
)
from api.evidence import Evidence
from api.sentence import Language, delta_said, listed, number_said, quote, say, time_said
from index.incident import Deviation, EvidenceLine, Incident, Note

FOLLOWERS = 5
"""Services named after the first (a guess: more is a list, not a sentence)."""
DEVIATIONS = 4
NOTES = 4
SERVICES = 6
FURTHER = 2
MESSAGE_CHARACTERS = 200


def incident_claims(
    incident: Incident, further: Sequence[Incident], notes: Sequence[Note], evidence: Evidence, language: Language
) -> list[Claim]:
    """About `incident` first, then its notes, then `further` ones like it."""
    lines = {line.id: line for line in incident.evidence}
    claims = [
        *_span(incident, language),
        *_onset(incident, lines, language),
        *_deviations(incident, evidence.incident_counts, language),
        *_loudest(incident, language),
        *_notes(incident, notes, language),
    ]
    for other in further[:FURTHER]:
        claims += _another(other, language)
    return claims


def matching_claim(incidents: Sequence[Incident], language: Language) -> Claim:
    """How many incidents fit the question."""
    ids = tuple(incident.incident_id for incident in incidents)
    cited = tuple(line for incident in incidents for line in _onset_line(incident))
    return claim("incidents", language, (IncidentsFact(ids),), cited, count=len(ids))


def _onset_line(incident: Incident) -> tuple[str, ...]:
    """The line that shows how it began: of the first onset that has one, else the earliest kept."""
    kept = {line.id for line in incident.evidence}
    shown = [onset.line_id for onset in incident.onset if onset.line_id in kept]
    return tuple((shown or [line.id for line in incident.evidence])[:1])


def _span(incident: Incident, language: Language) -> Iterator[Claim]:
    services = incident.services[:SERVICES]
    fact = SpanFact(incident.incident_id, incident.start_ns, incident.end_ns, services)
    cited = [incident.evidence[0].id, incident.evidence[-1].id] if incident.evidence else []
    yield claim(
        "when",
        language,
        (fact,),
        tuple(cited),
        start=time_said(incident.start_ns),
        end=time_said(incident.end_ns),
        services=listed([quote(service, 80) for service in services], language),
    )


def _onset(incident: Incident, lines: Mapping[str, EvidenceLine], language: Language) -> Iterator[Claim]:
    places = {service: place for place, service in enumerate(incident.services)}
    # Services that fell silent share the start of the window: the faulty one, named first, goes first among them.
    ordered = sorted(incident.onset, key=lambda onset: (onset.time_ns, places.get(onset.service, len(places))))
    known = [onset for onset in ordered if onset.line_id in lines]
    if not known or known[0] != ordered[0]:
        # Who failed first cannot be shown by a line: silence has none.
        return
    first = lines[known[0].line_id]
    yield claim(
        "first_failed",
        language,
        (LineFact(first.id, first.service, first.time_ns),),
        (first.id,),
        service=quote(first.service, 80),
        time=time_said(first.time_ns),
    )
    for onset in known[1 : FOLLOWERS + 1]:
        later = lines[onset.line_id]
        delta_ns = later.time_ns - first.time_ns
        if delta_ns < 0:
            continue
        yield claim(
            "followed",
            language,
            (LineFact(later.id, later.service, later.time_ns), OrderFact(first.id, later.id, delta_ns)),
            (first.id, later.id),
            service=quote(later.service, 80),
            delta=delta_said(delta_ns, language),
            time=time_said(later.time_ns),
        )


def _deviations(incident: Incident, counts: Mapping[tuple[str, str], int], language: Language) -> Iterator[Claim]:
    said = 0
    for deviation in incident.deviations:
        found = _slower(incident, deviation, language) if deviation.kind == "slower" else None
        if deviation.kind in {"appeared", "burst", "vanished"}:
            found = _counted(incident, deviation, counts, language)
        if found is not None:
            yield found
            said += 1
        if said == DEVIATIONS:
            return


def _counted(
    incident: Incident, deviation: Deviation, counts: Mapping[tuple[str, str], int], language: Language
) -> Claim | None:
    """The count is the store's; where retention has dropped the lines, that of the incident's record."""
    value = counts.get((deviation.pattern_id, deviation.service), 0) if counts else round(deviation.observed)
    is_silent = deviation.kind == "vanished"
    if is_silent != (value < deviation.expected) or not deviation.evidence:
        return None
    count = CountFact(
        deviation.pattern_id, incident.start_ns, incident.end_ns, (deviation.service,), value, incident.incident_id
    )
    usual = _usual(incident, deviation)
    return claim(
        "vanished" if is_silent else "appeared",
        language,
        (count, usual),
        deviation.evidence[:2],
        service=quote(deviation.service, 80),
        template=quote(deviation.template),
        count=value,
        usual=number_said(deviation.expected),
    )


def _slower(incident: Incident, deviation: Deviation, language: Language) -> Claim | None:
    if not deviation.evidence:
        return None
    return claim(
        "slower",
        language,
        (_usual(incident, deviation, observed=deviation.observed),),
        deviation.evidence[:2],
        service=quote(deviation.service, 80),
        template=quote(deviation.template),
        before=quote(deviation.before_template),
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
    text = quote(line.message, MESSAGE_CHARACTERS)
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


def _notes(incident: Incident, notes: Sequence[Note], language: Language) -> Iterator[Claim]:
    """Notes of the incident, else of its family's first, else of its patterns."""
    patterns = {deviation.pattern_id for deviation in incident.deviations if deviation.pattern_id}
    targets: list[set[str]] = [{incident.incident_id}, {incident.family_id}, patterns]
    chosen = next((found for target in targets if (found := [note for note in notes if note.target in target])), [])
    said = [made for note in chosen for made in note_claims(note, incident.evidence[:1], language)]
    yield from said[:NOTES]


def note_claims(note: Note, lines: Sequence[EvidenceLine], language: Language) -> Iterator[Claim]:
    """What a person knows, in their words."""
    author = say("claim.by", language, author=quote(note.author, 60)) if note.author else ""
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


def _another(incident: Incident, language: Language) -> Iterator[Claim]:
    cited = _onset_line(incident)
    yield claim(
        "another",
        language,
        (SpanFact(incident.incident_id, incident.start_ns, incident.end_ns, ()),),
        cited,
        title=quote(incident.title, 160),
        start=time_said(incident.start_ns),
        end=time_said(incident.end_ns),
    )
