"""Fusion: one ranking out of several arms, by weighted scores rather than by equal ranks."""

import dataclasses
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Arm:
    """Scores by id. `is_scaled`: the best of them counts 1, for scores that mean nothing across questions."""

    scores: Mapping[str, float]
    weight: float
    is_scaled: bool = False
    absent: float | None = None
    """What an id counts that the arm does not rank; None: 0 if scaled, else as much as the least ranked (a
    cosine says something even when low)."""


def fuse(arms: Sequence[Arm]) -> list[tuple[str, float]]:
    """Ids with their fused scores, best first, ties by id.

    Weighted scores, since equal-weight reciprocal ranks average a strong arm with a weak one: on the development
    questions they lose to the strong one alone (`dejalog eval questions`).
    """
    ids = sorted({key for arm in arms for key in arm.scores})
    total = dict.fromkeys(ids, 0.0)
    for arm in arms:
        if not arm.scores:
            continue
        best = max(arm.scores.values())
        divisor = best if arm.is_scaled and best > 0 else 1.0
        lowest = 0.0 if arm.is_scaled else min(arm.scores.values())
        absent = lowest if arm.absent is None else arm.absent
        for key in ids:
            total[key] += arm.weight * arm.scores.get(key, absent) / divisor
    return sorted(total.items(), key=lambda item: (-item[1], item[0]))
