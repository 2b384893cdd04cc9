"""Second step from lines to incidents: how far each pattern's count is from what the other traffic implies.

The signed surprise is the signed square root of the binomial deviance of a count against a reference count with which
it usually keeps a fixed ratio. References are the patterns that follow it most steadily (its witnesses), the rest of
its service, and all other services. Daily rhythm and peaks scale both sides and so cancel.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from index.deviation_witness import WITNESSES, choose_witnesses, signed_deviance, spread
from index.line_store import LEDGER_WINDOW_NS
from index.window import Floats, Indices, Windows

SCALES = {1: 1, 5: 2, 15: 5}
"""Minutes over which counts are summed, and every how many windows such a sum is taken. The shortest finds bursts, the
longest what stops in sparse traffic (a guess).
"""
NEIGHBOURHOOD = 60
"""Windows on both sides of a stretch that are no part of its own baseline, at most an eighth of all (a guess: longer
than most incidents).
"""
UNSTEADY = 1.5
"""A witness that itself left its share by more than this is not believed (a guess)."""
SERVICE_SILENT = -4.0
"""From here on all of a service is taken to be too quiet, and its patterns are judged against the other services."""
_BLOCK = 64
_SAMPLE = 3000
"""Spreads are read from at most this many stretches (a guess: enough for a quantile)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Stretches:
    """Ranges of windows [first, last) to judge; both int64 [n], ascending. `scale` says whose spreads suit them."""

    first: Indices
    last: Indices
    scale: int


@dataclasses.dataclass(frozen=True, eq=False)
class Surprise:
    """Signed surprise, observed and expected counts of some columns: each float32 [n, len(columns)]."""

    columns: Indices
    signed: Floats
    observed: Floats
    expected: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """What is usual, learnt from all windows of the store.

    `lines`: float64 [w + 1, services], lines of each service before each window. `witnesses`: int64 [columns,
    WITNESSES]. `spread`: per scale float32 [columns, WITNESSES + 2]; the last two are for the rest of the service and
    the other services. `service_spread`: per scale float32 [services].
    """

    windows: Windows
    service_of: Indices
    lines: npt.NDArray[np.float64]
    witnesses: Indices
    spread: dict[int, Floats]
    service_spread: dict[int, Floats]


