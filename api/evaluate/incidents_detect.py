"""What mining found by itself: which faults, how soon, whom it blames, and what it raised without a fault."""

import dataclasses
import statistics
from collections.abc import Sequence

import numpy as np
import polars as pl

from api.evaluate.incidents_label import Label
from api.evaluate.incidents_world import World
from index.deviation_mark import service_scores
from index.incident import Incident
from index.incident_find import bar
from index.line_store import LEDGER_WINDOW_NS

AFTERMATH_NS = 2 * 60 * 1_000_000_000
"""What begins so soon after a fault is its end: roll-backs, queues that empty. Neither found nor false (a guess)."""


@dataclasses.dataclass(frozen=True)
class Detected:
    """One fault and the incident that tells of it: of those that do the one that shares most time with it."""

    label: Label
    incident: Incident | None
    alarm_ns: int | None
    """End of the first minute after which the incident's evidence suffices."""

    @property
    def metrics(self) -> dict[str, float]:
        """`detection_recall`, `as@1` and `as@3`: an unseen fault's service is not named either."""
        services = self.incident.services if self.incident is not None else ()
        return {
            "detection_recall": float(self.incident is not None),
            "as@1": float(self.label.service in services[:1]),
            "as@3": float(self.label.service in services[:3]),
        }


@dataclasses.dataclass(frozen=True)
class Alarms:
    """Incidents by what they meet. Those that tell of a fault are in neither number."""

    false: int
    benign: int
    """They meet a benign event of the labels and no fault."""
    days: float

    @property
    def per_day(self) -> dict[str, float]:
        """Both numbers by the days for which there are lines."""
        return {
            "false_alarms_per_day": self.false / self.days,
            "benign_alarms_per_day": self.benign / self.days,
        }


def tells_of(incident: Incident, label: Label) -> bool:
    """Whether they share time and, where the label says who was affected, one of these is named."""
    shares_time = incident.start_ns < label.end_ns and label.start_ns < incident.end_ns
    return shares_time and (not label.affected or not set(label.affected).isdisjoint(incident.services))


def detect(world: World, labels: Sequence[Label]) -> list[Detected]:
    """One for each fault, in the order of the labels."""
    incidents = world.generation.incidents
    flagged = service_scores(world.course).filter(pl.col("score") >= bar(world.course))
    found = []
    for label in labels:
        if label.benign:
            continue
        telling = [incident for incident in incidents if tells_of(incident, label)]
        best = max(telling, key=lambda each: (_shared_ns(each, label), -each.start_ns), default=None)
        found.append(Detected(label, best, None if best is None else _alarm_ns(world, flagged, best)))
    return found


def count_alarms(world: World, labels: Sequence[Label]) -> Alarms:
    """Of all incidents that do not begin in a fault or its aftermath."""
    false = benign = 0
    for incident in world.generation.incidents:
        met = [label for label in labels if _meets(incident, label)]
        false += not met
        benign += bool(met) and all(label.benign for label in met)
    return Alarms(false, benign, world.observed_days)


def detection_row(found: Sequence[Detected]) -> dict[str, float | None]:
    """Means, and medians in seconds: `onset_s` from a fault's start to the start that the incident tells, `alarm_s` to
    the end of the first minute after which its evidence suffices.
    """
    seen = [each for each in found if each.incident is not None]
    onsets = [each.incident.start_ns - each.label.start_ns for each in seen if each.incident is not None]
    alarms = [each.alarm_ns - each.label.start_ns for each in seen if each.alarm_ns is not None]
    means = {name: statistics.fmean(each.metrics[name] for each in found) for name in found[0].metrics}
    return {**means, "onset_s": _median_s(onsets), "alarm_s": _median_s(alarms)}


def _median_s(times: Sequence[int]) -> float | None:
    return statistics.median(times) / 1e9 if times else None


def _alarm_ns(world: World, flagged: pl.DataFrame, incident: Incident) -> int | None:
    times = world.course.windows.times
    first, last = np.searchsorted(times, [incident.start_ns - LEDGER_WINDOW_NS + 1, incident.end_ns])
    inside = flagged.filter(
        (pl.col("last") > int(first)) & (pl.col("last") <= int(last)) & pl.col("service").is_in(list(incident.services))
    )
    earliest = inside["last"].min()
    return int(times[int(str(earliest)) - 1]) + LEDGER_WINDOW_NS if earliest is not None else None


def _shared_ns(incident: Incident, label: Label) -> int:
    return min(incident.end_ns, label.end_ns) - max(incident.start_ns, label.start_ns)


def _meets(incident: Incident, label: Label) -> bool:
    until_ns = label.end_ns + AFTERMATH_NS
    return incident.start_ns < until_ns and label.start_ns < incident.end_ns
