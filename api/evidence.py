"""Evidence: the first round trip to the store, all that the planner may build claims from."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from api.question import Question
from index.generation import Generation
from index.incident import EvidenceLine
from index.line_store import HighWater, LineFilter, LinePage, LineStore
from ingest.line import line_id

LINES = 3
"""Lines fetched from each end of a pattern, and of what was quoted."""
ID_DEADLINE_S = 3.0
"""So long ids are looked for beside messages, where no index helps (a guess)."""
_ID = re.compile(r"[0-9a-fA-F]{24,40}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SHOWN = 4
"""Of so many patterns lines are fetched; further ones are only counted."""
COUNT_STEP_NS = 86_400_000_000_000
"""Lines are counted by the day and summed: whole windows of the ledger, so no line is read for it."""


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
    incident_counts: Mapping[tuple[str, str], int]
    """Of the best incident's span, by (pattern_id, service)."""
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
    incident_span: Span | None,
    as_of_ns: int,
    deviating: Sequence[str] = (),
) -> Evidence:
    """One round trip: every call depends only on the question and the generation, none on another's result.

    `pattern_ids` are what claims are made about, `deviating` the patterns that the best incident tells of.
    """
    counted = Span(span.start_ns, min(span.end_ns, _covered_ns(generation)))
    patterns = [
        (pattern_id, LineFilter("*", counted.start_ns, counted.end_ns, question.services, (), signatures))
        for pattern_id in pattern_ids
        if (signatures := signatures_of(generation, [pattern_id]))
    ]
    identified = LineFilter(
        query=" ".join(phrase(text) for text in question.identifiers),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        services=question.services,
    )
    page = store.search(identified, limit=LINES) if question.identifiers else None
    carriers = _carriers(store, question, span)
    if span.start_ns is None and question.end_ns is None:
        counts = _in_generation(generation, question.services)
        counts |= {pattern_id: _counted(store, where) for pattern_id, where in patterns}
    else:
        counts = _in_store(store, generation, counted, question.services)
    ends = [_ends(store, generation, pattern_id, where) for pattern_id, where in patterns[:SHOWN]]
    return Evidence(
        high_water=high_water(store, as_of_ns),
        span=span,
        counted=counted,
        counts=counts,
        incident_counts={} if incident_span is None else _by_service(store, generation, incident_span),
        levels=_levels(generation, deviating),
        oldest=tuple(line for oldest, _ in ends for line in oldest),
        newest=tuple(line for _, newest in ends for line in newest),
        identified=() if page is None else _newest(store, generation, page, carriers),
        identified_total=_total(page, carriers),
        identified_as_id=is_id(question.identifiers),
    )


def is_id(identifiers: Sequence[str]) -> bool:
    """Whether one id of a request or a trace is asked for: JSON and logfmt lines carry it beside their message."""
    return len(identifiers) == 1 and _ID.fullmatch(identifiers[0]) is not None


def _carriers(store: LineStore, question: Question, span: Span) -> pl.DataFrame | None:
    """Rows (`source`, `position`, `time_ns`) of lines that carry the id as an attribute and not in their message; None
    when there was no time to find them all.
    """
    found = [pl.DataFrame(schema={"source": pl.String, "position": pl.Int64, "time_ns": pl.Int64})]
    if not is_id(question.identifiers):
        return found[0]
    text = question.identifiers[0]
    where = LineFilter(f"-{phrase(text)}", span.start_ns, span.end_ns, question.services)
    try:
        for frame in store.scan(where, ("source", "position", "time_ns", "attributes"), deadline_s=ID_DEADLINE_S):
            has_it = pl.col("attributes").str.contains(f'"{text}"', literal=True).fill_null(value=False)
            found.append(frame.filter(has_it).select("source", "position", "time_ns"))
    except TimeoutError:
        return None
    return pl.concat(found).sort("time_ns", "source", "position", descending=True)


