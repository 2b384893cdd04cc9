"""Which service is at fault: the one whose own lines deviate most, counting what others say about it.

`payment did not respond in 3000 ms` is written by the caller and tells of the one called. What a service's deviating
lines say about another is that other's deviation, and so is what was said about the first, in proportion.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from index.incident_named import Named
from index.incident_span import Feature, score_of

STARVED = 0.3
"""What a service that writes less of everything counts: it may only be asked less, by one that fails (a guess)."""
_ROUNDS = 6
"""Calls are seldom nested deeper (a guess); blame that goes in a circle fades."""


def rank_by_blame(by_service: Mapping[str, Sequence[Feature]], named: Named) -> list[str]:
    """All these services, the faulty one first; ties by name. `named` says whom the features speak of."""
    names = sorted(by_service)
    own, said = {}, {}
    for service in names:
        own[service] = _energy([_part(feature, 1 - _spoken(feature, named, names)) for feature in by_service[service]])
        said[service] = {
            peer: _energy([_part(feature, _share(feature, named, peer)) for feature in by_service[service]])
            for peer in names
            if peer != service
        }
    total = _passed_on(names, own, said)
    return sorted(names, key=lambda service: (-round(total[service], 3), service))


def _passed_on(
    names: Sequence[str], own: Mapping[str, float], said: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    total = dict(own)
    arriving = {peer: math.fsum(said[service].get(peer, 0.0) for service in names) for peer in names}
    for _ in range(_ROUNDS):
        leaving = dict.fromkeys(names, 0.0)
        for service in names:
            spoken = math.fsum(said[service].values())
            onward = spoken / (spoken + own[service]) if spoken else 0.0
            total[service] += arriving[service] * (1 - onward)
            for peer, strength in said[service].items():
                leaving[peer] += arriving[service] * onward * strength / spoken if spoken else 0.0
        arriving = leaving
    for service in names:
        total[service] += arriving[service]
    return total


def _energy(found: Sequence[Feature]) -> float:
    weighed = [
        dataclasses.replace(feature, evidence=feature.evidence * STARVED) if feature.starved else feature
        for feature in found
    ]
    return score_of(weighed) ** 2


def _share(feature: Feature, named: Named, peer: str) -> float:
    return named.get(feature.name, {}).get(peer, 0.0)


def _spoken(feature: Feature, named: Named, peers: Sequence[str]) -> float:
    return min(math.fsum(_share(feature, named, peer) for peer in peers), 1.0)


def _part(feature: Feature, share: float) -> Feature:
    """The feature with this share of its energy, which is the square of its evidence."""
    return dataclasses.replace(feature, evidence=feature.evidence * math.sqrt(max(share, 0.0)))
