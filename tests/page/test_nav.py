"""The links between screens keep what the other screen has of this one's state."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from api.page.address import Address
from tests.page.conftest import Open
from tests.page.shop import Served

LOOK = {"zone": ["Asia/Tokyo"], "columns": ["host"]}
WINDOW = {"start": ["2d"], "end": ["1h"]}
FILTERS = {"service": ["cart"], "level": ["error"], "query": ["refused"]}


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [
        ("/lines", "/patterns", WINDOW | FILTERS | LOOK),
        ("/patterns", "/lines", WINDOW | FILTERS | LOOK),
        ("/lines", "/incidents", WINDOW | LOOK | {"service": ["cart"]}),
        ("/incidents", "/lines", WINDOW | LOOK | {"service": ["cart"]}),
        ("/lines", "/", WINDOW | LOOK),
        ("/lines", "/status", LOOK),
    ],
)
def test_a_screen_gets_what_it_has(here: str, there: str, kept: dict[str, list[str]]) -> None:
    pairs = [(name, each) for name, values in (WINDOW | FILTERS | LOOK).items() for each in values]
    shown = Address.read(here, [*pairs, ("order", "oldest"), ("line", "x-1")])
    assert parse_qs(urlsplit(str(shown.screen(there))).query) == kept


def test_the_tabs_follow_the_lines_as_they_change_in_place(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/lines?start=2d")
    box = with_script.get_by_label("Query", exact=True)
    box.fill("level:error")
    box.press("Enter")
    expect(with_script.locator(".legend li")).to_have_text(["error"])
    with_script.get_by_role("navigation", name="Screens").get_by_role("link", name="Patterns").click()
    expect(with_script.get_by_label("Query", exact=True)).to_have_value("level:error")
    assert "start=2d" in with_script.url


def test_a_saved_view_keeps_order_and_columns(visit: Open) -> None:
    page = visit("/lines?start=2d&order=oldest&columns=host")
    page.locator(".facets > summary").dispatch_event("click")
    page.get_by_label("Name of the view").fill("in order")
    page.get_by_role("button", name="Save").click()
    view = page.locator(".facet a", has_text="in order")
    assert view.get_attribute("aria-current") == "true"
    assert (view.get_attribute("href") or "").count("order=oldest") == 1
    assert "columns=host" in (view.get_attribute("href") or "")
    page.locator(".forget summary[aria-label='Forget the view in order?']").click()
    page.get_by_role("button", name="Forget the view in order").click()
