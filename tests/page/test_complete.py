"""The query box completes fields, values, levels, services and patterns, and tells of a fault while typing stops."""

import re

import pytest
from playwright.sync_api import Page, expect

from api.page.address import Address
from api.page.complete import complete
from index.query import parse
from tests.page.shop import Served

SERVICE = 'quoted "shop" \\ <b>'


@pytest.fixture(scope="module")
def filled(shop: Served) -> Served:
    lines: list[dict[str, object]] = [
        {"message": "completion of a line", "service": SERVICE, "status": 503, "user": {"name": "ann"}},
        {"message": "completion of a line", "service": "turned\u202eround", "user": {"name": "anton"}},
    ]
    shop.push(lines)
    return shop


def completed(shop: Served, typed: str, *, start: str = "2d") -> dict[str, str]:
    """Each option with the query that it makes, for a cursor at the mark `|`."""
    before, _, after = typed.partition("|")
    address = Address("/lines", query=before + after, start=start)
    found = complete(shop.dejalog, address, len(before.encode("utf-16-le")) // 2)
    return {each.text: each.query for each in found.options}


@pytest.mark.parametrize(
    ("typed", "option", "query"),
    [
        pytest.param("ser|", "service", "service:", id="a field"),
        pytest.param("😀 ser|", "service", "😀 service:", id="after characters of two units"),
        pytest.param("x (user|", "user.name", "x (user.name:", id="an attribute, in a group"),
        pytest.param("level:|", "error", "level:error ", id="a value of a field alone"),
        pytest.param("-level:er|", "error", "-level:error ", id="an excluded value"),
        pytest.param("level:(warn OR e|)", "error", "level:(warn OR error)", id="a value in a field's group"),
        pytest.param("level:er|r x", "error", "level:error x", id="with the rest of the word"),
        pytest.param("err|", "error", "level:error ", id="a level by its own name"),
        pytest.param("service:quo|", SERVICE, 'service:"quoted \\"shop\\" \\\\ <b>" ', id="quoted where it must be"),
        pytest.param('service:"quoted \\"s|', SERVICE, 'service:"quoted \\"shop\\" \\\\ <b>" ', id="in an open quote"),
        pytest.param("user.name:ann|", "ann", "user.name:ann ", id="a value of an attribute"),
        pytest.param("status:5|", "503", "status:503 ", id="a number"),
    ],
)
def test_what_is_put_in_is_a_query(filled: Served, typed: str, option: str, query: str) -> None:
    found = completed(filled, typed)
    assert found[option] == query
    if not query.endswith(":"):
        parse(query)


def test_words_are_completed_to_patterns_which_find_their_lines(filled: Served) -> None:
    found = completed(filled, "level:error connection ref|")
    assert found
    for template, query in found.items():
        assert re.fullmatch(r"level:error pattern_id:[0-9a-f]{16} ", query)
        assert "connection" in template
        assert "refused" in template
        params: dict[str, str | int] = {"query": query.removeprefix("level:error "), "start": "2d", "limit": 1}
        assert filled.http.get("/v1/search", params=params).json()["total"] > 0


def test_a_line_that_is_pasted_is_completed_to_its_pattern(filled: Served) -> None:
    filled.push([{"message": f"pump {number} of tank t-{number} stalled", "service": "pumps"} for number in range(9)])
    found = completed(filled, "pump 4 of tank t-4 stalled|")
    assert [each for each in found if "stalled" in each]
    query = next(iter(found.values()))
    assert filled.http.get("/v1/search", params={"query": query, "start": "1h"}).json()["total"] == 9


def test_values_come_from_the_window_and_filters_of_the_screen(filled: Served) -> None:
    assert completed(filled, "user.name:an|") == {"ann": "user.name:ann ", "anton": "user.name:anton "}
    assert completed(filled, "user.name:an|", start="2001-01-01") != {}
    address = Address("/lines", query="user.name:an", start="2d", service=("other",))
    assert complete(filled.dejalog, address, 12).options == ()


def test_what_cannot_be_seen_or_typed_is_not_offered(filled: Served) -> None:
    assert not any("turned" in each for each in completed(filled, "service:tur|"))


@pytest.mark.parametrize("query", ['"', "((((", "x" * 8192, "\ufffd\U0001f600", "level:(a OR", "-", "a:"])
@pytest.mark.parametrize("cursor", [0, 1, 10**9])
def test_any_text_and_any_cursor_are_answered(filled: Served, query: str, cursor: int) -> None:
    params: dict[str, str | int] = {"query": query, "at": cursor}
    if len(query) < 4000:
        assert filled.http.get("/lines/complete", params=params).status_code == 200
    complete(filled.dejalog, Address("/lines", query=query), cursor)


@pytest.fixture
def box(with_script: Page, filled: Served) -> Page:
    with_script.goto(f"{filled.url}/lines?start=2d")
    return with_script


def test_a_query_is_written_by_keys_alone(box: Page) -> None:
    combo = box.get_by_role("combobox", name="Query")
    combo.focus()
    expect(combo).to_have_attribute("aria-expanded", "false")
    combo.press_sequentially("lev")
    expect(box.get_by_role("option", name="level:")).to_be_visible()
    expect(combo).to_have_attribute("aria-expanded", "true")
    expect(box.locator("#completions-told")).to_have_text(re.compile(r"\d+ completions?"))
    combo.press("ArrowDown")
    expect(box.get_by_role("option", selected=True)).to_contain_text("level:")
    combo.press("Tab")
    expect(combo).to_have_value("level:")
    expect(box.get_by_role("option", name="error")).to_be_visible()
    combo.press_sequentially("err")
    expect(box.get_by_role("option")).to_have_count(1)
    combo.press("ArrowUp")
    combo.press("Enter")
    expect(combo).to_have_value("level:error ")
    combo.press("Enter")
    expect(box.locator(".legend li")).to_have_text(["error"])


def test_escape_closes_the_list_then_leaves_the_box_and_the_text_stays(box: Page) -> None:
    combo = box.get_by_role("combobox", name="Query")
    combo.press_sequentially("lev")
    expect(box.get_by_role("listbox")).to_be_visible()
    combo.press("Escape")
    expect(box.get_by_role("listbox")).to_have_count(0)
    expect(combo).to_be_focused()
    combo.press("Escape")
    expect(combo).not_to_be_focused()
    expect(combo).to_have_value("lev")


def test_an_option_is_taken_by_the_mouse_and_hostile_values_are_text(box: Page) -> None:
    combo = box.get_by_role("combobox", name="Query")
    combo.press_sequentially("service:quo")
    box.get_by_role("option", name=SERVICE).click()
    expect(combo).to_have_value('service:"quoted \\"shop\\" \\\\ <b>" ')
    expect(combo).to_be_focused()
    combo.press("Enter")
    expect(box.locator("#total")).to_have_text("1 lines")
    assert box.locator(".completions b").count() == 0


def test_the_fault_is_shown_when_typing_stops_and_goes_when_it_is_mended(box: Page) -> None:
    combo = box.get_by_role("combobox", name="Query")
    combo.press_sequentially("level:(error")
    expect(box.get_by_role("status").filter(has_text="not closed")).to_be_visible()
    expect(combo).to_have_attribute("aria-invalid", "true")
    combo.press_sequentially(")")
    expect(box.locator(".fault")).to_have_count(0)
    expect(combo).not_to_have_attribute("aria-invalid", "true")


def test_typing_goes_on_while_the_server_is_slow_and_an_older_answer_is_let_go(box: Page) -> None:
    box.route(re.compile(r"/lines/complete\?.*query=lev&"), lambda _: None)  # it is never answered
    combo = box.get_by_role("combobox", name="Query")
    with box.expect_request(re.compile(r"/lines/complete\?.*query=lev&")):
        combo.press_sequentially("lev")
    with box.expect_event("requestfailed", lambda request: "query=lev&" in request.url):
        combo.press_sequentially("el:err")
    expect(combo).to_have_value("level:err")
    expect(box.get_by_role("option")).to_have_text(re.compile("error"))


def test_a_server_that_is_away_does_not_disturb_the_typing(box: Page) -> None:
    combo = box.get_by_role("combobox", name="Query")
    box.context.set_offline(True)
    with box.expect_event("requestfailed", lambda request: "complete" in request.url):
        combo.press_sequentially("lev")
    expect(combo).to_have_value("lev")
    expect(box.locator("#notice")).to_be_empty()


def test_patterns_have_the_same_box_over_all_that_is_held(with_script: Page, filled: Served) -> None:
    with_script.goto(f"{filled.url}/patterns")
    combo = with_script.get_by_role("combobox", name="Query")
    combo.press_sequentially("level:err")
    expect(with_script.get_by_role("option", name="error")).to_be_visible()
    assert not re.search(r"error\s+level\s+0$", with_script.get_by_role("option").inner_text())


def test_words_of_incidents_are_no_query_and_are_not_completed(with_script: Page, filled: Served) -> None:
    with_script.goto(f"{filled.url}/incidents")
    expect(with_script.get_by_role("searchbox")).to_be_visible()
    assert with_script.get_by_role("combobox").count() == 0
