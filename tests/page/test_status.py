"""The status and first-run screens where their modules run: figures change in place, the first line is noticed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.bad_network import BadNetwork, bad_network
from tests.page.shop import Served, served


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """A server that holds nothing yet."""
    with served(tmp_path / "data") as server:
        yield server


@pytest.fixture
def network(fresh: Served) -> Iterator[BadNetwork]:
    with bad_network(fresh.url) as found:
        yield found


def test_the_first_run_screen_notices_the_first_line(with_script: Page, fresh: Served) -> None:
    with_script.goto(fresh.url)
    expect(with_script.get_by_text("Waiting for the first line")).to_be_visible()
    fresh.push([{"message": "hello from a test", "service": "first"}])
    expect(with_script.locator("#arrival")).to_contain_text("The first line is here.")
    with_script.get_by_role("link", name="Show the lines").click()
    expect(with_script.get_by_text("hello from a test")).to_be_visible()


def test_a_line_that_came_while_the_connection_was_lost_is_noticed(
    with_script: Page, fresh: Served, network: BadNetwork
) -> None:
    with_script.goto(network.url)
    expect(with_script.get_by_text("Waiting for the first line")).to_be_visible()
    network.is_away = True
    fresh.push([{"message": "hello", "service": "first"}])
    network.is_away = False
    expect(with_script.locator("#arrival")).to_contain_text("The first line is here.", timeout=20_000)


@pytest.fixture
def status(with_script: Page, fresh: Served, network: BadNetwork) -> Page:
    """The status screen of a server with one line, its clock in our hands."""
    fresh.push([{"message": "one", "service": "counted"}])
    with_script.clock.install()
    with_script.goto(f"{network.url}/status")
    expect(with_script.locator(".figures b").first).to_have_text("1")
    return with_script


def test_figures_change_in_place_and_what_is_focused_and_open_stays(status: Page, fresh: Served) -> None:
    table = status.get_by_role("group", name="Nearline work")
    table.focus()
    fresh.push([{"message": "two", "service": "counted"}])
    status.clock.fast_forward(5000)
    expect(status.locator(".figures b").first).to_have_text("2")
    expect(table).to_be_focused()
    status.clock.fast_forward(3000)
    expect(status.locator("#age")).to_have_text("Updated 3 s ago")
    expect(status.locator("#age[aria-live], #age[role], [data-part=figures][aria-live]")).to_have_count(0)


def test_a_server_that_is_away_is_told_once_with_the_time_of_the_figures(
    status: Page, fresh: Served, network: BadNetwork
) -> None:
    network.is_away = True
    status.clock.fast_forward(5000)
    expect(status.locator("#notice")).to_contain_text("The figures are those of")
    said = status.locator("#notice").inner_text()
    status.clock.fast_forward(5000)
    expect(status.locator("#age")).to_have_text("Updated 10 s ago")
    assert status.locator("#notice").inner_text() == said
    network.is_away = False
    fresh.push([{"message": "two", "service": "counted"}])
    status.get_by_role("button", name="Try again").click()
    expect(status.locator(".figures b").first).to_have_text("2")
    expect(status.locator("#notice")).to_be_empty()


def test_a_page_that_nobody_sees_does_not_ask(status: Page, fresh: Served) -> None:
    asked: list[str] = []
    status.on("request", lambda request: asked.append(request.url))
    status.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    status.clock.fast_forward(20_000)
    assert not asked
    fresh.push([{"message": "two", "service": "counted"}])
    status.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(status.locator(".figures b").first).to_have_text("2")


def test_every_count_of_the_status_leads_to_what_it_counts(status: Page) -> None:
    status.get_by_role("link", name="lines held").click()
    expect(status.locator("ol.lines li")).to_have_count(1)
