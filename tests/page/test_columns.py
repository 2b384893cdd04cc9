"""Fields as columns, and one row a line: by links, without JavaScript, wide and narrow."""

import contextlib
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.conftest import Open
from tests.page.shop import Served

NAME = 'odd "name" <b>'


@pytest.fixture(scope="module")
def orders(shop: Served) -> str:
    """The lines of a service with attributes."""
    shop.push(
        [
            {"message": "order placed " * 30, "service": "columns", "order": {"id": f"id-{number}"}, NAME: "<i>x</i>"}
            for number in range(3)
        ]
    )
    return "/lines?service=columns&start=1h"


def test_a_field_becomes_a_column_by_a_link_and_no_longer_by_another(visit: Open, orders: str) -> None:
    page = visit(orders)
    page.locator(".fields summary").first.click()
    page.get_by_role("link", name="Column order.id").first.click()
    assert sorted(page.locator(".cell bdi").all_inner_texts()) == ["id-0", "id-1", "id-2"]
    assert page.locator(".line-head").inner_text().split() == ["Time", "Level", "Service", "order.id", "Message"]
    page.get_by_role("link", name=re.compile("order.id ?, hide")).click()
    assert page.locator(".cell").count() == 0


def test_columns_are_offered_from_the_fields_of_the_lines_shown_hostile_names_included(
    visit: Open, orders: str
) -> None:
    page = visit(orders)
    page.locator(".column-choice summary").click()
    page.locator(".column-choice").get_by_role("link", name=NAME).click()
    assert page.locator(".cell bdi").all_inner_texts() == ["<i>x</i>"] * 3
    assert page.locator(".cell i, .line-head b").count() == 0


def test_more_columns_than_there_is_room_for_are_left_out(visit: Open, orders: str) -> None:
    page = visit(orders + "".join(f"&columns=c{number}" for number in range(20)))
    assert page.locator(".line:not(.line-head)").first.locator(".cell").count() == 6


def test_a_built_in_field_is_a_column_too(visit: Open) -> None:
    page = visit("/lines?start=2d&end=now-1h")
    page.locator(".facets > summary").dispatch_event("click")
    link = page.get_by_role("link", name="Column pod").get_attribute("href")
    assert link is not None
    pods = visit(link).locator(".line:not(.line-head) .cell bdi").all_inner_texts()
    assert len(pods) == 100
    assert any(pods)


def test_each_line_takes_one_row_where_it_is_wanted(visit: Open, orders: str) -> None:
    page = visit(orders)
    row = page.locator("ol.lines .line").first
    wrapped = row.evaluate("each => each.offsetHeight")
    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="One row a line").click()
    assert "wrap=no" in page.url
    assert row.evaluate("each => each.offsetHeight") < wrapped / 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Wrap lines").click()
    assert row.evaluate("each => each.offsetHeight") == wrapped


def test_on_a_phone_columns_are_labelled_values(browser: Browser, shop: Served, orders: str) -> None:
    with contextlib.closing(browser.new_context(viewport={"width": 380, "height": 800})) as context:
        page = context.new_page()
        page.goto(f"{shop.url}{orders}&columns=order.id")
        assert page.locator(".line:not(.line-head) .cell").first.inner_text().split()[0] == "order.id"
        assert page.locator(".cell-name").first.bounding_box()["width"] > 20  # type: ignore[index] # it is visible
        assert page.evaluate("document.documentElement.scrollWidth") == 380


def test_columns_stay_while_lines_change_in_place(with_script: Page, shop: Served, orders: str) -> None:
    with_script.goto(f"{shop.url}{orders}&columns=order.id")
    with_script.get_by_role("link", name="Oldest first").click()
    expect(with_script.get_by_role("link", name="Newest first")).to_be_visible()
    expect(with_script.locator(".line:not(.line-head) .cell")).to_have_count(3)
