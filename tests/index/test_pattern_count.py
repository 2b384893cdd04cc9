import dataclasses
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from index.line_store import LineFilter
from index.pattern import MEMBER_COLUMNS, PATTERN_COLUMNS, PatternSet
from index.pattern_count import count_patterns, signature_hex
from index.pattern_mine import mine_patterns
from index.store_parquet import ParquetStore
from index.store_settings import StoreSettings
from tests.index.lines_made import START_NS, STEP_NS, covers_of, made_lines

COUNT = 400
END_NS = START_NS + COUNT * STEP_NS
NO_PATTERNS = PatternSet(pl.DataFrame(schema=PATTERN_COLUMNS), pl.DataFrame(schema=MEMBER_COLUMNS))


def filled(folder: Path, *, signature_budget: int = 5_000) -> ParquetStore:
    """A store with part of its lines in segments and part in memory."""
    store = ParquetStore.open(folder, StoreSettings(free_bytes_floor=1, signature_budget=signature_budget))
    for first in (0, COUNT // 2):
        lines = made_lines(COUNT // 2, first=first)
        store.append(lines, covers_of(lines))
        if first == 0:
            store.flush()
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ParquetStore]:
    found = filled(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize(
    "where",
    [
        LineFilter(),
        LineFilter(services=("orders",)),
        LineFilter(levels=("error", "warn")),
        LineFilter(services=("stock", "gateway"), levels=("info", "")),
        LineFilter(start_ns=START_NS + 61 * STEP_NS, end_ns=START_NS + 317 * STEP_NS),
        LineFilter(signatures=(2**63 + 1, 2**63 + 3)),
        LineFilter(services=("nobody",)),
    ],
    ids=["all", "service", "levels", "both", "span", "signatures", "nothing"],
)
def test_ledger_and_scan_agree_and_sum_to_the_lines(store: ParquetStore, where: LineFilter) -> None:
    patterns = mine_patterns(store.signatures(), ())
    by_ledger = count_patterns(store, patterns, where)
    by_scan = count_patterns(store, patterns, dataclasses.replace(where, query="message:* or -message:*"))
    assert by_ledger.rows.equals(by_scan.rows)
    held = store.search(where, limit=0).total
    assert by_ledger.total_lines == by_scan.total_lines == by_ledger.rows["count"].sum() == held
    assert not by_ledger.partial
    assert not by_scan.partial


def test_lines_that_no_pattern_knows_yet_are_patterns_of_their_own(store: ParquetStore) -> None:
    counts = count_patterns(store, NO_PATTERNS, LineFilter())
    assert counts.total_lines == counts.rows["count"].sum() == COUNT
    assert counts.rows["pattern_id"].sort().to_list() == [signature_hex(2**63 + kind) for kind in range(5)]
    first = counts.rows.row(by_predicate=pl.col("pattern_id") == signature_hex(2**63), named=True)
    assert first["template"] == first["example"] == "order 00000000 placed by user_0"
    assert (first["services"], first["levels"], first["state"]) == (["orders"], ["info"], "active")


def test_a_merge_moves_counts_and_changes_no_sum(store: ParquetStore) -> None:
    members = pl.DataFrame(
        {"signature": [2**63, 2**63 + 1], "pattern_id": [signature_hex(2**63)] * 2}, schema=MEMBER_COLUMNS
    )
    counts = count_patterns(store, PatternSet(NO_PATTERNS.patterns, members), LineFilter())
    assert counts.rows["count"].sum() == COUNT
    merged = counts.rows.row(by_predicate=pl.col("pattern_id") == signature_hex(2**63), named=True)
    assert (merged["count"], merged["levels"]) == (2 * COUNT // 5, ["error", "info"])


def test_first_seen_stays_when_the_window_begins_later(store: ParquetStore) -> None:
    late = LineFilter(start_ns=START_NS + 200 * STEP_NS)
    rows = count_patterns(store, NO_PATTERNS, late).rows
    assert rows["first_ns"].max() < START_NS + 10 * STEP_NS  # type: ignore[operator] # an Int64 column that is not empty
    assert rows["last_ns"].max() == END_NS - STEP_NS


def test_signatures_beyond_the_budget_count_under_their_shape_in_both_ways(tmp_path: Path) -> None:
    store = filled(tmp_path, signature_budget=1)
    by_ledger = count_patterns(store, NO_PATTERNS, LineFilter())
    by_scan = count_patterns(store, NO_PATTERNS, LineFilter(query="message:* or -message:*"))
    assert by_ledger.rows.equals(by_scan.rows)
    assert by_ledger.total_lines == COUNT
    assert by_ledger.rows.height > 1
    for pattern_id, count in by_ledger.rows.select("pattern_id", "count").iter_rows():
        assert store.search(LineFilter(signatures=(int(pattern_id, 16),)), limit=0).total == count
    store.close()


def test_a_scan_that_is_stopped_or_too_slow_says_that_it_is_partial(store: ParquetStore) -> None:
    where = LineFilter(query="message:*")
    assert count_patterns(store, NO_PATTERNS, where, stop=lambda: True).partial
    late = count_patterns(store, NO_PATTERNS, where, deadline_s=0)
    assert late.partial
    assert late.total_lines == late.rows["count"].sum()
