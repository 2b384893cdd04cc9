"""Windows and gaps: what is counted, what is left out, and that neither depends on how lines came."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from index.pattern import PatternSet
from index.store_parquet import ParquetStore
from index.window import RESTARTS, START_SCHEMA, count_windows, read_starts, window_start
from index.window_gap import GapCache, measure_gaps
from tests.index import traffic
from tests.index.traffic import MINUTE_NS, START_NS, Event

MINUTES = 90
NO_STARTS = pl.DataFrame(schema=START_SCHEMA)


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return traffic.lines(seed=2, minutes=MINUTES, events=(Event("slow", 40, 50),))


@pytest.fixture(scope="module")
def store(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParquetStore]:
    opened = traffic.stored(tmp_path_factory.mktemp("store"), frame)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def patterns(store: ParquetStore) -> PatternSet:
    return traffic.patterns_of(store)


def test_counts_sum_to_the_lines_of_each_service(
    store: ParquetStore, patterns: PatternSet, frame: pl.DataFrame
) -> None:
    windows = count_windows(store.ledger(), patterns, NO_STARTS)
    lines = dict(frame["service"].value_counts().iter_rows())
    assert dict(zip(windows.services, windows.by_service().sum(axis=1), strict=True)) == lines


def test_dense_counts_are_those_of_the_lines(store: ParquetStore, patterns: PatternSet, frame: pl.DataFrame) -> None:
    windows = count_windows(store.ledger(), patterns, NO_STARTS)
    wanted = (windows.columns["service"] == "stock") & windows.columns["template"].str.contains("reserved")
    minute = (frame["time_ns"] - START_NS) // MINUTE_NS
    said = frame["message"].str.starts_with("reserved").to_numpy()
    expected = np.bincount(minute.to_numpy()[said], minlength=len(windows.times))
    assert windows.dense(wanted.arg_true().to_numpy().astype(np.int64))[0].tolist() == expected.tolist()


def test_levels_have_columns_of_their_own(store: ParquetStore, patterns: PatternSet, frame: pl.DataFrame) -> None:
    columns = count_windows(store.ledger(), patterns, NO_STARTS).columns.filter(pl.col("pattern_id") == "")
    warned = frame.filter(pl.col("level") == "warn")["service"].value_counts().sort("service")
    assert columns["template"].unique().to_list() == ["warning lines"]
    assert dict(columns.select("service", "count").iter_rows()) == dict(warned.iter_rows())


def test_minutes_without_any_line_are_no_windows(tmp_path: Path, frame: pl.DataFrame) -> None:
    minute = (pl.col("time_ns") - START_NS) // MINUTE_NS
    gappy = traffic.stored(tmp_path, frame.filter(~minute.is_between(20, 34)))
    windows = count_windows(gappy.ledger(), traffic.patterns_of(gappy), NO_STARTS)
    assert len(windows.times) == MINUTES - 15
    assert windows.unbroken().tolist() == [0] * 20 + [20] * (MINUTES - 35)
    gappy.close()


def test_a_signature_that_no_pattern_knows_is_left_out(store: ParquetStore, patterns: PatternSet) -> None:
    fewer = PatternSet(patterns.patterns, patterns.members.head(3))
    assert count_windows(store.ledger(), fewer, NO_STARTS).columns["pattern_id"].n_unique() <= 3 + 1


@pytest.mark.parametrize(
    ("pods", "said", "expected"),
    [
        (("payment-a",) * 4, "payment starting", {40: 1, 42: 1, 44: 1}),
        (("payment-a", "payment-b", "payment-c", "payment-d"), "payment starting", {}),
        (("payment-a",) * 4, "reserved 5 pieces trace=00ab12cd34ef5678", {}),
    ],
    ids=["the same pod", "new pods", "a log that was rotated"],
)
def test_a_container_that_begins_again_in_its_pod_is_a_restart(
    pods: tuple[str, ...], said: str, expected: dict[int, int], frame: pl.DataFrame, tmp_path: Path
) -> None:
    begun = traffic.beginnings("stock", (5, 40, 42, 44), pods, said)
    opened = traffic.stored(tmp_path, pl.concat([frame, begun]))
    windows = count_windows(
        opened.ledger(), traffic.patterns_of(opened), read_starts(opened, start_ns=None, end_ns=None)
    )
    column = (windows.columns["template"] == RESTARTS).arg_true().to_numpy().astype(np.int64)
    counts = windows.dense(column).sum(axis=0)
    assert {place: int(count) for place, count in enumerate(counts) if count} == expected
    opened.close()


def test_a_window_starts_at_its_minute() -> None:
    assert window_start(START_NS + MINUTE_NS + 7) == START_NS + MINUTE_NS


def test_the_gap_of_a_slow_request_is_measured_in_its_minutes_only(store: ParquetStore, patterns: PatternSet) -> None:
    gaps = measure_gaps(store, store.ledger(), patterns, before_ns=None)
    names = dict(patterns.patterns.select("pattern_id", "template").iter_rows())
    named = gaps.with_columns(pl.col("before", "after").replace_strict(names))
    charge = named.filter(pl.col("before").str.contains("charging") & pl.col("after").str.contains("charged"))
    slow = (charge["window_ns"] - START_NS).is_between(40 * MINUTE_NS, 49 * MINUTE_NS)
    assert charge.filter(slow)["median_ms"].to_numpy().min() > 800
    assert charge.filter(~slow)["median_ms"].to_numpy().max() < 200


def test_lines_without_a_trace_are_joined_by_their_source(tmp_path: Path, frame: pl.DataFrame) -> None:
    bare = frame.with_columns(pl.col("message").str.replace(r" trace=\w+", ""))
    plain = traffic.stored(tmp_path, bare)
    gaps = measure_gaps(plain, plain.ledger(), traffic.patterns_of(plain), before_ns=None)
    assert gaps["service"].unique().sort().to_list() == ["gateway", "orders", "payment", "stock"]
    plain.close()


def test_gaps_do_not_depend_on_how_lines_were_batched(
    store: ParquetStore, patterns: PatternSet, frame: pl.DataFrame, tmp_path: Path
) -> None:
    other = traffic.stored(tmp_path, frame, batch=700, backwards=True)
    other.flush()
    assert measure_gaps(other, other.ledger(), patterns, before_ns=None).equals(
        measure_gaps(store, store.ledger(), patterns, before_ns=None)
    )
    other.close()


def test_a_cache_of_hours_gives_what_a_fresh_reading_gives(store: ParquetStore, patterns: PatternSet) -> None:
    cache = GapCache()
    for minutes in (30, 70, MINUTES):
        before_ns = START_NS + minutes * MINUTE_NS
        ledger = store.ledger(end_ns=before_ns)
        cached = measure_gaps(store, ledger, patterns, before_ns=before_ns, cache=cache)
        assert cached.equals(measure_gaps(store, ledger, patterns, before_ns=before_ns))
    assert len(cache.hours) == len(set((store.ledger()["window_ns"] // 3_600_000_000_000).to_list()))
