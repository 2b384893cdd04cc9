"""The checker: reads every cited line again, recomputes every number, and keeps only claims that hold.

It works from the second round trip to the store and from the generation's records, shares no computing code with the
planner, and does not care who wrote a claim: facts must be true, every cited line must show one of them, and the
sentence must be one that they allow (`api/check_text.py`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

from api.check_records import Records, anything, beyond, counted, summed
from api.check_text import is_said
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
from api.sentence import quote
from index.generation import Generation
from index.incident import Deviation, EvidenceLine, Incident
from index.line_store import LineStore

_WHOLE_MESSAGE = 4096
_DAY_NS = 86_400_000_000_000


@dataclasses.dataclass(frozen=True)
class Checked:
    """Claims that hold, in order, the lines that they cite by id, and how many claims did not hold."""

    claims: tuple[Claim, ...]
    lines: Mapping[str, EvidenceLine]
    dropped: int


def check(claims: Sequence[Claim], *, store: LineStore, generation: Generation) -> Checked:
    """One round trip: all cited lines in one read, one count for each distinct number that is claimed. Raises
    RefusedError.
    """
    records = Records(claims, store, generation)
    kept = tuple(claim for claim in claims if _holds(claim, records))
    cited = {line: records.lines[line] for claim in kept for line in claim.citations}
    return Checked(kept, dict(sorted(cited.items())), len(claims) - len(kept))


def _holds(claim: Claim, records: Records) -> bool:
    cited = all(line in records.lines for line in claim.citations)
    if not cited or not is_said(claim, records.names):
        return False
    shown = all(any(_shows(records.lines[line], fact, records) for fact in claim.facts) for line in claim.citations)
    return shown and all(_is_true(fact, claim, records) for fact in claim.facts)


def _shows(line: EvidenceLine, fact: Fact, records: Records) -> bool:
    """Whether the line has anything to do with the fact: a citation that shows nothing proves nothing."""
    match fact:
        case LineFact() | WhoFact() | QuoteFact() | PatternFact() | ExtremeFact():
            return line.id == fact.line
        case MomentFact(line=""):
            return _is_evidence(line, [fact.incident_id], records)
        case MomentFact():
            return line.id == fact.line
        case OrderFact():
            return line.id in {fact.first, fact.later}
        case UsualFact():
            deviation = _deviation(fact, records)
            return deviation is not None and line.id in deviation.evidence
        case SpanFact():
            return fact.start_ns <= line.time_ns < fact.end_ns and _is_evidence(line, [fact.incident_id], records)
        case IncidentsFact():
            return _is_evidence(line, fact.incident_ids, records)
        case TextCountFact():
            in_span = line.time_ns < fact.end_ns and (fact.start_ns is None or fact.start_ns <= line.time_ns)
            return in_span and _holds_text(line, fact, records)
        case NoteFact():
            return _is_noted(line, fact, records)
        case _:
            return False


def _holds_text(line: EvidenceLine, fact: TextCountFact, records: Records) -> bool:
    if quote(fact.text, _WHOLE_MESSAGE).lower() in quote(line.message, _WHOLE_MESSAGE).lower():
        return True
    return fact.as_id and f'"{fact.text}"' in records.attributes.get(line.id, "")


def _is_evidence(line: EvidenceLine, incident_ids: Sequence[str], records: Records) -> bool:
    incidents = (records.incidents[each] for each in incident_ids if each in records.incidents)
    return any(line.id == kept.id for incident in incidents for kept in incident.evidence)


def _is_noted(line: EvidenceLine, fact: NoteFact, records: Records) -> bool:
    """The note is of the line's pattern, or of an incident, a family or a deviating pattern that the line shows."""
    note = records.notes.get(fact.note_id)
    if note is None:
        return False
    noted = [
        incident.incident_id
        for incident in records.incidents.values()
        if note.target in {incident.incident_id, incident.family_id, *(d.pattern_id for d in incident.deviations)}
    ]
    return line.pattern_id == note.target or _is_evidence(line, noted, records)


def _is_true(fact: Fact, claim: Claim, records: Records) -> bool:
    match fact:
        case LineFact() | WhoFact() | PatternFact() | QuoteFact():
            line = _cited(fact.line, claim, records)
            return line is not None and _is_of_line(fact, line, claim)
        case OrderFact():
            first, later = _cited(fact.first, claim, records), _cited(fact.later, claim, records)
            return first is not None and later is not None and later.time_ns - first.time_ns == fact.delta_ns >= 0
        case MomentFact():
            return _is_moment(fact, claim, records)
        case EndFact():
            return _is_end(fact, records)
        case LevelFact():
            return records.levels(fact.pattern_id) == [fact.level]
        case CountFact() | SumFact() | TextCountFact():
            return _counted(fact, records) == fact.value
        case ExtremeFact():
            return _is_extreme(fact, claim, records)
        case _:
            return _is_recorded(fact, records)


