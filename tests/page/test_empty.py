"""Screens that have nothing to show say so and lead on, with their modules running."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.shop import Served

NEW = (
    pytest.param("/lines", "No line has come yet.", "Ship the first one", id="lines"),
    pytest.param("/lines?query=timeout&level=error", "No line has come yet.", "Ship the first one", id="a search"),
    pytest.param("/patterns", "No pattern yet", "Ship the first line", id="patterns"),
    pytest.param("/patterns?query=zebra", "No pattern here.", "Show all patterns", id="patterns of a query"),
    pytest.param("/incidents", "No incident yet.", "See how far that is", id="incidents"),
    pytest.param("/incidents?query=zebra", "No incident matches.", "Show all incidents", id="incidents of a query"),
)
FILLED = (
    pytest.param("/lines?query=zebra&start=2d", "No line matches zebra", "Drop query and filters", id="a search"),
    pytest.param("/lines?start=1990-01-01&end=1990-01-02", "No line matches", "Show the newest lines", id="long ago"),
    pytest.param("/patterns?query=zebra", "No pattern here.", "Show all patterns", id="patterns"),
    pytest.param("/incidents?query=zebra", "No incident matches.", "Show all incidents", id="incidents"),
)


def leads_on(page: Page, words: str, way: str) -> None:
    """It says these words and has a link of that name to something that is there."""
    expect(page.locator("div.empty")).to_contain_text(words)
    page.locator("div.empty").get_by_role("link", name=way).click()
    expect(page.locator("div.empty", has_text=words)).to_have_count(0)
    expect(page.locator("main")).not_to_be_empty()


@pytest.mark.parametrize("path", ["/", "/?q=Has+this+happened+before%3F"], ids=["front", "a question"])
def test_a_new_server_shows_how_to_ship_the_first_log(with_script: Page, empty: Served, path: str) -> None:
    with_script.goto(empty.url + path)
    expect(with_script.get_by_role("heading", name="Ship the first log")).to_be_visible()
    expect(with_script.get_by_text(f"curl {empty.url}/v1/lines")).to_be_visible()


@pytest.mark.parametrize(("path", "words", "way"), NEW)
def test_a_screen_of_a_new_server_leads_on(with_script: Page, empty: Served, path: str, words: str, way: str) -> None:
    with_script.goto(empty.url + path)
    leads_on(with_script, words, way)


@pytest.mark.parametrize(("path", "words", "way"), FILLED)
def test_a_screen_that_finds_nothing_leads_on(with_script: Page, shop: Served, path: str, words: str, way: str) -> None:
    with_script.goto(shop.url + path)
    leads_on(with_script, words, way)


def test_the_status_of_a_new_server_says_that_nothing_came(with_script: Page, empty: Served) -> None:
    with_script.goto(f"{empty.url}/status")
    expect(with_script.get_by_role("heading", name="No line yet")).to_be_visible()
    expect(with_script.get_by_text("None: lines come over HTTP, or none do.")).to_be_visible()
