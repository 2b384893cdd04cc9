"""How patterns went through a window, from the ledger: sparklines, usual and current rates, what is new, bursts or fell
silent.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from api.models import PatternsRequest
from api.page.chart import sparkline
from api.page.filters import ns_of
from api.parts import Dejalog
from api.time_text import SECOND_NS
from index.line_store import LEDGER_WINDOW_NS
from index.pattern_count import with_pattern_ids

BUCKETS = 24
RECENT = 2
"""The last twelfth of the window is "now" (a guess)."""
BURST_TIMES = 4.0
BURST_LEAST = 10
"""So many times the usual rate, and so many lines, are a burst (guesses: fewer is noise in a demo day)."""
STEADY_SHARE = 0.5
"""What was there in this share of the earlier buckets and is not now fell silent (a guess)."""


@dataclasses.dataclass(frozen=True)
class Course:
    """How a pattern went through the window: a sparkline, marks, and lines per hour, usually and now."""

    path: str
    buckets: int
    marks: tuple[str, ...]
    usual: float
    now: float
    change: float
    """How far the current count is from the usual one, in standard deviations of a Poisson count (Anscombe, 1948)."""


def courses(
    dejalog: Dejalog, patterns: Sequence[Mapping[str, Any]], window: Mapping[str, Any], wanted: PatternsRequest
) -> dict[str, Course]:
    """From the ledger: of each pattern the counts of equal parts of the window; none where the ledger is coarser."""
    start_ns, end_ns = ns_of(window["start"]), ns_of(window["end"])
    step_ns = (end_ns - start_ns) // BUCKETS
    if step_ns < LEDGER_WINDOW_NS:
        return {}
    rows = dejalog.store.ledger(start_ns=start_ns, end_ns=end_ns)
    if wanted.service:
        rows = rows.filter(pl.col("service").is_in(wanted.service))
    if wanted.level:
        rows = rows.filter(pl.col("level").is_in(wanted.level))
    bucket = ((pl.col("window_ns") - start_ns) // step_ns).clip(0, BUCKETS - 1).alias("bucket")
    # Summed by signature first: a ledger of two weeks has a million rows, and few signatures.
    by_signature = rows.group_by("signature", bucket).agg(pl.col("count").sum())
    counted = with_pattern_ids(by_signature, dejalog.generation().patterns)
    counted = counted.group_by("pattern_id", "bucket").agg(pl.col("count").sum())
    shown = pl.DataFrame({"pattern_id": [each["pattern_id"] for each in patterns]}, schema={"pattern_id": pl.String})
    counts: dict[str, list[int]] = {each["pattern_id"]: [0] * BUCKETS for each in patterns}
    for pattern_id, number, count in counted.join(shown, on="pattern_id", how="semi").iter_rows():
        counts[pattern_id][number] += count
    late_ns = recent_ns(window)
    new = {each["pattern_id"] for each in patterns if ns_of(each["first_seen"]) >= late_ns}
    step_h = step_ns / SECOND_NS / 3600
    return {name: course_of(each, step_h=step_h, is_new=name in new) for name, each in counts.items()}


def recent_ns(window: Mapping[str, Any]) -> int:
    """Where "now" begins in a window."""
    start_ns, end_ns = ns_of(window["start"]), ns_of(window["end"])
    return end_ns - RECENT * ((end_ns - start_ns) // BUCKETS)


def course_of(counts: Sequence[int], *, step_h: float, is_new: bool) -> Course:
    """The course of one pattern from its counts, oldest first, each of a part of the window `step_h` hours long."""
    earlier, late = counts[:-RECENT], counts[-RECENT:]
    usual, now = sum(earlier) / len(earlier), sum(late) / len(late)
    marks = []
    if is_new:
        marks.append("new")
    elif now >= BURST_TIMES * usual and sum(late) >= BURST_LEAST:
        marks.append("bursting")
    if not sum(late) and sum(count > 0 for count in earlier) >= STEADY_SHARE * len(earlier):
        marks.append("silent")
    change = 2 * (math.sqrt(sum(late) + 0.375) - math.sqrt(usual * RECENT + 0.375))
    return Course(sparkline(counts), len(counts), tuple(marks), usual / step_h, now / step_h, change)
