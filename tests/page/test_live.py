"""The live list: new lines as they come, paused and resumed, each once and in order, whatever breaks in between."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.page.shop import Served, served
from tests.page.test_hostile import MESSAGES
from tests.ports import free_port
from tests.reliability.edge import Edge
from tests.reliability.processes import Program, wait_for

TOKEN = "a-token-for-live-tests"
LIVE = "/lines?live=1&start=1h"
SAID = "#found li.line .said-text > .message"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Of this module alone: each test has a service of its own."""
    with served(tmp_path_factory.mktemp("live") / "data") as found:
        yield found


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """A name for this test's lines."""
    name: str = request.node.name
    return re.sub(r"[^a-z]+", "-", name)


def push(url: str, service: str, *messages: str, level: str = "info", token: str = "") -> None:
    """Store lines; nobody waits until they are mined."""
    lines = [{"message": each, "service": service, "level": level} for each in messages]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    httpx.post(
        f"{url}/v1/lines", content="\n".join(map(_json, lines)), headers=headers, timeout=60, trust_env=False
    ).raise_for_status()


def _json(line: dict[str, str]) -> str:
    return httpx.Request("POST", "http://json", json=line).content.decode()


def opened(page: Page, url: str, service: str, more: str = "") -> Page:
    """An open live list that is connected."""
    page.goto(f"{url}{LIVE}&service={service}{more}")
    expect(page.locator(".live-state")).to_have_text("Live")
    return page


def said(page: Page) -> list[str]:
    """All messages of the list, in its order."""
    found: list[str] = page.locator(SAID).evaluate_all("all => all.map(each => each.textContent)")
    return found


def numbered(first: int, last: int) -> list[str]:
    return [f"live {number}" for number in range(first, last + 1)]


def test_new_lines_come_on_top_and_stand_under_those_that_come_later(
    with_script: Page, server: Served, service: str
) -> None:
    push(server.url, service, *numbered(1, 3))
    opened(with_script, server.url, service)
    assert len(said(with_script)) == 3
    push(server.url, service, "live 4", "live 5")
    expect(with_script.locator(SAID).first).to_have_text("live 5")
    push(server.url, service, "live 6")
    expect(with_script.locator(SAID).first).to_have_text("live 6")
    assert said(with_script)[:3] == ["live 6", "live 5", "live 4"]
    assert len(said(with_script)) == 6


def test_oldest_first_they_come_at_the_bottom_and_the_view_stays_there(
    with_script: Page, server: Served, service: str
) -> None:
    push(server.url, service, *numbered(1, 60))
    opened(with_script, server.url, service, "&order=oldest")
    expect(with_script.locator(SAID).last).to_be_in_viewport()
    push(server.url, service, *numbered(61, 90))
    expect(with_script.locator(SAID).last).to_have_text("live 90")
    expect(with_script.locator(SAID).last).to_be_in_viewport()
    assert said(with_script)[-30:] == numbered(61, 90)
    expect(with_script.locator(".live-state")).to_have_text("Live")


def test_the_filters_of_the_address_hold_for_what_comes(with_script: Page, server: Served, service: str) -> None:
    opened(with_script, server.url, service, "&level=error&query=live")
    push(server.url, service, "live but fine")
    push(server.url, service, "of another query", level="error")
    push(server.url, service + "-other", "live elsewhere", level="error")
    push(server.url, service, "live and wrong", level="error")
    expect(with_script.locator(SAID)).to_have_text(["live and wrong"])


def test_the_switch_is_a_link_that_keeps_the_query_and_an_end_is_never_live(with_script: Page, server: Served) -> None:
    with_script.goto(f"{server.url}/lines?query=anything&start=1h&end=now")
    switch = with_script.locator('[data-action="live"]')
    switch.click()
    expect(with_script.locator(".live-state")).to_have_text("Live")
    assert "query=anything" in with_script.url
    assert "end=" not in with_script.url
    switch.click()
    expect(with_script.locator("#live")).to_have_count(0)
    assert "live=" not in with_script.url


def test_scrolling_away_pauses_counts_what_comes_and_the_button_shows_it(
    with_script: Page, server: Served, service: str
) -> None:
    push(server.url, service, *numbered(1, 100))
    page = opened(with_script, server.url, service)
    page.locator(SAID).nth(60).scroll_into_view_if_needed()
    expect(page.locator(".live-state")).to_have_text("Paused")
    seen = page.locator(SAID).nth(60)
    text, place = seen.inner_text(), seen.bounding_box()
    push(server.url, service, *numbered(101, 130))
    button = page.get_by_role("button", name="30 new")
    expect(button).to_be_visible()
    assert (seen.inner_text(), seen.bounding_box()) == (text, place)
    button.click()
    expect(page.locator(SAID).first).to_have_text("live 130")
    expect(page.locator(SAID).first).to_be_in_viewport()
    expect(button).to_be_hidden()
    assert said(page)[:31] == numbered(100, 130)[::-1]


