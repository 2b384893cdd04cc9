"""The first screen, in a browser without JavaScript."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import serving
from tests.page.conftest import Open
from tests.page.shop import Served

ASKED = "/?q=Has+there+been+a+service+avalanche+like+this+lately%3F"


def test_the_front_suggests_questions_and_shows_the_latest_incidents(visit: Open, shop: Served) -> None:
    page = visit("/")
    expect(page.get_by_role("link", name="最近有没有类似的服务雪崩问题?")).to_be_visible()
    newest = shop.http.get("/v1/incidents").json()["incidents"][0]
    assert page.locator("article.brief").first.inner_text().startswith(newest["severity"])
    page.get_by_role("link", name="Has there been a service avalanche").click()
    expect(page.get_by_role("heading", name="Found")).to_be_visible()


def test_a_typed_question_is_answered_with_verdict_window_and_confidence(visit: Open) -> None:
    page = visit("/")
    page.get_by_role("searchbox").fill("Has there been a service avalanche like this lately?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("heading", name="Found", exact=True)).to_be_visible()
    expect(page.locator(".confidence")).to_contain_text("% sure")
    expect(page.locator(".answer")).to_contain_text("which was assumed")
    page.get_by_role("link", name="7 days").click()
    assert "start=7d" in page.url
    assert page.get_by_label("From").input_value() == "7d"


def test_every_citation_mark_leads_to_its_line_and_from_there_to_the_line_in_context(visit: Open) -> None:
    page = visit(ASKED)
    targets = page.locator("sup.cite a").evaluate_all("marks => marks.map(each => each.getAttribute('href'))")
    assert len(targets) > 3
    for target in set(targets):
        assert page.locator(target).count() == 1
    page.locator("sup.cite a").first.click()
    assert page.url.endswith("#c1")
    cited = page.locator("#c1 .message").first.inner_text()
    page.locator("#c1 a.when").click()
    expect(page.locator("#here")).to_be_visible()
    assert page.locator("article.one .message").inner_text()[:40] == cited[:40]


def test_a_similar_incident_shows_its_onset_order_what_is_shared_and_what_people_noted(
    visit: Open, shop: Served, avalanche: str
) -> None:
    note = {"target": avalanche, "cause": "the pool was too small", "fix": "double it"}
    assert shop.http.post("/v1/notes", json=note).status_code == 201
    page = visit(ASKED)
    like = page.locator("article.likeness", has=page.locator(f"a[href='/incidents/{avalanche}']")).first
    assert like.locator(".steps li").count() >= 3
    expect(like.locator(".steps li").first).to_contain_text("first")
    expect(like).to_contain_text("Shared")
    expect(like).to_contain_text("the pool was too small")
    expect(like).to_contain_text("double it")
    like.get_by_role("link", name="Show its lines").click()
    expect(page.locator("ol.lines li").first).to_be_visible()


def test_a_next_query_finds_lines(visit: Open) -> None:
    page = visit(ASKED)
    page.locator(".queries a").first.click()
    assert page.locator("ol.lines li").count() > 0


def test_feedback_is_kept_and_leads_back_to_the_answer(visit: Open) -> None:
    page = visit(ASKED)
    page.get_by_role("button", name="Helpful", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("kept")
    expect(page.get_by_role("heading", name="Found", exact=True)).to_be_visible()


def test_a_chinese_question_is_answered_in_chinese_and_marked_so(visit: Open) -> None:
    page = visit("/?q=最近有没有类似的服务雪崩问题?")
    opening = page.locator(".opening")
    assert opening.get_attribute("lang") == "zh"
    assert any("\u4e00" <= char <= "\u9fff" for char in opening.inner_text())


def test_what_never_happened_is_not_found_in_words(visit: Open) -> None:
    page = visit("/?q=Was+the+VPN+tunnel+to+the+branch+office+down%3F")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert page.locator("article.likeness").count() == 0


@pytest.mark.parametrize("given", ["start=yesterdayish", "start=1h&end=2h"], ids=["no time", "swapped"])
def test_a_window_that_cannot_be_is_told_and_the_question_stays(no_script: Page, shop: Served, given: str) -> None:
    reply = no_script.goto(f"{shop.url}/?q=what+failed&{given}")
    assert reply is not None
    assert reply.status == 400
    expect(no_script.get_by_role("alert")).to_contain_text("start")
    assert no_script.get_by_role("searchbox").input_value() == "what failed"


def test_the_link_to_an_answer_gives_the_same_answer(visit: Open) -> None:
    page = visit(ASKED)
    opening = page.locator(".opening").inner_text()
    page.get_by_role("link", name="Link to this answer").click()
    assert page.locator(".opening").inner_text() == opening


class Instead:
    """Something real, of which `named` takes the place."""

    def __init__(self, real: Any, **named: Any) -> None:
        self._real = real
        vars(self).update(named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_whether_there_is_anything_to_ask_about_costs_no_look_at_the_store(shop: Served) -> None:
    looks: list[str] = []

    def high_water(**where: Any) -> Any:
        looks.append("high_water")
        return shop.dejalog.store.high_water(**where)

    store = Instead(shop.dejalog.store, high_water=high_water)
    with serving(Instead(shop.dejalog, store=store)) as url:  # type: ignore[arg-type]  # it stands in for the real one
        for path, times in ((ASKED, 0), ("/", 1)):
            reply = httpx.get(url + path, headers={"Accept": "text/html"}, timeout=60, trust_env=False)
            assert reply.status_code == 200
            assert len(looks) == times
