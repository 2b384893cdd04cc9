"""Incidents recognised by their patterns: one of the chief deviations of an incident is what was asked about.

Incidents are long texts that speak of many things; a pattern is one sentence, which a question can be held against.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from api.retrieve import PatternFacts, Ranked
from api.support import Support, SupportSettings
from index.incident import Incident

CHIEF = 0.35
"""A deviation with this share of the surprise of the strongest is a chief one (measured: flat from .2 to .5)."""


@dataclasses.dataclass(frozen=True)
class PatternCandidate:
    """A retrieved pattern."""

    facts: PatternFacts
    ranked: Ranked
    support: Support
    is_fault: bool
    """It shows that something went wrong, by its level or in its words."""


def proving_patterns(patterns: Sequence[PatternCandidate], settings: SupportSettings) -> dict[str, float]:
    """By pattern id what it proves, of those that an incident may rest on."""
    best = max((each.ranked.score for each in patterns), default=0.0)
    near = [each for each in patterns if each.ranked.score >= settings.shown_near * best]
    proven = {each.facts.pattern_id: _proves(each.support, settings) for each in near}
    return {pattern_id: strength for pattern_id, strength in proven.items() if strength >= settings.shown}


def shown_by(incident: Incident, proving: Mapping[str, float]) -> float:
    """0 to 1: how surely one of the incident's chief deviations is what was asked about; 0 where none is."""
    strongest = max((abs(deviation.surprise) for deviation in incident.deviations), default=1.0)
    shown = [
        proving[deviation.pattern_id] * (1.0 if deviation.is_remark else math.sqrt(deviation.surprise / strongest))
        for deviation in incident.deviations
        if deviation.kind in {"appeared", "burst"}
        and deviation.pattern_id in proving
        and (deviation.is_remark or deviation.surprise >= CHIEF * strongest)
    ]
    return max(shown, default=0.0)


def _proves(support: Support, settings: SupportSettings) -> float:
    return support.strength * (settings.shown_despite if support.verdict == "not_found" else 1.0)
