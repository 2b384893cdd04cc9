import json
import re
from typing import Any

import polars as pl
import pytest

from ingest.parse_fields import FieldNames
from ingest.parse_logfmt import IS_LOGFMT, parse_logfmt


def read(*texts: str) -> list[dict[str, Any]]:
    return parse_logfmt(pl.Series(texts), FieldNames()).to_dicts()


def test_pairs_become_message_level_time_service_and_attributes() -> None:
    [line] = read(r'ts=2026-01-02T03:04:05Z level=warn msg="it \"works\"\n\\n" app=cart user=7 path=/a?b empty=')
    assert (line["message"], line["level"], line["time_text"]) == ('it "works"\n\\n', "warn", "2026-01-02T03:04:05Z")
    assert line["service"] == "cart"
    assert json.loads(line["attributes"]) == {"user": "7", "path": "/a?b", "empty": ""}


def test_of_equal_names_the_first_counts_and_an_unknown_level_stays_an_attribute() -> None:
    [line] = read("a=1 a=2 level=odd severity=error message=m msg=n")
    assert (line["message"], line["level"]) == ("m", "error")
    assert json.loads(line["attributes"]) == {"a": "1", "level": "odd", "msg": "n"}


def test_lines_are_read_alike_alone_and_together() -> None:
    texts = ["a=1 b=2", "msg=x level=info", 'caller=main.go:7 msg="a b" err="c"', "x=中文 y=错误"]
    assert read(*texts) == [read(text)[0] for text in texts]


@pytest.mark.parametrize(
    ("text", "is_logfmt"),
    [
        ("a=1 b=2", True),
        ('level=info msg="x y z"', True),
        ("GET /x?a=1 b=2", False),
        ("user a=1 b=2", False),
        ("a=1", False),
        ('a="open b=2', False),
        ("1=2 3=4", False),
        ("", False),
    ],
)
def test_only_lines_of_nothing_but_pairs_are_logfmt(text: str, is_logfmt: bool) -> None:
    assert pl.Series([text]).str.contains(IS_LOGFMT).to_list() == [is_logfmt]
    assert bool(re.search(IS_LOGFMT, text)) == is_logfmt
