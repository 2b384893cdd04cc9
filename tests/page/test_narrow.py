"""Every screen at 380 pixels, measured in the browser."""

import contextlib

import pytest
from playwright.sync_api import Browser

from tests.page.shop import Served

SCREENS = (
    "/",
    "/?q=Has+there+been+a+service+avalanche%3F",
    "/lines?start=2d",
    "/lines?query=(",
    "/patterns",
    "/incidents",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_is_wider_than_a_small_phone(browser: Browser, shop: Served, avalanche: str, scheme: str) -> None:
    line = shop.http.get("/v1/search", params={"start": "2d", "limit": 1}).json()["lines"][0]
    whole = (*SCREENS, f"/incidents/{avalanche}", f"/lines/{line['id']}", f"/patterns/{line['pattern_id']}", "/status")
    size = {"width": 380, "height": 800}
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type] # two literals
    with contextlib.closing(context):
        page = context.new_page()
        for path in whole:
            page.goto(shop.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 380, path
