import datetime as dt

import polars as pl
import pytest

from ingest.parse_time import Clock, is_zone, runtime_ns, text_ns

ARRIVAL = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.UTC)
ARRIVAL_NS = int(ARRIVAL.timestamp()) * 10**9


def read(text: str, zone: str = "") -> str | None:
    return shown(text_ns(pl.Series([text]), Clock(ARRIVAL_NS, zone))[0])


def shown(time_ns: int | None) -> str | None:
    if time_ns is None:
        return None
    second = dt.datetime.fromtimestamp(time_ns // 10**9, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    fraction = f".{time_ns % 10**9:09d}".rstrip("0").rstrip(".")
    return second + fraction


TABLE = [
    ("2026-01-02T03:04:05.678901234Z x", "2026-01-02 03:04:05.678901234"),
    ("2026-01-02T03:04:05.678901234567Z x", "2026-01-02 03:04:05.678901234"),
    ("2026-01-02 03:04:05,678 INFO x", "2026-01-02 03:04:05.678"),
    ("2026-01-02 03:04:05.5 +0800 x", "2026-01-01 19:04:05.5"),
    ("2026-01-02T03:04:05-05:30", "2026-01-02 08:34:05"),
    ("[2026-01-02 03:04:05] x", "2026-01-02 03:04:05"),
    ('"2026-01-02T03:04:05Z"', "2026-01-02 03:04:05"),
    ("2026/01/02 03:04:05 [error] 7#7", "2026-01-02 03:04:05"),
    ("api.log.1 2026-01-02 03:04:05.008 25746 INFO", "2026-01-02 03:04:05.008"),
    ("2026-01-02 03:04:05, Info   CBS", "2026-01-02 03:04:05"),
    ("Jan  2 03:04:05 host sshd[1]: x", "2026-01-02 03:04:05"),
    ("<34>Jan  2 03:04:05 host su: x", "2026-01-02 03:04:05"),
    ("Dec 31 23:59:59 host x", "2025-12-31 23:59:59"),
    ("Jan  3 01:00:00 ahead by less than a day", "2026-01-03 01:00:00"),
    ("Feb 29 01:02:03 leap day", "2024-02-29 01:02:03"),
    ("<165>1 2003-10-11T22:14:15.003Z host app - x", "2003-10-11 22:14:15.003"),
    ('1.2.3.4 - - [02/Jan/2026:03:04:05 +0100] "GET /"', "2026-01-02 02:04:05"),
    ("[Sun Dec 04 04:47:44 2005] [notice] x", "2005-12-04 04:47:44"),
    ("Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02 03:04:05"),
    ("02-Jan-2026 03:04:05.100 INFO [main] x", "2026-01-02 03:04:05.1"),
    ("I0102 03:04:05.123456 1 main.go:3] x", "2026-01-02 03:04:05.123456"),
    ("1767323045 x", "2026-01-02 03:04:05"),
    ("1767323045.25 x", "2026-01-02 03:04:05.25"),
    ("1767323045123 x", "2026-01-02 03:04:05.123"),
    ("1767323045123456 x", "2026-01-02 03:04:05.123456"),
    ("1767323045123456789 x", "2026-01-02 03:04:05.123456789"),
    ("- 1117838570 2005.06.03 R02", "2005-06-03 22:42:50"),
    ("081109 203615 148 INFO x", "2008-11-09 20:36:15"),
    ("17/06/09 20:10:40 INFO x", "2017-06-09 20:10:40"),
    ("20171223-22:15:29:606|Step", "2017-12-23 22:15:29.606"),
    ("20260102T030405Z x", "2026-01-02 03:04:05"),
    ("01-02 03:04:05.811  1702  2395 D x", "2026-01-02 03:04:05.811"),
    ("[10.30 16:49:06] x", "2025-10-30 16:49:06"),
    ("11:00:05.175 INFO x", "2026-01-02 11:00:05.175"),
    ("23:00:05 of the day before", "2026-01-01 23:00:05"),
    ("no time here", None),
    ("2026-13-45 99:99:99", None),
    ("2026-02-30 01:02:03", None),
    ("2026-01-02 24:00:00", None),
    ("99999999999999999999", None),
    ("version 1.2.3.4:80", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[text[:24] or "empty" for text, _ in TABLE])
def test_the_time_at_the_head_of_a_line_is_read(text: str, expected: str | None) -> None:
    assert read(text) == expected


def test_each_line_is_read_alike_whatever_stands_around_it() -> None:
    times = text_ns(pl.Series([text for text, _ in TABLE] * 2), Clock(ARRIVAL_NS, ""))
    assert [shown(time) for time in times] == [expected for _, expected in TABLE] * 2


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param("+08:00", "2026-01-01 19:04:05", id="offset"),
        pytest.param("-0330", "2026-01-02 06:34:05", id="offset-west"),
        pytest.param("Asia/Shanghai", "2026-01-01 19:04:05", id="iana"),
        pytest.param("America/New_York", "2026-01-02 08:04:05", id="iana-west"),
        pytest.param("", "2026-01-02 03:04:05", id="utc"),
        pytest.param("Moon/Base", "2026-01-02 03:04:05", id="unknown-counts-as-utc"),
    ],
)
def test_a_clock_without_a_zone_is_read_in_the_zone_of_the_source(zone: str, expected: str) -> None:
    assert read("2026-01-02 03:04:05 x", zone) == expected


def test_a_zone_in_the_text_wins_over_that_of_the_source() -> None:
    assert read("2026-01-02T03:04:05Z x", "Asia/Shanghai") == "2026-01-02 03:04:05"


def test_the_hour_that_clocks_repeat_and_the_one_that_they_skip_have_a_time() -> None:
    assert read("2025-11-02 01:30:00 x", "America/New_York") == "2025-11-02 05:30:00"
    assert read("2025-03-09 02:30:00 x", "America/New_York") == "2025-03-09 07:30:00"


def test_a_clock_without_a_date_stays_near_the_arrival_in_any_zone() -> None:
    assert read("19:55:00 x", "+08:00") == "2026-01-02 11:55:00"
    assert read("01:00:00 x", "+14:00") == "2026-01-02 11:00:00"


def test_known_zones_are_told_from_unknown_ones() -> None:
    assert is_zone("")
    assert is_zone("Asia/Shanghai")
    assert is_zone("+08:00")
    assert not is_zone("Moon/Base")
    assert not is_zone("../etc/passwd")


def test_runtime_times_are_read_to_the_nanosecond_and_others_are_null() -> None:
    times = pl.Series(
        [
            "2026-01-02T03:04:05.123456789Z",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.1+08:00",
            "2026-01-02T03:04:05.1x4Z",
            "9999-01-02T03:04:05+00:00",
            "yesterday",
            "",
            None,
        ]
    )
    read_ns = runtime_ns(times).to_list()
    assert [shown(time) for time in read_ns[:4]] == [
        "2026-01-02 03:04:05.123456789",
        "2026-01-02 03:04:05",
        "2026-01-01 19:04:05.1",
        None,
    ]
    assert read_ns[4] > ARRIVAL_NS * 5
    assert read_ns[5:] == [None, None, None]
    assert runtime_ns(times[:2]).to_list() == read_ns[:2]
