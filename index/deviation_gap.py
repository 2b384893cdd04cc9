"""How much slower than usual a request went from one line to the next: the deviations that change no word."""

import dataclasses

import numpy as np
import numpy.typing as npt
import polars as pl

from index.deviation import Stretches
from index.window import Floats, Indices
from index.window_gap import PAIR_COLUMNS

NEGLIGIBLE_MS = 5.0
"""Gaps are compared as log(ms + this), so that a millisecond more is nothing (a guess)."""
LEAST_SPREAD = 0.25
"""A steadier pair is not believed to be: 0.25 is 28 % (a guess)."""
MOST_PER_WINDOW = 10.0
"""One minute may not testify more than this (a guess)."""
ENOUGH_GAPS = 3
"""A median of fewer gaps counts for less."""

_LOG_MS = (pl.col("median_ms") + NEGLIGIBLE_MS).log()


@dataclasses.dataclass(frozen=True, eq=False)
class GapBaseline:
    """`pairs`: rows (`service`, `before`, `after`). All arrays are one row per (window, pair) with a gap, by window.

    `signed` is the surprise of that minute's median, `usual_ms` the pair's median over all minutes, float32 [pairs].
    """

    pairs: pl.DataFrame
    row: Indices
    pair: Indices
    signed: Floats
    median_ms: Floats
    count: Floats
    usual_ms: Floats
    spread: Floats
    """float32 [pairs]: what the logarithm of a minute's median usually strays."""


@dataclasses.dataclass(frozen=True, eq=False)
class GapSurprise:
    """For one stretch, one entry for each pair seen in it."""

    pair: Indices
    signed: Floats
    observed_ms: Floats
    """The mean over its minutes, of logarithms: how slow all of it was."""
    median_ms: Floats
    """The median over its gaps, by minutes: what a person would see."""
    minutes: Indices
    """Windows of the stretch in which it was slow."""


def learn_gaps(gaps: pl.DataFrame, times: Indices) -> GapBaseline:
    """Fit the usual gap of each pair of `measure_gaps`, by medians, so that a seventh of the minutes may be slow."""
    pairs = (
        gaps.with_columns(log_ms=_LOG_MS)
        .group_by(PAIR_COLUMNS)
        .agg(
            usual=pl.col("log_ms").median(),
            spread=((pl.col("log_ms") - pl.col("log_ms").median()).abs().quantile(0.85, "linear") / 1.4395),
        )
        .sort(PAIR_COLUMNS)
        .with_columns(pl.col("spread").clip(lower_bound=LEAST_SPREAD))
    )
    learnt = GapBaseline(
        pairs=pairs.select(PAIR_COLUMNS),
        row=np.zeros(0, dtype=np.int64),
        pair=np.zeros(0, dtype=np.int64),
        signed=np.zeros(0, dtype=np.float32),
        median_ms=np.zeros(0, dtype=np.float32),
        count=np.zeros(0, dtype=np.float32),
        usual_ms=(np.exp(pairs["usual"].to_numpy()) - NEGLIGIBLE_MS).astype(np.float32),
        spread=pairs["spread"].to_numpy().astype(np.float32),
    )
    return extend_gaps(learnt, gaps, times)


