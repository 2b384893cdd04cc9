"""Lines whose counts take long: they are shown first, and the counts come after, or by a link."""

import pytest
from playwright.sync_api import Page, expect

from api.page import lines
from tests.page.shop import Served

SLOW = "/lines?start=2001-01-01&query=/request/"
"""Only the messages decide: each is read."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No count is quick enough for the first load."""
    monkeypatch.setattr(lines, "COUNT_WITHIN", "0")


def test_without_javascript_a_link_shows_the_counts(no_script: Page, shop: Served) -> None:
    no_script.goto(shop.url + SLOW)
    assert no_script.locator("ol.lines li").count() == 100
    assert no_script.locator(".histogram").count() == 0
    no_script.get_by_role("link", name="Count them").first.click()
    expect(no_script.locator(".histogram svg")).to_be_visible()
    assert no_script.locator(".facet h2").count() > 1
    told = shop.http.get("/v1/search", params={"start": "2001-01-01", "query": "/request/", "limit": 0}).json()["total"]
    expect(no_script.locator("#total")).to_have_text(f"{told:,} lines".replace(",", "\u202f"))


def test_with_javascript_the_counts_come_by_themselves(with_script: Page, shop: Served) -> None:
    with_script.goto(shop.url + SLOW)
    expect(with_script.locator(".histogram svg")).to_be_visible()
    expect(with_script.locator(".facet h2").first).to_have_text("service")
    expect(with_script.locator("#total")).not_to_contain_text("at least")
    assert with_script.locator(".uncounted").count() == 0


def test_a_part_that_cannot_be_counted_says_why(shop: Served) -> None:
    for part in ("histogram", "facets"):
        reply = shop.http.get("/lines", params={"part": part, "part_start": "yesterday-ish"})
        assert reply.status_code == 400
        assert 'role="alert"' in reply.text
