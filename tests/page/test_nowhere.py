"""Addresses at which there is nothing, and methods that no route takes: words for people, the envelope for programs."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.shop import Served


def test_an_address_at_which_there_is_nothing_is_a_page_with_ways_on(no_script: Page, shop: Served) -> None:
    reply = no_script.goto(f"{shop.url}/no<b>where")
    assert reply is not None
    assert reply.status == 404
    expect(no_script.get_by_role("heading", name="Not found")).to_be_visible()
    expect(no_script.get_by_role("alert")).to_contain_text("there is nothing at /no<b>where")
    no_script.get_by_role("main").get_by_role("link", name="Incidents").click()
    expect(no_script.locator("article.brief").first).to_be_visible()


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/v1/nowhere", 404), ("/session", 405)])
def test_programs_get_the_envelope_and_browsers_the_same_in_words(shop: Served, path: str, status: int) -> None:
    as_json = shop.http.get(path)
    page = shop.http.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (as_json.status_code, page.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["dejalog-error"] == as_json.json()["error"]["code"]
    assert as_json.json()["error"]["message"] in page.text
