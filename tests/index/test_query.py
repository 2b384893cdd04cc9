"""The query language: what is read from a text, what is refused and where, and that no text breaks it."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.line_store import LineFilter
from index.query import (
    AllOf,
    AnyOf,
    Compared,
    Everything,
    Holds,
    Matches,
    Node,
    NoneOf,
    Present,
    Same,
    Words,
    parse,
)
from index.query_polars import make_plan
from index.query_time import time_ns
from index.query_words import units_of
from index.view import View
from ingest.errors import QuerySyntaxError
from tests.index.lines_made import made_lines


def words(text: str, field: str = "message") -> Words:
    return Words(field, units_of(text))


@pytest.mark.parametrize(
    ("query", "node"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("*", Everything()),
        ("{}", Everything()),
        ("a b", AllOf((words("a"), words("b")))),
        ("a AND b", AllOf((words("a"), words("b")))),
        ("a and b or c", AnyOf((AllOf((words("a"), words("b"))), words("c")))),
        ("a b OR c d", AnyOf((AllOf((words("a"), words("b"))), AllOf((words("c"), words("d")))))),
        ("a (b OR c)", AllOf((words("a"), AnyOf((words("b"), words("c")))))),
        ("-a", NoneOf(words("a"))),
        ("!a", NoneOf(words("a"))),
        ("not not a", words("a")),
        ("not a b", AllOf((NoneOf(words("a")), words("b")))),
        ("-(a b)", NoneOf(AllOf((words("a"), words("b"))))),
        ("order-service", words("order service")),
        ("10.0.0.1:8080", words("10 0 0 1 8080")),
        ("http://shop/cart", words("http shop cart")),
        ("std::vector", words("std vector")),
        ("foo=bar", words("foo bar")),
        ("/api/v1/orders", words("api v1 orders")),
        ('"not found"', words("not found")),
        (r'"say \"no\""', words("say no")),
        ("=>", Holds("message", "=>")),
        ("service:orders", Same("service", "orders")),
        ('service:"a b"', Same("service", "a b")),
        ("service:=orders", Same("service", "orders")),
        ("service:*", Present("service")),
        ("service:(a OR b)", AnyOf((Same("service", "a"), Same("service", "b")))),
        ("service:(a -b)", AllOf((Same("service", "a"), NoneOf(Same("service", "b"))))),
        ("message:(a b)", AllOf((words("a"), words("b")))),
        ("user.name:ann", words("ann", "user.name")),
        ("level:>=warn", Compared("level", ">=", "warn", 0)),
        ("status:>499", Compared("status", ">", "499", 0)),
        ("status: 5", AllOf((words("status"), words("5")))),
        (
            "status:[500 TO 599}",
            AllOf((Compared("status", ">=", "500", 0), Compared("status", "<", "599", 0))),
        ),
        ("status:[* TO 5]", AllOf((Compared("status", "<=", "5", 0),))),
        ("status:[* TO *]", Present("status")),
        ("/a+b/", Matches("message", "a+b")),
        ("path:/a\\/b/", Matches("path", "a/b")),
        ('{service="a",level!="info"}', AllOf((Same("service", "a"), NoneOf(Same("level", "info"))))),
        ('{service=~"a|b"}', Matches("service", "^(?:a|b)$")),
        ("a:b:c", words("b c", "a")),
        ("connection to <*> refused", words("connection to <*> refused")),
        ("took <*>ms (limit: <*>)", words("took <*>ms (limit: <*>)")),
        (
            "service:db -level:info took <*> ms",
            AllOf((AllOf((Same("service", "db"), NoneOf(Same("level", "info")))), words("took <*> ms"))),
        ),
    ],
)
def test_a_query_is_read_as(query: str, node: Node) -> None:
    assert parse(query) == node


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("(a", 2),
        ("a)", 1),
        ("a AND", 5),
        ("a OR OR b", 5),
        ("AND a", 0),
        ("or", 0),
        ("a ()", 3),
        ('b "open', 2),
        ("b /(/", 2),
        ("b /a{9999}{9999}/", 2),
        ("a level:>=", 10),
        ("(" * 41 + "a" + ")" * 41, 40),
        ("x" * 8193, 8192),
        ("a " * 600, 512),
        ("NOT", 3),
        ("a {service=", 2),
        ('{service="a"', 0),
        ("{service=cart}", 0),
        ('b {anything!="x', 2),
    ],
)
def test_a_fault_is_told_with_its_position(query: str, position: int) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(query)
    assert abs(caught.value.position - position) <= 1


def matches(query: str, message: str) -> bool:
    plan = make_plan(LineFilter(query), View())
    lines = made_lines(1).with_columns(message=pl.lit(message))
    return plan.predicate is None or lines.filter(plan.predicate).height == 1


@pytest.mark.parametrize(
    ("query", "message", "expected"),
    [
        ("refused", "Connection REFUSED.", True),
        ("refuse", "refused", False),
        ("refuse*", "refused", True),
        ("*fused", "refused", True),
        ("re*ed", "refused", True),
        ("re*x", "refused x", False),
        ("order_1", "order_1", True),
        ("order", "order_1", False),
        ("a.b", "x a-b y", True),
        ("a.b", "a c b", False),
        ("超时", "订单服务超时了", True),
        ("服务超时", "服务 超时", False),
        ('"服务 超时"', "服务超时", True),
        ("order服务", "调用order服务失败", True),
        ("order", "调用order服务", True),
        ("order", "调用reorder服务", False),
        ("café", "un CAFÉ noir", True),
        ("caf", "un café noir", False),
        ("connection to <*> refused", "connection to db-1:5432 refused", True),
        ("connection to <*> refused", "connection to refused", True),
        ("connection to <*> refused", "connection to unrefused", False),
        ("connection to <*> refused", "refused connection to x", False),
        ("took <*>ms", "took 12ms", True),
        ("took <*>ms", "took 12 s", False),
        ("blk_<*> lost", "blk_-12 lost", True),
        ("blk_<*> lost", "xblk_12 lost", False),
        ("<*> lost <*>", "x lost y", True),
        ("库存 <*> 不足", "库存 sku-7 不足", True),
        ("first second", "second\nfirst", True),
        ('"first second"', "first\n\tsecond", True),
        (r"\*", "2 * 3", True),
        ("/^a.c$/", "abc", True),
        ("/^a.c$/", "ABC", False),
        ("/(?i)^a.c$/", "ABC", True),
        ("a\\:b", "a:b", True),
    ],
)
def test_a_message_matches_by_tokens(query: str, message: str, expected: bool) -> None:
    assert matches(query, message) is expected


def test_a_pattern_as_it_is_mined_finds_its_lines() -> None:
    message = "Failed to fetch user_id: 8812 (timeout after 30s) [shop-7] -> retry"
    assert matches("Failed to fetch user_id: <*> (timeout after <*>s) [shop-<*>] -> retry", message)
    assert not matches("Failed to fetch user_id: <*> (timeout after <*>m) [shop-<*>] -> retry", message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:01.000000001Z", 10**9 + 1),
        ("1970-01-01 08:00+08:00", 0),
        ("1970-01-02", 86_400 * 10**9),
        ("1700000000", 1_700_000_000 * 10**9),
        ("1700000000.5", 1_700_000_000 * 10**9 + 5 * 10**8),
        ("1700000000123", 1_700_000_000_123 * 10**6),
        ("1700000000123456789", 1_700_000_000_123_456_789),
        ("-1", -(10**9)),
        ("now", None),
        ("1970-13-01", None),
        ("9" * 30, None),
    ],
)
def test_a_time_is_read_as(text: str, expected: int | None) -> None:
    assert time_ns(text) == expected


@pytest.mark.parametrize(
    "query",
    [
        "not " * 200 + "a",
        "-(" * 40 + "a" + ")" * 40,
        " ".join(f"w{n}" for n in range(250)),
        " or ".join(f"w{n}" for n in range(120)),
        " -".join(f"w{n}" for n in range(120)),
        "a:(" + " OR ".join(f"w{n}" for n in range(120)) + ")",
    ],
    ids=["nots", "groups", "ands", "ors", "mixed", "values"],
)
def test_a_query_as_large_as_allowed_is_answered(query: str) -> None:
    plan = make_plan(LineFilter(query), View())
    assert plan.predicate is not None
    assert made_lines(5).filter(plan.predicate).height <= 5


LINES = made_lines(5)
PARTS = st.sampled_from(
    [
        *'ab*"():-!/\\[]{}<>=~^&|. \n\t\0超é',
        "AND",
        "or",
        "not ",
        "level:",
        "time:",
        "signature:",
        "x.y:",
        "<*>",
        " TO ",
        '{a="',
        "=~",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PARTS, max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_a_query_or_a_syntax_error(text: str) -> None:
    position = 0
    try:
        plan = make_plan(LineFilter(text), View())
        LINES.filter(pl.lit(value=True) if plan.predicate is None else plan.predicate)
    except QuerySyntaxError as fault:
        position = fault.position
    assert 0 <= position <= len(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1_ .:-/é超时<>*", max_size=30))
def test_a_message_in_quotes_finds_itself(text: str) -> None:
    quoted = '"' + text.replace("<*>", " ") + '"'
    assert matches(quoted, text.replace("<*>", " "))
