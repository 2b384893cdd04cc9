"""From which line on a pattern is written at another rate: change points of one incident, by cumulative sums.

All times are ns. Of all stretches in which the new rate explains the lines better than the usual one, the stretch that
it explains best counts (Page 1954); its first line is the onset. A lone line long before, or a pause of the usual
length, does not begin it.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

HALF = 0.5
"""No rate is taken to be less than that of half a line in the span."""
SLOW_USUALLY, SLOW_NOW = 0.2, 0.7
"""Shares of slow requests before and after the onset (guesses)."""

Numbers = npt.NDArray[np.float64]


def rise(times: Sequence[int], *, since: int, until: int, observed: float, expected: float) -> int:
    """The place of the first of the lines at the higher rate. `times` ascend and are not empty.

    `observed` and `expected` are lines of the span [since, until); the lines may begin before it.
    """
    usual, now = _rates(since, until, observed, expected)
    gain, cost = math.log(max(now / usual, 1.0)), max(now - usual, 0.0)
    at = np.asarray(times, dtype=np.int64)
    level = np.arange(len(at)) * gain - (at - at[0]) * cost
    return _steepest(level, at >= since)


def fall(times: Sequence[int], *, floor: int, since: int, until: int, observed: float, expected: float) -> int:
    """The place of the last line at the usual rate, -1 when there were too few from `floor` on, where `times` begin."""
    usual, now = _rates(since, until, observed, expected)
    gain, cost = max(usual - now, 0.0), math.log(max(usual / now, 1.0))
    at = np.array([floor, *times, until], dtype=np.int64)
    level = (at - floor) * gain - np.arange(len(at)) * cost
    return min(_steepest(level, at > since), len(times)) - 1


def slow_from(is_slow: Sequence[bool], inside: Sequence[bool]) -> int:
    """The place of the first slow one of the requests, by time, from which on many are; at least one `inside` is."""
    slow = np.asarray(is_slow, dtype=np.bool_)
    step = np.where(slow, math.log(SLOW_NOW / SLOW_USUALLY), math.log((1 - SLOW_NOW) / (1 - SLOW_USUALLY)))
    before = np.concatenate([[0.0], np.cumsum(step)[:-1]])
    return _steepest(before, np.asarray(inside, dtype=np.bool_) & slow, step, slow)


def _rates(since: int, until: int, observed: float, expected: float) -> tuple[float, float]:
    length = max(until - since, 1)
    return max(expected, HALF) / length, max(observed, HALF) / length


def _steepest(
    level: Numbers,
    may_end: npt.NDArray[np.bool_],
    step: Numbers | None = None,
    may_begin: npt.NDArray[np.bool_] | None = None,
) -> int:
    """Where the greatest rise of `level` begins that ends at one of the places marked; the earliest of equals."""
    begins = level if may_begin is None else np.where(may_begin, level, np.inf)
    lowest = np.minimum.accumulate(begins)
    ends = level if step is None else level + step
    height = np.where(may_end, ends - lowest, -np.inf)
    last = int(np.argmax(height))
    return int(np.argmin(begins[: last + 1]))
