"""Second step from lines to incidents: how far each pattern's count is from what the other traffic implies.

The signed surprise is the signed square root of the binomial deviance of a count against a reference count with which
it usually keeps a fixed ratio. References are the patterns that follow it most steadily (its witnesses), the rest of
its service, and all other services. Daily rhythm and peaks scale both sides and so cancel.
"""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from index.deviation_witness import WITNESSES, choose_witnesses, frequent_columns, signed_deviance, spread
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
FEWEST_MORE = 3
"""Fewer lines than this are no burst, whatever chance says (a guess)."""
RAMPANT = 2.0
"""Lines of a service beyond so many times what the others imply say nothing about those others (a guess)."""
_TAMING = 4
"""After so many rounds no excess hides behind another (measured with five of twelve services)."""
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
    """Signed surprise, observed and expected counts: float32 [len(columns), len(stretches)].

    `columns` and `stretches` say which of the windows' columns and of the stretches asked about these are. `within` is
    the surprise by references of the same service only: near 0 where all of a service has less to do.
    """

    columns: Indices
    stretches: Indices
    signed: Floats
    observed: Floats
    expected: Floats
    within: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """What is usual, learnt from the first `learnt` windows; the others can be judged by it too.

    `frequent`: int64 [f], the columns judged by ratios; the others are only ever too many. `counts`: float32 [f, w + 1]
    and `lines`: float32 [services, w + 1], lines before each window. `witnesses`: int64 [f, WITNESSES], places in
    `frequent`. `spread`: per scale float32 [f, WITNESSES + 2]; the last two are for the rest of the service and the
    other services. `service_spread`: per scale float32 [services].
    """

    windows: Windows
    service_of: Indices
    frequent: Indices
    counts: Floats
    lines: Floats
    witnesses: Indices
    spread: dict[int, Floats]
    service_spread: dict[int, Floats]
    learnt: int


