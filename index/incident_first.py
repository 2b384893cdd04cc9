"""Who failed first: the time and the line of each service's first sign in an incident."""

import dataclasses
from collections.abc import Sequence

from index.incident import Deviation, Onset
from index.incident_span import Feature, surer

HARDLY = 0.25
"""With less than this share of the usual lines a service has fallen silent, else it writes less (a guess)."""

SURE = 4.0
"""What a deviation must count for its first line to be believed (a guess: so much chance brings once in a month)."""

HARDLY_DEVIATES = 0.25
"""A service whose strongest sign is less than this share of the incident's strongest is not told to have begun it (a
guess).
"""

Told = tuple[Feature, Deviation]


def is_bystander(found: Sequence[Feature]) -> bool:
    """Whether the service only writes less of everything, and still writes: it is asked less."""
    return all(feature.starved and feature.observed >= HARDLY * feature.expected for feature in surer(found))


def onsets(services: Sequence[str], told: Sequence[Told], start_ns: int) -> tuple[Onset, ...]:
    """Each service's first sign, by time. Of its deviations only the surer ones that lines show are asked.

    When something began to be said or to take longer is known to the line. When something ceased to be said is known to
    a usual pause only, so who shows nothing else is taken to follow where others show more, and so is who shows
    nothing for sure, or hardly deviates beside the others.
    """
    strong = deviating([deviation for _, deviation in told])
    found: list[tuple[int, Onset]] = []
    for service in services:
        own = [(feature, deviation) for feature, deviation in told if feature.service == service and deviation.evidence]
        active = [one for one in own if one[0].kind != "vanished" and one[0].evidence >= SURE]
        sure = surer([feature for feature, _ in active or own])
        signs = [(deviation.onset_ns, deviation.evidence) for feature, deviation in own if feature in sure]
        time_ns, evidence = min(signs, default=(start_ns, ("",)))
        found.append((2 if service not in strong else 0 if active else 1, Onset(service, time_ns, evidence[0])))
    leads = min((rank for rank, _ in found), default=0)
    begun_ns = min((onset.time_ns for rank, onset in found if rank == leads), default=start_ns)
    in_order = sorted(
        found, key=lambda one: (max(one[1].time_ns, begun_ns), one[0] != leads, one[1].time_ns, one[1].service)
    )
    return tuple(dataclasses.replace(onset, time_ns=max(onset.time_ns, begun_ns)) for _, onset in in_order)


def deviating(deviations: Sequence[Deviation]) -> set[str]:
    """The services that deviate clearly beside the others of the incident."""
    strongest: dict[str, float] = {}
    for each in deviations:
        strongest[each.service] = max(strongest.get(each.service, 0.0), abs(each.surprise))
    bar = HARDLY_DEVIATES * max(strongest.values(), default=0.0)
    return {service for service, strength in strongest.items() if strength >= bar}
