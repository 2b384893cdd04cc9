"""Last step from lines to incidents: each stretch that left the usual course, told from its lines.

`mine_incidents` is a pure function of the lines before a time, so history loaded at once is mined like live.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import polars as pl

from index.deviation_mark import Course, follow
from index.incident import Deviation, Incident, Onset
from index.incident_blame import rank_by_blame
from index.incident_family import with_families
from index.incident_find import Span, bar, find_spans
from index.incident_lines import HARDLY, Shown, copy_lines, find_lines
from index.incident_named import read_named
from index.incident_span import Feature, features, lasting, score_of, signature
from index.incident_title import kinds_of, severity_of, title_of
from index.line_store import LineStore
from index.pattern import PatternSet
from index.window import count_windows, window_start
from index.window_gap import GapCache, measure_gaps
from ingest.line import line_id

FOLLOWED = 0.8
"""Share of the bar that a service must reach by itself to be named as one that followed (a guess)."""
BRIEF = {1: 2.0, 2: 1.3}
"""What shows in one window or two must exceed the bar by this factor: a stumble is no incident (a guess)."""
MOST_SERVICES = 20
DEVIATIONS_EACH = 5
MOST_DEVIATIONS = 30
MOST_EVIDENCE = 40


@dataclasses.dataclass
class MineCache:
    """What an earlier run may leave for a later one; changes nothing but the time it takes."""

    gaps: GapCache = dataclasses.field(default_factory=GapCache)
    key: tuple[object, ...] = ()
    course: Course | None = None


def mine_incidents(
    store: LineStore, patterns: PatternSet, *, before_ns: int | None, cache: MineCache | None = None
) -> list[Incident]:
    """All incidents in the lines before `before_ns`, by (start_ns, incident_id), with their families."""
    course = read_course(store, patterns, before_ns=before_ns, cache=cache)
    found = [_incident(store, patterns, course, span, before_ns) for span in find_spans(course)]
    return with_families([incident for incident in found if incident is not None])


def span_incident(
    store: LineStore,
    patterns: PatternSet,
    start_ns: int,
    end_ns: int,
    *,
    services: Sequence[str] = (),
    before_ns: int | None = None,
    cache: MineCache | None = None,
) -> Incident:
    """Any span as an incident to compare with others, however usual it was. It belongs to no family."""
    course = read_course(store, patterns, before_ns=before_ns, cache=cache)
    end_ns = end_ns if before_ns is None else min(end_ns, before_ns)
    span = Span(window_start(start_ns), end_ns)
    found = [feature for feature in features(course, *dataclasses.astuple(span)) if _among(feature, services)]
    return _told(store, patterns, course, span, found, sorted({feature.service for feature in found}))


def read_course(
    store: LineStore, patterns: PatternSet, *, before_ns: int | None, cache: MineCache | None = None
) -> Course:
    """The usual course of the lines before `before_ns`, from the cache when nothing has changed."""
    kept = cache if cache is not None else MineCache()
    ledger = store.ledger(end_ns=before_ns)
    key = (
        _digest(ledger),
        _digest(patterns.members),
        _digest(patterns.patterns.select("pattern_id", "template", "state")),
    )
    if kept.course is None or kept.key != key:
        gaps = measure_gaps(store, ledger, patterns, before_ns=before_ns, cache=kept.gaps)
        kept.course, kept.key = follow(count_windows(ledger, patterns), gaps), key
    return kept.course


def _digest(frame: pl.DataFrame) -> tuple[int, int]:
    """Of the rows in any order. Only compared within one process."""
    return frame.height, int(frame.hash_rows(seed=7).sum() or 0)


def _among(feature: Feature, services: Sequence[str]) -> bool:
    return not services or feature.service in services


def _incident(
    store: LineStore, patterns: PatternSet, course: Course, span: Span, before_ns: int | None
) -> Incident | None:
    found = features(course, span.start_ns, span.end_ns)
    height = bar(course)
    lowest = FOLLOWED * height
    by_service = _by_service(found)
    involved = [service for service, own in by_service.items() if score_of(own) >= lowest]
    if not any(score_of(own) >= height * BRIEF.get(lasting(own), 1.0) for own in by_service.values()):
        return None
    end_ns = span.end_ns if before_ns is None else min(span.end_ns, before_ns)
    of_them = [feature for feature in found if feature.service in set(involved)]
    return _told(store, patterns, course, Span(span.start_ns, end_ns), of_them, involved)


def _by_service(found: Sequence[Feature]) -> dict[str, list[Feature]]:
    by_service: dict[str, list[Feature]] = {}
    for feature in found:
        by_service.setdefault(feature.service, []).append(feature)
    return dict(sorted(by_service.items()))


def _told(
    store: LineStore,
    patterns: PatternSet,
    course: Course,
    span: Span,
    found: list[Feature],
    involved: list[str],
) -> Incident:
    """The incident in full: deviations with their lines, who failed first, evidence, title."""
    by_service = _by_service([feature for feature in found if feature.service in set(involved)])
    named = read_named(store, patterns.members, span, found, course.windows.services)
    ranked = rank_by_blame(by_service, named)[:MOST_SERVICES]
    chosen = _chosen([by_service[service] for service in ranked])
    shown = find_lines(store, patterns, span, chosen)
    evidence_ids = _evidence_ids(shown)
    evidence = copy_lines(store, patterns, evidence_ids)
    present = {line.id for line in evidence}
    templates = dict(patterns.patterns.select("pattern_id", "template").iter_rows())
    deviations = tuple(
        _deviation(feature, lines, present, templates) for feature, lines in zip(chosen, shown, strict=True)
    )
    deviations = tuple(
        sorted(deviations, key=lambda d: (-abs(d.surprise), d.service, d.kind, d.pattern_id, d.template))
    )
    onset = _onsets(ranked, deviations, span)
    start_ns = max(min((first.time_ns for first in onset), default=span.start_ns), span.start_ns)
    services = (
        tuple(ranked[:1]) + tuple(first.service for first in onset if first.service != ranked[0]) if ranked else ()
    )
    scores = [score_of(by_service[service]) for service in ranked]
    return Incident(
        incident_id=_id(span, services),
        title=title_of(services, deviations, span.start_ns, span.end_ns),
        start_ns=start_ns,
        end_ns=span.end_ns,
        severity=severity_of(scores, deviations, bar(course)),
        services=services,
        onset=onset,
        kinds=kinds_of(services, deviations),
        deviations=deviations,
        evidence=evidence,
        signature=signature(found),
        line_count=_line_count(course, span, services),
    )


def _chosen(by_service: list[list[Feature]]) -> list[Feature]:
    """The most surprising features: the strongest of each service first, so that none goes without."""
    chosen: list[Feature] = []
    for rank in range(DEVIATIONS_EACH):
        for own in by_service:
            ordered = sorted(own, key=lambda feature: (-feature.evidence, feature.name))
            told = any(feature.kind in {"appeared", "burst"} for feature in ordered)
            distinct = [feature for feature in ordered if feature.kind != "level" or not told]
            if rank < len(distinct):
                chosen.append(distinct[rank])
    return chosen[:MOST_DEVIATIONS]


def _evidence_ids(shown: Sequence[Shown]) -> list[tuple[str, int]]:
    """First lines of all, then second, then third, while there is room."""
    ids: dict[tuple[str, int], None] = {}
    for rank in range(max((len(lines.lines) for lines in shown), default=0)):
        for lines in shown:
            if rank < len(lines.lines) and len(ids) < MOST_EVIDENCE:
                ids[lines.lines[rank]] = None
    return list(ids)


def _deviation(feature: Feature, shown: Shown, present: set[str], templates: dict[str, str]) -> Deviation:
    ids = [line_id(source, position) for source, position in shown.lines]
    return Deviation(
        service=feature.service,
        kind=feature.kind,
        pattern_id=feature.pattern_id,
        template=feature.template,
        observed=feature.observed,
        expected=feature.expected,
        surprise=feature.surprise,
        onset_ns=shown.onset_ns,
        evidence=tuple(name for name in ids if name in present),
        before_template=templates.get(feature.before_id, ""),
    )


def _onsets(services: Sequence[str], deviations: Sequence[Deviation], span: Span) -> tuple[Onset, ...]:
    """Each service's first sign, by time. Only its surer deviations are asked: a weak one may be chance."""
    onsets = []
    for service in services:
        own = [deviation for deviation in deviations if deviation.service == service]
        surest = max((abs(deviation.surprise) for deviation in own), default=0.0)
        sure = [deviation for deviation in own if abs(deviation.surprise) >= surest / 2 and deviation.evidence]
        sure = [deviation for deviation in sure if not _only_fewer(deviation)] or sure
        if not sure:
            onsets.append(Onset(service, span.start_ns, next((d.evidence[0] for d in own if d.evidence), "")))
            continue
        first = min(sure, key=lambda deviation: (deviation.onset_ns, deviation.evidence))
        onsets.append(Onset(service, first.onset_ns, first.evidence[0]))
    return tuple(sorted(onsets, key=lambda onset: (onset.time_ns, onset.service)))


def _only_fewer(deviation: Deviation) -> bool:
    """Of lines that are still written nobody can tell from which moment on there were too few."""
    return deviation.kind == "vanished" and deviation.observed >= HARDLY * deviation.expected


def _line_count(course: Course, span: Span, services: Sequence[str]) -> int:
    """All lines of these services in the windows of the span."""
    first, last = course.windows.times.searchsorted([span.start_ns, span.end_ns])
    places = [course.windows.services.index(service) for service in services]
    lines = course.baseline.lines
    return int((lines[:, last] - lines[:, first])[places].sum())


def _id(span: Span, services: Sequence[str]) -> str:
    """Of the minute and the faulty service only: these stay when later lines move weights a little."""
    text = f"{span.start_ns} {services[0] if services else ''}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
