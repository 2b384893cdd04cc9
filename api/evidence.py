"""Evidence: the first round trip to the store, all that the planner may build claims from."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import polars as pl

from api.question import Question
from index.generation import Generation
from index.incident import EvidenceLine
from index.line_store import HighWater, Later, LineFilter, LinePage, LineStore, ReadBatch
from index.query import phrase
from index.segment import STORED_SCHEMA
from ingest.line import line_id

LINES = 3
"""Lines fetched from each end of a pattern, and of what was quoted."""
_ID = re.compile(r"[0-9a-fA-F]{24,40}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SHOWN = 4
"""Of so many patterns lines are fetched; further ones are only counted."""


@dataclasses.dataclass(frozen=True)
class Span:
    """`[start_ns, end_ns)`; no start: from the beginning. `end_ns` is never after `as_of`."""

    start_ns: int | None
    end_ns: int

    def overlaps(self, start_ns: int, end_ns: int) -> bool:
        """Whether a stretch has a moment in the span."""
        return start_ns < self.end_ns and (self.start_ns is None or end_ns > self.start_ns)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the store said."""

    high_water: HighWater
    span: Span
    counted: Span
    """The part of the span that the generation covers. Lines that came since may still be on their way in: counting
    stops before them, so that a number read twice is the same.
    """
    counts: Mapping[str, int]
    """Of `counted`, by pattern id. Where all that is retained is asked about, patterns that no claim is made about are
    counted as the generation knows them.
    """
    incident_counts: Mapping[tuple[str, str], int] | None
    """Of the best incident's span and the patterns that it tells of, by (pattern_id, service); None where no line of
    the span is retained.
    """
    levels: Mapping[str, str]
    """The only level of the lines of a pattern, by pattern id, of patterns that the best incident tells of."""
    oldest: tuple[EvidenceLine, ...]
    newest: tuple[EvidenceLine, ...]
    """Lines of the best patterns from either end of the span, in that order."""
    identified: tuple[EvidenceLine, ...]
    """Lines that hold the question's identifiers, newest first."""
    identified_total: int | None
    """None when nothing was asked, or when the deadline made it uncertain."""
    identified_as_id: bool
    """What was asked for is an id, looked for in attributes too."""


def gather(
    store: LineStore,
    generation: Generation,
    question: Question,
    span: Span,
    *,
    pattern_ids: Sequence[str],
    shown_ids: Sequence[str] = (),
    incident_span: Span | None,
    as_of_ns: int,
    deviating: Sequence[str] = (),
) -> Evidence:
    """One round trip: every read depends only on the question and the generation, none on another's result.

    `pattern_ids` are what claims are made about, `shown_ids` further patterns whose count is shown, `deviating` the
    patterns that the best incident tells of. Raises RefusedError.
    """
    counted = Span(span.start_ns, min(span.end_ns, _covered_ns(generation)))
    batch = store.batch()
    patterns = {each: where for each in pattern_ids if (where := _of_pattern(generation, each, counted, question))}
    counts = {each: batch.count(where) for each, where in patterns.items()}
    known: Mapping[str, int] = {}
    if span.start_ns is None and question.end_ns is None:
        known = _in_generation(generation, question.services)
    else:
        others = [each for each in shown_ids if each not in patterns]
        wheres = {each: _of_pattern(generation, each, counted, question) for each in others}
        counts |= {each: batch.count(where) for each, where in wheres.items() if where}
    ends = [_Ends(batch, generation, each, where) for each, where in list(patterns.items())[:SHOWN]]
    identified = _Identified(batch, question, span)
    incident = None if incident_span is None else _Incident(batch, generation, incident_span, deviating)
    high_water = batch.high_water(before_ns=as_of_ns)
    batch.run()
    return Evidence(
        high_water=high_water.value,
        span=span,
        counted=counted,
        counts={**known, **{each: count.value for each, count in counts.items()}},
        incident_counts=None if incident is None else incident.counts(generation),
        levels=_levels(generation, deviating),
        oldest=tuple(line for each in ends for line in as_evidence(each.oldest(), generation)),
        newest=tuple(line for each in ends for line in as_evidence(each.newest(), generation)),
        identified=as_evidence(identified.newest(), generation),
        identified_total=identified.total(),
        identified_as_id=is_id(question.identifiers),
    )


def _of_pattern(generation: Generation, pattern_id: str, span: Span, question: Question) -> LineFilter | None:
    """The lines of a pattern in the span; None when it has no signature."""
    signatures = signatures_of(generation, [pattern_id])
    return LineFilter("*", span.start_ns, span.end_ns, question.services, (), signatures) if signatures else None


def is_id(identifiers: Sequence[str]) -> bool:
    """Whether one id of a request or a trace is asked for: JSON and logfmt lines carry it beside their message."""
    return len(identifiers) == 1 and _ID.fullmatch(identifiers[0]) is not None