def _newest(
    store: LineStore, generation: Generation, page: LinePage, carriers: pl.DataFrame | None
) -> tuple[EvidenceLine, ...]:
    """Of both kinds. Which carriers to read is only known once they are found: the one place that asks twice."""
    lines = as_evidence(page.lines, generation)
    if carriers is not None and not carriers.is_empty():
        places = list(carriers.head(LINES).select("source", "position").iter_rows())
        lines += as_evidence(store.read(places), generation)
    return tuple(sorted(lines, key=lambda line: (line.time_ns, line.source, line.position), reverse=True)[:LINES])


def _total(page: LinePage | None, carriers: pl.DataFrame | None) -> int | None:
    if page is None or page.partial or not page.total_exact or carriers is None:
        return None
    return page.total + carriers.height


def high_water(store: LineStore, before_ns: int) -> HighWater:
    """What the store holds of lines earlier than `before_ns`; at once when that is everything."""
    held = store.high_water()
    if held.last_ns is None or held.last_ns < before_ns:
        return held
    return store.high_water(before_ns=before_ns)


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


def _ends(
    store: LineStore, generation: Generation, pattern_id: str, where: LineFilter
) -> tuple[tuple[EvidenceLine, ...], tuple[EvidenceLine, ...]]:
    """The oldest and the newest lines of a pattern. The generation knows at which moment to look for them; should a
    line have come late from before or after that, the checker will notice.
    """
    rows = generation.counts.filter(pl.col("pattern_id") == pattern_id)
    if where.services:
        rows = rows.filter(pl.col("service").is_in(list(where.services)))
    if rows.is_empty() or where.end_ns is None:
        return (), ()
    first_ns, last_ns = rows.select(pl.col("first_ns").min(), pl.col("last_ns").max()).row(0)
    from_first, from_last = where, where
    if (where.start_ns is None or where.start_ns <= first_ns) and first_ns < where.end_ns:
        from_first = dataclasses.replace(where, start_ns=first_ns, end_ns=first_ns + 1)
    if (where.start_ns is None or where.start_ns <= last_ns) and last_ns < where.end_ns:
        from_last = dataclasses.replace(where, start_ns=last_ns)
    return _lines(store, generation, from_first, "oldest"), _lines(store, generation, from_last, "newest")


def _lines(
    store: LineStore, generation: Generation, where: LineFilter, order: Literal["newest", "oldest"]
) -> tuple[EvidenceLine, ...]:
    return as_evidence(store.search(where, limit=LINES, order=order).lines, generation)


def _in_generation(generation: Generation, services: Sequence[str]) -> dict[str, int]:
    rows = generation.counts.filter(pl.col("service").is_in(list(services))) if services else generation.counts
    summed = rows.group_by("pattern_id").agg(pl.col("count").sum()).sort("pattern_id")
    return {pattern_id: int(count) for pattern_id, count in summed.iter_rows()}


def _counted(store: LineStore, where: LineFilter) -> int:
    return int(store.histogram(where, step_ns=COUNT_STEP_NS).rows["count"].sum())


def _in_store(store: LineStore, generation: Generation, span: Span, services: Sequence[str]) -> dict[str, int]:
    """Of all patterns at once: for a span that is bounded, so that its ledger is small."""
    summed: dict[str, int] = {}
    for (pattern_id, service), count in _by_service(store, generation, span).items():
        if not services or service in services:
            summed[pattern_id] = summed.get(pattern_id, 0) + count
    return summed


def _levels(generation: Generation, pattern_ids: Sequence[str]) -> dict[str, str]:
    rows = generation.counts.filter(pl.col("pattern_id").is_in(list(pattern_ids)))
    levels = rows.group_by("pattern_id").agg(pl.col("level").unique())
    return {pattern_id: names[0] for pattern_id, names in levels.sort("pattern_id").iter_rows() if len(names) == 1}


def _by_service(store: LineStore, generation: Generation, span: Span) -> dict[tuple[str, str], int]:
    counted = (
        store.ledger(start_ns=span.start_ns, end_ns=span.end_ns)
        .join(generation.patterns.members, on="signature")
        .group_by("pattern_id", "service")
        .agg(pl.col("count").sum())
        .sort("pattern_id", "service")
    )
    return {(pattern_id, service): int(count) for pattern_id, service, count in counted.iter_rows()}
