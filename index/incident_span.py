"""Fourth step from lines to incidents: what one stretch of time looks like, as features with signed weights.

The same function describes a mined incident and any span that a person points at, so the two can be compared.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from index.deviation import FEWEST_MORE, one_stretch, surprises
from index.deviation_gap import slow_pairs
from index.deviation_mark import Course, evidence_of, weights
from index.incident import DeviationKind
from index.window import RESTARTS

LEAST_FEATURE = 2.0
"""Weaker surprises are left out of a signature (a guess)."""
CHANCE = 1.0
MOST_FEATURE = 12.0
"""A surprise weighs by what it has beyond chance, up to this: two sure signs tell more than one that is surer."""
TOGETHER = 0.7
"""Each further feature of a service weighs this much of the one before: lines of one request deviate together and are
one testimony. With these three the right earlier fault came first for all 12 code faults of Train-Ticket and for 5 of
6 delays (leave one out, November 2026); every neighbouring choice that was tried kept the 12 of 12.
"""
LEAST_SLOW_FACTOR = 1.5
MOST_FEATURES = 60
_ASKED = -2.0
"""What is less surprising than this by its own service's other lines did not vanish by itself (a guess)."""
_NEW = 0.5
"""Fewer expected lines than this and a pattern has appeared rather than burst."""


@dataclasses.dataclass(frozen=True)
class Feature:
    """One way in which a service left its usual course in a span."""

    service: str
    kind: DeviationKind
    pattern_id: str
    template: str
    before_id: str
    """For `slower` the earlier line's pattern, else empty."""
    observed: float
    expected: float
    surprise: float
    rarity: float
    """From 1 for what never deviates otherwise to 0 for what always does."""
    minutes: int
    """Windows of the span that show it by themselves; for `vanished` all."""
    starved: bool
    """It vanished along with all its service writes: the service may only have been asked less."""
    evidence: float
    """What it counts towards there being an incident at all, never negative: surprise less habit and calmness."""

    @property
    def name(self) -> str:
        """Feature of the signature; the two patterns of a slow pair are one name."""
        what = f"{self.before_id}>{self.pattern_id}" if self.before_id else self.pattern_id or self.template
        return f"{_NAMES[self.kind]}|{self.service}|{what}"

    @property
    def weight(self) -> float:
        """What it weighs in a signature, signed."""
        size = abs(self.surprise)
        beyond = min(max(size - CHANCE, 0.0), MOST_FEATURE)
        return math.copysign(beyond * self.rarity * self.evidence / max(size, CHANCE), self.surprise)


_NAMES = {"appeared": "more", "burst": "more", "vanished": "less", "slower": "slower", "level": "level"}


def features(course: Course, start_ns: int, end_ns: int) -> list[Feature]:
    """Features of the windows that start in the span, by falling absolute weight, then name; all services."""
    where = one_stretch(course.windows, start_ns, end_ns)
    if where.first[0] >= where.last[0]:
        return []
    found = _count_features(course, start_ns, end_ns) + _slow_features(course, start_ns, end_ns)
    return sorted(found, key=lambda feature: (-abs(feature.weight), feature.name))


def score_of(found: list[Feature]) -> float:
    """How surely these features of one service are no chance: as `deviation_mark.service_scores`."""
    strengths = sorted((feature.evidence for feature in found), reverse=True)
    return math.sqrt(sum(strength**2 * 0.5**rank for rank, strength in enumerate(strengths)))


