"""Where the network or the server is slow, away, or another version: said in words, with a way on."""

import pytest
from playwright.sync_api import Page, Route, expect

from api.page.assets import digest
from tests.page.bad_network import BadNetwork

BUSY = "html[data-busy]"


@pytest.fixture
def lines(with_script: Page, network: BadNetwork) -> Page:
    with_script.clock.install()
    with_script.goto(f"{network.url}/lines?start=2d")
    return with_script


def choose(page: Page, window: str) -> None:
    page.get_by_role("link", name=window, exact=True).click()


def is_shown(page: Page, window: str) -> None:
    expect(page.get_by_role("list", name="Window").locator("[aria-current]")).to_have_text(window)


def test_what_takes_a_moment_is_shown_as_busy_and_what_takes_long_says_so(lines: Page, network: BadNetwork) -> None:
    network.hold_before = b"HTTP/1.1 200"
    choose(lines, "6 hours")
    lines.clock.fast_forward(500)
    expect(lines.locator(BUSY)).to_have_count(1)
    expect(lines.locator("#notice")).to_be_empty()
    lines.clock.fast_forward(8000)
    expect(lines.locator("#notice")).to_contain_text("taking long")
    network.hold_before = b""
    is_shown(lines, "6 hours")
    expect(lines.locator(BUSY)).to_have_count(0)
    expect(lines.locator("#notice")).to_be_empty()


def test_what_takes_long_can_be_cancelled_and_tried_again(lines: Page, network: BadNetwork) -> None:
    network.hold_before = b"HTTP/1.1 200"
    choose(lines, "6 hours")
    lines.clock.fast_forward(9000)
    lines.get_by_role("button", name="Cancel").click()
    expect(lines.locator("#notice")).to_contain_text("It was cancelled. What is shown is older.")
    expect(lines.locator(BUSY)).to_have_count(0)
    network.hold_before = b""
    lines.get_by_role("button", name="Try again").click()
    is_shown(lines, "6 hours")


def test_a_reply_that_breaks_off_is_no_result(lines: Page, network: BadNetwork) -> None:
    shown = lines.locator("#total").inner_text()
    network.hold_before = b"HTTP/1.1 200"
    choose(lines, "6 hours")
    network.is_away = True
    expect(lines.locator("#notice")).to_contain_text("What is shown is older.")
    assert lines.locator("#total").inner_text() == shown


def test_a_lost_connection_is_tried_again_when_the_browser_says_that_it_is_back(lines: Page) -> None:
    lines.context.set_offline(True)
    choose(lines, "6 hours")
    expect(lines.locator("#notice")).to_contain_text("cannot be reached")
    lines.context.set_offline(False)
    is_shown(lines, "6 hours")
    expect(lines.locator("#notice")).to_be_empty()


def test_a_page_of_an_older_version_offers_to_be_loaded_anew(lines: Page) -> None:
    def from_another_version(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, headers={**reply.headers, "dejalog-page": "0" * len(digest())})

    lines.route("**/lines?*part=rows*", from_another_version)
    choose(lines, "6 hours")
    is_shown(lines, "6 hours")
    expect(lines.locator("#newer")).to_contain_text("new version")
    lines.unroute("**/lines?*part=rows*")
    lines.get_by_role("button", name="Reload").click()
    expect(lines.locator("#newer")).to_be_empty()
    is_shown(lines, "6 hours")
