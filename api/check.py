"""The checker: reads every cited line again, recomputes every number, and keeps only claims that hold.

It works from the second round trip to the store and from the generation's records, shares no computing code with the
planner, and does not care who wrote a claim: facts must be true, every cited line must show one of them, and the
sentence must be one that they allow (`api/check_text.py`).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import polars as pl

from api.check_text import Names, is_said
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
from index.line_store import LineFilter, LineStore
from ingest.errors import InputError
from ingest.line import split_line_id

_WHOLE_MESSAGE = 4096
_ID_DEADLINE_S = 5.0
_DAY_NS = 86_400_000_000_000


@dataclasses.dataclass(frozen=True)
class Checked:
    """Claims that hold, in order, the lines that they cite by id, and how many claims did not hold."""

    claims: tuple[Claim, ...]
    lines: Mapping[str, EvidenceLine]
    dropped: int


def check(claims: Sequence[Claim], *, store: LineStore, generation: Generation) -> Checked:
    """One round trip: all cited lines in one read, one count for each distinct number that is claimed."""
    records = _Records(claims, store, generation)
    kept = tuple(claim for claim in claims if _holds(claim, records))
    cited = {line: records.lines[line] for claim in kept for line in claim.citations}
    return Checked(kept, dict(sorted(cited.items())), len(claims) - len(kept))


class _Records:
    """What claims are held against: lines read again, counts, incidents and notes."""

    def __init__(self, claims: Sequence[Claim], store: LineStore, generation: Generation) -> None:
        facts = [fact for claim in claims for fact in claim.facts]
        self.generation = generation
        self.incidents = {incident.incident_id: incident for incident in generation.incidents}
        self.notes = {note.note_id: note for note in generation.notes}
        self.pattern_of = dict(generation.patterns.members.iter_rows())
        self.lines = self._read(claims, store)
        self._store = store
        self._counts: dict[tuple[str, int | None, int, tuple[str, ...]], int] = {}
        self.names = Names(
            self.incidents, self.notes, dict(generation.patterns.patterns.select("pattern_id", "name").iter_rows())
        )
        self.text_totals = {fact: _text_total(store, fact) for fact in facts if isinstance(fact, TextCountFact)}

    def _read(self, claims: Sequence[Claim], store: LineStore) -> dict[str, EvidenceLine]:
        """Cited lines; one that retention has dropped comes from the incident that kept a copy."""
        cited = sorted({line for claim in claims for line in claim.citations})
        places = [place for line in cited if (place := _place(line)) is not None]
        found: dict[str, EvidenceLine] = {}
        self.attributes: dict[str, str] = {}
        for row in (store.read(places) if places else pl.DataFrame()).iter_rows(named=True):
            line = f"{row['source']}-{row['position']}"
            pattern_id = self.pattern_of.get(row["signature"], "")
            self.attributes[line] = row["attributes"] or ""
            values = (row["service"], row["level"], row["message"], pattern_id, row["source"], row["position"])
            found[line] = EvidenceLine(line, row["time_ns"], *values)
        copies = {line.id: line for incident in self.incidents.values() for line in incident.evidence}
        return {**{line: copies[line] for line in cited if line in copies}, **found}

    def count(self, pattern_id: str, start_ns: int | None, end_ns: int, services: tuple[str, ...]) -> int:
        """Lines of the pattern in the span, of these services or of all. Each is counted once."""
        key = (pattern_id, start_ns, end_ns, services)
        if key not in self._counts:
            signatures = tuple(sorted(each for each, name in self.pattern_of.items() if name == pattern_id))
            where = LineFilter("*", start_ns, end_ns, services, (), signatures)
            self._counts[key] = _lines_of(self._store, where) if signatures and end_ns > (start_ns or 0) else 0
        return self._counts[key]

    def levels(self, pattern_id: str) -> list[str]:
        """All levels of the pattern's lines."""
        rows = self.generation.counts.filter(pl.col("pattern_id") == pattern_id)
        return sorted(rows["level"].unique().to_list())

    def count_all(self, fact: SumFact) -> int | None:
        """Lines of several patterns at once; None when one is named twice."""
        ids = set(fact.pattern_ids)
        if len(ids) != len(fact.pattern_ids):
            return None
        signatures = tuple(sorted(each for each, name in self.pattern_of.items() if name in ids))
        return _lines_of(self._store, LineFilter("*", fact.start_ns, fact.end_ns, fact.services, (), signatures))

    def holds_nothing(self, start_ns: int | None, end_ns: int) -> bool:
        """Whether no line of the span is retained."""
        key = ("", start_ns, end_ns, ())
        if key not in self._counts:
            self._counts[key] = _lines_of(self._store, LineFilter("*", start_ns, end_ns))
        return self._counts[key] == 0


def _lines_of(store: LineStore, where: LineFilter) -> int:
    """Counted by the store over whole days, from its ledger."""
    return int(store.histogram(where, step_ns=_DAY_NS).rows["count"].sum())


def _place(line: str) -> tuple[str, int] | None:
    try:
        return split_line_id(line)
    except InputError:
        return None


