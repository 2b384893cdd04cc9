"""Filters of needles never miss a block that holds the needle, and spare most of the others."""

import polars as pl
import pytest

from index.line_store import LineFilter
from index.query_polars import make_plan
from index.tokens import blocks_with, is_needle, token_filters
from index.view import View

MESSAGES = pl.Series(
    [f"request {number * 2_654_435_761 % 2**40:010x} from 10.0.{number}.1, Ünit7000{number}" for number in range(4000)]
)
BLOCK = 256


def test_every_needle_is_found_in_its_block() -> None:
    filters = memoryview(token_filters(MESSAGES, BLOCK))
    for number in range(0, 4000, 37):
        needle = MESSAGES[number].split()[1]
        found = blocks_with(filters, [needle.upper()])
        assert found is not None
        assert found[number // BLOCK]


def test_few_blocks_are_read_for_nothing() -> None:
    filters = memoryview(token_filters(MESSAGES, BLOCK))
    alarms = 0
    for number in range(500):
        found = blocks_with(filters, [f"absent{number}"])
        assert found is not None
        alarms += int(found.sum())
    assert alarms / (500 * 16) < 0.04


def test_filters_of_another_hash_are_not_believed() -> None:
    filters = token_filters(MESSAGES, BLOCK).replace(b"polars ", b"others ", 1)
    assert blocks_with(memoryview(filters), ["absent1"]) is None
    assert blocks_with(memoryview(b""), ["absent1"]) is None


@pytest.mark.parametrize(
    ("token", "expected"), [("abc123", True), ("123456", True), ("abcdef", False), ("ab12", False), ("é12345", False)]
)
def test_a_needle_has_six_characters_and_a_digit(token: str, expected: bool) -> None:
    assert is_needle(token) is expected


@pytest.mark.parametrize(
    ("query", "needles"),
    [
        ("abc123", ("abc123",)),
        ("error abc123 def456", ("abc123", "def456")),
        ("abc123 OR error", ()),
        ("-abc123", ()),
        ("abc123*", ()),
        ("user.id:abc123", ()),
        ("trace=abc123", ("abc123",)),
        ("id abc123<*> x", ()),
        ("id abc123 <*> x", ("abc123",)),
        ("订单abc123", ()),
    ],
)
def test_only_what_every_match_must_hold_is_a_needle(query: str, needles: tuple[str, ...]) -> None:
    assert make_plan(LineFilter(query), View()).needles == needles