def test_scrolling_back_to_the_newest_line_goes_on(with_script: Page, server: Served, service: str) -> None:
    push(server.url, service, *numbered(1, 100))
    page = opened(with_script, server.url, service)
    page.keyboard.press("End")
    expect(page.locator(".live-state")).to_have_text("Paused")
    page.keyboard.press("Home")
    expect(page.locator(".live-state")).to_have_text("Live")
    push(server.url, service, "live 101")
    expect(page.locator(SAID).first).to_have_text("live 101")


def test_the_button_pauses_until_it_is_pressed_again_and_nothing_is_lost(
    with_script: Page, server: Served, service: str
) -> None:
    page = opened(with_script, server.url, service)
    page.locator('[data-action="pause"]').press("Enter")
    expect(page.locator(".live-state")).to_have_text("Paused")
    push(server.url, service, *numbered(1, 250))
    expect(page.get_by_role("button", name="250 new")).to_be_visible()
    assert said(page) == []
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(SAID).first).to_have_text("live 250")
    assert _all_numbers(page) == list(range(250, 0, -1))


def test_a_reader_who_goes_into_a_row_is_not_moved(with_script: Page, server: Served, service: str) -> None:
    push(server.url, service, "live 1\n" + "\n".join(numbered(2, 20)))
    page = opened(with_script, server.url, service)
    page.locator("li.line summary").focus()
    expect(page.locator(".live-state")).to_have_text("Paused")


def test_it_goes_on_after_a_look_at_a_line_beside_it(with_script: Page, server: Served, service: str) -> None:
    push(server.url, service, *numbered(1, 3))
    page = opened(with_script, server.url, service)
    page.locator("li.line a.when").first.click()
    expect(page.locator("#drawer .one")).to_be_visible()
    expect(page.locator(".live-why")).to_have_text("while you are in a line")
    push(server.url, service, "live 4")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(page.locator(".live-state")).to_have_text("Live")
    expect(page.locator(SAID).first).to_have_text("live 4")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer .one")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(page.locator(".live-state")).to_have_text("Paused")
    expect(page.locator(".live-why")).to_have_text("while you are in a line")


def test_its_counts_are_made_anew_but_not_under_the_reader_s_hands(
    with_script: Page, server: Served, service: str
) -> None:
    push(server.url, service, "live 1")
    with_script.clock.install()
    page = opened(with_script, server.url, service)
    page.get_by_text("As a table").click()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("#total")).to_have_text("1 lines")
    window = page.locator("[data-part='window']").inner_text()
    push(server.url, service, "live 2", level="error")
    expect(page.locator(SAID)).to_have_count(2)
    page.clock.fast_forward(10_000)
    expect(page.locator("#total")).to_have_text("2 lines")
    expect(page.locator(".facet", has_text="level")).to_contain_text("error")
    expect(page.locator(".legend")).to_contain_text("error")
    expect(page.locator("[data-part='window']")).not_to_have_text(window)
    expect(page.locator(".histogram details")).to_have_attribute("open", "")
    page.locator(".chart .handle").focus()
    push(server.url, service, "live 3", level="warn")
    with page.expect_response("**/lines?*part=facets*"):
        page.clock.fast_forward(10_000)
    expect(page.locator(".facet", has_text="level")).to_contain_text("warn")
    expect(page.locator(".chart .handle")).to_be_focused()
    expect(page.locator("#total")).to_have_text("2 lines")


def test_its_export_has_what_came_since_it_was_opened(with_script: Page, server: Served, service: str) -> None:
    push(server.url, service, "live 1")
    page = opened(with_script, server.url, service)
    push(server.url, service, "live 2")
    expect(page.locator(SAID)).to_have_count(2)
    link = page.locator("a[download]", has_text="NDJSON").get_attribute("href")
    exported = httpx.get(f"{server.url}{link}", trust_env=False).text
    assert "live 1" in exported
    assert "live 2" in exported


def test_a_burst_leaves_the_newest_lines_and_says_that_older_ones_are_gone(
    with_script: Page, server: Served, service: str
) -> None:
    page = opened(with_script, server.url, service)
    for first in range(1, 10_000, 2500):
        push(server.url, service, *numbered(first, first + 2499))
    expect(page.locator(SAID).first).to_have_text("live 10000", timeout=60_000)
    expect(page.locator(".live-dropped")).to_contain_text("keeps the newest 2\u202f000 lines")
    expect(page.locator(".live-older")).to_be_hidden()
    assert page.locator("li.line").count() < 500
    page.locator('[data-action="pause"]').click()
    shown = _all_numbers(page)
    assert shown == list(range(10_000, 10_000 - len(shown), -1))
    assert 2000 <= len(shown) < 2200


