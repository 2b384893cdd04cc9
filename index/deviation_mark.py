"""Third step from lines to incidents: the usual course of all services, and every mark where it was left.

A mark is one feature (a pattern of a service that appeared, burst or vanished, or a pair of lines that went slower) in
one stretch of windows. Marks that recur by the hour, or at the same hour of most days, are habits and weigh less.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
import polars as pl

from index.deviation import FEWEST_MORE, SCALES, Baseline, Stretches, extend, learn, stretches, surprises
from index.deviation_gap import GapBaseline, extend_gaps, learn_gaps, slow_sums
from index.window import RESTARTS, Floats, Indices, Windows, places

LEAST_SURPRISE = 3.0
"""Smaller deviations are chance and are not marked."""
CALM_WEIGHT = 0.35
MOST_CALM = 3.5
"""What a burst of lines that are neither warnings nor errors counts, and the most it counts (a guess): start-up lines
and batches burst too. By itself it makes no incident.
"""
RESTART_WEIGHT = 1.5
"""What restarts count: nobody restarts a container three times in a quarter of an hour on purpose, so they need not be
as surprising as lines, which chance also brings (a guess; three within a few minutes then suffice by themselves).
"""
_HOUR_NS = 3_600_000_000_000
_DAY_HOURS = 24
_OFTEN = 10
"""What comes in more than every tenth hour is no incident (a guess)."""
_ENOUGH_HOURS = 8
_ENOUGH_DAYS = 4
MARK_SCHEMA = pl.Schema(
    {
        "scale": pl.Int64,
        "first": pl.Int64,
        "last": pl.Int64,
        "service": pl.String,
        "feature": pl.Int64,
        "signed": pl.Float32,
        "evidence": pl.Float32,  # what it counts, before habit
    }
)


@dataclasses.dataclass(frozen=True, eq=False)
class Course:
    """The usual course, and all marks of windows that left it.

    Features are numbered: 2 x column for more than usual, 2 x column + 1 for less, then the pairs. `habit`: float32
    [features], 0 for what never deviated before, to 1 for what does all the time. `rarity`: float32 [features], 1 for
    what deviates in no window, to 0 for what does in all, by logarithm. `usual`: float32 [features], the size of
    surprise that it reaches in every tenth hour or more; infinite for what has its hour of the day.
    """

    baseline: Baseline
    gaps: GapBaseline
    marks: pl.DataFrame
    habit: Floats
    rarity: Floats
    usual: Floats

    @property
    def windows(self) -> Windows:
        """Those that the course was learnt from."""
        return self.baseline.windows


def follow(windows: Windows, gaps: pl.DataFrame) -> Course:
    """Learn the usual course from all windows and mark where it was left."""
    baseline = learn(windows)
    gap_baseline = learn_gaps(gaps, windows.times)
    marks = _marks(baseline, gap_baseline, after=0)
    features = 2 * windows.columns.height + gap_baseline.pairs.height
    hourly, daily = _habits(marks, windows, features)
    usual = np.where(daily > hourly, np.inf, _usual_sizes(marks, windows, features)).astype(np.float32)
    habit = np.maximum(hourly, daily)
    return Course(baseline, gap_baseline, marks, habit, _rarities(marks, windows, features), usual)


def follow_on(course: Course, windows: Windows, gaps: pl.DataFrame) -> Course:
    """The same usual course, and marks also where later windows left it. `windows` begin with the course's own; `gaps`
    are those of the later ones. Cost: as of the later windows alone, but for a few copies.
    """
    columns = places(course.windows.columns, windows.columns)
    baseline = extend(course.baseline, windows, columns)
    gap_baseline = extend_gaps(course.gaps, gaps, windows.times)
    pairs = np.arange(gap_baseline.pairs.height)
    moved = np.concatenate(
        [np.repeat(2 * columns, 2) + np.tile([0, 1], len(columns)), 2 * windows.columns.height + pairs]
    )
    features = 2 * windows.columns.height + len(pairs)
    habit: Floats = np.zeros(features, dtype=np.float32)
    rarity: Floats = np.ones(features, dtype=np.float32)
    usual: Floats = np.zeros(features, dtype=np.float32)
    habit[moved], rarity[moved], usual[moved] = course.habit, course.rarity, course.usual
    known = course.marks.with_columns(feature=pl.Series(moved[course.marks["feature"].to_numpy()]))
    marks = pl.concat([known, _marks(baseline, gap_baseline, after=len(course.windows.times))])
    return Course(baseline, gap_baseline, marks, habit, rarity, usual)


def _marks(baseline: Baseline, gaps: GapBaseline, *, after: int) -> pl.DataFrame:
    """Marks of all stretches that end after so many windows."""
    frames = []
    for scale, stride in SCALES.items():
        where = stretches(baseline.windows, scale, stride)
        later = where.last > after
        where = Stretches(where.first[later], where.last[later], scale)
        frames += [_count_marks(baseline, where), _gap_marks(gaps, where, baseline.windows)]
    return pl.concat(frames)


def _count_marks(baseline: Baseline, where: Stretches) -> pl.DataFrame:
    columns = baseline.windows.columns
    severe = columns["severe"].to_numpy()
    restarts = (columns["template"] == RESTARTS).to_numpy()
    heard = ~columns["muted"].to_numpy()
    frames = [pl.DataFrame(schema=MARK_SCHEMA)]
    for found in surprises(baseline, where):
        signed = found.signed
        strong = (signed <= -LEAST_SURPRISE) | ((signed >= LEAST_SURPRISE) & (found.observed >= FEWEST_MORE))
        place, at = np.nonzero(strong & heard[found.columns, None])
        stretch = found.stretches[at]
        column = found.columns[place]
        value = signed[place, at]
        calm = (value > 0) & (severe[column] < 0.5)
        frames.append(
            pl.DataFrame(
                {
                    "scale": np.full(len(column), where.scale),
                    "first": where.first[stretch],
                    "last": where.last[stretch],
                    "service": columns["service"].gather(column),
                    "feature": 2 * column + (value < 0),
                    "signed": value,
                    "evidence": evidence_of(value, calm, restarts[column]),
                },
                schema=MARK_SCHEMA,
            )
        )
    return pl.concat(frames)


def evidence_of(signed: Floats, calm: npt.NDArray[np.bool_], restarts: npt.NDArray[np.bool_]) -> Floats:
    """What surprises count towards there being an incident; `restarts` marks those of the column of restarts."""
    size = np.abs(signed) * np.where(restarts, RESTART_WEIGHT, 1.0)
    return np.where(calm, np.minimum(size * CALM_WEIGHT, MOST_CALM), size).astype(np.float32)


def _gap_marks(gaps: GapBaseline, where: Stretches, windows: Windows) -> pl.DataFrame:
    slow = slow_sums(gaps, where).filter(pl.col("signed") >= LEAST_SURPRISE)
    stretch, pair = slow["stretch"].to_numpy(), slow["pair"].to_numpy()
    return pl.DataFrame(
        {
            "scale": np.full(len(pair), where.scale),
            "first": where.first[stretch],
            "last": where.last[stretch],
            "service": gaps.pairs["service"].gather(pair),
            "feature": 2 * windows.columns.height + pair,
            "signed": slow["signed"],
            "evidence": slow["signed"],
        },
        schema=MARK_SCHEMA,
    )


def _habits(marks: pl.DataFrame, windows: Windows, features: int) -> tuple[Floats, Floats]:
    """Share of all hours with a mark, and of all days with another one in the same hour of the day."""
    hours = windows.times // _HOUR_NS
    hourly: Floats = np.zeros(features, dtype=np.float32)
    daily: Floats = np.zeros(features, dtype=np.float32)
    seen = np.unique(np.stack([marks["feature"].to_numpy(), hours[marks["last"].to_numpy() - 1]]), axis=1)
    all_hours, all_days = np.unique(hours), np.unique(hours // _DAY_HOURS)
    if len(all_hours) >= _ENOUGH_HOURS:
        hourly += (np.bincount(seen[0], minlength=features) / len(all_hours)).astype(np.float32)
    if len(all_days) >= _ENOUGH_DAYS:
        slots, counts = np.unique(seen[0] * _DAY_HOURS + seen[1] % _DAY_HOURS, return_counts=True)
        np.maximum.at(daily, slots // _DAY_HOURS, ((counts - 1) / len(all_days)).astype(np.float32))
    return hourly, daily


def _usual_sizes(marks: pl.DataFrame, windows: Windows, features: int) -> Floats:
    """Of each feature the largest surprise of an hour that one hour in _OFTEN or more exceeds, 0 where fewer do."""
    hours = windows.times // _HOUR_NS
    often = max(len(np.unique(hours)) // _OFTEN, 1)
    largest = (
        marks.select("feature", hour=pl.Series(hours[marks["last"].to_numpy() - 1]), size=pl.col("signed").abs())
        .group_by("feature", "hour")
        .agg(pl.col("size").max())
        .group_by("feature")
        .agg(size=pl.col("size").top_k(often + 1).min(), hours=pl.len())
        .filter(pl.col("hours") > often)
    )
    sizes: Floats = np.zeros(features, dtype=np.float32)
    sizes[largest["feature"].to_numpy()] = largest["size"].to_numpy()
    return sizes


def _rarities(marks: pl.DataFrame, windows: Windows, features: int) -> Floats:
    """As inverse document frequency, a window being the document."""
    seen = np.unique(np.stack([marks["feature"].to_numpy(), marks["last"].to_numpy()]), axis=1)[0]
    often = np.bincount(seen, minlength=features) + 1
    all_windows = len(windows.times) + 2
    return np.asarray(np.clip(np.log(all_windows / often) / np.log(all_windows), 0, 1), dtype=np.float32)


def weights(course: Course, feature: Indices, signed: Floats) -> Floats:
    """What deviations of these sizes count, float32 [n], given how much of a habit each feature is: in full up to every
    fifth hour, a tenth from two of three (a guess); and at least by as much as they exceed their habitual size.
    """
    habit, usual = course.habit[feature], course.usual[feature]
    beyond = 1 - usual / np.maximum(np.abs(signed), np.float32(1e-6))
    return np.asarray(np.maximum(np.clip(1.4 - 2 * habit, 0.1, 1), beyond), dtype=np.float32)


def service_scores(course: Course) -> pl.DataFrame:
    """Rows (`scale`, `first`, `last`, `service`, `score`) for each service in each stretch with marks, in that order.

    The strongest mark counts in full and each further one half as much as the one before: lines of one request deviate
    together and are one testimony.
    """
    weight = weights(course, course.marks["feature"].to_numpy(), course.marks["signed"].to_numpy())
    strength = course.marks["evidence"] * pl.Series(weight)
    ranked = course.marks.with_columns(strength=strength).sort(
        "scale", "last", "service", "strength", "feature", descending=[False, False, False, True, False]
    )
    rank = pl.int_range(pl.len()).over("scale", "last", "service")
    return (
        ranked.with_columns(part=pl.col("strength").cast(pl.Float64) ** 2 * 0.5**rank)
        .group_by("scale", "first", "last", "service")
        .agg(score=pl.col("part").sort(descending=True).sum().sqrt())
        .sort("scale", "first", "last", "service")
    )
