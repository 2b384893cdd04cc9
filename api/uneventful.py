"""Trouble that left lines and no incident: asked whether it happened, such lines alone are no yes.

Small troubles come every day in the words of great ones: a lookup fails once, a message is delivered twice. Where the
memory of incidents knows the usual course, that none of them tells of it is part of the answer.
"""

from collections.abc import Sequence

import polars as pl

from api.question import Question
from api.recognise import PatternCandidate
from index.generation import Generation
from index.incident import Incident

KNOWN_NS = 86_400_000_000_000
KNOWN_LINES_A_MINUTE = 2.0
"""From this span and this density on the usual course is known (guesses: each hour of the day has come, and hardly a
minute is without lines).
"""
_MINUTE_NS = 60_000_000_000
SLIGHT_NS = 3 * _MINUTE_NS
SLIGHT_SURPRISE = 12.0
"""An incident below both is a slight one (measured on simulated shops, seeds 1 to 9: everyday troubles that became
incidents last up to 2.6 minutes and surprise up to 11.5, faults last longer).
"""


def is_uneventful(question: Question, told: Sequence[PatternCandidate], generation: Generation) -> bool:
    """Whether trouble was asked about, lines speak of it, and an incident would be known had it been one."""
    asks_whether = question.intent == "recall" and not question.identifiers and not question.asks_for_lines
    is_trouble = any(unit.is_fault for unit in question.units) or any(each.is_fault for each in told)
    return asks_whether and is_trouble and knows_usual_course(generation)


def is_slight(incident: Incident) -> bool:
    """Whether an incident was one of the small troubles that a day brings: brief, and told by few lines."""
    said = [each.surprise for each in incident.deviations if each.kind in {"appeared", "burst", "level"}]
    return incident.end_ns - incident.start_ns < SLIGHT_NS and 0 < max(said, default=0.0) < SLIGHT_SURPRISE


def knows_usual_course(generation: Generation) -> bool:
    """Whether the lines are many enough, over days enough, to tell what is usual."""
    first_ns, last_ns, lines = generation.counts.select(
        pl.col("first_ns").min(), pl.col("last_ns").max(), pl.col("count").sum()
    ).row(0)
    if not lines:
        return False
    minutes = (last_ns - first_ns) / _MINUTE_NS
    return bool(last_ns - first_ns >= KNOWN_NS and lines >= KNOWN_LINES_A_MINUTE * minutes)
