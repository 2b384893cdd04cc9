"""What the service that failed first said just then and hardly ever says: no burst, yet often the cause.

A clock that jumps and a certificate that runs out are told once, where a deviation needs lines enough to rule out
chance. A line that is rare enough rules it out by itself.
"""

import math

import numpy as np

from index.deviation_mark import Course
from index.incident import REMARK_BELOW
from index.incident_find import Span
from index.incident_span import Feature
from index.line_store import LEDGER_WINDOW_NS
from index.window import window_start

BEFORE_WINDOWS = 2
"""So many windows before the one of the onset are looked at too (a guess: causes are told at once)."""
CHANCE = 0.005
"""So many lines at most may be expected there (a guess: of two hundred incidents one has such a line by chance)."""
MOST = 3
"""Remarks of one incident (a guess: a start is many rare lines)."""
UNSEEN = 0.5
"""Lines added to what was counted: what was never seen before may still be usual where little was seen."""


def beginning(onset_ns: int, until_ns: int) -> Span:
    """The windows in which remarks are looked for, not beyond `until_ns`."""
    start_ns = window_start(onset_ns)
    return Span(start_ns - BEFORE_WINDOWS * LEDGER_WINDOW_NS, min(start_ns + LEDGER_WINDOW_NS, until_ns))


def remarks(course: Course, service: str, where: Span) -> list[Feature]:
    """The rarest first; none where more than MOST are that rare, which is a start or a new version."""
    windows = course.windows
    first, last = np.searchsorted(windows.times, [where.start_ns, where.end_ns])
    near = (windows.row >= first) & (windows.row < last)
    counts = np.bincount(windows.column[near], weights=windows.count[near], minlength=windows.columns.height)
    share = (last - first) / max(len(windows.times), 1)
    found = []
    for column in np.flatnonzero(counts):
        of, pattern_id, template, muted, total, _ = windows.columns.row(int(column))
        expected = (total - counts[column] + UNSEEN) * share
        if of == service and pattern_id and not muted and counts[column] < REMARK_BELOW and expected <= CHANCE:
            found.append(_remark(of, pattern_id, template, float(counts[column]), float(expected)))
    found.sort(key=lambda feature: (feature.expected, feature.name))
    return found if len(found) <= MOST else []


def _remark(service: str, pattern_id: str, template: str, observed: float, expected: float) -> Feature:
    """The surprise is that of a Poisson count."""
    surprise = math.sqrt(2 * (observed * math.log(observed / expected) - observed + expected))
    return Feature(
        service=service,
        kind="appeared",
        pattern_id=pattern_id,
        template=template,
        before_id="",
        observed=observed,
        expected=round(expected, 3),
        surprise=round(surprise, 3),
        rarity=1.0,
        minutes=1,
        starved=False,
        evidence=0.0,
    )
