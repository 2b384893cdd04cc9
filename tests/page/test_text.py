"""Log text made harmless, terms of links, addresses and charts: without a server."""

import itertools

import pytest

from api.page.address import Address
from api.page.chart import histogram, sparkline
from api.page.courses import course_of
from api.page.filters import count, duration, size, written
from api.page.query_text import added, term, without
from api.page.text import MOST_MARKS, ROW_CHARACTERS, folded, marked_up, one_line, plain
from index.query import parse
from ingest.errors import InputError


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        pytest.param("<b>&", "&lt;b&gt;&amp;", id="markup"),
        pytest.param("\x1b[1;31mred\x1b[0m!", '<span class="ansi-bold ansi-red">red</span>!', id="colours"),
        pytest.param("\x1b[31m\x1b[32mgreen", '<span class="ansi-green">green</span>', id="the last colour counts"),
        pytest.param("\x1b[38;5;196mmany\x1b[0m", "many", id="256 colours are left plain"),
        pytest.param("\x1b]0;title\x07x\x1b[2K", "x", id="titles and erasing"),
        pytest.param("a\tb\nc", "a\tb\nc", id="tabs and line ends stay"),
    ],
)
def test_text_becomes_harmless_markup(text: str, markup: str) -> None:
    assert str(marked_up(text)) == markup


def test_an_escape_bomb_makes_no_more_spans_than_allowed() -> None:
    assert str(marked_up("\x1b[31ma" * 100_000)).count("<span") <= 400


def test_runs_of_a_control_character_are_one_mark_and_a_bomb_of_them_stays_small() -> None:
    mark = '<i class="mark" title="U+0001 control character ×240000">␁ ×240000</i>'
    assert marked_up("a" + "\x01" * 240_000 + "b") == f"a{mark}b"
    bomb = marked_up("\x01\x02" * 100_000)
    assert bomb.count("<i ") == MOST_MARKS
    assert len(bomb) < 300_000


def test_a_list_holds_the_beginning_of_a_line_and_says_how_much_is_left_out() -> None:
    fold = folded("x" * 1_000_000)
    assert len(fold.shown) + len(fold.rest) == ROW_CHARACTERS
    assert fold.left_out == "980\u202f000 more characters"
    assert folded("x" * ROW_CHARACTERS).left_out == ""


@pytest.mark.parametrize(
    ("query", "link"),
    [
        ("level:error OR host:web-1", "(level:error OR host:web-1) host:web-1"),
        ("NOT host:web-1", "NOT host:web-1 host:web-1"),
        ('"x host:web-1 y"', '"x host:web-1 y" host:web-1'),
        ("timeout host:web-1", "timeout host:web-1"),
    ],
)
def test_a_term_is_added_unless_the_query_surely_has_it(query: str, link: str) -> None:
    assert added(query, "host:web-1") == link


def test_a_service_that_a_list_cannot_hold_is_filtered_by_the_query() -> None:
    lines = Address("/lines")
    assert lines.with_service("cart") == "/lines?service=cart"
    assert lines.with_service("a,b") == "/lines?query=service%3A%22a%2Cb%22"
    assert lines.with_service(" lead") == "/lines?query=service%3A%22+lead%22"
    assert lines.with_service("") == "/lines?query=-service%3A%2A"
    assert lines.with_service("x\x00y") == ""


def test_an_address_that_every_link_would_repeat_is_not_endless() -> None:
    with pytest.raises(InputError, match="4000 characters"):
        Address.read("/lines", [("service", "a" * 100)] * 100)
    assert Address.read("/lines", [("q", "x" * 5000), ("service", "cart")]) == Address("/lines", service=("cart",))


def test_plain_text_says_what_cannot_be_seen() -> None:
    assert plain("a\u202eb\x00c") == "a[U+202E]b␀c"
    assert one_line("a\n b" * 100, 10) == "a ba ba b…"


def test_folding_loses_nothing() -> None:
    text = "\n".join(f"line {number}" for number in range(50))
    fold = folded(text)
    assert f"{fold.shown}\n{fold.rest}" == text
    long = folded("y" * 5000)
    assert len(long.shown) + len(long.rest) == 5000
    assert folded("short").rest == ""


def test_a_json_object_is_indented_with_every_token_as_it_was_written() -> None:
    text = '{"a":1.10,"b":{"c":[1,{"d":"x, {y}: \\"z\\""}],"e":[],"f":{}},"a":12345678901234567890123}'
    fold = folded(text)
    assert fold.shown.unescape() == text
    lines = fold.indented.unescape().split("\n")
    assert "".join(each.strip() for each in lines).replace('": ', '":') == text
    assert lines[1:5] == ['  "a": 1.10,', '  "b": {', '    "c": [', "      1,"]
    assert fold.fields == f"JSON, {len(lines)} lines"


@pytest.mark.parametrize("text", ["{}", "[1]", "{not json}", '{"a":1} tail', "plain", '{"a":' * 5000, ""])
def test_what_is_no_json_object_has_no_second_fold(text: str) -> None:
    assert folded(text).indented == ""


@pytest.mark.parametrize("inner", ["1," * 9000 + "1", "[" * 900 + "]" * 900], ids=["wide", "deep"])
def test_json_that_would_burst_the_page_is_cut(inner: str) -> None:
    fold = folded('{"a":[' + inner + "]}")
    assert fold.indented.count("\n") <= 500
    assert len(fold.indented) < 100_000
    assert fold.indented.endswith("…")


