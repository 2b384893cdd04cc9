"""Who failed first: the time and the line of each service's first sign in an incident."""

import dataclasses
from collections.abc import Sequence

from index.incident import Deviation, Onset
from index.incident_span import Feature, surer

HARDLY = 0.25
"""With less than this share of the usual lines a service has fallen silent, else it writes less (a guess)."""

SURE = 4.0
"""What a deviation must count for its first line to be believed (a guess: so much chance brings once in a month)."""

Told = tuple[Feature, Deviation]


def is_bystander(found: Sequence[Feature]) -> bool:
    """Whether the service only writes less of everything, and still writes: it is asked less."""
    return all(feature.starved and feature.observed >= HARDLY * feature.expected for feature in surer(found))


def onsets(services: Sequence[str], told: Sequence[Told], start_ns: int) -> tuple[Onset, ...]:
    """Each service's first sign, by time. Of its deviations only the surer ones that lines show are asked.

    When something began to be said or to take longer is known to the line. When something ceased to be said is known to
    a usual pause only, so who shows nothing else is taken to follow where others show more, and so is who shows
    nothing for sure.
    """
    leading: list[Onset] = []
    following: list[Onset] = []
    for service in services:
        own = [(feature, deviation) for feature, deviation in told if feature.service == service and deviation.evidence]
        active = [one for one in own if one[0].kind != "vanished" and one[0].evidence >= SURE]
        sure = surer([feature for feature, _ in active or own])
        signs = [(deviation.onset_ns, deviation.evidence) for feature, deviation in own if feature in sure]
        time_ns, evidence = min(signs, default=(start_ns, ("",)))
        (leading if active else following).append(Onset(service, time_ns, evidence[0]))
    leading, following = _by_time(leading), _by_time(following)
    if leading:
        begun_ns = leading[0].time_ns
        following = [dataclasses.replace(onset, time_ns=max(onset.time_ns, begun_ns)) for onset in following]
    return tuple(sorted(leading + following, key=lambda onset: onset.time_ns))


def _by_time(found: list[Onset]) -> list[Onset]:
    return sorted(found, key=lambda onset: (onset.time_ns, onset.service))
