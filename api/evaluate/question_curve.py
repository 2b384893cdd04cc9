"""Abstention against answer rate, over the strength from which a pattern proves an answer: what a caller may choose."""

import bisect
import dataclasses
from collections.abc import Callable, Sequence

from api.answer import AskSettings

STEPS = 25
"""Thresholds lie this many to one; the one that is shipped is among them."""


def thresholds(settings: AskSettings) -> list[float]:
    """Of the curve, ascending, from 0 to 1."""
    return sorted({*(step / STEPS for step in range(STEPS + 1)), settings.support.pattern_found})


def at_threshold(settings: AskSettings, threshold: float) -> AskSettings:
    """The same with another strength from which a pattern is `found`. What holds whatever the strength stays: all
    telling words must be spoken of, and incidents have thresholds of their own.
    """
    support = settings.support
    inconclusive = min(support.pattern_inconclusive, threshold)
    changed = dataclasses.replace(support, pattern_found=threshold, pattern_inconclusive=inconclusive)
    return dataclasses.replace(settings, support=changed)


def found_up_to(settings: AskSettings, is_found: Callable[[AskSettings], bool]) -> float | None:
    """The highest threshold at which a question is answered `found`; None when at none. What is found at one is found
    at each lower one, so a few questions tell.
    """
    ascending = thresholds(settings)
    count = bisect.bisect_left(ascending, x=True, key=lambda each: not is_found(at_threshold(settings, each)))
    return ascending[count - 1] if count else None


def curve(
    answerable: Sequence[float | None], unanswerable: Sequence[float | None], settings: AskSettings
) -> dict[str, list[float]]:
    """Columns with an entry a threshold, ascending, from what `found_up_to` told of questions of both kinds (one
    each at least).
    """
    ascending = thresholds(settings)
    return {
        "threshold": ascending,
        "answer_rate": [round(_share_found(answerable, each), 4) for each in ascending],
        "abstention": [round(1 - _share_found(unanswerable, each), 4) for each in ascending],
    }


def _share_found(up_to: Sequence[float | None], threshold: float) -> float:
    return sum(each is not None and each >= threshold for each in up_to) / len(up_to)
