"""Which past incidents resemble this one, and why: the memory that questions like "has this happened before" ask."""

import math
from collections.abc import Mapping, Sequence

from index.incident import Deviation, Incident, Similar
from index.incident_learned import NOTHING_LEARNED, Learned

SAME_SERVICE = 0.8
"""Share of the score that features bound to a service earn; the rest is for the same features anywhere (a guess)."""
ORDER = 0.1
"""How much of the score the order of failing services moves (a guess)."""
CANDIDATES = 50
"""So many of the best by cosine are scored exactly."""


def similar(query: Incident, past: Sequence[Incident], limit: int, learned: Learned = NOTHING_LEARNED) -> list[Similar]:
    """The past incidents most like `query` (itself left out), best first, ties by incident id.

    Scores are 0 to 1: the cosine of the signed signatures, bound to services and not, moved a little by the order in
    which services failed, and by what people said of their families. Neither times nor ids are compared.
    """
    others = [incident for incident in past if incident.incident_id != query.incident_id]
    rough = sorted(others, key=lambda incident: (-cosine(query, incident), incident.incident_id))[:CANDIDATES]
    alike = {incident.incident_id: _score(query, incident) for incident in rough}
    scored = sorted(((_moved(alike, incident, learned), incident) for incident in rough), key=_best_first)
    following = [score for score, _ in scored[1:]] + [0.0]
    return [
        _explain(query, incident, score, score - following[rank], score - alike[incident.incident_id])
        for rank, (score, incident) in enumerate(scored[:limit])
    ]


def cosine(one: Incident, other: Incident) -> float:
    """Of the signatures, with the share that does not ask for the same service; -1 to 1."""
    bound = _cosine(dict(one.signature), dict(other.signature))
    free = _cosine(_anywhere(one), _anywhere(other))
    return SAME_SERVICE * bound + (1 - SAME_SERVICE) * free


def order_agreement(one: Incident, other: Incident) -> float | None:
    """Share of the pairs of common services that failed in the same order; None with fewer than two in common."""
    first = {onset.service: place for place, onset in enumerate(one.onset)}
    common = [onset.service for onset in other.onset if onset.service in first]
    pairs = [(a, b) for index, a in enumerate(common) for b in common[index + 1 :]]
    if not pairs:
        return None
    return sum(first[a] < first[b] for a, b in pairs) / len(pairs)


def _best_first(scored: tuple[float, Incident]) -> tuple[float, str]:
    return -scored[0], scored[1].incident_id


def _moved(alike: Mapping[str, float], incident: Incident, learned: Learned) -> float:
    return round(min(learned.moved(alike[incident.incident_id], incident), 1.0), 4)


def _score(query: Incident, incident: Incident) -> float:
    alike = max(cosine(query, incident), 0.0)
    agreement = order_agreement(query, incident)
    if agreement is not None:
        alike *= 1 - ORDER + ORDER * agreement
    return round(min(alike, 1.0), 4)


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    lengths = math.sqrt(math.fsum(w * w for w in one.values()) * math.fsum(w * w for w in other.values()))
    if not lengths:
        return 0.0
    return math.fsum(weight * other[name] for name, weight in one.items() if name in other) / lengths


def _anywhere(incident: Incident) -> dict[str, float]:
    """The signature with the services taken out."""
    summed: dict[str, float] = {}
    for name, weight in incident.signature:
        kind, _, what = name.split("|", 2)
        summed[f"{kind}|{what}"] = summed.get(f"{kind}|{what}", 0.0) + weight
    return summed


def _explain(query: Incident, incident: Incident, score: float, margin: float, owed: float) -> Similar:
    asked, found = _said(query), _said(incident)
    return Similar(
        incident=incident,
        score=score,
        shared=tuple(template for template in asked if template in found),
        missing=tuple(template for template in found if template not in asked),
        extra=tuple(template for template in asked if template not in found),
        order_agreement=order_agreement(query, incident),
        margin=round(margin, 4),
        learned=round(owed, 4),
    )


def _said(incident: Incident) -> list[str]:
    """What deviated, in words, the most surprising first, each once."""
    ordered = sorted(incident.deviations, key=lambda deviation: (-abs(deviation.surprise), in_words(deviation)))
    return list(dict.fromkeys(in_words(deviation) for deviation in ordered))


def in_words(deviation: Deviation) -> str:
    """A deviation's template; what vanished or went slower says so, since the same words mean the opposite."""
    if deviation.kind == "vanished":
        return f"no longer: {deviation.template}"
    if deviation.kind == "slower":
        return f"slower: {deviation.template}"
    return deviation.template
