"""The list of lines: a hundred thousand of them scrolled through, of which the document holds a few, none left out."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.page.shop import Served, long_list

LINES = 100_000
MOST_ROWS = 900
"""Those of two screens above and below the view, at the height of one row each."""
NUMBER = re.compile(r"request (\d+) ")
NEWEST = "#found li.line .said-text > .message"
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over a hundred thousand lines."""
    with long_list(tmp_path_factory.mktemp("long") / "data", LINES) as server:
        yield server


@pytest.fixture
def page(with_script: Page, long: Served) -> Page:
    """All lines, newest first."""
    with_script.set_viewport_size({"width": 1200, "height": 800})
    with_script.goto(f"{long.url}/lines?start=1d&service=long")
    return with_script


def numbers(page: Page) -> list[int]:
    """Of the rows that are in the document, from the top."""
    found = page.locator(NEWEST).evaluate_all("all => all.map(each => each.textContent)")
    return [int(match[1]) for match in map(NUMBER.match, found) if match]


def scrolled_on(page: Page, stretches: int) -> None:
    """Go to the end again and again until there are that many stretches of a hundred rows."""
    while page.locator(".stretch").count() < stretches:
        there = page.locator(".stretch").count()
        page.evaluate("scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
        expect(page.locator(f".stretch:nth-child({there + 1})")).to_be_attached()


def test_many_pages_are_scrolled_through_without_a_gap_or_a_repeat_and_few_are_held(page: Page) -> None:
    seen: dict[int, None] = {}
    while len(seen) < 3000:
        there = numbers(page)
        assert there == list(range(there[0], there[0] - len(there), -1))
        assert len(there) < MOST_ROWS
        seen |= dict.fromkeys(there)
        page.evaluate("scrollBy(0, 1500)")
        page.evaluate(SETTLED)
        expect(page.locator("nav.pages")).not_to_be_in_viewport(timeout=30_000)
    assert list(seen) == list(range(LINES - 1, LINES - 1 - len(seen), -1))


def test_what_is_read_stays_where_it_is_while_pages_come_and_go(page: Page) -> None:
    scrolled_on(page, 12)
    tops = page.evaluate("""async () => {
      const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const moved = [];
      for (let step = 0; step < 60; step++) {
        const rows = [...document.querySelectorAll("li.line")];
        const row = rows.find((each) => each.getBoundingClientRect().top > 300);
        if (!row) { await frame(); continue; }
        const before = row.getBoundingClientRect().top;
        scrollBy({ top: -250, behavior: "instant" });
        await frame();
        if (row.isConnected) moved.push(row.getBoundingClientRect().top - before - 250);
      }
      return moved;
    }""")
    assert len(tops) > 40
    assert max(map(abs, tops)) < 1


def test_a_reader_who_stands_at_the_end_is_not_carried_on(page: Page) -> None:
    page.evaluate("scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
    there = page.evaluate("scrollY")
    expect(page.locator(".stretch").nth(1)).to_be_attached()
    expect(page.locator("nav.pages")).not_to_be_in_viewport(timeout=30_000)
    assert abs(page.evaluate("scrollY") - there) < 1
    assert page.locator(".stretch").count() < 5


def test_home_leads_back_to_the_newest_line_and_end_further_on(page: Page) -> None:
    scrolled_on(page, 40)
    assert page.locator("li.line").count() < MOST_ROWS
    page.evaluate(SETTLED)
    page.keyboard.press("Home")
    newest = page.locator(NEWEST, has_text=f"request {LINES - 1} ")
    expect(newest).to_be_in_viewport()
    expect(page.locator("nav.pages")).not_to_be_in_viewport(timeout=30_000)
    there = page.locator(".stretch").count()
    page.keyboard.press("End")
    expect(page.locator(".stretch").nth(there)).to_be_attached()


def test_the_last_line_is_reached_and_nothing_leads_on_from_it(with_script: Page, long: Served) -> None:
    with_script.goto(f"{long.url}/lines?start=1d&query=took+AND+976")
    for _ in range(3):
        with_script.keyboard.press("End")
        with_script.evaluate(SETTLED)
    total = int(with_script.locator("#total").inner_text().split(" ")[0].replace("\u202f", ""))
    expect(with_script.locator("nav.pages a[rel=next]")).to_have_count(0)
    expect(with_script.locator(NEWEST)).to_have_count(total)


def test_a_fold_that_was_opened_is_open_when_its_row_comes_back(page: Page) -> None:
    page.locator("li.line", has_text=f"request {LINES - 10} ").locator("summary").click()
    page.evaluate("document.activeElement.blur()")
    scrolled_on(page, 50)  # further than rows are kept beside the document
    expect(page.locator("li.line", has_text=f"request {LINES - 10} ")).to_have_count(0)
    page.keyboard.press("Home")
    row = page.locator("li.line", has_text=f"request {LINES - 10} ")
    expect(row.locator("details")).to_have_attribute("open", "")
    expect(row).to_contain_text("Class11.run")


def test_the_row_that_has_the_focus_stays_in_the_document(page: Page) -> None:
    page.locator("li.line a.when").nth(5).focus()
    name = page.evaluate("document.activeElement.getAttribute('href')")
    for _ in range(8):
        page.evaluate("scrollBy({ top: 4000, behavior: 'instant' })")
        page.evaluate(SETTLED)
    assert page.evaluate("document.activeElement.getAttribute('href')") == name


def test_back_leads_to_the_row_that_was_read(page: Page) -> None:
    scrolled_on(page, 15)
    page.evaluate("scrollBy({ top: -9000, behavior: 'instant' })")
    page.evaluate(SETTLED)
    row = page.locator("li.line:not(:has(details))").filter(visible=True)
    links = page.evaluate("""() => {
      const row = [...document.querySelectorAll("li.line")].find((each) => each.getBoundingClientRect().top > 200);
      return [row.querySelector("a.when").getAttribute("href"), row.getBoundingClientRect().top];
    }""")
    assert row.count()
    page.locator(f'a.when[href="{links[0]}"]').click()
    expect(page.locator("#context")).to_be_visible()
    page.go_back()
    link = page.locator(f'section.results a.when[href="{links[0]}"]')
    expect(link).to_be_in_viewport()
    page.evaluate(SETTLED)
    top = link.evaluate("each => each.closest('li').getBoundingClientRect().top")
    assert abs(top - links[1]) < 3


def test_back_in_place_leads_to_the_row_that_was_read_too(page: Page) -> None:
    scrolled_on(page, 6)
    page.evaluate("scrollBy({ top: -3000, behavior: 'instant' })")
    page.evaluate(SETTLED)
    page.evaluate("""async () => {
      while (!(Math.abs((history.state?.place?.y ?? -9) - scrollY) < 1)) await new Promise(requestAnimationFrame);
    }""")
    first = page.evaluate("history.state.place.row")
    page.get_by_role("link", name="service long , remove").evaluate("link => link.click()")
    expect(page.locator(".filters")).to_have_count(0)
    page.go_back()
    expect(page.locator(".filters")).to_be_attached()
    expect(page.locator("li.line", has=page.locator(f'a.when[href="{first}"]'))).to_be_in_viewport()


def test_lines_that_come_late_leave_no_gap_where_rows_are_fetched_again(with_script: Page, long: Served) -> None:
    """Their time lies between those of rows that were shown and forgotten."""
    start_ns = time.time_ns() - 1800 * 10**9
    late = [
        {"time": start_ns + number * 10**6, "service": "late", "level": "info", "message": f"request {number} x"}
        for number in range(5000)
    ]
    long.push(late)
    with_script.goto(f"{long.url}/lines?start=1d&service=late")
    scrolled_on(with_script, 40)
    before = dict.fromkeys(range(4999, 4999 - 300, -1))
    long.push([{**each, "message": f"between {number}"} for number, each in enumerate(late[4800:4990:10])])
    with_script.keyboard.press("Home")
    expect(with_script.locator(NEWEST).first).to_have_text(re.compile("^request 4999 "))
    seen: dict[int, None] = {}
    while len(seen) < len(before):
        seen |= dict.fromkeys(numbers(with_script))
        with_script.evaluate("scrollBy(0, 700)")
        with_script.evaluate(SETTLED)
    assert list(seen)[: len(before)] == list(before)


def test_a_page_that_cannot_be_fetched_is_told_and_fetched_when_asked_again(page: Page) -> None:
    page.context.set_offline(True)
    page.keyboard.press("End")
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    there = page.locator(".stretch").count()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".stretch").nth(there)).to_be_attached()
    expect(page.locator("#notice")).to_be_empty()


def test_without_javascript_a_link_leads_on(no_script: Page, long: Served) -> None:
    no_script.goto(f"{long.url}/lines?start=1d&service=long")
    first = numbers(no_script)
    no_script.get_by_role("link", name="Next 100 lines").click()
    assert numbers(no_script) == list(range(first[-1] - 1, first[-1] - 101, -1))