def extend_gaps(baseline: GapBaseline, gaps: pl.DataFrame, times: Indices) -> GapBaseline:
    """The same baseline with the gaps of later windows, judged by it. `times`: of all windows."""
    weight = (pl.col("n") / ENOUGH_GAPS).sqrt().clip(upper_bound=1)
    learnt = baseline.pairs.with_columns(
        usual=pl.Series(np.log(baseline.usual_ms.astype(np.float64) + NEGLIGIBLE_MS)),
        spread=pl.Series(baseline.spread.astype(np.float64)),
    ).with_row_index("pair")
    cells = (
        gaps.filter(pl.col("window_ns").is_in(times.tolist()))
        .join(learnt, on=list(PAIR_COLUMNS))
        .with_columns(
            signed=((_LOG_MS - pl.col("usual")) / pl.col("spread")).clip(-MOST_PER_WINDOW, MOST_PER_WINDOW) * weight
        )
        .sort("window_ns", "pair")
    )
    row = np.searchsorted(times, cells["window_ns"].to_numpy()).astype(np.int64)
    return dataclasses.replace(
        baseline,
        row=np.concatenate([baseline.row, row]),
        pair=np.concatenate([baseline.pair, cells["pair"].to_numpy().astype(np.int64)]),
        signed=np.concatenate([baseline.signed, cells["signed"].to_numpy().astype(np.float32)]),
        median_ms=np.concatenate([baseline.median_ms, cells["median_ms"].to_numpy().astype(np.float32)]),
        count=np.concatenate([baseline.count, cells["n"].to_numpy().astype(np.float32)]),
    )


def slow_pairs(baseline: GapBaseline, where: Stretches) -> GapSurprise:
    """For one stretch the surprise of its pairs: the sum over its minutes by the root of their number (Stouffer)."""
    first, last = np.searchsorted(baseline.row, [where.first[0], where.last[0]])
    return _of_stretch(baseline, slice(int(first), int(last)))


def slow_sums(baseline: GapBaseline, where: Stretches) -> pl.DataFrame:
    """For many stretches at once: rows (`stretch`, `pair`, `signed`) of pairs slow in a stretch's last window."""
    order = np.lexsort((baseline.row, baseline.pair))
    row, pair, signed = baseline.row[order], baseline.pair[order], baseline.signed[order].astype(np.float64)
    width = int(baseline.row.max(initial=0)) + 2
    stretch = np.searchsorted(where.last, row + 1)
    ends_here = (stretch < len(where.last)) & (where.last[np.minimum(stretch, len(where.last) - 1)] == row + 1)
    here = np.flatnonzero(ends_here & (signed > 0))
    first = np.searchsorted(pair * width + row, pair[here] * width + where.first[stretch[here]])
    sums = np.concatenate([[0.0], np.cumsum(signed)])
    total = (sums[here + 1] - sums[first]) / np.sqrt(here + 1 - first)
    return pl.DataFrame({"stretch": stretch[here], "pair": pair[here], "signed": total.astype(np.float32)})


def _of_stretch(baseline: GapBaseline, cells: slice) -> GapSurprise:
    pair, inverse = np.unique(baseline.pair[cells], return_inverse=True)
    minutes = np.bincount(inverse, minlength=len(pair))
    signed = _sum(inverse, baseline.signed[cells], len(pair)) / np.sqrt(np.maximum(minutes, 1))
    weight = baseline.count[cells]
    logs = _sum(inverse, weight * np.log(baseline.median_ms[cells] + NEGLIGIBLE_MS), len(pair))
    observed = np.exp(logs / np.maximum(_sum(inverse, weight, len(pair)), 1)) - NEGLIGIBLE_MS
    slow = _sum(inverse, (baseline.signed[cells] >= 1).astype(np.float32), len(pair)).astype(np.int64)
    return GapSurprise(
        pair.astype(np.int64),
        signed.astype(np.float32),
        observed.astype(np.float32),
        _medians(inverse, baseline.median_ms[cells], weight),
        slow,
    )


def _medians(group: npt.NDArray[np.intp], values: Floats, weights: Floats) -> Floats:
    """Of each group the least value up to which half of its weight lies."""
    if not len(values):
        return np.zeros(0, dtype=np.float32)
    order = np.lexsort((values, group))
    until = np.cumsum(weights[order], dtype=np.float64)
    ends = np.append(np.flatnonzero(np.diff(group[order])), len(order) - 1)
    begun = np.append(0.0, until[ends[:-1]])
    middle = np.searchsorted(until, (begun + until[ends]) / 2)
    return np.asarray(values[order][middle], dtype=np.float32)


def _sum(group: npt.NDArray[np.intp], values: Floats, groups: int) -> npt.NDArray[np.float64]:
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64)
