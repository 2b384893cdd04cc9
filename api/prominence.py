"""Prominence: of many incidents that speak of the same things, which are most about what was asked."""

import math
from collections.abc import Mapping, Sequence

from api.question import Unit
from api.support import SupportSettings

Tokens = Mapping[str, float]


def prominences(units: Sequence[Unit], texts: Mapping[str, Tokens], settings: SupportSettings) -> dict[str, float]:
    """0 to 1 for each text. It orders, and decides nothing.

    A unit counts by how much of a text is about it against the text that is most about it: what every incident
    mentions in passing tells none apart. Half of a unit that has signs is theirs.
    """
    lengths = {key: math.sqrt(sum(text.values())) or 1.0 for key, text in texts.items()}
    total = sum(settings.of(unit) for unit in units)
    found = dict.fromkeys(texts, 0.0)
    for unit in units:
        share = settings.of(unit) / total
        groups = [(share, unit.tokens)]
        if unit.signs:
            groups = [(share / 2, unit.tokens), *((share / 2 / len(unit.signs), (sign,)) for sign in unit.signs)]
        for weight, tokens in groups:
            presence = {
                key: max(text.get(token, 0.0) for token in tokens) / lengths[key] for key, text in texts.items()
            }
            most = max(presence.values(), default=0.0)
            for key in found:
                found[key] += weight * presence[key] / most if most else 0.0
    return found
