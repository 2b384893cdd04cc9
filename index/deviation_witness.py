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
"""Only the most frequent columns have, and are, witnesses: bounds time and memory (a guess)."""
_BINS = 400
"""Ratios are compared over this many stretches of all windows (a guess)."""
_CANDIDATES = 24
SPREAD_QUANTILE = 0.85
"""The spread of a pattern's own past is read here, so that a seventh of its windows may be out of the ordinary."""
_NORMAL_QUANTILE = 1.4395
LEAST_SPREAD = 0.4
"""Lines written one for one stray less than chance would; below this no spread is believed (a guess)."""


def signed_deviance(
    count: npt.NDArray[np.floating], reference: npt.NDArray[np.floating], share: npt.NDArray[np.floating]
) -> Floats:
    """Signed square root of the deviance of `count` out of `count + reference` when `share` of them is usual.

    Poisson against Poisson, conditional on their sum; about standard normal while the usual ratio holds.
    """
    total = count + reference
    usual = total * share
    rest = total - usual
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(count > 0, count * np.log(count / usual), 0)
        other = np.where(reference > 0, reference * np.log(reference / rest), 0)
    return np.asarray(np.sign(count - usual) * np.sqrt(np.maximum(2 * (own + other), 0)), dtype=np.float32)


def spread(signed: npt.NDArray[np.floating]) -> Floats:
    """float32 [columns]: how far the surprise of each column usually strays, 1 for pure chance."""
    if not len(signed):
        return np.ones(signed.shape[1], dtype=np.float32)
    far = np.quantile(np.abs(signed), SPREAD_QUANTILE, axis=0) / _NORMAL_QUANTILE
    return np.asarray(np.maximum(far, LEAST_SPREAD), dtype=np.float32)


def choose_witnesses(windows: Windows) -> Indices:
    """int64 [columns, WITNESSES], -1 where there is none; the best first, ties by column."""
    chosen = np.full((windows.columns.height, WITNESSES), -1, dtype=np.int64)
    frequent = _frequent(windows)
    if len(frequent) < 2:
        return chosen
    binned = _binned(windows, frequent)
    service_of = windows.service_of()[frequent]
    candidates = _candidates(binned, service_of)
    for index, column in enumerate(frequent):
        others = candidates[index]
        if len(others):
            best = _strength(binned, index, others, len(windows.times))
            order = np.lexsort((others, -best.round(6)))[:WITNESSES]
            chosen[column, : len(order)] = frequent[others[order]]
    return chosen


def _frequent(windows: Windows) -> Indices:
    is_pattern = (windows.columns["pattern_id"] != "").to_numpy()
    count = windows.columns["count"].to_numpy()
    order = np.lexsort((np.arange(len(count)), -count))
    wanted = order[(is_pattern & (count >= FEWEST_LINES))[order]][:MOST_COLUMNS]
    return np.sort(wanted).astype(np.int64)


def _binned(windows: Windows, columns: Indices) -> npt.NDArray[np.float64]:
    """float64 [bins, len(columns)]: counts over equally long runs of windows."""
    place = np.full(windows.columns.height, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    bins = min(_BINS, len(windows.times))
    inside = place[windows.column] >= 0
    sums = np.zeros((bins, len(columns)))
    bin_of = windows.row[inside] * bins // len(windows.times)
    np.add.at(sums, (bin_of, place[windows.column[inside]]), windows.count[inside])
    return sums


def _candidates(binned: npt.NDArray[np.float64], service_of: Indices) -> list[Indices]:
    """For each column the most frequent ones of its service and the best correlated of all."""
    root = np.sqrt(binned)
    centred = root - root.mean(axis=0)
    length = np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-9)
    correlation = np.round((centred.T @ centred) / np.outer(length, length), 6)
    np.fill_diagonal(correlation, -2)
    place = np.arange(len(service_of))
    by_count = np.lexsort((place, -binned.sum(axis=0)))
    of_service = {
        service: by_count[service_of[by_count] == service][:_CANDIDATES] for service in set(service_of.tolist())
    }
    found = []
    for index, row in enumerate(correlation):
        alike = np.lexsort((place, -row))[:_CANDIDATES]
        both = np.union1d(alike, of_service[int(service_of[index])])
        found.append(both[both != index].astype(np.int64))
    return found


def _strength(binned: npt.NDArray[np.float64], index: int, others: Indices, windows: int) -> npt.NDArray[np.float64]:
    """How far out of the ordinary one minute of silence would be by each candidate's testimony."""
    own = binned[:, [index]]
    reference = binned[:, others]
    share = own.sum(axis=0) / (own.sum(axis=0) + reference.sum(axis=0))
    steady = spread(signed_deviance(own, reference, np.broadcast_to(share, reference.shape)))
    per_window = reference.sum(axis=0) / windows
    return np.asarray(np.sqrt(-2 * per_window * np.log1p(-share)) / steady)
