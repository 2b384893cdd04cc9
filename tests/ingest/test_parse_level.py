import polars as pl
import pytest

from ingest.line import LEVELS
from ingest.parse_level import FIELD_LEVELS, field_level, text_level

TABLE = [
    ("16:42:10.175 INFO  a.c.Cart#7 x", "info"),
    ("DEBUG", "debug"),
    ("2026-01-02 03:04:05,678 - WARNING - x", "warn"),
    ("[warn] x", "warn"),
    ("[Sun Dec 04 04:47:44 2005] [notice] x", "info"),
    ("Error: x", "error"),
    ("error: x", "error"),
    ("12:00 main info: x", "info"),
    ("panic: runtime error", "fatal"),
    ("<error> x", "error"),
    ("E0102 03:04:05.1 1 main.go:3] x", "error"),
    ("<11>Oct 11 22:14:15 host su: x", "error"),
    ("<7>x", "debug"),
    ("[错误] 数据库连接失败", "error"),
    ("【警告】 磁盘", "warn"),
    ("[信息] x", "info"),
    ("[调试] x", "debug"),
    ("[致命] x", "fatal"),
    ("2016-09-28 04:30:30, Info                  CBS    x", "info"),
    ("03-17 16:13:38.811  1702  2395 D Window: x", "debug"),
    ("[E] x", "error"),
    ("GET /ERROR/1 200", ""),
    ("3 ERRORS found", ""),
    ("user asked for information", ""),
    ("a-ERROR-b", ""),
    ("普通 错误 x", ""),
    ("x" * 200 + " ERROR", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "level"), TABLE, ids=[text[:24] or "empty" for text, _ in TABLE])
def test_the_level_near_the_head_of_a_line_is_read(text: str, level: str) -> None:
    assert text_level(pl.Series([text])).to_list() == [level]


def test_each_line_is_read_alike_whatever_stands_around_it() -> None:
    assert text_level(pl.Series([text for text, _ in TABLE])).to_list() == [level for _, level in TABLE]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("INFO", "info"),
        (" Warning ", "warn"),
        ("critical", "fatal"),
        ("50", "error"),
        ("3", "error"),
        ("30", "info"),
        ("NOTICE", "info"),
        ("错误", "error"),
        ("12345", None),
        ("", None),
    ],
)
def test_a_level_field_is_normalised(value: str, level: str | None) -> None:
    assert pl.select(field_level(pl.lit(value))).item() == level


def test_every_level_is_one_that_lines_may_have() -> None:
    assert set(FIELD_LEVELS.values()) == set(LEVELS) - {""}