def _count_features(course: Course, start_ns: int, end_ns: int) -> list[Feature]:
    columns = course.windows.columns
    found = []
    where = one_stretch(course.windows, start_ns, end_ns)
    windows = range(int(where.first[0]), int(where.last[0]))
    for block in surprises(course.baseline, where):
        if not len(block.stretches):
            continue
        signed, observed, expected = block.signed[:, 0], block.observed[:, 0], block.expected[:, 0]
        strong = (signed <= -LEAST_FEATURE) | ((signed >= LEAST_FEATURE) & (observed >= FEWEST_MORE))
        for place in np.flatnonzero(strong):
            column = int(block.columns[place])
            service, pattern_id, template, muted, _, severe = columns.row(column)
            value = float(signed[place])
            number = 2 * column + (value < 0)
            calm, restarts = np.array([value > 0 and severe < 0.5]), np.array([template == RESTARTS])
            kind: DeviationKind = "vanished" if value < 0 else "appeared" if expected[place] < _NEW else "burst"
            if muted or (not pattern_id and value < 0):
                continue
            found.append(
                Feature(
                    service=service,
                    kind=kind if pattern_id else "level",
                    pattern_id=pattern_id,
                    template=template,
                    before_id="",
                    observed=float(observed[place]),
                    expected=round(float(expected[place]), 3),
                    surprise=round(value, 3),
                    rarity=float(course.rarity[number]),
                    minutes=_minutes(course, column, windows, float(expected[place])) if value > 0 else len(windows),
                    starved=value < 0 and float(block.within[place, 0]) > _ASKED,
                    evidence=float(evidence_of(signed[[place]], calm, restarts)[0] * _weight(course, number, value)),
                )
            )
    return found


def _weight(course: Course, number: int, signed: float) -> float:
    return float(weights(course, np.array([number]), np.array([signed], dtype=np.float32))[0])


def _minutes(course: Course, column: int, windows: range, expected: float) -> int:
    """In how many of the windows the column has more lines than its part of what the span should have."""
    all_windows = course.windows
    mine = (all_windows.column == column) & (all_windows.row >= windows.start) & (all_windows.row < windows.stop)
    return int((all_windows.count[mine] > expected / len(windows)).sum())


def surer(found: Sequence[Feature]) -> list[Feature]:
    """Of one service's features those that count at least half of what the surest does."""
    surest = max((feature.evidence for feature in found), default=0.0)
    return [feature for feature in found if feature.evidence >= surest / 2]


def lasting(found: Sequence[Feature]) -> int:
    """The most windows in which one of the surer features of a service shows."""
    return max((feature.minutes for feature in surer(found)), default=0)


def _slow_features(course: Course, start_ns: int, end_ns: int) -> list[Feature]:
    slow = slow_pairs(course.gaps, one_stretch(course.windows, start_ns, end_ns))
    templates = dict(course.windows.columns.select("pattern_id", "template").iter_rows())
    found = []
    for place in np.flatnonzero(slow.signed >= LEAST_FEATURE):
        pair = int(slow.pair[place])
        usual_ms, observed_ms = float(course.gaps.usual_ms[pair]), float(slow.observed_ms[place])
        if observed_ms < LEAST_SLOW_FACTOR * usual_ms:
            continue
        service, before, after = course.gaps.pairs.row(pair)
        number = 2 * course.windows.columns.height + pair
        value = float(slow.signed[place])
        found.append(
            Feature(
                service=service,
                kind="slower",
                pattern_id=after,
                template=templates.get(after, ""),
                before_id=before,
                observed=round(float(slow.median_ms[place]) / 1000, 4),
                expected=round(usual_ms / 1000, 4),
                surprise=round(value, 3),
                rarity=float(course.rarity[number]),
                minutes=int(slow.minutes[place]),
                starved=False,
                evidence=value * _weight(course, number, value),
            )
        )
    return found


def signature(found: list[Feature]) -> tuple[tuple[str, float], ...]:
    """The strongest features with their weights, unit length, by name."""
    strongest: dict[str, tuple[str, float]] = {}
    for feature in found:
        if abs(feature.weight) > abs(strongest.get(feature.name, ("", 0.0))[1]):
            strongest[feature.name] = feature.service, feature.weight
    ordered = sorted(strongest.items(), key=lambda item: (-abs(item[1][1]), item[0]))
    before: Counter[str] = Counter()
    weighted = []
    for name, (service, weight) in ordered:
        weighted.append((name, weight * TOGETHER ** before[service]))
        before[service] += 1
    kept = sorted(weighted, key=lambda item: (-abs(item[1]), item[0]))[:MOST_FEATURES]
    length = math.sqrt(sum(weight**2 for _, weight in kept)) or 1.0
    return tuple(sorted((name, round(weight / length, 6)) for name, weight in kept if weight))
