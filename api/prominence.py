"""Prominence: of many incidents that speak of the same things, which are most about what was asked."""

import math
from collections.abc import Mapping, Sequence

from api.question import Unit
from api.support import SupportSettings

Tokens = Mapping[str, float]


MUCH = 1.5
"""Weight of a sign in a text at which it counts half of what it can (a guess: one and a half strong deviations)."""


def prominences(units: Sequence[Unit], texts: Mapping[str, Tokens], settings: SupportSettings) -> dict[str, float]:
    """0 to 1 for each text. It orders, and decides nothing.

    A unit counts by how much of a text is about it against the text that is most about it: what every incident
    mentions in passing tells none apart. Of a unit that has signs it counts how many of them there are and how much of
    each, whatever else the text speaks of: a grave incident says many things.
    """
    total = sum(settings.of(unit) for unit in units)
    found = dict.fromkeys(texts, 0.0)
    for unit in units:
        share = settings.of(unit) / total
        own = _by_signs(unit, texts) if unit.signs else _by_density(unit, texts)
        most = max(own.values(), default=0.0)
        for key, presence in own.items():
            found[key] += share * presence / most if most else 0.0
    return found


def _by_density(unit: Unit, texts: Mapping[str, Tokens]) -> dict[str, float]:
    return {key: _most(unit, text) / (math.sqrt(sum(text.values())) or 1.0) for key, text in texts.items()}


def _by_signs(unit: Unit, texts: Mapping[str, Tokens]) -> dict[str, float]:
    """Two thirds for the thing itself, unless that is a kind, which an incident is of or not; the rest for its signs,
    which the thing itself is one of.
    """
    itself = 0.0 if unit.is_kind else 2 / 3
    found = {}
    for key, text in texts.items():
        own = _most(unit, text)
        shown = 0.0 if unit.is_kind else own
        signs = sum(_saturated(text.get(sign, 0.0) + shown) for sign in unit.signs) / len(unit.signs)
        found[key] = itself * _saturated(own) + (1 - itself) * signs if own or not unit.is_kind else 0.0
    return found


def _most(unit: Unit, text: Tokens) -> float:
    return max(text.get(token, 0.0) for token in unit.tokens)


def _saturated(weight: float) -> float:
    return weight / (weight + MUCH)