def learn(windows: Windows) -> Baseline:
    """Fit witnesses and spreads. Cost: a few passes over windows x columns."""
    lines = windows.by_service().astype(np.float64)
    baseline = Baseline(
        windows=windows,
        service_of=windows.service_of(),
        lines=np.vstack([np.zeros((1, lines.shape[1])), np.cumsum(lines, axis=0)]),
        witnesses=choose_witnesses(windows),
        spread={},
        service_spread={},
    )
    for scale in SCALES:
        where = stretches(windows, scale, max(1, len(windows.times) // _SAMPLE))
        baseline.service_spread[scale] = spread(_services(baseline, where))
        spreads = [
            np.stack([spread(signed) for signed, _ in _testimony(baseline, where, block)], axis=1)
            for block in _blocks(windows)
        ]
        baseline.spread[scale] = np.concatenate([*spreads, np.ones((0, WITNESSES + 2), dtype=np.float32)])
    return baseline


def stretches(windows: Windows, scale: int, stride: int) -> Stretches:
    """Sums of `scale` minutes that end with every `stride`-th window, counted from the newest; none over a gap."""
    last = np.arange(len(windows.times), 0, -stride, dtype=np.int64)[::-1].copy()
    since = windows.times[last - 1] - (scale - 1) * LEDGER_WINDOW_NS
    first = np.maximum(np.searchsorted(windows.times, since), windows.unbroken()[last - 1])
    return Stretches(first.astype(np.int64), last, scale)


def one_stretch(windows: Windows, start_ns: int, end_ns: int) -> Stretches:
    """The windows that start in [start_ns, end_ns) as one stretch, judged by the spreads of the nearest scale."""
    first, last = np.searchsorted(windows.times, [start_ns, end_ns])
    scale = min(SCALES, key=lambda scale: (abs(np.log(scale / max(int(last - first), 1))), scale))
    return Stretches(np.array([first], dtype=np.int64), np.array([last], dtype=np.int64), scale)


def surprises(baseline: Baseline, where: Stretches) -> Iterator[Surprise]:
    """For all columns, a block at a time, in the order of the columns."""
    state = _witness_state(baseline, where)
    silent = _services(baseline, where) / baseline.service_spread[where.scale] <= SERVICE_SILENT
    for block in _blocks(baseline.windows):
        yield _judge(baseline, where, block, state, silent[:, baseline.service_of[block]])


def _judge(
    baseline: Baseline, where: Stretches, block: Indices, state: npt.NDArray[np.int8], silent: npt.NDArray[np.bool_]
) -> Surprise:
    """More than usual must be so by every reference that can be believed; less than usual by one witness, or by service
    and others together, or by the others alone where the whole service is too quiet.
    """
    spreads = baseline.spread[where.scale][block]
    told = [
        (signed / spreads[:, index], expected)
        for index, (signed, expected) in enumerate(_testimony(baseline, where, block))
    ]
    (by_service, expected), (by_others, expected_by_others) = told[WITNESSES], told[WITNESSES + 1]
    if baseline.lines.shape[1] == 1:
        by_others, expected_by_others = by_service, expected
    more = np.minimum(by_service, by_others).clip(min=0)
    both = np.maximum(by_service, by_others).clip(max=0)
    less = np.where(silent, np.minimum(by_others, both), both)
    expected = np.where(silent, expected_by_others, expected)
    for index in range(WITNESSES):
        witness = baseline.witnesses[block, index]
        present = witness >= 0
        own_state = np.where(present, state[:, witness], 0)
        signed, implied = told[index]
        more = np.where(present & (own_state >= 0), np.minimum(more, signed.clip(min=0)), more)
        believed = present & (own_state <= 0) & (signed < less)
        less = np.where(believed, signed, less)
        expected = np.where(believed, implied, expected)
    signed = np.where(more > 0, more, less)
    return Surprise(block, signed.astype(np.float32), _sums(baseline, where, block), expected.astype(np.float32))


def _testimony(baseline: Baseline, where: Stretches, block: Indices) -> Iterator[tuple[Floats, Floats]]:
    """Per reference (witnesses, service, others) the raw signed deviance and the expected count, float32 [n, block]."""
    own = _Counts.of_columns(baseline, where, block)
    for index in range(WITNESSES):
        witness = np.maximum(baseline.witnesses[block, index], 0)
        yield own.against(_Counts.of_columns(baseline, where, witness))
    service = _Counts.of_services(baseline, where)
    of_own_service = service.take(baseline.service_of[block])
    yield own.against(of_own_service.less(own))
    yield own.against(service.total().less(of_own_service))


@dataclasses.dataclass(frozen=True, eq=False)
class _Counts:
    """Counts in some stretches, and far from them: float64 [n, columns]."""

    near: npt.NDArray[np.float64]
    far: npt.NDArray[np.float64]

    @classmethod
    def of_columns(cls, baseline: Baseline, where: Stretches, columns: Indices) -> "_Counts":
        counts = baseline.windows.dense(columns)
        return cls._of(np.vstack([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0, dtype=np.float64)]), where)

    @classmethod
    def of_services(cls, baseline: Baseline, where: Stretches) -> "_Counts":
        return cls._of(baseline.lines, where)

    @classmethod
    def _of(cls, cumulative: npt.NDArray[np.float64], where: Stretches) -> "_Counts":
        windows = len(cumulative) - 1
        margin = min(NEIGHBOURHOOD, windows // 8)
        first = np.maximum(where.first - margin, 0)
        last = np.minimum(where.last + margin, windows)
        around = cumulative[last] - cumulative[first]
        return cls(cumulative[where.last] - cumulative[where.first], cumulative[-1] - around)

    def take(self, columns: Indices) -> "_Counts":
        return _Counts(self.near[:, columns], self.far[:, columns])

    def total(self) -> "_Counts":
        return _Counts(self.near.sum(axis=1, keepdims=True), self.far.sum(axis=1, keepdims=True))

    def less(self, other: "_Counts") -> "_Counts":
        return _Counts(np.maximum(self.near - other.near, 0), np.maximum(self.far - other.far, 0))

    def against(self, reference: "_Counts") -> tuple[Floats, Floats]:
        """Half a line is added to the baseline so that what was never seen before is surprising but not infinitely."""
        share = (self.far + 0.5) / (self.far + reference.far + 1)
        signed = signed_deviance(self.near, reference.near, share)
        return signed, (reference.near * share / (1 - share)).astype(np.float32)


def _services(baseline: Baseline, where: Stretches) -> Floats:
    """float32 [n, services]: surprise of all lines of each service against all others."""
    lines = _Counts.of_services(baseline, where)
    return lines.against(lines.total().less(lines))[0]


def _witness_state(baseline: Baseline, where: Stretches) -> npt.NDArray[np.int8]:
    """int8 [n, columns]: 1 where a witness is itself above its share, -1 below, else 0."""
    state = np.zeros((len(where.first), baseline.windows.columns.height), dtype=np.int8)
    asked = np.unique(baseline.witnesses[baseline.witnesses >= 0])
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        own = _Counts.of_columns(baseline, where, block)
        service = _Counts.of_services(baseline, where)
        of_own_service = service.take(baseline.service_of[block])
        by_service = own.against(of_own_service.less(own))[0] / baseline.spread[where.scale][block, WITNESSES]
        by_others = (
            own.against(service.total().less(of_own_service))[0] / baseline.spread[where.scale][block, WITNESSES + 1]
        )
        state[:, block] = (np.minimum(by_service, by_others) > UNSTEADY).astype(np.int8) - (
            np.maximum(by_service, by_others) < -UNSTEADY
        )
    return state


def _sums(baseline: Baseline, where: Stretches, block: Indices) -> Floats:
    return _Counts.of_columns(baseline, where, block).near.astype(np.float32)


def _blocks(windows: Windows) -> Iterator[Indices]:
    for start in range(0, windows.columns.height, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, windows.columns.height), dtype=np.int64)
