"""One line beside the list: in the address, closed by going back, and a page of its own without JavaScript."""

import contextlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.conftest import Open
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served


@pytest.fixture
def lines(with_script: Page, shop: Served) -> Page:
    with_script.goto(f"{shop.url}/lines?start=2d&end=now-1h&query=level:error")  # before what other tests send
    mark_document(with_script)
    return with_script


def line_of(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("line", [])


def test_a_line_opens_beside_the_list_and_back_closes_it(lines: Page) -> None:
    link = lines.locator("a.when").nth(3)
    line_id = (link.get_attribute("href") or "").removeprefix("/lines/")
    link.click()
    drawer = lines.get_by_role("dialog", name="One line")
    expect(drawer.get_by_role("heading", name="Fields")).to_be_visible()
    expect(drawer.locator("code", has_text=line_id)).to_be_visible()
    assert line_of(lines) == [line_id]
    lines.go_back()
    expect(drawer).to_have_count(0)
    assert line_of(lines) == []
    assert lines.locator("ol.lines li").count() == 100
    lines.go_forward()
    expect(drawer.locator("code", has_text=line_id)).to_be_visible()
    assert is_the_same_document(lines)


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_it_is_closed_by_key_or_button_and_the_focus_returns(lines: Page, way: str) -> None:
    link = lines.locator("a.when").nth(2)
    link.focus()
    link.press("Enter")
    drawer = lines.get_by_role("dialog", name="One line")
    expect(drawer.get_by_role("button", name="Close")).to_be_focused()
    if way == "Escape":
        lines.keyboard.press("Escape")
    else:
        drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_have_count(0)
    expect(link).to_be_focused()
    expect(lines).to_have_url(re.compile(r"^(?!.*[?&]line=)"))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_only_a_press_beside_it_closes_it_not_a_click_on_its_edge_nor_a_selection(lines: Page) -> None:
    lines.locator("a.when").first.click()
    drawer = lines.locator("#drawer")
    expect(drawer.locator(".one")).to_be_visible()
    box = drawer.bounding_box()
    said = drawer.locator(".one .message").bounding_box()
    assert box is not None
    assert said is not None
    text = (said["x"] + 20, said["y"] + 8)
    edge, beside = (box["x"] + 6, box["y"] + box["height"] - 6), (box["x"] - 40, text[1])
    lines.mouse.click(*edge)
    drag(lines, text, edge)
    drag(lines, text, beside)
    assert lines.evaluate("String(getSelection())") != ""
    drag(lines, beside, text)
    assert line_of(lines) != []
    expect(drawer).to_be_visible()
    lines.mouse.click(*beside)
    expect(drawer).not_to_be_visible()
    expect(lines).to_have_url(re.compile(r"^(?!.*[?&]line=)"))


def test_its_address_opens_it_again_and_closing_stays_on_the_list(lines: Page, shop: Served) -> None:
    lines.locator("a.when").nth(1).click()
    expect(lines.locator("#drawer .one")).to_be_visible()
    address = lines.url
    lines.goto("about:blank")
    lines.goto(address)
    expect(lines.locator("#drawer .one")).to_be_visible()
    lines.keyboard.press("Escape")
    expect(lines.locator("#drawer")).not_to_be_visible()
    expect(lines).to_have_url(re.compile(r"^(?!.*[?&]line=)"))
    assert lines.locator("ol.lines li").count() == 100


def test_context_goes_on_and_its_lines_are_shown_in_the_same_place(lines: Page) -> None:
    lines.locator("a.when").first.click()
    context = lines.locator("#drawer ol.lines li")
    expect(lines.locator("#drawer #here")).to_be_visible()
    before = context.count()
    lines.locator("#drawer").get_by_role("link", name="More before").click()
    expect(context.nth(before + 10)).to_be_attached()
    other = context.first.locator("a.when")
    href = other.get_attribute("href") or ""
    other.click()
    expect(lines.locator(f"#drawer #here a.when[href='{href}']")).to_be_visible()
    assert line_of(lines) == [href.removeprefix("/lines/")]
    lines.go_back()
    expect(lines.locator("#drawer")).not_to_be_visible()


def test_a_filter_chosen_in_it_changes_the_list_and_closes_it(lines: Page) -> None:
    lines.goto(lines.url.replace("query=level%3Aerror", "").replace("query=level:error", ""))
    lines.locator("a.when").first.click()
    lines.locator("#drawer").get_by_role("link", name="Only this service").click()
    expect(lines.locator("#drawer")).not_to_be_visible()
    assert line_of(lines) == []


def test_a_line_that_cannot_be_fetched_is_told_in_its_place(lines: Page) -> None:
    lines.context.set_offline(True)
    lines.locator("a.when").first.click()
    expect(lines.locator("#drawer").get_by_role("alert")).to_contain_text("cannot be reached")


@pytest.mark.parametrize("line", ["<script>alert(1)</script>", "0000000000000000-1", "../status"])
def test_an_address_with_another_line_tells_so(with_script: Page, shop: Served, line: str) -> None:
    with_script.goto(f"{shop.url}/lines?start=2d&line={line}")
    expect(with_script.locator("#drawer").get_by_role("alert")).to_be_visible()
    assert with_script.locator("#drawer script").count() == 0


def test_evidence_of_an_incident_opens_beside_it(with_script: Page, shop: Served, avalanche: str) -> None:
    with_script.goto(f"{shop.url}/incidents/{avalanche}")
    with_script.locator("ol.lines a.when").first.click()
    expect(with_script.locator("#drawer .one")).to_be_visible()
    assert urlsplit(with_script.url).path == f"/incidents/{avalanche}"


def test_on_a_phone_it_takes_the_whole_screen(browser: Browser, shop: Served) -> None:
    with contextlib.closing(browser.new_context(viewport={"width": 380, "height": 800})) as context:
        page = context.new_page()
        page.goto(f"{shop.url}/lines?start=2d")
        page.locator("a.when").first.click()
        expect(page.locator("#drawer .one")).to_be_visible()
        box = page.locator("#drawer").bounding_box()
        assert box is not None
        assert (round(box["width"]), round(box["height"])) == (380, 800)
        assert page.locator("#drawer").evaluate("each => each.scrollWidth <= each.clientWidth")


def test_without_javascript_the_address_leads_to_the_line_s_page(visit: Open, shop: Served) -> None:
    line = shop.http.get("/v1/search", params={"start": "2d", "limit": 1}).json()["lines"][0]["id"]
    page = visit(f"/lines?start=2d&line={line}")
    page.get_by_role("link", name="The line of this address").click()
    assert page.url.endswith(f"/lines/{line}")
    assert not page.get_by_role("button", name="Copy link").is_visible()


def test_links_are_copied_with_and_without_the_browser_s_clipboard(lines: Page, shop: Served) -> None:
    lines.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lines.locator("a.when").first.click()
    button = lines.locator("#drawer").get_by_role("button", name="Copy link")
    address = f"{shop.url}{button.get_attribute('data-copy')}"
    for refuse in (False, True):
        lines.evaluate("navigator.clipboard.writeText('before')")
        if refuse:
            lines.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new DOMException('no')) }")
        lines.locator("#drawer .copy").click()
        expect(lines.locator("#drawer .copy")).to_have_text("Copied")
        assert lines.evaluate("navigator.clipboard.readText()") == address
        expect(lines.locator("#drawer .copy")).to_have_text("Copy link")
