"""Compaction: many small segments of one partition become one, so that readers open few files."""

import math
from collections import defaultdict
from collections.abc import Sequence

import polars as pl

from index.segment import ORDER, STORED_SCHEMA, Segment
from index.store_settings import StoreSettings


def choose_segments(segments: Sequence[Segment], settings: StoreSettings) -> list[Segment]:
    """The segments to merge next, by number: the smallest tier of some partition that has enough of them; or none.

    A tier holds sizes within a factor of `compact_fan_in`, so a line is rewritten a logarithmic number of times.
    """
    tiers: dict[tuple[int, int, int], list[Segment]] = defaultdict(list)
    for segment in segments:
        if segment.damage is None and segment.row.rows * 2 <= settings.segment_lines:
            tier = int(math.log(max(segment.row.rows, 2), settings.compact_fan_in))
            tiers[tier, segment.row.day, segment.row.retain_day].append(segment)
    for key in sorted(tiers):
        chosen = _within_bounds(sorted(tiers[key], key=lambda segment: segment.row.number), settings)
        if len(chosen) >= settings.compact_fan_in:
            return chosen
    return []


def _within_bounds(segments: list[Segment], settings: StoreSettings) -> list[Segment]:
    chosen: list[Segment] = []
    rows, size = 0, 0
    for segment in segments:
        rows += segment.row.rows
        size += segment.row.message_bytes
        if chosen and (rows > settings.segment_lines or size > settings.segment_bytes):
            break
        chosen.append(segment)
    return chosen


def merged_lines(segments: Sequence[Segment]) -> pl.DataFrame:
    """All lines of some segments, in order. Raises DamagedError when one cannot be read."""
    frames = []
    for segment in segments:
        blocks = segment.blocks()
        frames.append(segment.read(STORED_SCHEMA.names(), blocks[0], blocks[-1]).select(STORED_SCHEMA.names()))
    return pl.concat(frames).sort(ORDER)
