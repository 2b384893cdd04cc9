"""Leave one out over labelled windows: which of the others comes first, by our measure and by simpler ones.

Each window is described as any span that a person points at is; those of the same label are the right ones.
"""

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from api.evaluate.incidents_label import DISTRACTOR, Label
from api.evaluate.incidents_world import World
from api.evaluate.metrics import mean, ranking
from index.incident import Incident
from index.incident_similar import cosine, similar

ARMS = ("random", "tfidf", "bursts", "vanished", "time_leak", "answer")
DRAWS = 1000
"""Random orders whose mean is reported."""
SEED = 1

Rank = Callable[[Label, Sequence[Label]], list[str]]
"""The ids of the others, best first."""
Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Spans:
    """What was unusual in each labelled window, and its lines by pattern."""

    incidents: Mapping[str, Incident]
    counts: Mapping[str, Mapping[str, int]]


def read_spans(world: World, labels: Sequence[Label], *, shift_ns: int = 0) -> Spans:
    """Of windows that begin and end `shift_ns` later than the labels say, by label id."""
    incidents, counts = {}, {}
    members = world.generation.patterns.members
    for label in labels:
        start_ns, end_ns = label.start_ns + shift_ns, label.end_ns + shift_ns
        incidents[label.id] = world.span(start_ns, end_ns)
        ledger = world.store.ledger(start_ns=start_ns, end_ns=end_ns).join(members, on="signature")
        counts[label.id] = dict(ledger.group_by("pattern_id").agg(pl.col("count").sum()).iter_rows())
    return Spans(incidents, counts)


def asked(labels: Sequence[Label], split: str) -> list[Label]:
    """The windows to ask about: of this split, or without one all but distractors; each has another of its label."""
    others = Counter(label.label for label in labels)
    chosen = [label for label in labels if (label.split == split if split else label.split != DISTRACTOR)]
    return [label for label in chosen if label.split != DISTRACTOR and others[label.label] > 1]


def score_arms(labels: Sequence[Label], wanted: Sequence[Label], spans: Spans) -> dict[str, dict[str, Metrics]]:
    """By arm, the ranking metrics of each window that is asked about, by label id."""
    ranks: dict[str, Rank] = {
        "tfidf": _by_tfidf(spans),
        "bursts": _by_part(spans, keep="more|"),
        "vanished": _by_part(spans, keep="less|"),
        "time_leak": _by_time,
        "answer": by_likeness(spans.incidents, spans.incidents),
    }
    scored = {"random": {label.id: _at_random(label, labels) for label in wanted}}
    scored |= {arm: score(labels, wanted, rank) for arm, rank in ranks.items()}
    return scored


def score(labels: Sequence[Label], wanted: Sequence[Label], rank: Rank) -> dict[str, Metrics]:
    """The metrics of one way to rank, by label id."""
    return {label.id: ranking(rank(label, _others(label, labels)), _gold(label, labels)) for label in wanted}


def by_likeness(asking: Mapping[str, Incident], past: Mapping[str, Incident]) -> Rank:
    """As the product ranks. `asking` and `past` may describe the windows at different times."""

    def rank(label: Label, others: Sequence[Label]) -> list[str]:
        names = {past[other.id].incident_id: other.id for other in others}
        found = similar(asking[label.id], [past[other.id] for other in others], len(others))
        ranked = [names[each.incident.incident_id] for each in found]
        # A window whose id is that of the one asked about, because the two begin in one minute, is the last.
        return ranked + [other.id for other in others if other.id not in set(ranked)]

    return rank


def without_clock(incidents: Mapping[str, Incident], *, seed: int = SEED) -> dict[str, Incident]:
    """The same incidents in another order of time, far apart, with other ids: recall may not notice."""
    names = sorted(incidents)
    random.Random(seed).shuffle(names)  # noqa: S311 an order to repeat
    return {name: _moved(incidents[name], place * 10**16, f"{place:016x}") for place, name in enumerate(names)}


def _moved(incident: Incident, start_ns: int, incident_id: str) -> Incident:
    by_ns = start_ns - incident.start_ns
    return dataclasses.replace(
        incident,
        incident_id=incident_id,
        start_ns=start_ns,
        end_ns=incident.end_ns + by_ns,
        onset=tuple(dataclasses.replace(each, time_ns=each.time_ns + by_ns) for each in incident.onset),
    )


def _others(label: Label, labels: Sequence[Label]) -> list[Label]:
    return [other for other in labels if other.id != label.id]


def _gold(label: Label, labels: Sequence[Label]) -> set[str]:
    return {other.id for other in _others(label, labels) if other.label == label.label}


def _at_random(label: Label, labels: Sequence[Label]) -> Metrics:
    names = [other.id for other in _others(label, labels)]
    drawing = random.Random(f"{SEED} {label.id}")  # noqa: S311 draws to repeat
    gold = _gold(label, labels)
    return mean([ranking(drawing.sample(names, len(names)), gold) for _ in range(DRAWS)])


def _by_time(label: Label, others: Sequence[Label]) -> list[str]:
    return [other.id for other in sorted(others, key=lambda other: (abs(other.start_ns - label.start_ns), other.id))]


def _by_part(spans: Spans, *, keep: str) -> Rank:
    """By the cosine of one kind of feature only."""
    parts = {
        name: dataclasses.replace(
            incident, signature=tuple(each for each in incident.signature if each[0].startswith(keep))
        )
        for name, incident in spans.incidents.items()
    }
    return lambda label, others: _best_first(others, lambda other: cosine(parts[label.id], parts[other.id]))


def _by_tfidf(spans: Spans) -> Rank:
    """Cosine of (1 + log count) x log(windows / windows with the pattern), over the windows of the labels."""
    spread = Counter(name for counts in spans.counts.values() for name in counts)
    vectors = {
        label: {name: (1 + math.log(n)) * math.log(len(spans.counts) / spread[name]) for name, n in counts.items()}
        for label, counts in spans.counts.items()
    }
    return lambda label, others: _best_first(others, lambda other: _cosine(vectors[label.id], vectors[other.id]))


def _best_first(others: Sequence[Label], alike: Callable[[Label], float]) -> list[str]:
    return [other.id for other in sorted(others, key=lambda other: (-round(alike(other), 9), other.id))]


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    lengths = math.sqrt(math.fsum(x * x for x in one.values()) * math.fsum(x * x for x in other.values()))
    return math.fsum(x * other[name] for name, x in one.items() if name in other) / lengths if lengths else 0.0
