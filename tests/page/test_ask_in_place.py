"""The first screen where its modules run: the answer arrives in place, and one that breaks off does not look whole."""

import orjson
import pytest
from playwright.sync_api import Page, expect

from api.page.ask_live import DOING
from tests.page.bad_network import BadNetwork
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served

QUESTION = "Has there been a service avalanche like this lately?"
ASKED = "/?q=Has+there+been+a+service+avalanche+like+this+lately%3F"


@pytest.fixture
def front(with_script: Page, network: BadNetwork) -> Page:
    """The first screen behind the network, with a mark that is gone when the page is loaded anew."""
    with_script.goto(network.url)
    mark_document(with_script)
    return with_script


def ask(page: Page, question: str = QUESTION) -> None:
    page.locator("#q").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def is_whole(page: Page) -> None:
    expect(page.get_by_role("heading", name="To look further")).to_be_visible()
    expect(page.locator(".answer[aria-busy]")).to_have_count(0)
    expect(page.locator(".asking")).to_have_count(0)


def test_the_answer_in_place_is_the_one_that_a_page_loaded_anew_shows(front: Page) -> None:
    ask(front)
    is_whole(front)
    assert is_the_same_document(front)
    assert "q=Has+there" in front.url
    expect(front).to_have_title(f"{QUESTION} · Dejalog")
    places = ["opening", "claims", "citations", "similar", "next"]
    arrived = [front.locator(f"[data-part={name}]").inner_html() for name in places]
    front.reload()
    assert [front.locator(f"[data-part={name}]").inner_html() for name in places] == arrived


def test_a_suggestion_and_another_window_ask_in_place_and_back_and_forward_show_each(front: Page) -> None:
    front.get_by_role("link", name=QUESTION).click()
    is_whole(front)
    expect(front.locator("#q")).to_have_value(QUESTION)
    front.get_by_role("list", name="Ask again in").get_by_role("link", name="7 days").click()
    expect(front.locator("[aria-current]", has_text="7 days")).to_be_visible()
    expect(front.get_by_label("From")).to_have_value("7d")
    expect(front.locator(".window-fold summary")).to_have_text("Window")
    front.go_back()
    expect(front.locator("[aria-current]", has_text="All retained data")).to_be_visible()
    front.go_back()
    expect(front.get_by_role("heading", name="Latest incidents")).to_be_visible()
    expect(front.locator("#q")).to_have_value("")
    front.go_forward()
    is_whole(front)
    assert is_the_same_document(front)


def test_what_is_being_done_is_said_and_stopping_ends_the_work(front: Page, network: BadNetwork) -> None:
    network.hold_before = b"event: claim"
    ask(front)
    expect(front.get_by_role("status").filter(has_text="Writing it down")).to_be_visible()
    expect(front.locator(".answer")).to_have_attribute("aria-busy", "true")
    network.client_left.clear()
    front.get_by_role("button", name="Stop").click()
    expect(front.get_by_role("alert")).to_contain_text("not a whole answer")
    expect(front.locator(".answer.broken")).to_be_visible()
    assert network.client_left.wait(10)
    network.hold_before = b""
    front.get_by_role("button", name="Try again").click()
    is_whole(front)


@pytest.mark.parametrize("mark", [b"event: claim", b"event: done"], ids=["midway", "just before its end"])
def test_an_answer_that_breaks_off_is_told_and_asked_again(front: Page, network: BadNetwork, mark: bytes) -> None:
    network.hold_before = mark
    ask(front)
    expect(front.get_by_role("heading", name="Found", exact=True)).to_be_visible()
    network.is_away = True
    expect(front.get_by_role("alert")).to_contain_text("There is no whole answer")
    expect(front.locator(".answer.broken")).to_be_visible()
    network.is_away, network.hold_before = False, b""
    front.get_by_role("button", name="Try again").click()
    is_whole(front)
    expect(front.locator(".broken")).to_have_count(0)


def test_a_server_that_is_away_is_told_and_the_question_stays(front: Page, network: BadNetwork) -> None:
    network.is_away = True
    ask(front)
    expect(front.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(front.locator("#q")).to_have_value(QUESTION)
    expect(front.locator(".answer")).to_be_hidden()
    network.is_away = False
    front.get_by_role("button", name="Try again").click()
    is_whole(front)


def test_a_question_asked_without_a_network_is_answered_when_it_is_back(front: Page) -> None:
    front.context.set_offline(True)
    ask(front)
    expect(front.get_by_role("alert")).to_contain_text("cannot be reached")
    front.context.set_offline(False)
    is_whole(front)


def test_a_question_in_a_window_that_cannot_be_is_told_what_is_wrong_with_it(front: Page) -> None:
    front.locator(".window-fold summary").click()
    front.get_by_label("From").fill("yesterdayish")
    ask(front)
    expect(front.get_by_role("alert")).to_contain_text("start")
    expect(front.locator(".asking, .answer")).to_have_count(0)
    front.get_by_label("From").fill("7d")
    ask(front)
    is_whole(front)


def test_the_first_click_on_a_mark_shows_its_line_and_the_second_opens_it(front: Page) -> None:
    ask(front)
    is_whole(front)
    mark = front.locator("sup.cite a").first
    mark.click()
    assert front.url.endswith("#c1")
    expect(front.locator("#c1 a.when")).to_be_focused()
    assert is_the_same_document(front)
    mark.click()
    expect(front.locator("#here")).to_be_visible()


def test_the_events_say_each_step_bring_claims_one_by_one_and_end_with_done(shop: Served) -> None:
    with shop.http.stream("GET", "/ask/live", params={"q": QUESTION}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in reply.headers["cache-control"]
        lines = [line for line in reply.iter_lines() if line]
    names = [line.removeprefix("event: ") for line in lines[::2]]
    said = [orjson.loads(line.removeprefix("data: ")) for line in lines[1::2]]
    begun = [text for name, text in zip(names, said, strict=True) if name == "step"]
    assert begun[:5] == [text for step, text in DOING.items() if step != "model"]
    claims = len(shop.http.post("/v1/ask", json={"question": QUESTION}).json()["claims"])
    assert names[-claims - 7 :] == ["part", *["claim"] * (claims - 1), *["part"] * 6, "done"]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"q": "what failed", "start": "soon"}, "fault"), ({"q": ""}, "fault"), ({}, "fault")],
    ids=["no time", "empty", "nothing"],
)
def test_what_cannot_be_asked_is_one_event(shop: Served, parameters: dict[str, str], name: str) -> None:
    text = shop.http.get("/ask/live", params=parameters).text
    assert text.startswith(f"event: {name}\n")
    assert text.count("event: ") == 1
