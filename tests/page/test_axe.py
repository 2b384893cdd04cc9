"""No screen breaks a rule of axe-core: light and dark, wide and narrow, with everything unfolded."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.axe import violations
from tests.page.shop import Served, served

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1440, 380)
QUESTION = "/?q=Has+there+been+a+service+avalanche+like+this+lately%3F"
OF_THE_SHOP = {
    "ask": "/",
    "answered": QUESTION,
    "not found": "/?q=Was+the+VPN+tunnel+to+the+branch+office+down%3F",
    "ask, fault": "/?q=what+failed&start=yesterdayish",
    "lines": "/lines?query=level:error&start=2d",
    "lines, none": "/lines?query=level:fatal+and+zebra&start=2d",
    "lines, filtered": "/lines?level=error&level=warn&start=2d&order=oldest",
    "lines, fault": "/lines?query=level:(error+AND",
    "lines, columns": "/lines?level=error&start=2d&columns=pod&columns=trace_id&wrap=no&zone=Asia/Kolkata",
    "lines, live": "/lines?start=2d&live=1",
    "line": "/lines/{line}",
    "patterns": "/patterns?start=1d",
    "patterns, none": "/patterns?query=zebra&state=muted",
    "patterns, fault": "/patterns?query=(",
    "pattern": "/patterns/{pattern}",
    "incidents": "/incidents",
    "incidents, none": "/incidents?query=zebra",
    "incident": "/incidents/{incident}",
    "status": "/status",
    "not there": "/lines/x",
    "no such page": "/nowhere",
    "routes": "/docs",
}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One for all: its scheme and its width are changed in place. Colours change at once, so none is read half-way."""
    with contextlib.closing(browser.new_context(bypass_csp=True, reduced_motion="reduce")) as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def ids(shop: Served, avalanche: str) -> dict[str, str]:
    """Of things whose screens are checked."""
    assert shop.http.post("/v1/notes", json={"target": avalanche, "cause": "a pool", "fix": "more"}).status_code == 201
    line = shop.http.get("/v1/search", params={"query": "level:error", "start": "2d"}).json()["lines"][0]
    return {"incident": avalanche, "line": line["id"], "pattern": line["pattern_id"]}


def check(page: Page) -> None:
    """Look at what is shown in all four ways."""
    for scheme in SCHEMES:
        for width in WIDTHS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            assert violations(page) == [], f"{scheme}, {width} pixels"


@pytest.mark.parametrize("name", OF_THE_SHOP)
def test_a_screen_of_the_shop_breaks_no_rule(page: Page, shop: Served, ids: dict[str, str], name: str) -> None:
    page.goto(shop.url + OF_THE_SHOP[name].format(**ids))
    check(page)


def drawer(page: Page) -> None:
    page.locator("ol.lines a.when").first.click()
    expect(page.locator("#drawer .one")).to_be_visible()


def menu(page: Page) -> None:
    page.locator("ol.lines a.when").first.focus()
    page.keyboard.press("w")
    expect(page.locator("#token-menu a").first).to_be_visible()


def completions(page: Page) -> None:
    page.get_by_label("Query", exact=True).press_sequentially("level:")
    page.get_by_label("Query", exact=True).press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()


def zones(page: Page) -> None:
    page.get_by_role("button", name="Times are in").click()
    expect(page.get_by_label("Another")).to_be_visible()


def keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


def brush(page: Page) -> None:
    page.get_by_role("slider", name="Lines over time").press("Shift+ArrowLeft")
    expect(page.locator(".chart .tip")).to_be_visible()


@pytest.mark.parametrize("opened", [drawer, menu, completions, zones, keys, brush], ids=lambda each: each.__name__)
def test_what_opens_beside_the_lines_breaks_no_rule(page: Page, shop: Served, opened: Callable[[Page], None]) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{shop.url}/lines?start=2d&level=error")
    opened(page)
    check(page)


@pytest.mark.parametrize("path", ["/", "/lines", "/patterns", "/incidents", "/status"])
def test_a_screen_that_is_empty_breaks_no_rule(page: Page, empty: Served, path: str) -> None:
    page.goto(empty.url + path)
    check(page)


def test_the_page_that_asks_for_the_token_breaks_no_rule(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(tmp_path_factory.mktemp("guarded") / "data", token="a-token") as guarded:
        page.goto(f"{guarded.url}/lines")
        check(page)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".fault")).to_be_visible()
        check(page)


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        pytest.param('<img src="/x.png">', "image-alt", id="a picture without words"),
        pytest.param('<p style="color: #aaa; background: #fff">faint</p>', "color-contrast", id="faint text"),
        pytest.param("<button></button>", "button-name", id="a button without a name"),
        pytest.param('<input type="text">', "label", id="a field without a label"),
    ],
)
def test_a_planted_fault_is_found(page: Page, empty: Served, planted: str, rule: str) -> None:
    page.goto(empty.url)
    page.emulate_media(color_scheme="light")
    page.evaluate("planted => document.querySelector('main').insertAdjacentHTML('beforeend', planted)", planted)
    assert rule in {each.partition(":")[0] for each in violations(page)}
