"""What people confirmed or denied of past incidents, as a small weight of each incident's family that fades."""

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from index.incident import Incident

VOTES: Mapping[str, float] = {"up": 1.0, "not_the_same": -1.0}
"""What a verdict says of the incident that it is about. `down` speaks of the answer, not of the incident."""
MOST = 0.15
"""The greatest share by which a score moves (a guess: it settles close calls and cannot carry what does not fit)."""
DAY_NS = 86_400_000_000_000


@dataclasses.dataclass(frozen=True)
class Learned:
    """Weights by family id, -1 (denied) to 1 (confirmed)."""

    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    mark: str = ""
    """Names the votes that were counted; empty without any."""

    def moved(self, score: float, incident: Incident) -> float:
        """A score as people's word moves it: by a share of `MOST` of it at most."""
        return score + MOST * self.weights.get(family_of(incident), 0.0) * abs(score)


NOTHING_LEARNED = Learned()


def learned(
    feedback: Iterable[Mapping[str, Any]], incidents: Sequence[Incident], *, as_of_ns: int, half_life_ns: int
) -> Learned:
    """What feedback given before `as_of_ns` says of the families of `incidents`.

    A vote halves every `half_life_ns`. One person has one voice for and one against an incident, the latest of each, so
    that the opposite takes a vote back. Sums are squeezed by tanh: many votes weigh at most 1. Depends on nothing else.
    """
    families = {incident.incident_id: family_of(incident) for incident in incidents}
    voices: dict[tuple[str, str, str], int] = {}
    for each in feedback:
        time_ns, target = int(each.get("time_ns", 0)), str(each.get("target", ""))
        if time_ns < as_of_ns and target in families and each.get("verdict") in VOTES:
            voice = (target, str(each["verdict"]), str(each.get("author", "")))
            voices[voice] = max(voices.get(voice, time_ns), time_ns)
    sums: dict[str, list[float]] = {}
    for (target, verdict, _), time_ns in sorted(voices.items()):
        faded = 2.0 ** (-(as_of_ns - time_ns) / half_life_ns)
        sums.setdefault(families[target], []).append(VOTES[verdict] * faded)
    weights = {family: math.tanh(math.fsum(votes)) for family, votes in sums.items()}
    return Learned({family: weight for family, weight in weights.items() if weight}, _mark(voices))


def family_of(incident: Incident) -> str:
    """The id of its family; its own where it has none."""
    return incident.family_id or incident.incident_id


def _mark(voices: Mapping[tuple[str, str, str], int]) -> str:
    if not voices:
        return ""
    return hashlib.blake2b(repr(sorted(voices.items())).encode(), digest_size=4).hexdigest()
