"""The signed surprise: its sign and size, and what leaves it near zero."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from index.deviation import SCALES, Baseline, Surprise, learn, one_stretch, stretches, surprises
from index.deviation_gap import learn_gaps, slow_pairs, slow_sums
from index.deviation_mark import evidence_of, follow, service_scores, weights
from index.deviation_witness import choose_witnesses, frequent_columns, signed_deviance, spread
from index.pattern import PatternSet
from index.window import START_SCHEMA, Windows, count_windows
from index.window_gap import PAIR_COLUMNS

MINUTE_NS = 60_000_000_000
WINDOWS = 400
NO_GAPS = pl.DataFrame(
    schema={"window_ns": pl.Int64, "service": pl.String, "before": pl.String, "after": pl.String}
    | {"n": pl.UInt32, "median_ms": pl.Float64}
)


def table(
    change: dict[str, tuple[slice, float]], *, seed: int = 3, rhythm: float = 0.0, more: Sequence[str] = ()
) -> Windows:
    """Windows of two services of three patterns, and of `more` of one; `change` multiplies a column's counts in some
    windows.

    Of service `a` the patterns enter and leave are written for each request, one for one.
    """
    rng = np.random.default_rng(seed)
    load = 30 * (1 + rhythm * np.sin(np.arange(WINDOWS) / 60))
    requests = rng.poisson(load)
    counts = {"a enter": requests, "a leave": requests.copy(), "a other": rng.poisson(load / 2)}
    counts |= {"b one": rng.poisson(load), "b two": rng.poisson(load / 3), "b fail": rng.poisson(0.02, WINDOWS)}
    counts |= {f"{service} one": rng.poisson(load) for service in more}
    for name, (where, factor) in change.items():
        counts[name][where] = (counts[name][where] * factor).astype(int) + (3 if name == "b fail" else 0)
    rows = [
        (window * MINUTE_NS, name[0], "error" if "fail" in name else "info", number, int(column[window]))
        for number, (name, column) in enumerate(counts.items())
        for window in range(WINDOWS)
        if column[window]
    ]
    ledger = pl.DataFrame(
        rows,
        schema={
            "window_ns": pl.Int64,
            "service": pl.String,
            "level": pl.String,
            "signature": pl.UInt64,
            "count": pl.Int64,
        },
        orient="row",
    )
    ids = [f"{number:016x}" for number in range(len(counts))]
    patterns = pl.DataFrame({"pattern_id": ids, "template": list(counts), "name": list(counts)}).with_columns(
        state=pl.lit("active"), example=pl.lit("")
    )
    members = pl.DataFrame({"signature": range(len(ids)), "pattern_id": ids}, schema_overrides={"signature": pl.UInt64})
    return count_windows(ledger, PatternSet(patterns, members), pl.DataFrame(schema=START_SCHEMA))


def surprise_of(baseline: Baseline, name: str, first: int, last: int) -> float:
    where = one_stretch(baseline.windows, first * MINUTE_NS, last * MINUTE_NS)
    column = baseline.windows.columns["template"].to_list().index(name)
    for found in surprises(baseline, where):
        if column in found.columns:
            return value(found, column)
    raise AssertionError(name)


def value(found: Surprise, column: int) -> float:
    return float(found.signed[found.columns.tolist().index(column), 0])


@pytest.mark.parametrize("rhythm", [0.0, 0.6], ids=["level", "daily rhythm"])
def test_usual_traffic_surprises_nobody(rhythm: float) -> None:
    baseline = learn(table({}, rhythm=rhythm))
    found = np.concatenate([np.abs(s.signed).ravel() for s in surprises(baseline, stretches(baseline.windows, 1, 1))])
    assert np.quantile(found, 0.99) < 3
    assert found.max() < 6


def test_what_stops_is_negative_and_what_bursts_is_positive() -> None:
    baseline = learn(table({"a leave": (slice(100, 110), 0.0), "b one": (slice(200, 205), 4.0)}))
    assert surprise_of(baseline, "a leave", 100, 110) < -8
    assert surprise_of(baseline, "b one", 200, 205) > 5
    assert abs(surprise_of(baseline, "a enter", 100, 110)) < 3


def test_a_pattern_with_a_steady_witness_is_missed_sooner_than_one_without() -> None:
    changed = {"a leave": (slice(100, 103), 0.7), "b one": (slice(100, 103), 0.7)}
    baseline = learn(table(changed))
    assert surprise_of(baseline, "a leave", 100, 103) < 2 * surprise_of(baseline, "b one", 100, 103)


def test_new_lines_of_a_rare_pattern_are_a_surprise() -> None:
    baseline = learn(table({"b fail": (slice(300, 306), 1.0)}))
    assert surprise_of(baseline, "b fail", 300, 306) > 6


def test_more_of_everything_is_no_surprise() -> None:
    peak = slice(150, 170)
    all_columns = dict.fromkeys(("a enter", "a leave", "a other", "b one", "b two"), (peak, 3.0))
    baseline = learn(table(all_columns))
    for name in all_columns:
        assert abs(surprise_of(baseline, name, 150, 170)) < 3


def test_one_service_writing_far_more_does_not_make_the_other_look_silent() -> None:
    baseline = learn(table({"b one": (slice(150, 160), 40.0)}))
    assert surprise_of(baseline, "a enter", 150, 160) > -3
    assert surprise_of(baseline, "a other", 150, 160) > -3


def test_several_services_writing_far_more_do_not_hide_behind_each_other() -> None:
    jobs = dict.fromkeys(("c one", "d one", "e one", "f one", "g one"), (slice(150, 155), 12.0))
    baseline = learn(table(jobs, more="cdefghij"))
    for name in ("a other", "b one", "h one"):
        assert surprise_of(baseline, name, 150, 155) > -3


def test_most_services_falling_silent_at_once_are_missed() -> None:
    silent = ("c one", "d one", "e one", "f one", "g one", "h one", "i one")
    baseline = learn(table(dict.fromkeys(silent, (slice(150, 160), 0.0)), more="cdefghij"))
    for name in silent:
        assert surprise_of(baseline, name, 150, 160) < -8
    assert abs(surprise_of(baseline, "j one", 150, 160)) < 3


@pytest.mark.parametrize("left", [0.0, 0.1])
def test_the_greatest_service_falling_silent_is_missed(left: float) -> None:
    whole = slice(0, WINDOWS)
    much = {"a enter": (whole, 20.0), "a leave": (whole, 20.0)}
    windows = table(much, more="cdef")
    gone = np.isin(windows.column, np.flatnonzero(windows.columns["service"] == "a"))
    gone &= (windows.row >= 150) & (windows.row < 160)
    windows = dataclasses.replace(windows, count=np.where(gone, np.floor(windows.count * left), windows.count))
    assert surprise_of(learn(windows), "a enter", 150, 160) < -8


def test_a_whole_service_that_falls_silent_is_missed() -> None:
    gone = slice(150, 160)
    baseline = learn(table(dict.fromkeys(("a enter", "a leave", "a other"), (gone, 0.0))))
    assert surprise_of(baseline, "a enter", 150, 160) < -8


def test_a_long_fault_does_not_become_its_own_baseline() -> None:
    baseline = learn(table({"a leave": (slice(100, 140), 0.0)}))
    assert surprise_of(baseline, "a leave", 120, 125) < -6


def test_witnesses_are_the_patterns_of_fixed_ratio() -> None:
    windows = table({})
    columns = frequent_columns(windows)
    names = windows.columns["template"].gather(columns).to_list()
    witnesses = choose_witnesses(windows, columns)
    assert names[witnesses[names.index("a leave")][0]] == "a enter"
    assert names[witnesses[names.index("a enter")][0]] == "a leave"


def test_deviance_is_zero_at_the_usual_share_and_signed_around_it() -> None:
    counts = np.array([10, 0, 30], dtype=np.float32)
    signed = signed_deviance(counts, np.full(3, 20, dtype=np.float32), np.full(3, 1 / 3, dtype=np.float32))
    assert signed[0] == pytest.approx(0, abs=0.01)
    assert signed[1] == pytest.approx(-np.sqrt(2 * 20 * np.log(3 / 2)), rel=1e-4)
    assert signed[2] > 2


def test_spread_is_below_chance_only_where_there_are_lines_enough() -> None:
    calm = np.zeros((2, 100), dtype=np.float32)
    assert spread(calm, np.array([50, 0.1], dtype=np.float32)).tolist() == pytest.approx([0.4, 1.0])
    assert spread(calm).tolist() == [1.0, 1.0]


def test_calm_bursts_never_count_for_an_incident_by_themselves() -> None:
    nothing = np.zeros(3, dtype=np.bool_)
    counted = evidence_of(np.array([100, 100, -100], dtype=np.float32), np.array([True, False, False]), nothing)
    assert counted.tolist() == [3.5, 100, 100]


def test_restarts_count_more_than_lines() -> None:
    restarts = np.array([True, False])
    counted = evidence_of(np.array([5, 5], dtype=np.float32), np.zeros(2, dtype=np.bool_), restarts)
    assert counted.tolist() == [7.5, 5]


def test_habits_weigh_little_but_for_what_exceeds_them_and_first_times_in_full() -> None:
    course = follow(table({}), NO_GAPS)
    habits = dataclasses.replace(
        course,
        habit=np.array([0, 0.2, 0.9, 0.9, 0.9], dtype=np.float32),
        usual=np.array([0, 4, 4, 4, np.inf], dtype=np.float32),
    )
    sizes = np.array([5, 5, -4, -12, -12], dtype=np.float32)
    assert weights(habits, np.arange(5), sizes).tolist() == pytest.approx([1, 1, 0.1, 2 / 3, 0.1])


def test_the_usual_size_of_a_deviation_is_what_many_hours_show() -> None:
    often = follow(table({"b two": (slice(10, None, 60), 6.0)}, seed=8), NO_GAPS)
    once = follow(table({"b two": (slice(10, 11), 6.0)}, seed=8), NO_GAPS)
    number = 2 * table({}, seed=8).columns["template"].to_list().index("b two")
    assert often.usual[number] > 3
    assert once.usual[number] == 0


def test_what_recurs_every_hour_becomes_a_habit() -> None:
    windows = table({}, seed=8)
    marked = follow(table({"b two": (slice(10, None, 60), 6.0)}, seed=8), NO_GAPS)
    once = follow(table({"b two": (slice(10, 11), 6.0)}, seed=8), NO_GAPS)
    number = 2 * windows.columns["template"].to_list().index("b two")
    assert len(set((windows.times // (60 * MINUTE_NS)).tolist())) < 8
    assert marked.rarity[number] < once.rarity[number]


def test_scores_are_high_where_a_service_deviates_and_nowhere_else() -> None:
    scores = service_scores(follow(table({"a leave": (slice(100, 110), 0.0)}), NO_GAPS))
    strong = scores.filter((pl.col("score") > 6) & (pl.col("scale") == 1))
    assert set(strong["service"].to_list()) == {"a"}
    assert set(strong["first"].to_list()) == set(range(100, 110))


def gaps_of(slow: range) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    medians = rng.gamma(20, 0.5, 200)
    medians[list(slow)] = 900
    return pl.DataFrame(
        {"window_ns": np.arange(200) * MINUTE_NS, "service": "a", "before": "x", "after": "y", "n": 5},
    ).with_columns(median_ms=pl.Series(medians))


def test_a_pair_that_goes_slower_is_a_surprise_in_those_minutes() -> None:
    times = np.arange(200, dtype=np.int64) * MINUTE_NS
    baseline = learn_gaps(gaps_of(range(50, 56)), times)
    windows = table({})
    slow = slow_pairs(baseline, one_stretch(windows, 50 * MINUTE_NS, 56 * MINUTE_NS))
    usual = slow_pairs(baseline, one_stretch(windows, 100 * MINUTE_NS, 106 * MINUTE_NS))
    assert baseline.pairs.row(0) == ("a", "x", "y")
    assert list(PAIR_COLUMNS) == baseline.pairs.columns
    assert slow.signed[0] > 10
    assert slow.observed_ms[0] == pytest.approx(900, rel=0.01)
    assert slow.minutes[0] == 6
    assert abs(usual.signed[0]) < 3


@pytest.mark.parametrize("scale", SCALES)
def test_sums_over_all_stretches_agree_with_single_ones(scale: int) -> None:
    windows = table({})
    baseline = learn_gaps(gaps_of(range(50, 56)), np.arange(200, dtype=np.int64) * MINUTE_NS)
    where = stretches(windows, scale, 1)
    sums = slow_sums(baseline, where).filter(pl.col("stretch") == 53)["signed"].to_list()
    first = int(where.first[53]) * MINUTE_NS
    assert sums == pytest.approx(slow_pairs(baseline, one_stretch(windows, first, 54 * MINUTE_NS)).signed.tolist())
