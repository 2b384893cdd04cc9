"""Which patterns follow a pattern so steadily that they testify how often it should have been written.

Lines of the same request come in fixed ratios. A pattern's best witness is the one against which its silence would
stand out most: plentiful, and in a ratio that hardly moves.
"""

import numpy as np
import numpy.typing as npt

from index.window import Floats, Indices, Windows

WITNESSES = 3
"""Witnesses of each pattern (a guess: more cost time, one alone may be part of the fault)."""
FEWEST_LINES = 30
"""A pattern with fewer lines in all windows has no ratio to anything (a guess)."""
MOST_COLUMNS = 1500
MOST_CELLS = 40_000_000
"""Only the most frequent columns are judged by ratios, and of them so many that windows x columns stay below this:
bounds time and memory, 160 MB (a guess).
"""
_TINY = np.float32(1e-9)
_BINS = 400
"""Ratios are compared over this many stretches of all windows (a guess)."""
_CANDIDATES = 24
SPREAD_QUANTILE = 0.85
"""The spread of a pattern's own past is read here, so that a seventh of its windows may be out of the ordinary."""
_NORMAL_QUANTILE = 1.4395
LEAST_SPREAD = 0.4
"""Lines written one for one stray less than chance would; below this no spread is believed (a guess)."""
ENOUGH_TO_BIND = 2.0
"""With fewer lines in a usual stretch a ratio has not been seen to be steadier than chance (a guess)."""


def signed_deviance(count: Floats, reference: Floats, share: Floats) -> Floats:
    """Signed square root of the deviance of `count` out of `count + reference` when `share` of them is usual.

    Poisson against Poisson, conditional on their sum; about standard normal while the usual ratio holds. All float32
    and of one shape; 0 < share < 1.
    """
    total = count + reference
    usual = total * share + _TINY
    rest = total * (1 - share) + _TINY
    own = count * np.log(np.maximum(count, _TINY) / usual)
    other = reference * np.log(np.maximum(reference, _TINY) / rest)
    return np.asarray(np.copysign(np.sqrt(np.maximum(2 * (own + other), 0)), count - usual), dtype=np.float32)


def spread(signed: Floats, usual: Floats | None = None) -> Floats:
    """float32 [columns] of float32 [columns, n]: how far the surprise of each column usually strays, 1 for chance.

    It is less than 1 only where `usual`, the lines of the column in a usual stretch (float32 [columns]), is enough to
    tell; without it, nowhere.
    """
    if not signed.shape[1]:
        return np.ones(len(signed), dtype=np.float32)
    far = np.quantile(np.abs(signed), SPREAD_QUANTILE, axis=1) / _NORMAL_QUANTILE
    least = 1.0 if usual is None else np.where(usual >= ENOUGH_TO_BIND, LEAST_SPREAD, 1.0)
    return np.asarray(np.maximum(far, least), dtype=np.float32)


def frequent_columns(windows: Windows) -> Indices:
    """Columns with enough lines to be judged by ratios, in their order."""
    count = windows.columns["count"].to_numpy()
    order = np.lexsort((np.arange(len(count)), -count))
    most = min(MOST_COLUMNS, MOST_CELLS // max(len(windows.times), 1))
    return np.sort(order[count[order] >= FEWEST_LINES][:most]).astype(np.int64)


def choose_witnesses(windows: Windows, columns: Indices) -> Indices:
    """int64 [len(columns), WITNESSES]: places in `columns`, -1 where there is none; the best first, ties by place."""
    chosen = np.full((len(columns), WITNESSES), -1, dtype=np.int64)
    if len(columns) < 2:
        return chosen
    binned = _binned(windows, columns)
    is_pattern = (windows.columns["pattern_id"] != "").to_numpy()[columns]
    candidates = _candidates(binned, windows.service_of()[columns], is_pattern)
    for place, others in enumerate(candidates):
        if len(others):
            strength = _strength(binned, place, others, len(windows.times))
            order = np.lexsort((others, -strength.round(6)))[:WITNESSES]
            chosen[place, : len(order)] = others[order]
    return chosen


def _binned(windows: Windows, columns: Indices) -> Floats:
    """float32 [len(columns), bins]: counts over equally long runs of windows."""
    place = np.full(windows.columns.height, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    bins = min(_BINS, len(windows.times))
    inside = place[windows.column] >= 0
    sums = np.zeros((len(columns), bins), dtype=np.float32)
    bin_of = windows.row[inside] * bins // len(windows.times)
    np.add.at(sums, (place[windows.column[inside]], bin_of), windows.count[inside])
    return sums


def _candidates(binned: Floats, service_of: Indices, is_pattern: npt.NDArray[np.bool_]) -> list[Indices]:
    """For each column the most frequent patterns of its service and the best correlated of all."""
    root = np.sqrt(binned.astype(np.float64))
    centred = root - root.mean(axis=1, keepdims=True)
    length = np.maximum(np.sqrt((centred**2).sum(axis=1)), 1e-9)
    correlation = np.round((centred @ centred.T) / np.outer(length, length), 6)
    correlation[:, ~is_pattern] = -2
    np.fill_diagonal(correlation, -2)
    place = np.arange(len(service_of))
    by_count = np.lexsort((place, -binned.sum(axis=1)))
    by_count = by_count[is_pattern[by_count]]
    of_service = {
        service: by_count[service_of[by_count] == service][:_CANDIDATES] for service in sorted(set(service_of.tolist()))
    }
    found = []
    for index, row in enumerate(correlation):
        alike = np.lexsort((place, -row))[:_CANDIDATES]
        both = np.union1d(alike[row[alike] > -2], of_service[int(service_of[index])])
        found.append(both[both != index].astype(np.int64))
    return found


def _strength(binned: Floats, index: int, others: Indices, windows: int) -> npt.NDArray[np.float64]:
    """How far out of the ordinary one minute of silence would be by each candidate's testimony."""
    own = np.broadcast_to(binned[index], (len(others), binned.shape[1]))
    reference = binned[others]
    share = own.sum(axis=1) / (own.sum(axis=1) + reference.sum(axis=1))
    usual = np.minimum(own, reference).sum(axis=1) / windows
    steady = spread(signed_deviance(own, reference, np.broadcast_to(share[:, None], own.shape)), usual)
    per_window = reference.sum(axis=1) / windows
    return np.asarray(np.sqrt(-2 * per_window * np.log1p(-share)) / steady, dtype=np.float64)
