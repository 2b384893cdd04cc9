"""A search by words that signatures tell finds and counts what a scan of every message would."""

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.line_store import LineFilter
from index.query import AllOf, Words, parse
from index.query_decide import make_plans
from index.query_polars import make_plan
from index.store_parquet import ParquetStore
from index.view import View
from ingest.signature import signature_columns
from tests.index.lines_made import covers_of, made_lines

PIECES = [
    "failed",
    "Failed",
    "dead",
    "deadbeef",
    "accepted",
    "x",
    "0x",
    "12",
    "1.5",
    "<*>",
    "é",
    "库存",
    "_",
    "-",
    " ",
    "\n\tat frame failed",
    "\n",
    "abcdefab-abcd-abcd-abcd-abcdefabcdef",
    "K",
    "y" * 2100,
]
MESSAGES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)
QUERIES = (
    "failed",
    '"failed x"',
    "-failed",
    "fail*",
    "dead*",
    "dead",
    "deadbeef",
    "accepted",
    "库存",
    "库存 failed",
    "é",
    "x_",
    "abcd",
    "at frame",
    "k",
    "level:error failed",
    "service:stock -(failed OR x)",
    "failed <*> x",
)


def lines_saying(messages: list[str]) -> pl.DataFrame:
    made = made_lines(len(messages)).with_columns(message=pl.Series(messages))
    return signature_columns(made.drop("signature", "shape")).select(made.columns)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(MESSAGES, min_size=2, max_size=30), query=st.sampled_from(QUERIES), flushed=st.booleans())
def test_what_signatures_tell_is_what_the_messages_hold(
    tmp_path_factory: pytest.TempPathFactory, messages: list[str], query: str, flushed: bool
) -> None:
    lines = lines_saying(messages)
    store = ParquetStore.open(tmp_path_factory.mktemp("store"))
    store.append(lines, covers_of(lines))
    if flushed:
        store.flush()
    predicate = make_plan(LineFilter(query), View()).predicate
    assert predicate is not None
    expected = sorted(lines.filter(predicate)["position"])
    page = store.search(LineFilter(query), limit=1000)
    assert sorted(page.lines["position"]) == expected
    assert (page.total, page.total_exact, page.partial) == (len(expected), True, False)
    assert store.search(LineFilter(query), limit=1).total == len(expected)
    assert store.histogram(LineFilter(query), step_ns=60 * 10**9).rows["count"].sum() == len(expected)
    found = [position for frame in store.scan(LineFilter(query), ["position"]) for position in frame["position"]]
    assert sorted(found) == expected
    store.close()


def planned(tmp_path: Path, messages: list[str], query: str) -> int:
    """How many plans read a message."""
    lines = lines_saying(messages)
    store = ParquetStore.open(tmp_path)
    store.append(lines, covers_of(lines))
    with store._views.pinned() as view:
        plans = make_plans(LineFilter(query), view)
    store.close()
    return sum("message" in plan.columns for plan in plans)


@pytest.mark.parametrize("query", ["failed", '"order failed" -x', "level:error order", "fail*", "库存"])
def test_plain_words_read_no_message(tmp_path: Path, query: str) -> None:
    assert planned(tmp_path, ["order failed 17", "order x"], query) == 0


@pytest.mark.parametrize("query", ["order17", "cafe", "deadbeefy", "feed*", "a<*>b", "/failed/", "pod:x failed"])
def test_what_may_lie_in_a_masked_run_is_read(tmp_path: Path, query: str) -> None:
    assert planned(tmp_path, ["order failed 17", "order x"], query) == 1


def test_only_lines_of_vague_signatures_are_read_too(tmp_path: Path) -> None:
    assert planned(tmp_path, ["order failed 17", "order failed\n\tat frame"], "failed") == 1


def test_no_token_of_a_run_passes_for_a_plain_word() -> None:
    """Each token of what the mask takes away must be one that is looked for in the message itself."""
    runs = ["10.0.0.1", "0xdead", "deadbeef", "abcdefab-abcd-abcd-abcd-abcdefabcdef", "2026-11-22T10:00:00,123"]
    for run in runs:
        for token in re.findall(r"\w+", run):
            assert _reads(token), token


def _reads(token: str) -> bool:
    node = parse(token)
    assert isinstance(node, Words | AllOf)
    view = View(flushed_signatures=View().signatures)
    return any("message" in plan.columns for plan in make_plans(LineFilter(token), view))
