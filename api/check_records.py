"""What claims are held against: cited lines read again, counts made again, incidents and notes. One round trip."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import polars as pl

from api.check_text import Names
from api.claim import Claim, CountFact, ExtremeFact, Fact, SumFact, TextCountFact
from index.generation import Generation
from index.incident import EvidenceLine
from index.line_store import Carriers, Later, LineFilter, LinePage, LineStore, ReadBatch
from index.query import phrase
from ingest.errors import InputError
from ingest.line import split_line_id


class Counted(NamedTuple):
    """Lines to be counted: of these patterns, or of any; in the span; of these services, or of any."""

    pattern_ids: tuple[str, ...] | None
    start_ns: int | None
    end_ns: int
    services: tuple[str, ...] = ()


def counted(fact: CountFact) -> Counted:
    """What the fact counts."""
    return Counted((fact.pattern_id,), fact.start_ns, fact.end_ns, fact.services)


def anything(fact: CountFact) -> Counted:
    """Every line of the fact's span: none is there when retention has dropped them."""
    return Counted(None, fact.start_ns, fact.end_ns)


def summed(fact: SumFact) -> Counted:
    """What the fact counts."""
    return Counted(tuple(sorted(set(fact.pattern_ids))), fact.start_ns, fact.end_ns, fact.services)


def beyond(fact: ExtremeFact) -> Counted:
    """Lines that would come before the first one, or after the last one."""
    span = (fact.start_ns, fact.time_ns) if fact.which == "first" else (fact.time_ns + 1, fact.end_ns)
    return Counted((fact.pattern_id,), *span, fact.services)


class Records:
    """Everything that the facts of some claims may be held against, read when it is made. Raises RefusedError."""

    def __init__(self, claims: Sequence[Claim], store: LineStore, generation: Generation) -> None:
        self.generation = generation
        self.incidents = {incident.incident_id: incident for incident in generation.incidents}
        self.notes = {note.note_id: note for note in generation.notes}
        self.pattern_of = dict(generation.patterns.members.iter_rows())
        names = generation.patterns.patterns.select("pattern_id", "name").iter_rows()
        self.names = Names(self.incidents, self.notes, dict(names))
        facts = list(dict.fromkeys(fact for claim in claims for fact in claim.facts))
        cited = sorted({line for claim in claims for line in claim.citations})
        batch = store.batch()
        lines = batch.read([place for line in cited if (place := place_of(line)) is not None])
        self._counts = {each: self._count(batch, each) for fact in facts for each in _counts_of(fact)}
        self._texts = {fact: _Text(batch, fact) for fact in facts if isinstance(fact, TextCountFact)}
        batch.run()
        self.attributes: dict[str, str] = {}
        """Of cited lines, by id."""
        self.lines = self._found(cited, lines.value)
        """Cited lines by id; one that retention has dropped comes from the incident that kept a copy."""

    def count(self, wanted: Counted) -> int:
        """How many lines there are, of what the facts need."""
        found = self._counts[wanted]
        return 0 if found is None else found.value

    def text_total(self, fact: TextCountFact) -> int | None:
        """How many lines hold the text; None when there was no time to tell."""
        return self._texts[fact].total()

    def levels(self, pattern_id: str) -> list[str]:
        """All levels of the pattern's lines."""
        rows = self.generation.counts.filter(pl.col("pattern_id") == pattern_id)
        return sorted(rows["level"].unique().to_list())

    def _count(self, batch: ReadBatch, wanted: Counted) -> Later[int] | None:
        """None where there can be no line."""
        if wanted.end_ns <= (wanted.start_ns or 0):
            return None
        if wanted.pattern_ids is None:
            return batch.count(LineFilter("*", wanted.start_ns, wanted.end_ns, wanted.services))
        ids = set(wanted.pattern_ids)
        signatures = tuple(sorted(each for each, pattern_id in self.pattern_of.items() if pattern_id in ids))
        where = LineFilter("*", wanted.start_ns, wanted.end_ns, wanted.services, (), signatures)
        return batch.count(where) if signatures else None

    def _found(self, cited: Sequence[str], lines: pl.DataFrame) -> dict[str, EvidenceLine]:
        found: dict[str, EvidenceLine] = {}
        for row in lines.iter_rows(named=True):
            line = f"{row['source']}-{row['position']}"
            pattern_id = self.pattern_of.get(row["signature"], "")
            self.attributes[line] = row["attributes"] or ""
            values = (row["service"], row["level"], row["message"], pattern_id, row["source"], row["position"])
            found[line] = EvidenceLine(line, row["time_ns"], *values)
        copies = {line.id: line for incident in self.incidents.values() for line in incident.evidence}
        return {**{line: copies[line] for line in cited if line in copies}, **found}


class _Text:
    """How many lines hold a text: in their message, or, if it is an id, in their attributes alone."""

    def __init__(self, batch: ReadBatch, fact: TextCountFact) -> None:
        said = phrase(fact.text)
        span = (fact.start_ns, fact.end_ns, fact.services)
        self._page: Later[LinePage] = batch.search(LineFilter(said, *span), limit=1)
        self._carriers: Later[Carriers | Literal["late"]] | None = None
        if fact.as_id:
            self._carriers = batch.carriers(fact.text, LineFilter(f"-{said}", *span), limit=0)

    def total(self) -> int | None:
        page, carriers = self._page.value, None if self._carriers is None else self._carriers.value
        if not page.total_exact or page.partial or carriers == "late":
            return None
        return page.total + (carriers.total if carriers else 0)


def _counts_of(fact: Fact) -> Iterator[Counted]:
    """The counts that may be needed to tell whether the fact is true."""
    match fact:
        case CountFact():
            yield counted(fact)
            if fact.incident_id:
                yield anything(fact)
        case SumFact():
            yield summed(fact)
        case ExtremeFact():
            yield beyond(fact)


def place_of(line: str) -> tuple[str, int] | None:
    """Source and position of a line by its id; None for what is no id."""
    try:
        return split_line_id(line)
    except InputError:
        return None