class _Identified:
    """Lines that hold what the question quotes: in their message, and an id in their attributes too."""

    def __init__(self, batch: ReadBatch, question: Question, span: Span) -> None:
        texts, services = question.identifiers, question.services
        query = " ".join(phrase(text) for text in texts)
        where = LineFilter(query, span.start_ns, span.end_ns, services)
        self._page = batch.search(where, limit=LINES) if texts else None
        others = LineFilter(f"-{query}", span.start_ns, span.end_ns, services)
        self._carriers = batch.carriers(texts[0], others, limit=LINES) if is_id(texts) else None

    def newest(self) -> pl.DataFrame:
        """Of both kinds, newest first."""
        found = [STORED_SCHEMA.to_frame()]
        if self._page is not None:
            found.append(self._page.value.lines)
        if self._carriers is not None and self._carriers.value != "late":
            found.append(self._carriers.value.lines)
        return pl.concat(found).sort("time_ns", "source", "position", descending=True).head(LINES)

    def total(self) -> int | None:
        """How many there are; None when nothing was asked, or when the deadline made it uncertain."""
        carriers = None if self._carriers is None else self._carriers.value
        if self._page is None or not self._page.value.total_exact or carriers == "late":
            return None
        return self._page.value.total + (carriers.total if carriers else 0)


class _Ends:
    """The oldest and the newest lines of a pattern. The generation knows at which moment to look for them; should a
    line have come late from before or after that, the checker will notice.
    """

    def __init__(self, batch: ReadBatch, generation: Generation, pattern_id: str, where: LineFilter) -> None:
        self._oldest: Later[LinePage] | None = None
        self._newest: Later[LinePage] | None = None
        rows = generation.counts.filter(pl.col("pattern_id") == pattern_id)
        if where.services:
            rows = rows.filter(pl.col("service").is_in(list(where.services)))
        if rows.is_empty() or where.end_ns is None:
            return
        first_ns, last_ns = rows.select(pl.col("first_ns").min(), pl.col("last_ns").max()).row(0)
        from_first, from_last = where, where
        if (where.start_ns is None or where.start_ns <= first_ns) and first_ns < where.end_ns:
            from_first = dataclasses.replace(where, start_ns=first_ns, end_ns=first_ns + 1)
        if (where.start_ns is None or where.start_ns <= last_ns) and last_ns < where.end_ns:
            from_last = dataclasses.replace(where, start_ns=last_ns)
        self._oldest = batch.search(from_first, limit=LINES, order="oldest")
        self._newest = batch.search(from_last, limit=LINES)

    def oldest(self) -> pl.DataFrame:
        """Oldest first."""
        return STORED_SCHEMA.to_frame() if self._oldest is None else self._oldest.value.lines

    def newest(self) -> pl.DataFrame:
        """Newest first."""
        return STORED_SCHEMA.to_frame() if self._newest is None else self._newest.value.lines


class _Incident:
    """What is retained of the span of an incident."""

    def __init__(self, batch: ReadBatch, generation: Generation, span: Span, deviating: Sequence[str]) -> None:
        everything = LineFilter("*", span.start_ns, span.end_ns)
        of_patterns = dataclasses.replace(everything, signatures=signatures_of(generation, deviating))
        self._lines = batch.count(everything)
        self._rows = batch.tally(of_patterns)

    def counts(self, generation: Generation) -> dict[tuple[str, str], int] | None:
        """Lines by (pattern_id, service); None when there is no line of any pattern."""
        if not self._lines.value:
            return None
        rows = self._rows.value.join(generation.patterns.members, on="signature")
        summed = rows.group_by("pattern_id", "service").agg(pl.col("count").sum()).sort("pattern_id", "service")
        return {(pattern_id, service): int(count) for pattern_id, service, count in summed.iter_rows()}


def _covered_ns(generation: Generation) -> int:
    """The time right after the newest line of the generation."""
    newest_ns = generation.counts["last_ns"].max()
    return newest_ns + 1 if isinstance(newest_ns, int) else 0


def signatures_of(generation: Generation, pattern_ids: Sequence[str]) -> tuple[int, ...]:
    """The signatures of these patterns, ascending."""
    members = generation.patterns.members
    return tuple(members.filter(pl.col("pattern_id").is_in(list(pattern_ids)))["signature"].sort().to_list())


def as_evidence(lines: pl.DataFrame, generation: Generation) -> tuple[EvidenceLine, ...]:
    """Stored lines in the same order, with their patterns."""
    columns = ["source", "position", "time_ns", "service", "level", "message", "signature"]
    rows = lines.select(columns).join(generation.patterns.members, on="signature", how="left", maintain_order="left")
    return tuple(
        EvidenceLine(
            id=line_id(row["source"], row["position"]),
            time_ns=row["time_ns"],
            service=row["service"],
            level=row["level"],
            message=row["message"][:4096],
            pattern_id=row["pattern_id"] or "",
            source=row["source"],
            position=row["position"],
        )
        for row in rows.iter_rows(named=True)
    )


def _in_generation(generation: Generation, services: Sequence[str]) -> dict[str, int]:
    rows = generation.counts.filter(pl.col("service").is_in(list(services))) if services else generation.counts
    summed = rows.group_by("pattern_id").agg(pl.col("count").sum()).sort("pattern_id")
    return {pattern_id: int(count) for pattern_id, count in summed.iter_rows()}


def _levels(generation: Generation, pattern_ids: Sequence[str]) -> dict[str, str]:
    rows = generation.counts.filter(pl.col("pattern_id").is_in(list(pattern_ids)))
    levels = rows.group_by("pattern_id").agg(pl.col("level").unique())
    return {pattern_id: names[0] for pattern_id, names in levels.sort("pattern_id").iter_rows() if len(names) == 1}
