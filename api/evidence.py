"""Evidence: the first round trip to the store, all that the planner may build claims from."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from api.question import Question
from index.generation import Generation
from index.incident import EvidenceLine
from index.line_store import HighWater, LineFilter, LineStore
from ingest.line import line_id

LINES = 60
"""Lines fetched from each end of the patterns in question (a guess: enough for every pattern to show one)."""


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
    """What the store said. Lines are EvidenceLines by id; counts are by (pattern_id, service)."""

    high_water: HighWater
    span: Span
    counted: Span
    """The part of the span that the generation covers. Lines that came since may still be on their way in: counting
    stops before them, so that a number read twice is the same.
    """
    counts: Mapping[tuple[str, str], int]
    """Of `counted`."""
    incident_counts: Mapping[tuple[str, str], int]
    """Of the best incident's span."""
    oldest: tuple[EvidenceLine, ...]
    newest: tuple[EvidenceLine, ...]
    """Lines of the best patterns from either end of the span, in that order."""
    identified: tuple[EvidenceLine, ...]
    """Lines that hold the question's identifiers, newest first."""
    identified_total: int | None
    """None when nothing was asked, or when the deadline made it uncertain."""


def gather(
    store: LineStore,
    generation: Generation,
    question: Question,
    span: Span,
    *,
    pattern_ids: Sequence[str],
    incident_span: Span | None,
    as_of_ns: int,
) -> Evidence:
    """One round trip: every call depends only on the question and the generation, none on another's result."""
    signatures = signatures_of(generation, pattern_ids)
    # Then nothing is claimed of these counts; they only stand beside the patterns that retrieval found.
    is_told_by_incidents = not pattern_ids and span.start_ns is None and question.end_ns is None
    is_told_by_incidents = is_told_by_incidents and not question.services
    counted = Span(span.start_ns, min(span.end_ns, _covered_ns(generation)))
    where = LineFilter(
        start_ns=counted.start_ns, end_ns=counted.end_ns, services=question.services, signatures=signatures
    )
    identified = LineFilter(
        query=" ".join(phrase(text) for text in question.identifiers),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        services=question.services,
    )
    page = store.search(identified, limit=LINES) if question.identifiers else None
    return Evidence(
        high_water=store.high_water(before_ns=as_of_ns),
        span=span,
        counted=counted,
        counts=_in_generation(generation)
        if is_told_by_incidents
        else _counted(store, generation, counted, question.services),
        incident_counts={} if incident_span is None else _counted(store, generation, incident_span, ()),
        oldest=_lines(store, generation, where, "oldest") if signatures else (),
        newest=_lines(store, generation, where, "newest") if signatures else (),
        identified=() if page is None else as_evidence(page.lines, generation),
        identified_total=None if page is None or page.partial or not page.total_exact else page.total,
    )


def _covered_ns(generation: Generation) -> int:
    """The time right after the newest line of the generation."""
    newest_ns = generation.counts["last_ns"].max()
    return newest_ns + 1 if isinstance(newest_ns, int) else 0


def phrase(text: str) -> str:
    """The text as one phrase of the query language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


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


def _lines(
    store: LineStore, generation: Generation, where: LineFilter, order: Literal["newest", "oldest"]
) -> tuple[EvidenceLine, ...]:
    return as_evidence(store.search(where, limit=LINES, order=order).lines, generation)


def _in_generation(generation: Generation) -> dict[tuple[str, str], int]:
    summed = generation.counts.group_by("pattern_id", "service").agg(pl.col("count").sum())
    return {(pattern_id, service): int(count) for pattern_id, service, count in summed.iter_rows()}


def _counted(
    store: LineStore, generation: Generation, span: Span, services: Sequence[str]
) -> dict[tuple[str, str], int]:
    ledger = store.ledger(start_ns=span.start_ns, end_ns=span.end_ns)
    if services:
        ledger = ledger.filter(pl.col("service").is_in(list(services)))
    counted = (
        ledger.join(generation.patterns.members, on="signature")
        .group_by("pattern_id", "service")
        .agg(pl.col("count").sum())
        .sort("pattern_id", "service")
    )
    return {(pattern_id, service): int(count) for pattern_id, service, count in counted.iter_rows()}
