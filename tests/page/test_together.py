"""What the page's modules do to each other: the long list, live lines, the drawer, the menu of words, columns, zones,
the histogram's brush and keys.
"""

import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from api.page.filters import written_clock
from api.page.zone import zone_of
from tests.page.shop import Served, served
from tests.page.test_token_menu import click_word

LINES = 1500
KOLKATA = zone_of("Asia/Kolkata")
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
ROW = "ol.lines li.line"
MESSAGE = ".said-text > .message"
KEPT = """async () => {
  while (!(Math.abs((history.state?.place?.y ?? -9) - scrollY) < 1)) await new Promise(requestAnimationFrame);
}"""
"""Until the browser's history knows where the reader is."""
CLOSED = re.compile(r"^(?!.*[?&]line=)")


def line(number: int, time_ns: int) -> dict[str, object]:
    return {
        "time": time_ns,
        "service": "together",
        "level": "warn" if number % 2 else "info",
        "message": f"request {number} was answered late by the warehouse because all of its connections were in use",
        "order": f"order-{number}",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Fifteen pages of lines that ended half an hour ago."""
    start_ns = time.time_ns() - 3600 * 10**9
    with served(tmp_path_factory.mktemp("together") / "data") as found:
        found.push([line(number, start_ns + number * 10**9) for number in range(LINES)])
        yield found


@pytest.fixture
def page(with_script: Page) -> Page:
    with_script.set_viewport_size({"width": 1200, "height": 800})
    return with_script


def live(page: Page, server: Served, more: str = "") -> Page:
    page.goto(f"{server.url}/lines?live=1&start=2h{more}")
    expect(state(page)).to_have_text("Live")
    return page


def state(page: Page) -> Locator:
    return page.locator(".live-state")


def push(server: Served, *numbers: int) -> None:
    server.push([line(number, time.time_ns()) for number in numbers])


def row(page: Page, number: int) -> Locator:
    return page.locator(ROW, has_text=f"request {number} was")


def scrolled_on(page: Page, stretches: int) -> None:
    """Go to the end again and again until there are that many stretches of a hundred rows."""
    while (there := page.locator(".stretch").count()) < stretches:
        page.evaluate("scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
        expect(page.locator(f".stretch:nth-child({there + 1})")).to_be_attached()
    page.evaluate("scrollBy({ top: -2500, behavior: 'instant' })")
    page.evaluate(SETTLED)


def seen(page: Page) -> Locator:
    """The link of a row in the middle of the view."""
    href = page.evaluate("""() => {
      const rows = [...document.querySelectorAll("li.line")];
      const row = rows.find((each) => each.getBoundingClientRect().top > innerHeight / 2);
      return row.querySelector("a.when").getAttribute("href");
    }""")
    return page.locator(f"ol.lines a.when[href='{href}']")


def top(link: Locator) -> float:
    found: float = link.evaluate("each => each.getBoundingClientRect().top")
    return found


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize("way", ["Escape", "back"])
def test_a_line_of_a_later_stretch_opens_and_closes_where_the_list_stood(page: Page, server: Served, way: str) -> None:
    page.goto(f"{server.url}/lines?start=2h")
    scrolled_on(page, 6)
    link = seen(page)
    before = top(link)
    link.click()
    expect(page.locator("#drawer .one")).to_be_visible()
    if way == "back":
        page.go_back()
    else:
        page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(page).to_have_url(CLOSED)
    page.evaluate(SETTLED)
    assert abs(top(link) - before) < 1
    expect(link).to_be_focused()


def test_back_after_a_filter_of_the_drawer_shows_the_line_again_and_then_the_place_in_the_list(
    page: Page, server: Served
) -> None:
    page.goto(f"{server.url}/lines?start=2h")
    scrolled_on(page, 6)
    page.evaluate(KEPT)
    link = seen(page)
    before = top(link)
    link.click()
    page.locator("#drawer").get_by_role("link", name="Only this order").first.click()
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(page.locator("#total")).to_have_text("1 lines")
    page.go_back()
    expect(page.locator("#drawer .one")).to_be_visible()
    page.go_back()
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(link).to_be_in_viewport()
    page.evaluate(SETTLED)
    assert abs(top(link) - before) < 3


def test_what_was_scrolled_to_behind_a_line_that_an_address_opened_is_gone_back_to(page: Page, server: Served) -> None:
    found = server.http.get("/v1/search", params={"start": "2h", "limit": 1}).json()["lines"][0]["id"]
    page.goto(f"{server.url}/lines?start=2h&line={found}")
    expect(page.locator("#drawer .one")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(CLOSED)
    scrolled_on(page, 4)
    page.evaluate(KEPT)
    link = seen(page)
    page.get_by_role("link", name="Oldest first").evaluate("each => each.click()")
    expect(page.get_by_role("link", name="Newest first")).to_be_attached()
    page.go_back()
    expect(link).to_be_in_viewport()


def test_a_word_of_a_live_row_opens_the_menu_and_rows_wait_until_the_tail_goes_on(page: Page, server: Served) -> None:
    live(page, server)
    push(server, 5001)
    click_word(page, row(page, 5001).locator(MESSAGE), "warehouse")
    expect(page.locator(".menu-text")).to_have_text("warehouse")
    expect(state(page)).to_have_text("Paused")
    push(server, 5002)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(row(page, 5002)).to_have_count(0)
    page.get_by_role("link", name="Only lines without it").click()
    expect(page.get_by_role("combobox", name="Query")).to_have_value("-warehouse")
    expect(state(page)).to_have_text("Live")
    assert asked(page)["live"] == ["1"]


def test_a_live_row_that_is_not_mined_yet_is_filtered_by_its_words_and_opens_beside_the_list(
    page: Page, server: Served
) -> None:
    live(page, server)
    push(server, 5101)
    row(page, 5101).locator("a.when").click()
    expect(page.locator("#drawer .one > .message")).to_contain_text("request 5101 was")
    expect(state(page)).to_have_text("Paused")
    push(server, 5102)
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(state(page)).to_have_text("Live")
    expect(row(page, 5102)).to_be_in_viewport()
    expect(state(page)).to_have_text("Live")


def test_live_rows_and_rows_fetched_later_have_the_columns_and_the_zone_of_the_first(
    page: Page, server: Served
) -> None:
    look = "&columns=order&zone=Asia/Kolkata&wrap=no"
    live(page, server, look)
    push(server, 5201)
    check_look(row(page, 5201), "order-5201")
    page.goto(f"{server.url}/lines?start=2h&query=request{look}")
    scrolled_on(page, 3)
    later = page.locator(".stretch:nth-child(2) li.line").first
    number = re.findall(r"request (\d+)", later.inner_text())[0]
    check_look(later, f"order-{number}")


def check_look(found: Locator, order: str) -> None:
    expect(found.locator(".cell bdi")).to_have_text(order)
    assert found.evaluate("each => each.parentElement.classList.contains('unwrapped')")
    assert found.evaluate("each => each.getBoundingClientRect().height") < 35
    shown = found.locator("time")
    assert shown.inner_text() == written_clock(shown.get_attribute("datetime") or "", "full", KOLKATA)


def test_a_live_list_that_begins_empty_names_its_columns(page: Page, server: Served) -> None:
    live(page, server, "&service=nobody&columns=order")
    expect(page.locator(".line-head")).to_contain_text("order")


def test_the_brush_ends_what_is_live_and_back_goes_on(page: Page, server: Served) -> None:
    live(page, server)
    slider = page.get_by_role("slider", name="Lines over time")
    slider.focus()
    for key in ("Home", "Shift+End", "Enter"):
        slider.press(key)
    expect(page.locator("#live")).to_have_count(0)
    assert "live" not in asked(page)
    assert asked(page)["end"]
    page.go_back()
    expect(state(page)).to_have_text("Live")


def test_an_address_with_an_end_is_not_live_and_does_not_become_so_by_another_window(
    page: Page, server: Served
) -> None:
    page.goto(f"{server.url}/lines?start=2h&end=now&live=1")
    expect(page.locator("#live")).to_have_count(0)
    page.get_by_role("link", name="6 hours", exact=True).click()
    expect(page.get_by_role("list", name="Window").locator("[aria-current]")).to_have_text("6 hours")
    expect(page.locator("#live")).to_have_count(0)


def test_the_brush_says_times_in_the_zone_of_the_page(page: Page, server: Served) -> None:
    page.goto(f"{server.url}/lines?start=2h&zone=Asia/Kolkata")
    slider = page.get_by_role("slider", name="Lines over time")
    slider.press("Home")
    slider.press("Shift+End")
    said = slider.get_attribute("aria-valuetext") or ""
    start = page.locator("#found").get_attribute("data-start") or ""
    assert said.startswith(written_clock(start, "second", KOLKATA))


def test_t_pauses_the_tail_goes_on_and_begins_one(page: Page, server: Served) -> None:
    page.goto(f"{server.url}/lines?start=2h")
    page.keyboard.press("t")
    expect(state(page)).to_have_text("Live")
    page.keyboard.press("t")
    expect(state(page)).to_have_text("Paused")
    push(server, 5301)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    page.keyboard.press("t")
    expect(state(page)).to_have_text("Live")
    expect(row(page, 5301)).to_be_visible()


def test_j_goes_over_the_edge_of_a_stretch(page: Page, server: Served) -> None:
    page.goto(f"{server.url}/lines?start=2h&wrap=no")
    scrolled_on(page, 3)
    last = page.locator(".stretch").nth(1).locator("a.when").last
    last.focus()
    page.evaluate(SETTLED)
    page.keyboard.press("j")
    expect(page.locator(".stretch").nth(2).locator("a.when").first).to_be_focused()


def test_messages_have_the_colour_of_text_also_in_stretches(page: Page, server: Served) -> None:
    page.goto(f"{server.url}/lines?start=2h")
    expect(page.locator(".stretch").first).to_be_attached()
    colours = page.evaluate("""() => ["li.line .message", "body"].map(
      (each) => getComputedStyle(document.querySelector(each)).color)""")
    assert colours[0] == colours[1]


def test_the_completions_take_the_focus_s_keys_and_the_list_stays(page: Page, server: Served) -> None:
    live(page, server)
    box = page.get_by_role("combobox", name="Query")
    box.fill("level:")
    expect(page.get_by_role("option").first).to_be_visible()
    push(server, 5401)
    expect(row(page, 5401)).to_be_attached()
    expect(page.get_by_role("option").first).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value(re.compile("^level:[a-z]+"))
    expect(state(page)).to_have_text("Live")


@pytest.mark.parametrize(("width", "height"), [(1440, 1000), (380, 820)])
@pytest.mark.parametrize("more", ["", "&live=1", "&columns=order&level=warn"], ids=["plain", "live", "columns"])
def test_the_first_line_is_in_the_first_screenful(
    page: Page, server: Served, width: int, height: int, more: str
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{server.url}/lines?start=2h{more}")
    expect(page.locator(f"{ROW} {MESSAGE}").first).to_be_in_viewport(ratio=1)
