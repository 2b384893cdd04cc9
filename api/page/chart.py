"""Geometry of the charts, in units of a drawing 1,000 wide; templates draw it, and say the same in a table."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from api.page.filters import ns_of, written
from api.time_text import SECOND_NS
from ingest.line import LEVELS

WIDTH = 1000.0
HEIGHT = 100.0
LEAST_HEIGHT = 1.5
"""Of a part of a bar: more than a pixel, as the drawing is shown 90 pixels high."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """A level's part of a bar."""

    level: str
    count: int
    y: float
    height: float


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bucket of time."""

    x: float
    width: float
    start: str
    end: str
    count: int
    segments: tuple[Segment, ...]


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Bars by time. `highest` is the count of the tallest; `levels` are those that occur, worst first."""

    bars: tuple[Bar, ...]
    highest: int
    levels: tuple[str, ...]
    step_s: float


def histogram(content: Mapping[str, Any]) -> Histogram:
    """From what `histogram_content` gives; also of one without levels, whose lines then have none."""
    start_ns, end_ns = ns_of(content["window"]["start"]), ns_of(content["window"]["end"])
    highest = max((bucket["count"] for bucket in content["buckets"]), default=0)
    bars = tuple(_bar(each, start_ns, end_ns, content["step_s"], highest) for each in content["buckets"])
    present = {level for bucket in content["buckets"] for level in bucket.get("levels", {"": 1})}
    return Histogram(bars, highest, tuple(level for level in LEVELS if level in present), content["step_s"])


def _bar(bucket: Mapping[str, Any], start_ns: int, end_ns: int, step_s: float, highest: int) -> Bar:
    begins_ns = ns_of(bucket["time"])
    ends_ns = begins_ns + int(step_s * SECOND_NS)
    left, right = place(begins_ns, start_ns, end_ns), place(ends_ns, start_ns, end_ns)
    gap = min((right - left) * 0.12, 2.0)
    width = round(max(right - left - gap, 0.5), 2)
    start, end = written(max(begins_ns, start_ns)), written(min(ends_ns, end_ns))
    segments = _stacked(bucket.get("levels", {"": bucket["count"]}), highest)
    return Bar(round(left, 2), width, start, end, bucket["count"], segments)


def _stacked(levels: Mapping[str, int], highest: int) -> tuple[Segment, ...]:
    """Worst at the bottom. Each level that occurs can be seen; where there is no room, the tallest part makes it."""
    present = [level for level in LEVELS if level in levels]
    heights = {level: max(levels[level] / highest * HEIGHT, LEAST_HEIGHT) for level in present}
    tallest = max(heights, key=lambda level: heights[level])
    heights[tallest] -= max(sum(heights.values()) - HEIGHT, 0)
    segments, top = [], HEIGHT
    for level, height in heights.items():
        top -= height
        segments.append(Segment(level, levels[level], round(top, 2), round(height, 2)))
    return tuple(segments)


def place(time_ns: int, start_ns: int, end_ns: int) -> float:
    """Where a time stands, 0 to WIDTH; what lies outside stands at the edge."""
    share = (time_ns - start_ns) / max(end_ns - start_ns, 1)
    return min(max(share, 0.0), 1.0) * WIDTH


def sparkline(counts: Sequence[int]) -> str:
    """The path of a line of bars, in a drawing as wide as there are counts and 20 high."""
    highest = max(counts, default=0)
    if not highest:
        return ""
    parts = []
    for number, count in enumerate(counts):
        if count:
            height = max(round(count / highest * 19, 1), 1)
            parts.append(f"M{number} 20v-{height:g}h.8v{height:g}z")
    return "".join(parts)