def test_markup_and_escapes_in_json_stay_text() -> None:
    fold = folded('{"a":"<script>alert(1)</script>","b":"\u202e"}')
    assert "<script>" not in fold.indented
    assert "[U+202E]" in fold.indented


@pytest.mark.parametrize("value", ["plain", 'with "quotes"', "back\\slash", "a b", "(", "*", "x:y", "/re/", "", "-1"])
@pytest.mark.parametrize("query", ["", "*", "timeout", "a or b", '"not closed)"'])
def test_a_filter_link_s_query_always_parses(query: str, value: str) -> None:
    for name in ("service", "level", "order.id"):
        parse(added(query, term(name, value)))
        parse(without(query, term(name, value)))


def test_a_field_that_the_language_cannot_write_has_no_term() -> None:
    assert term("a b", "x") == ""


@pytest.mark.parametrize("value", ["a\x00b", "two\nlines", "\x1b[31m", "x" * 600], ids=repr)
def test_a_value_that_no_address_or_box_can_hold_has_no_term(value: str) -> None:
    assert term("host", value) == ""


def test_an_address_is_read_back_as_it_was_written() -> None:
    pairs = [("query", "a=b&c"), ("service", "x"), ("service", "y"), ("start", "1h"), ("unknown", "z")]
    address = Address.read("/lines", pairs)
    assert address.service == ("x", "y")
    assert str(address) == "/lines?query=a%3Db%26c&start=1h&service=x&service=y"
    assert address.toggled("service", "x").service == ("y",)
    assert address.with_(cursor="next").with_(order="oldest").cursor == ""


def test_bars_stack_to_their_count_and_stand_in_their_window() -> None:
    window = {"start": "2026-03-01T00:00:00.000Z", "end": "2026-03-01T01:00:00.000Z"}
    bucket = {"time": "2026-03-01T00:30:00.000Z", "count": 4, "levels": {"error": 1, "info": 3}}
    chart = histogram({"window": window, "buckets": [bucket], "step_s": 60.0})
    bar = chart.bars[0]
    assert bar.x == 500
    assert [(each.level, each.height) for each in bar.segments] == [("error", 25.0), ("info", 75.0)]
    assert chart.levels == ("error", "info")


def test_a_level_of_one_line_beside_a_spike_is_seen_and_covers_nothing() -> None:
    window = {"start": "2026-03-01T00:00:00.000Z", "end": "2026-03-01T01:00:00.000Z"}
    levels = {"fatal": 1, "error": 2, "warn": 3, "info": 1_000_000}
    buckets = [
        {"time": "2026-03-01T00:00:00.000Z", "count": sum(levels.values()), "levels": levels},
        {"time": "2026-03-01T00:01:00.000Z", "count": 1, "levels": {"info": 1}},
    ]
    spike, tiny = histogram({"window": window, "buckets": buckets, "step_s": 60.0}).bars
    assert min(each.height for each in (*spike.segments, *tiny.segments)) >= 100 / 90
    assert sum(each.height for each in spike.segments) == pytest.approx(100, abs=0.05)
    below = 100.0
    for each in spike.segments:
        assert each.y + each.height == pytest.approx(below, abs=0.02)
        below = each.y


@pytest.mark.parametrize("step_s", [300, 3600, 21600])
def test_two_weeks_of_bars_stand_in_order_inside_the_drawing(step_s: int) -> None:
    window = {"start": "2026-03-01T00:07:13.5Z", "end": "2026-03-15T00:07:13.5Z"}
    first_s = 1772323633 // step_s * step_s
    counts = range(14 * 86_400 // step_s + 1)
    buckets = [
        {"time": written((first_s + n * step_s) * 10**9), "count": n % 7, "levels": {"info": n % 7}} for n in counts
    ]
    chart = histogram({"window": window, "buckets": [each for each in buckets if each["count"]], "step_s": step_s})
    for bar, after in itertools.pairwise(chart.bars):
        assert 0 <= bar.x < after.x
        assert bar.end <= after.start
    assert chart.bars[-1].x + chart.bars[-1].width <= 1000.5


def test_a_sparkline_draws_only_what_is_there() -> None:
    assert sparkline([0, 0]) == ""
    assert sparkline([0, 2]).startswith("M1 20")


@pytest.mark.parametrize(
    ("counts", "is_new", "marks"),
    [
        pytest.param([0] * 22 + [5, 5], True, ("new",), id="new"),
        pytest.param([2] * 22 + [20, 20], False, ("bursting",), id="bursting"),
        pytest.param([2] * 22 + [0, 0], False, ("silent",), id="silent"),
        pytest.param([2] * 24, False, (), id="steady"),
        pytest.param([0] * 20 + [1] * 4, False, (), id="too few for a burst"),
    ],
)
def test_a_course_is_marked(counts: list[int], is_new: bool, marks: tuple[str, ...]) -> None:
    assert course_of(counts, step_h=1.0, is_new=is_new).marks == marks


def test_numbers_are_written_for_people() -> None:
    assert (count(1234567), count(0.25), count(12)) == ("1\u202f234\u202f567", "0.2", "12")
    assert [duration(each) for each in (0.08, 9, 61, 3600, 90061)] == ["80 ms", "9 s", "1 min 1 s", "1 h", "1 d 1 h"]
    assert [size(each) for each in (999, 1500, 2e9)] == ["999 B", "1.5 kB", "2.0 GB"]
