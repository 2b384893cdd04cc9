import json
import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parse_fields import FieldNames
from ingest.parse_json import parse_json
from ingest.parse_json_row import parse_object

NAMES = FieldNames()


def read(*texts: str, names: FieldNames = NAMES) -> list[dict[str, Any]]:
    return parse_json(pl.Series(texts, dtype=pl.String), names).to_dicts()


def attributes(text: str) -> Any:
    return json.loads(read(text)[0]["attributes"])


def test_message_level_time_and_service_are_taken_and_the_rest_are_attributes() -> None:
    [line] = read('{"ts":"t1","level":"WARN","msg":"hi","service":"cart","user":{"id":7,"tags":null},"ok":true}')
    assert (line["message"], line["level"], line["time_name"], line["time_text"]) == ("hi", "warn", "ts", "t1")
    assert line["service"] == "cart"
    assert json.loads(line["attributes"]) == {"user.id": "7", "ok": "true"}


def test_the_preferred_name_counts_and_the_others_stay_attributes() -> None:
    [line] = read('{"event":"e","msg":"","message":"m","time":"b","@timestamp":"a","level":"odd","lvl":"error"}')
    assert (line["message"], line["time_name"], line["level"]) == ("m", "@timestamp", "error")
    assert json.loads(line["attributes"]) == {"event": "e", "msg": "", "time": "b", "level": "odd"}


def test_names_of_the_caller_come_first() -> None:
    [line] = read(
        '{"text":"a","message":"b","when":"1"}', names=FieldNames(message=("text",), time=("when",), service=())
    )
    assert (line["message"], line["time_text"]) == ("a", "1")
    assert json.loads(line["attributes"]) == {"message": "b"}


def test_trace_ids_stay_in_the_attributes() -> None:
    assert attributes('{"message":"x","trace_id":"0af7651916cd43dd8448eb211c80319c"}') == {
        "trace_id": "0af7651916cd43dd8448eb211c80319c"
    }


def test_a_message_that_begins_with_a_bracket_is_a_message() -> None:
    [line] = read('{"message":"[GET] {x} \\"y\\"","http":{"status":200},"tags":["a",1,{"b":null}]}')
    assert line["message"] == '[GET] {x} "y"'
    assert json.loads(line["attributes"]) == {"http.status": "200", "tags": '["a",1,{"b":null}]'}


def test_an_object_without_any_of_the_names_has_no_message() -> None:
    assert read('{"a":1}')[0]["message"] is None