def _text_total(store: LineStore, fact: TextCountFact) -> int | None:
    escaped = fact.text.replace("\\", "\\\\").replace('"', '\\"')
    where = LineFilter(f'"{escaped}"', fact.start_ns, fact.end_ns, fact.services)
    page = store.search(where, limit=1)
    total = page.total if page.total_exact and not page.partial else None
    return _with_carriers(store, fact, total) if fact.as_id and total is not None else total


def _with_carriers(store: LineStore, fact: TextCountFact, total: int) -> int | None:
    """With the lines that have the text as an attribute alone; those that also say it are counted already."""
    where = LineFilter("*", fact.start_ns, fact.end_ns, fact.services)
    said, carried = fact.text.lower(), f'"{fact.text}"'
    try:
        for frame in store.scan(where, ("message", "attributes"), deadline_s=_ID_DEADLINE_S):
            holders = frame.filter(pl.col("attributes").str.contains(carried, literal=True).fill_null(value=False))
            total += holders.filter(~pl.col("message").str.to_lowercase().str.contains(said, literal=True)).height
    except TimeoutError:
        return None
    return total


def _holds(claim: Claim, records: _Records) -> bool:
    cited = all(line in records.lines for line in claim.citations)
    if not cited or not is_said(claim, records.names):
        return False
    shown = all(any(_shows(records.lines[line], fact, records) for fact in claim.facts) for line in claim.citations)
    return shown and all(_is_true(fact, claim, records) for fact in claim.facts)


def _shows(line: EvidenceLine, fact: Fact, records: _Records) -> bool:
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


def _holds_text(line: EvidenceLine, fact: TextCountFact, records: _Records) -> bool:
    if quote(fact.text, _WHOLE_MESSAGE).lower() in quote(line.message, _WHOLE_MESSAGE).lower():
        return True
    return fact.as_id and f'"{fact.text}"' in records.attributes.get(line.id, "")


def _is_evidence(line: EvidenceLine, incident_ids: Sequence[str], records: _Records) -> bool:
    incidents = (records.incidents[each] for each in incident_ids if each in records.incidents)
    return any(line.id == kept.id for incident in incidents for kept in incident.evidence)


def _is_noted(line: EvidenceLine, fact: NoteFact, records: _Records) -> bool:
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


def _is_true(fact: Fact, claim: Claim, records: _Records) -> bool:
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


def _counted(fact: CountFact | SumFact | TextCountFact, records: _Records) -> int | None:
    """The number as it comes out now; None when it cannot be told."""
    match fact:
        case CountFact():
            return _count(fact, records)
        case TextCountFact():
            return records.text_totals[fact]
        case SumFact():
            return records.count_all(fact)


def _is_moment(fact: MomentFact, claim: Claim, records: _Records) -> bool:
    if fact.beyond_days and fact.time_ns > fact.as_of_ns - fact.beyond_days * _DAY_NS:
        return False
    if fact.line:
        line = _cited(fact.line, claim, records)
        return line is not None and line.time_ns == fact.time_ns
    incident = records.incidents.get(fact.incident_id)
    return incident is not None and incident.start_ns == fact.time_ns


def _is_recorded(
    fact: UsualFact | SpreadFact | NamedFact | SpanFact | IncidentsFact | NoteFact, records: _Records
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


def _is_end(fact: EndFact, records: _Records) -> bool:
    begun = {each: records.incidents[each].start_ns for each in fact.among if each in records.incidents}
    if fact.incident_id not in begun:
        return False
    return begun[fact.incident_id] == (min if fact.which == "first" else max)(begun.values())


def _cited(line: str, claim: Claim, records: _Records) -> EvidenceLine | None:
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


def _count(fact: CountFact, records: _Records) -> int:
    """From the store; from the incident's record where nothing of its span is retained any more."""
    incident = records.incidents.get(fact.incident_id)
    if incident is not None and records.holds_nothing(fact.start_ns, fact.end_ns):
        return sum(
            round(deviation.observed)
            for deviation in incident.deviations
            if deviation.pattern_id == fact.pattern_id
            and deviation.service in fact.services
            and deviation.kind in {"appeared", "burst", "vanished"}
        )
    return records.count(fact.pattern_id, fact.start_ns, fact.end_ns, fact.services)


def _is_extreme(fact: ExtremeFact, claim: Claim, records: _Records) -> bool:
    """The cited line is one of those asked about, and none of them lies beyond it."""
    line = _cited(fact.line, claim, records)
    if line is None or line.pattern_id != fact.pattern_id or line.time_ns != fact.time_ns:
        return False
    is_inside = line.time_ns < fact.end_ns and (fact.start_ns is None or fact.start_ns <= line.time_ns)
    if not is_inside or (fact.services and line.service not in fact.services):
        return False
    beyond = (fact.start_ns, line.time_ns) if fact.which == "first" else (line.time_ns + 1, fact.end_ns)
    return records.count(fact.pattern_id, *beyond, fact.services) == 0


def _deviation(fact: UsualFact, records: _Records) -> Deviation | None:
    incident: Incident | None = records.incidents.get(fact.incident_id)
    wanted = (fact.service, fact.kind, fact.pattern_id, fact.before)
    deviations = incident.deviations if incident else ()
    return next((d for d in deviations if (d.service, d.kind, d.pattern_id, d.before_template) == wanted), None)