def learn(windows: Windows) -> Baseline:
    """Fit witnesses and spreads. Cost: a few passes over windows x columns."""
    frequent = frequent_columns(windows)
    baseline = Baseline(
        windows=windows,
        service_of=windows.service_of(),
        frequent=frequent,
        counts=_before_each(windows.dense(frequent)),
        lines=_before_each(windows.by_service()),
        witnesses=choose_witnesses(windows, frequent),
        spread={},
        service_spread={},
        learnt=len(windows.times),
    )
    for scale in SCALES:
        where = stretches(windows, scale, max(1, len(windows.times) // _SAMPLE))
        services = _Services.of(baseline, where)
        baseline.service_spread[scale] = spread(services.surprise())
        spreads = np.ones((len(frequent), WITNESSES + 2), dtype=np.float32)
        for block in _blocks(frequent):
            usual = _near(baseline.counts, where, block).mean(axis=1)
            for index, (signed, _) in enumerate(_testimony(baseline, where, services, block)):
                spreads[block, index] = spread(signed, usual if index < WITNESSES else None)
        baseline.spread[scale] = spreads
    return baseline


def extend(baseline: Baseline, windows: Windows, columns: Indices) -> Baseline:
    """The same baseline for windows that begin with its own. `columns`: where its columns stand in the new ones."""
    places = np.searchsorted(windows.services, baseline.windows.services)
    frequent = columns[baseline.frequent]
    service_spread = {}
    for scale, known in baseline.service_spread.items():
        service_spread[scale] = np.ones(len(windows.services), dtype=np.float32)
        service_spread[scale][places] = known
    return dataclasses.replace(
        baseline,
        windows=windows,
        service_of=windows.service_of(),
        frequent=frequent,
        counts=_before_each(windows.dense(frequent)),
        lines=_before_each(windows.by_service()),
        service_spread=service_spread,
    )


def _before_each(counts: Floats) -> Floats:
    """float32 [columns, w + 1] of float32 [columns, w]; exact up to 16 million lines a column, then to 7 digits."""
    before = np.zeros((counts.shape[0], counts.shape[1] + 1), dtype=np.float32)
    np.cumsum(counts, axis=1, out=before[:, 1:], dtype=np.float32)
    return before


def stretches(windows: Windows, scale: int, stride: int) -> Stretches:
    """Sums of `scale` minutes that end with every `stride`-th minute of the clock, and with the last before each gap in
    the data; none over a gap. The same for the same windows, whatever follows them.
    """
    unbroken = windows.unbroken()
    in_step = (windows.times // LEDGER_WINDOW_NS + 1) % stride == 0
    ends = np.concatenate([np.diff(unbroken) > 0, [True]])[: len(windows.times)]
    last = np.flatnonzero(in_step | ends).astype(np.int64) + 1
    since = windows.times[last - 1] - (scale - 1) * LEDGER_WINDOW_NS
    first = np.maximum(np.searchsorted(windows.times, since), unbroken[last - 1])
    return Stretches(first.astype(np.int64), last, scale)


def one_stretch(windows: Windows, start_ns: int, end_ns: int) -> Stretches:
    """The windows that start in [start_ns, end_ns) as one stretch, judged by the spreads of the nearest scale."""
    first, last = np.searchsorted(windows.times, [start_ns, end_ns])
    scale = min(SCALES, key=lambda scale: (abs(np.log(scale / max(int(last - first), 1))), scale))
    return Stretches(np.array([first], dtype=np.int64), np.array([last], dtype=np.int64), scale)


def surprises(baseline: Baseline, where: Stretches) -> Iterator[Surprise]:
    """For the frequent columns in every stretch, a block at a time; then for the others where they occur at all."""
    services = _Services.of(baseline, where)
    state = _states(baseline, where, services)
    silent = services.surprise() / baseline.service_spread[where.scale][:, None] <= SERVICE_SILENT
    for block in _blocks(baseline.frequent):
        yield _judge(baseline, where, services, block, state, silent[baseline.service_of[baseline.frequent[block]]])
    yield from _rare(baseline, where, services)


def _judge(
    baseline: Baseline,
    where: Stretches,
    services: "_Services",
    block: Indices,
    state: npt.NDArray[np.int8],
    silent: npt.NDArray[np.bool_],
) -> Surprise:
    """More than usual must be so by every reference that can be believed; less than usual by one witness, or by service
    and others together, or by the others alone where the whole service is too quiet.
    """
    spreads = baseline.spread[where.scale][block]
    told = [
        (signed / spreads[:, index, None], expected)
        for index, (signed, expected) in enumerate(_testimony(baseline, where, services, block))
    ]
    (by_service, expected), (by_others, expected_by_others) = told[WITNESSES], told[WITNESSES + 1]
    if len(baseline.lines) == 1:
        by_others, expected_by_others = by_service, expected
    more = np.minimum(by_service, by_others).clip(min=0)
    both = np.maximum(by_service, by_others).clip(max=0)
    less = np.where(silent, np.minimum(by_others, both), both)
    expected = np.where(silent, expected_by_others, expected)
    within = by_service
    own_service = baseline.service_of[baseline.frequent]
    for index in range(WITNESSES):
        witness = baseline.witnesses[block, index]
        present = (witness >= 0)[:, None]
        its_state = state[witness]
        signed, implied = told[index]
        more = np.where(present & (its_state >= 0), np.minimum(more, signed.clip(min=0)), more)
        believed = present & (its_state <= 0) & (signed < less)
        less = np.where(believed, signed, less)
        expected = np.where(believed, implied, expected)
        of_same = (own_service[witness] == own_service[block])[:, None]
        within = np.where(of_same & present & (its_state <= 0), np.minimum(within, signed), within)
    signed = np.where(more > 0, more, less)
    observed = _near(baseline.counts, where, block)
    everywhere = np.arange(len(where.first), dtype=np.int64)
    return Surprise(baseline.frequent[block], everywhere, signed, observed, expected, within)


def _testimony(
    baseline: Baseline, where: Stretches, services: "_Services", block: Indices
) -> Iterator[tuple[Floats, Floats]]:
    """Per reference (witnesses, service, others) the raw signed deviance and the expected count, float32 [block, n]."""
    own = _Counts.of(baseline, baseline.counts, where, block)
    for index in range(WITNESSES):
        yield own.against(_Counts.of(baseline, baseline.counts, where, np.maximum(baseline.witnesses[block, index], 0)))
    yield from services.against(own, baseline.service_of[baseline.frequent[block]])


@dataclasses.dataclass(frozen=True, eq=False)
class _Counts:
    """Counts in some stretches, and far from them: float32 [columns, n]."""

    near: Floats
    far: Floats

    @classmethod
    def of(cls, baseline: Baseline, before: Floats, where: Stretches, columns: Indices | None = None) -> "_Counts":
        around = _around(where, baseline.learnt)
        ends = before[:, baseline.learnt, None] if columns is None else before[columns, baseline.learnt, None]
        return cls(_near(before, where, columns), ends - _near(before, around, columns))

    def take(self, columns: Indices) -> "_Counts":
        return _Counts(self.near[columns], self.far[columns])

    def total(self) -> "_Counts":
        return _Counts(self.near.sum(axis=0, keepdims=True), self.far.sum(axis=0, keepdims=True))

    def less(self, other: "_Counts") -> "_Counts":
        return _Counts(np.maximum(self.near - other.near, 0), np.maximum(self.far - other.far, 0))

    def against(self, reference: "_Counts") -> tuple[Floats, Floats]:
        """Half a line is added to the baseline so that what was never seen before is surprising but not infinitely."""
        share = self.share_beside(reference)
        return signed_deviance(self.near, reference.near, share), reference.near * share / (1 - share)

    def implies(self, other: "_Counts") -> Floats:
        """How many of `other` these counts imply near, by their ratio far away."""
        share = other.share_beside(self)
        return np.asarray(self.near * share / (1 - share))

    def share_beside(self, reference: "_Counts") -> Floats:
        """Of both together, far away."""
        return np.asarray((self.far + np.float32(0.5)) / (self.far + reference.far + np.float32(1)))


def _around(where: Stretches, learnt: int) -> Stretches:
    """Of the windows that are learnt from, those near a stretch."""
    margin = min(NEIGHBOURHOOD, learnt // 8)
    first, last = (where.first - margin).clip(0, learnt), (where.last + margin).clip(0, learnt)
    return Stretches(first, last, where.scale)


def _near(before: Floats, where: Stretches, columns: Indices | None = None) -> Floats:
    rows = before if columns is None else before[columns]
    return np.asarray(rows[:, where.last] - rows[:, where.first])


@dataclasses.dataclass(frozen=True, eq=False)
class _Services:
    """All lines of each service in some stretches, and those of its others: read once for all columns."""

    lines: _Counts
    others: _Counts

    @classmethod
    def of(cls, baseline: Baseline, where: Stretches) -> "_Services":
        lines = _Counts.of(baseline, baseline.lines, where)
        return cls(lines, _others(lines, baseline, where))

    def at(self, stretch: Indices) -> "_Services":
        """In some of the stretches."""
        lines, others = (_Counts(each.near[:, stretch], each.far[:, stretch]) for each in (self.lines, self.others))
        return _Services(lines, others)

    def surprise(self) -> Floats:
        """float32 [services, n]: of all lines of each service against all others."""
        return self.lines.against(self.others)[0]

    def against(self, own: _Counts, service: Indices) -> Iterator[tuple[Floats, Floats]]:
        """Columns, given the service of each, against the rest of their service and against the others."""
        yield own.against(self.lines.take(service).less(own))
        yield own.against(self.others.take(service))


def _others(service: _Counts, baseline: Baseline, where: Stretches) -> _Counts:
    """For each service all lines of the others. One that writes far more than the rest implies, and than it does at
    other times, counts for as much as they imply: the thousands of lines of jobs do not make everybody else look
    silent. Several at once hide behind each other, so each is asked again when the others are tame. Who writes as ever
    while the rest falls silent is not tamed.
    """
    around = _around(where, baseline.learnt)
    elsewhere = np.maximum(baseline.learnt - (around.last - around.first), 1)
    by_the_clock = service.far * ((where.last - where.first) / elsewhere).astype(np.float32)
    tame = service
    for _ in range(_TAMING):
        implied = tame.total().less(tame).implies(service)
        is_rampant = service.near > RAMPANT * np.maximum(implied, by_the_clock) + FEWEST_MORE
        tame = _Counts(np.where(is_rampant, implied, service.near).astype(np.float32), service.far)
    return tame.total().less(tame)


def _states(baseline: Baseline, where: Stretches, services: _Services) -> npt.NDArray[np.int8]:
    """int8 [f, n]: 1 where a witness is itself above its share, -1 below, else 0."""
    state = np.zeros((len(baseline.frequent), len(where.first)), dtype=np.int8)
    asked = np.unique(baseline.witnesses[baseline.witnesses >= 0])
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        spreads = baseline.spread[where.scale][block, WITNESSES:, None]
        own = _Counts.of(baseline, baseline.counts, where, block)
        by_service, by_others = (
            signed for signed, _ in services.against(own, baseline.service_of[baseline.frequent[block]])
        )
        low = np.minimum(by_service / spreads[:, 0], by_others / spreads[:, 1])
        high = np.maximum(by_service / spreads[:, 0], by_others / spreads[:, 1])
        state[block] = (low > UNSTEADY).astype(np.int8) - (high < -UNSTEADY).astype(np.int8)
    return state


def _rare(baseline: Baseline, where: Stretches, services: _Services) -> Iterator[Surprise]:
    """What is seldom written can only be too much, and only where it is written: at the end of a stretch."""
    windows = baseline.windows
    if not len(where.first):
        return
    seldom = windows.columns["count"].to_numpy() >= FEWEST_MORE
    seldom[baseline.frequent] = False
    asked = (windows.row >= where.first[0]) & (windows.row < where.last[-1])
    seldom &= np.bincount(windows.column[asked], minlength=len(seldom)) > 0
    entries = np.flatnonzero(seldom[windows.column])
    order = entries[np.lexsort((windows.row[entries], windows.column[entries]))]
    for start, end in _runs(windows.column[order]):
        yield _judge_rare(baseline, where, services, order[start:end])


def _judge_rare(baseline: Baseline, where: Stretches, services: _Services, entries: Indices) -> Surprise:
    """One column, given by its entries in the windows."""
    row, column = baseline.windows.row[entries], baseline.windows.column[entries[:1]]
    stretch = np.unique(np.searchsorted(where.last, row, side="right"))
    stretch = stretch[stretch < len(where.last)]
    chosen = Stretches(where.first[stretch], where.last[stretch], where.scale)
    until = np.concatenate([[0], np.cumsum(baseline.windows.count[entries])]).astype(np.float32)
    around = _around(chosen, baseline.learnt)
    near = until[np.searchsorted(row, chosen.last)] - until[np.searchsorted(row, chosen.first)]
    aside = until[np.searchsorted(row, around.last)] - until[np.searchsorted(row, around.first)]
    learnt = until[np.searchsorted(row, baseline.learnt)]
    own = _Counts(near[None, :], (learnt - aside)[None, :])
    (by_service, expected), (by_others, _) = services.at(stretch).against(own, baseline.service_of[column])
    more = by_service if len(baseline.lines) == 1 else np.minimum(by_service, by_others)
    return Surprise(column, stretch, more.clip(min=0), own.near, expected, by_service)


def _runs(values: Indices) -> Iterator[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return ((start, end) for start, end in itertools.pairwise(edges) if end > start)


def _blocks(columns: Indices) -> Iterator[Indices]:
    for start in range(0, len(columns), _BLOCK):
        yield np.arange(start, min(start + _BLOCK, len(columns)), dtype=np.int64)