HOSTILE = [
    pytest.param("not json", id="text"),
    pytest.param('{"a":', id="truncated"),
    pytest.param('{"a":NaN}', id="nan"),
    pytest.param('{"a":Infinity}', id="infinity"),
    pytest.param('{"a":1}{"b":2}', id="two"),
    pytest.param('{"a":1,}', id="comma"),
    pytest.param("{'a':1}", id="quotes"),
    pytest.param('{"a":"\t"}', id="control"),
    pytest.param('{"a":' * 5000 + "1" + "}" * 5000, id="deeper-than-any-parser-reads"),
    pytest.param('{"a":' + "[" * 200_000, id="unclosed"),
    pytest.param("[1]", id="array"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_json_is_said_to_be_none_and_its_neighbours_are_read(text: str) -> None:
    lines = read(*['{"message":"one"}'] * 20, text, *['{"message":"two","a":{"b":1}}'] * 20)[19:22]
    assert [line["is_json"] for line in lines] == [True, False, True]
    assert [line["message"] for line in lines] == ["one", None, "two"]
    assert all(value is None for name, value in lines[1].items() if name != "is_json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"a":1,"a":2}', {"a": "1"}, id="duplicate-name"),
        pytest.param('{"a.b":1,"a":{"b":2}}', {"a.b": "1"}, id="dotted-name-twice"),
        pytest.param('{"a":{"b":2},"a.b":null}', {"a.b": "2"}, id="dotted-name-null"),
        pytest.param(
            '{"n":123456789012345678901234567890}', {"n": "123456789012345678901234567890"}, id="long-integer"
        ),
        pytest.param(f'{{"n":{"9" * 5000}}}', {"n": "9" * 5000}, id="huge-integer"),
        pytest.param(
            '{"n":1e400,"m":-0.0,"o":-0,"p":1.50,"q":1E5}',
            {"n": "1e400", "m": "-0", "o": "0", "p": "1.5", "q": "100000"},
            id="numbers",
        ),
        pytest.param('{"s":"x\\ud83dy\\ud83d\\ude00"}', {"s": "x\\ud83dy😀"}, id="half-a-surrogate-pair"),
        pytest.param('{"s":"a\\u0000b","\\u0000x":1}', {"s": "a\0b", "\0x": "1"}, id="nul"),
        pytest.param('{"":1}', {"": "1"}, id="empty-name"),
        pytest.param('{"a":{},"b":[],"c":null,"d":""}', {"b": "[]", "d": ""}, id="empty-values"),
        pytest.param('{"k\\"q":"\\\\ \\" \\/ \\u2028"}', {'k"q': '\\ " / \u2028'}, id="escapes"),
        pytest.param('{"a":' * 60 + '"x"' + "}" * 60, {".".join("a" * 32): '{"a":' * 28 + '"x"' + "}" * 28}, id="deep"),
    ],
)
def test_odd_json_is_read_alike_alone_and_among_others(text: str, expected: dict[str, str]) -> None:
    others = ['{"a":"s","n":"t"}', '{"a":{"b":{"c":1}}}', '{"b":true,"n":1}', '{"message":"[x]","s":{"z":1}}']
    assert attributes(text) == expected
    assert json.loads(read(*others * 8, text)[-1]["attributes"]) == expected


def test_hundreds_of_lines_each_with_names_of_its_own_are_read_in_bounded_memory() -> None:
    texts = [json.dumps({f"k{n}_{i}": i for i in range(20)}) for n in range(500)]
    lines = read(*texts)
    assert json.loads(lines[499]["attributes"]) == {f"k499_{i}": str(i) for i in range(20)}


def test_lines_with_rare_names_arrays_and_nulls_among_thousands_lose_nothing() -> None:
    objects: list[dict[str, Any]] = [{"message": f"m{n}", "n": n, "http": {"status": 200}} for n in range(3000)]
    objects[7]["rare"] = {"deep": {"er": 1}}
    objects[1500]["http"] = None
    objects[1501]["http"] = [1, {"a": '":'}]
    objects[1502]["http"] = "status"
    objects[2000] |= {f"other{i}": i for i in range(400)}
    objects[2999] = {}
    texts = [json.dumps(fields) for fields in objects]
    assert [tuple(line.values()) for line in read(*texts)] == [parse_object(text, NAMES) for text in texts]


def test_thousands_of_empty_objects_are_read() -> None:
    assert read(*(["{}"] * 1000)) == [read("{}")[0]] * 1000


_KEYS = st.sampled_from(["message", "msg", "a", "b", "a.b", "level", "ts", "service", "中", 'q"', "x y"])
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["error", "30", "[x]", "{y}", "2026-01-02", ""])
)
_OBJECTS = st.recursive(
    st.dictionaries(_KEYS, _LEAVES, max_size=4),
    lambda inner: st.dictionaries(_KEYS, _LEAVES | inner | st.lists(_LEAVES, max_size=2), max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(objects=st.lists(_OBJECTS, min_size=6, max_size=12), escaped=st.booleans())
def test_columns_and_rows_read_any_object_alike(objects: list[dict[str, Any]], escaped: bool) -> None:
    texts = [json.dumps(fields, ensure_ascii=escaped) for fields in objects] * 3
    exact = [parse_object(text, NAMES) for text in texts]
    assert [tuple(line.values()) for line in read(*texts)] == exact
    assert [tuple(read(text)[0].values()) for text in texts] == exact


def test_the_order_and_company_of_lines_change_nothing() -> None:
    draw = random.Random(3)
    texts = [
        json.dumps({"msg": f"m{n}", "v": draw.choice([1, 1.5, "s", True, None, {"w": n}, [n]]), f"k{n % 7}": n})
        for n in range(300)
    ]
    alone = {text: read(text)[0] for text in texts}
    draw.shuffle(texts)
    assert read(*texts) == [alone[text] for text in texts]
