import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.time_text import MAX_NS, format_time, parse_duration_s, parse_time
from ingest.errors import InputError

NOW = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("now", "2023-11-14T22:13:20.123456789Z"),
        ("now-1h", "2023-11-14T21:13:20.123456789Z"),
        ("now+1h30m", "2023-11-14T23:43:20.123456789Z"),
        ("1h", "2023-11-14T21:13:20.123456789Z"),
        ("-5m", "2023-11-14T22:08:20.123456789Z"),
        ("1700000000", "2023-11-14T22:13:20.000Z"),
        ("1700000000.5", "2023-11-14T22:13:20.500Z"),
        ("1700000000123", "2023-11-14T22:13:20.123Z"),
        ("1700000000123456", "2023-11-14T22:13:20.123456Z"),
        ("1700000000123456789", "2023-11-14T22:13:20.123456789Z"),
        ("2026-03-01", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01 12:00", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00.5+08:00", "2026-03-01T04:00:00.500Z"),
        ("2026-03-01T12:00:00 08:00", "2026-03-01T04:00:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_read_in_every_form(text: str, shown: str) -> None:
    assert format_time(parse_time(text, now_ns=NOW)) == shown


@pytest.mark.parametrize("text", ["", "x", "2026-13-01", "now*1", "9" * 19, "9" * 30, "1h1", "١٢"])
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(InputError, match="start") as caught:
        parse_time(text, now_ns=NOW, name="start")
    assert "RFC 3339" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "held"), [("9999-12-31", MAX_NS), ("0001-01-01", -MAX_NS), ("0001-01-01T00:00:00+23:59", -MAX_NS)]
)
def test_a_day_that_cannot_be_held_is_the_nearest_that_can(text: str, held: int) -> None:
    assert parse_time(text, now_ns=NOW) == held


@given(st.integers(-MAX_NS, MAX_NS))
def test_what_is_written_is_read_back_exactly(time_ns: int) -> None:
    assert parse_time(format_time(time_ns), now_ns=NOW) == time_ns


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert abs(parse_time(text, now_ns=NOW)) <= MAX_NS
    with contextlib.suppress(InputError):
        assert parse_duration_s(text, name="wait") >= 0
