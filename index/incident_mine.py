"""Last step from lines to incidents: each stretch that left the usual course, told from its lines.

`mine_incidents` is a pure function of the lines before a time, so history loaded at once is mined like live.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from index.deviation_mark import Course
from index.incident import Deviation, EvidenceLine, Incident, Onset
from index.incident_blame import rank_by_blame
from index.incident_course import Courses, MineCache, read_courses
from index.incident_family import with_families
from index.incident_find import Found, Span, bar, find_spans
from index.incident_first import is_bystander, onsets
from index.incident_lines import Shown, copy_lines, find_lines, floor_of
from index.incident_named import read_named
from index.incident_remark import beginning, remarks
from index.incident_span import Feature, features, lasting, score_of, signature
from index.incident_title import kinds_of, severity_of, title_of
from index.line_store import LEDGER_WINDOW_NS, LineReader
from index.pattern import PatternSet
from index.window import NEW_PODS, RESTARTS, window_start
from ingest.line import line_id

__all__ = ["MineCache", "mine_incidents", "span_incident"]

FOLLOWED = 0.8
"""Share of the bar that a service must reach by itself to be named as one that followed (a guess)."""
BRIEF = {1: 2.0, 2: 1.3}
"""What shows in one window or two must exceed the bar by this factor: a stumble is no incident (a guess)."""
DEPLOYED_NS = 10 * LEDGER_WINDOW_NS
"""A new version that fails is noticed within this time (a guess)."""
_SAID = {"appeared", "burst"}
"""Where the faulty service says nothing else, one rare line is too little to go by."""
MOST_SERVICES = 20
DEVIATIONS_EACH = 5
MOST_DEVIATIONS = 30
MOST_EVIDENCE = 40


def mine_incidents(
    store: LineReader, patterns: PatternSet, *, before_ns: int | None, cache: MineCache | None = None
) -> list[Incident]:
    """All incidents in the lines before `before_ns`, by (start_ns, incident_id), with their families."""
    kept = cache if cache is not None else MineCache()
    courses = read_courses(store, patterns, before_ns=before_ns, cache=kept)
    found: list[Incident] = []
    for where in find_spans(courses.whole):
        earlier_end_ns = found[-1].end_ns if found else 0
        incident = _incident_of(store, patterns, courses, where, before_ns, earlier_end_ns)
        if incident is not None:
            found.append(incident)
    return with_families(found)


def span_incident(
    store: LineReader,
    patterns: PatternSet,
    start_ns: int,
    end_ns: int,
    *,
    services: Sequence[str] = (),
    before_ns: int | None = None,
    cache: MineCache | None = None,
) -> Incident:
    """Any span as an incident to compare with others, however usual it was. It belongs to no family."""
    end_ns = end_ns if before_ns is None else min(end_ns, before_ns)
    span = Span(window_start(start_ns), end_ns)
    kept = cache if cache is not None else MineCache()
    course = read_courses(store, patterns, before_ns=before_ns, cache=kept).of(span)
    found = [feature for feature in features(course, *dataclasses.astuple(span)) if _among(feature, services)]
    involved = sorted({feature.service for feature in found})
    return _told(store, patterns, course, span, found, involved, floor_ns=span.start_ns)


def _incident_of(
    store: LineReader,
    patterns: PatternSet,
    courses: Courses,
    where: Found,
    before_ns: int | None,
    earlier_end_ns: int,
) -> Incident | None:
    """The incident of a span, told anew only if it may have changed."""
    course = courses.of(max(where.span, where.reach, key=lambda span: span.end_ns))
    if courses.settled is None or course is courses.whole:
        return _incident(store, patterns, course, where, before_ns, earlier_end_ns)[0]
    known = courses.settled.incidents
    templates, incident = known.get((where, earlier_end_ns), ({}, None))
    now = dict(patterns.patterns.select("pattern_id", "template").iter_rows())
    if (where, earlier_end_ns) not in known or any(now.get(name) != template for name, template in templates.items()):
        incident, told = _incident(store, patterns, course, where, before_ns, earlier_end_ns)
        known[where, earlier_end_ns] = {name: now[name] for name in sorted(told)}, incident
    return incident


def _among(feature: Feature, services: Sequence[str]) -> bool:
    return not services or feature.service in services


def _incident(
    store: LineReader, patterns: PatternSet, course: Course, where: Found, before_ns: int | None, earlier_end_ns: int
) -> tuple[Incident | None, set[str]]:
    """The incident, if it is one, and the ids of the patterns that it tells of."""
    height = bar(course)
    span, found = where.span, features(course, *dataclasses.astuple(where.span))
    if not _suffices(found, height):
        # What shows only in the sum of many minutes has no minutes of its own.
        span = Span(max(where.reach.start_ns, earlier_end_ns), where.reach.end_ns)
        found = features(course, *dataclasses.astuple(span))
        if not _suffices(found, height):
            return None, set()
    involved = [service for service, own in _by_service(found).items() if score_of(own) >= FOLLOWED * height]
    end_ns = span.end_ns if before_ns is None else min(span.end_ns, before_ns)
    of_them = [feature for feature in found if feature.service in set(involved)]
    floor_ns = floor_of(course, span, earlier_end_ns)
    told = _told(store, patterns, course, Span(span.start_ns, end_ns), of_them, involved, floor_ns=floor_ns)
    patterns_told = {name for feature in of_them for name in (feature.pattern_id, feature.before_id)}
    return told, {*patterns_told, *(deviation.pattern_id for deviation in told.deviations)} - {""}


def _suffices(found: Sequence[Feature], height: float) -> bool:
    """Whether one service by itself shows enough, and more of it where it shows briefly."""
    by_service = _by_service(found).values()
    return any(score_of(own) >= height * BRIEF.get(lasting(own), 1.0) for own in by_service)


def _by_service(found: Sequence[Feature]) -> dict[str, list[Feature]]:
    by_service: dict[str, list[Feature]] = {}
    for feature in found:
        by_service.setdefault(feature.service, []).append(feature)
    return dict(sorted(by_service.items()))


def _told(
    store: LineReader,
    patterns: PatternSet,
    course: Course,
    span: Span,
    found: list[Feature],
    involved: list[str],
    *,
    floor_ns: int,
) -> Incident:
    """The incident in full: deviations with their lines, who failed first, evidence, title."""
    by_service = _by_service([feature for feature in found if feature.service in set(involved)])
    named = read_named(store, patterns.members, span, found, course.windows.services)
    ranked = _without_bystanders(rank_by_blame(by_service, named), by_service)[:MOST_SERVICES]
    chosen = _chosen([by_service[service] for service in ranked])
    shown = find_lines(store, patterns, span, chosen, floor_ns=floor_ns)
    evidence = copy_lines(store, patterns, _evidence_ids(shown))
    present = {line.id for line in evidence}
    templates = dict(patterns.patterns.select("pattern_id", "template").iter_rows())
    told = [_deviation(feature, lines, present, templates) for feature, lines in zip(chosen, shown, strict=True)]
    onset = onsets(ranked, list(zip(chosen, told, strict=True)), span.start_ns)
    services = tuple(ranked[:1]) + tuple(first.service for first in onset if first.service != ranked[0])
    complaining = services[:1] if any(d.service in services[:1] and d.kind in _SAID for d in told) else ()
    once, kept = _said_once(store, patterns, course, onset, complaining, span.end_ns)
    told += [each for each in once if (each.service, each.pattern_id) not in {(d.service, d.pattern_id) for d in told}]
    deviations = tuple(sorted(told, key=lambda d: (-abs(d.surprise), d.service, d.kind, d.pattern_id, d.template)))
    evidence = tuple(sorted({*evidence, *kept}, key=lambda line: (line.time_ns, line.source, line.position)))
    scores = [score_of(by_service[service]) for service in ranked]
    return Incident(
        incident_id=_id(span, services),
        title=title_of(services, deviations, span.start_ns, span.end_ns),
        start_ns=min((first.time_ns for first in onset), default=span.start_ns),
        end_ns=span.end_ns,
        severity=severity_of(scores, deviations, bar(course)),
        services=services,
        onset=onset,
        kinds=kinds_of(deviations, onset, after_deploy=_is_deployed(course, span, services[:1])),
        deviations=deviations,
        evidence=evidence,
        signature=signature(found),
        line_count=_line_count(course, span, services),
    )


def _said_once(
    store: LineReader,
    patterns: PatternSet,
    course: Course,
    onset: Sequence[Onset],
    services: Sequence[str],
    until_ns: int,
) -> tuple[list[Deviation], tuple[EvidenceLine, ...]]:
    """Rare lines of the faulty service at its first sign, as deviations, and copies of them."""
    times = [each.time_ns for each in onset if each.service in services]
    if not times:
        return [], ()
    where = beginning(times[0], until_ns)
    found = remarks(course, services[0], where)
    shown = find_lines(store, patterns, where, found, floor_ns=where.start_ns)
    kept = copy_lines(store, patterns, _evidence_ids(shown))
    present = {line.id for line in kept}
    told = [_deviation(feature, lines, present, {}) for feature, lines in zip(found, shown, strict=True)]
    return [each for each in told if each.evidence], kept


def _without_bystanders(ranked: list[str], by_service: dict[str, list[Feature]]) -> list[str]:
    """All but those who were only asked less while others failed; the first stays, whatever it is."""
    return [service for place, service in enumerate(ranked) if not place or not is_bystander(by_service[service])]


def _chosen(by_service: list[list[Feature]]) -> list[Feature]:
    """The most surprising features: the strongest of each service first, so that none goes without."""
    chosen: list[Feature] = []
    for rank in range(DEVIATIONS_EACH):
        for own in by_service:
            ordered = sorted(own, key=lambda feature: (-feature.evidence, feature.name))
            told = any(feature.kind in {"appeared", "burst"} for feature in ordered)
            distinct = [
                feature for feature in ordered if feature.kind != "level" or feature.template == RESTARTS or not told
            ]
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


def _is_deployed(course: Course, span: Span, services: Sequence[str]) -> bool:
    """Whether pods of one of these services began shortly before the span or in its first half: a version that breaks
    something comes before what it breaks, one that mends it comes last.
    """
    windows = course.windows
    new = (windows.columns["template"] == NEW_PODS) & windows.columns["service"].is_in(list(services))
    counts = windows.dense(new.arg_true().to_numpy().astype(np.int64))
    first, last = windows.times.searchsorted([span.start_ns - DEPLOYED_NS, (span.start_ns + span.end_ns) // 2])
    return bool(counts[:, first:last].sum() > 0)


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
