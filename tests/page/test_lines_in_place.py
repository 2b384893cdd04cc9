"""The screen of lines where its modules run: it changes without being loaded anew, and keeps its address."""

import re
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Page, expect

from tests.page.bad_network import bad_network
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served


@pytest.fixture
def lines(with_script: Page, shop: Served) -> Page:
    """The lines of all that is held, with a mark that is gone when the page is loaded anew."""
    with_script.goto(f"{shop.url}/lines?start=3d")
    mark_document(with_script)
    return with_script


def test_a_search_changes_rows_counts_and_address_in_place(lines: Page) -> None:
    whole = lines.locator("#total").inner_text()
    lines.get_by_label("Query", exact=True).fill("level:error")
    lines.get_by_label("Query", exact=True).press("Enter")
    expect(lines.locator("#total")).not_to_have_text(whole)
    expect(lines.locator(".legend li")).to_have_text(["error"])
    assert set(lines.locator("ol.lines .level").all_inner_texts()) == {"ERROR"}
    assert "query=level%3Aerror" in lines.url
    assert "start=3d" in lines.url
    assert is_the_same_document(lines)


def test_back_and_forward_show_what_was_there(lines: Page) -> None:
    whole = lines.locator("#total").inner_text()
    lines.locator(".facet a.in", has_text="warn").click()  # not a window: lines leave it while the test runs
    expect(lines.locator("#total")).not_to_have_text(whole)
    few = lines.locator("#total").inner_text()
    lines.go_back()
    expect(lines.locator("#total")).to_have_text(whole)
    lines.go_forward()
    expect(lines.locator("#total")).to_have_text(few)
    assert is_the_same_document(lines)


def test_a_query_that_does_not_parse_shows_where_and_the_next_one_works(lines: Page) -> None:
    box = lines.get_by_label("Query", exact=True)
    box.fill("level:(error AND")
    box.press("Enter")
    expect(lines.locator(".fault mark")).to_be_visible()
    box.fill("level:error")
    box.press("Enter")
    expect(lines.locator(".fault")).to_have_count(0)
    expect(lines.locator("ol.lines .level").first).to_have_text("error")
    assert is_the_same_document(lines)


def test_after_going_back_the_box_says_the_query_that_is_shown_though_it_has_the_focus(lines: Page) -> None:
    box = lines.get_by_label("Query", exact=True)
    box.fill("level:error")
    box.press("Enter")
    expect(lines.locator("ol.lines .level").first).to_have_text("error")
    for query in ("level:warn", "level:(error AND"):
        box.fill(query)
        box.press("Enter")
        expect(lines).to_have_url(re.compile(re.escape(quote_plus(query))))
        expect(lines.locator("#found")).not_to_have_attribute("aria-busy", "true")
        expect(box).to_be_focused()
        lines.go_back()
        expect(box).to_have_value("level:error")
        expect(lines.locator(".fault")).to_have_count(0)
        expect(box).not_to_have_attribute("aria-invalid", "true")
        expect(lines.locator("ol.lines .level").first).to_have_text("error")
    lines.go_back()
    expect(box).to_have_value("")


def test_what_one_types_while_rows_are_fetched_stays_in_the_box(with_script: Page, shop: Served) -> None:
    with bad_network(shop.url) as network:
        with_script.goto(f"{network.url}/lines?start=3d")
        box = with_script.get_by_label("Query", exact=True)
        box.fill("level:error")
        network.hold_before = b"HTTP/1.1"
        box.press("Enter")
        box.type(" checkout")
        network.hold_before = b""
        expect(with_script.locator("ol.lines .level").first).to_have_text("error")
        expect(with_script).to_have_title(re.compile("level:error"))
        expect(box).to_have_value("level:error checkout")


def test_counts_of_other_rows_cannot_be_used_until_theirs_are_there(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/lines?start=3d")
    facet = with_script.locator(".facet a.in", has_text="warn")
    bar = with_script.locator(".chart .handle")
    expect(facet).to_be_enabled()
    with_script.route("**/lines?*part=histogram*", lambda route: route.abort())
    with_script.route("**/lines?*part=facets*", lambda route: route.abort())
    box = with_script.get_by_label("Query", exact=True)
    box.fill("level:error")
    box.press("Enter")
    expect(with_script.locator("ol.lines .level").first).to_have_text("error")
    expect(with_script.locator("#notice")).to_contain_text("The counts are older than the lines.")
    for part in ("histogram", "facets"):
        expect(with_script.locator(f"[data-part='{part}']")).to_have_attribute("aria-busy", "true")
    facet.click(force=True, position={"x": 5, "y": 5})
    assert "level%3Aerror" in with_script.url
    assert "level=warn" not in with_script.url
    bar.evaluate("each => each.focus()")
    expect(bar).not_to_be_focused()
    with_script.unroute_all()
    with_script.get_by_role("button", name="Try again").click()
    expect(with_script.locator(".legend li")).to_have_text(["error"])
    expect(with_script.locator("#notice")).to_be_empty()
    expect(with_script.locator("#found [inert], #found [aria-busy]")).to_have_count(0)


def test_a_facet_that_is_followed_by_keyboard_has_the_focus_again_when_it_is_counted(lines: Page) -> None:
    facet = lines.locator(".facet a.as-column").first
    facet.focus()
    facet.press("Enter")
    expect(lines).to_have_url(re.compile("columns="))
    expect(lines.locator(".facet a.as-column").first).to_be_focused()


def test_a_lost_connection_is_told_and_what_was_wanted_comes_when_it_is_back(lines: Page) -> None:
    lines.context.set_offline(True)
    lines.get_by_role("link", name="6 hours", exact=True).click()
    expect(lines.locator("#notice")).to_contain_text("cannot be reached")
    lines.context.set_offline(False)
    expect(lines.locator("#notice")).to_be_empty()
    expect(lines.locator(".choices [aria-current]", has_text="6 hours")).to_be_visible()