def _all_numbers(page: Page) -> list[int]:
    """The numbers of all rows from the top to the end, each once, the list being scrolled through."""
    found: dict[int, None] = {}
    while True:
        there = [int(each.removeprefix("live ")) for each in said(page)]
        assert len(set(there)) == len(there)
        found |= dict.fromkeys(there)
        if page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 2"):
            return list(found)
        page.evaluate("scrollBy(0, innerHeight)")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def test_hostile_lines_come_as_text(with_script: Page, server: Served, service: str) -> None:
    def refuse(dialog: Dialog) -> None:
        dialog.dismiss()
        pytest.fail(f"a line opened a dialog: {dialog.message}")

    with_script.on("dialog", refuse)
    page = opened(with_script, server.url, service)
    push(server.url, service, *MESSAGES.values())
    expect(page.locator("li.line")).to_have_count(len(MESSAGES))
    assert page.locator("main script, main img, .stretches svg").count() == 0
    assert "<script>alert(1)</script>" in page.locator(".stretches").inner_text()
    assert "[U+202E]" in page.locator(".stretches").inner_text()


def test_a_cut_connection_is_told_and_resumed_with_each_line_once(
    with_script: Page, server: Served, service: str
) -> None:
    with Edge(urlsplit(server.url).port or 0) as edge:
        page = opened(with_script, edge.url, service)
        push(server.url, service, *numbered(1, 5))
        expect(page.locator(SAID)).to_have_count(5)
        for first in (6, 16, 26):
            edge.is_away = True
            expect(page.locator("#notice")).to_contain_text("Connection lost, trying again")
            push(server.url, service, *numbered(first, first + 9))
            edge.is_away = False
            expect(page.locator("#notice")).to_be_empty(timeout=30_000)
            expect(page.locator(SAID)).to_have_count(first + 9)
        assert said(page) == numbered(1, 35)[::-1]


@pytest.mark.timeout(180)
def test_a_server_that_is_killed_and_started_again_goes_on_where_it_was(
    with_script: Page, tmp_path: Path, service: str
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"DEJALOG_DATA_DIR": str(tmp_path / "data"), "DEJALOG_MIN_FREE_DISK": "1"}
    program = Program(["serve", "--listen", f"127.0.0.1:{port}"], tmp_path, tmp_path / "log", environment)
    program.start()
    try:
        wait_for(f"{url}/readyz", program)
        page = opened(with_script, url, service)
        push(url, service, *numbered(1, 20))
        expect(page.locator(SAID)).to_have_count(20)
        program.kill()
        expect(page.locator("#notice")).to_contain_text("Connection lost")
        program.start()
        wait_for(f"{url}/readyz", program)
        push(url, service, *numbered(21, 40))
        expect(page.locator(SAID)).to_have_count(40, timeout=60_000)
        expect(page.locator("#notice")).to_be_empty()
        assert said(page) == numbered(1, 40)[::-1]
    finally:
        program.kill()


def test_a_hidden_tab_lets_go_of_its_stream_and_goes_on_where_it_was(
    with_script: Page, server: Served, service: str
) -> None:
    page = opened(with_script, server.url, service)
    push(server.url, service, *numbered(1, 5))
    expect(page.locator(SAID)).to_have_count(5)
    hide = """isHidden => {
      Object.defineProperty(document, "hidden", { get: () => isHidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    push(server.url, service, *numbered(6, 9))
    with page.expect_request("**/lines/live?*") as again:
        page.evaluate(hide, False)
    assert "after=" in again.value.url
    expect(page.locator(SAID)).to_have_count(9)
    assert said(page) == numbered(1, 9)[::-1]


def test_a_store_that_was_set_up_anew_is_told(with_script: Page, server: Served, service: str) -> None:
    stream = f"{server.url}/lines/live?service={service}"
    high = server.dejalog.store.high_sequence()
    with_script.route("**/lines/live?*", lambda route: route.continue_(url=f"{stream}&after={high + 1000}"))
    opened(with_script, server.url, service)
    expect(with_script.locator("#notice")).to_contain_text("set up anew")
    push(server.url, service, "live again")
    expect(with_script.locator(SAID)).to_have_text(["live again"])
    with_script.get_by_role("button", name="OK").click()
    expect(with_script.locator("#notice")).to_be_empty()


def test_without_javascript_it_is_the_newest_lines_and_a_link_to_load_them_again(
    no_script: Page, server: Served, service: str
) -> None:
    push(server.url, service, "live 1")
    no_script.goto(f"{server.url}{LIVE}&service={service}")
    assert said(no_script) == ["live 1"]
    push(server.url, service, "live 2")
    no_script.get_by_role("link", name="Reload").click()
    assert said(no_script) == ["live 2", "live 1"]
    expect(no_script.locator('[data-action="pause"]')).to_be_hidden()


def test_who_signed_in_with_a_token_gets_the_stream_too(with_script: Page, tmp_path: Path, service: str) -> None:
    with served(tmp_path / "data", token=TOKEN) as guarded:
        assert httpx.get(f"{guarded.url}/lines/live", trust_env=False).status_code == 401
        with_script.goto(f"{guarded.url}{LIVE}&service={service}")
        with_script.get_by_label("Token").fill(TOKEN)
        with_script.get_by_role("button", name="Sign in").click()
        expect(with_script.locator(".live-state")).to_have_text("Live")
        push(guarded.url, service, "live behind a token", token=TOKEN)
        expect(with_script.locator(SAID)).to_have_text(["live behind a token"])