def _is_of_line(fact: LineFact | WhoFact | PatternFact | QuoteFact, line: EvidenceLine, claim: Claim) -> bool:
    match fact:
        case LineFact():
            return (line.service, line.time_ns) == (fact.service, fact.time_ns)
        case WhoFact():
            return line.service == fact.service
        case PatternFact():
            return line.pattern_id == fact.pattern_id and _is_counted(line, claim)
        case QuoteFact():
            said = fact.text.removesuffix("…")
            return bool(said) and said in quote(line.message, _WHOLE_MESSAGE)


def _counted(fact: CountFact | SumFact | TextCountFact, records: Records) -> int | None:
    """The number as it comes out now; None when it cannot be told."""
    match fact:
        case CountFact():
            return _count(fact, records)
        case TextCountFact():
            return records.text_total(fact)
        case SumFact():
            return None if len(set(fact.pattern_ids)) != len(fact.pattern_ids) else records.count(summed(fact))


def _is_moment(fact: MomentFact, claim: Claim, records: Records) -> bool:
    if fact.beyond_days and fact.time_ns > fact.as_of_ns - fact.beyond_days * _DAY_NS:
        return False
    if fact.line:
        line = _cited(fact.line, claim, records)
        return line is not None and line.time_ns == fact.time_ns
    incident = records.incidents.get(fact.incident_id)
    return incident is not None and incident.start_ns == fact.time_ns


def _is_recorded(
    fact: UsualFact | SpreadFact | NamedFact | SpanFact | IncidentsFact | NoteFact, records: Records
) -> bool:
    match fact:
        case NamedFact():
            incident = records.incidents.get(fact.incident_id)
            return incident is not None and set(fact.services) <= set(incident.services)
        case SpreadFact():
            incident = records.incidents.get(fact.incident_id)
            return incident is not None and len(set(incident.services)) == fact.count
        case UsualFact():
            deviation = _deviation(fact, records)
            if deviation is None or deviation.expected != fact.expected:
                return False
            return fact.observed is None or fact.observed == deviation.observed
        case SpanFact():
            incident = records.incidents.get(fact.incident_id)
            if incident is None or (incident.start_ns, incident.end_ns) != (fact.start_ns, fact.end_ns):
                return False
            return set(fact.services) <= set(incident.services)
        case IncidentsFact():
            ids = fact.incident_ids
            if len(set(ids)) != len(ids) or any(each not in records.incidents for each in ids):
                return False
            since_ns = fact.as_of_ns - fact.within_days * _DAY_NS
            return not fact.within_days or all(records.incidents[each].end_ns > since_ns for each in ids)
        case NoteFact():
            note = records.notes.get(fact.note_id)
            return note is not None and getattr(note, fact.field) == fact.text


def _is_end(fact: EndFact, records: Records) -> bool:
    begun = {each: records.incidents[each].start_ns for each in fact.among if each in records.incidents}
    if fact.incident_id not in begun:
        return False
    this, last = begun[fact.incident_id], max(begun.values())
    if fact.which == "again":
        return this < last
    return this == (last if fact.which == "last" else min(begun.values()))


def _cited(line: str, claim: Claim, records: Records) -> EvidenceLine | None:
    return records.lines.get(line) if line in claim.citations else None


def _is_counted(line: EvidenceLine, claim: Claim) -> bool:
    """Whether the line is one of those that the claim counts, as far as span and services go."""
    return all(
        line.time_ns < fact.end_ns
        and (fact.start_ns is None or fact.start_ns <= line.time_ns)
        and (not fact.services or line.service in fact.services)
        for fact in claim.facts
        if isinstance(fact, CountFact | SumFact)
    )


def _count(fact: CountFact, records: Records) -> int:
    """From the store; from the incident's record where nothing of its span is retained any more."""
    incident = records.incidents.get(fact.incident_id)
    if incident is not None and records.count(anything(fact)) == 0:
        return sum(
            round(deviation.observed)
            for deviation in incident.deviations
            if deviation.pattern_id == fact.pattern_id
            and deviation.service in fact.services
            and deviation.kind in {"appeared", "burst", "vanished"}
        )
    return records.count(counted(fact))


def _is_extreme(fact: ExtremeFact, claim: Claim, records: Records) -> bool:
    """The cited line is one of those asked about, and none of them lies beyond it."""
    line = _cited(fact.line, claim, records)
    if line is None or line.pattern_id != fact.pattern_id or line.time_ns != fact.time_ns:
        return False
    is_inside = line.time_ns < fact.end_ns and (fact.start_ns is None or fact.start_ns <= line.time_ns)
    if not is_inside or (fact.services and line.service not in fact.services):
        return False
    return records.count(beyond(fact)) == 0


def _deviation(fact: UsualFact, records: Records) -> Deviation | None:
    incident: Incident | None = records.incidents.get(fact.incident_id)
    wanted = (fact.service, fact.kind, fact.pattern_id, fact.before)
    deviations = incident.deviations if incident else ()
    return next((d for d in deviations if (d.service, d.kind, d.pattern_id, d.before_template) == wanted), None)
