"""Feedback, notes and the timeline where their modules run: told in place, and what is typed is never lost."""

import contextlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.bad_network import BadNetwork
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served, fill, served

ASKED = "/?q=Has+there+been+a+service+avalanche+like+this+lately%3F"
TOKEN = "a-token-for-tests"


@pytest.fixture
def incident(with_script: Page, network: BadNetwork, avalanche: str) -> Page:
    """The avalanche's screen behind the network, its form of notes open."""
    with_script.goto(f"{network.url}/incidents/{avalanche}")
    with_script.evaluate("document.querySelector('section.notes details').open = true")
    return with_script


def test_feedback_is_kept_in_place_and_the_answer_stays(with_script: Page, shop: Served) -> None:
    with_script.goto(shop.url + ASKED)
    mark_document(with_script)
    with_script.get_by_role("button", name="Helpful", exact=True).click()
    expect(with_script.locator(".answer").get_by_role("status")).to_have_text("Thank you: what you said is kept.")
    like = with_script.locator("article.likeness").first
    like.get_by_role("button", name="Not the same").click()
    expect(like.get_by_role("status")).to_be_focused()
    assert is_the_same_document(with_script)


def test_feedback_that_could_not_be_sent_is_told_and_sent_again(with_script: Page, network: BadNetwork) -> None:
    with_script.goto(network.url + ASKED)
    network.is_away = True
    with_script.get_by_role("button", name="Not helpful").click()
    expect(with_script.locator("#notice")).to_contain_text("not kept yet")
    network.is_away = False
    with_script.get_by_role("button", name="Try again").click()
    expect(with_script.locator(".answer").get_by_role("status")).to_be_visible()
    expect(with_script.locator("#notice")).to_be_empty()


def test_a_note_is_kept_and_shown_without_leaving(incident: Page) -> None:
    before = incident.locator("section.notes article.note").count()
    incident.get_by_label("Cause").fill("<b>the disk</b> was full")
    incident.get_by_role("button", name="Keep the note").click()
    expect(incident.locator(".form-said")).to_contain_text("kept")
    expect(incident.locator("section.notes article.note")).to_have_count(before + 1)
    expect(incident.locator("article.note").first).to_contain_text("<b>the disk</b> was full")
    expect(incident.get_by_label("Cause")).to_have_value("")
    expect(incident.locator("[data-part=note-count]")).to_contain_text(str(before + 1))
    incident.reload()
    expect(incident.get_by_label("Cause")).to_have_value("")


def test_an_empty_note_is_told_in_place(incident: Page) -> None:
    incident.get_by_role("button", name="Keep the note").click()
    expect(incident.locator(".form-said")).to_contain_text("the note is empty")


def test_a_note_outlives_a_lost_connection_and_a_reload(incident: Page, network: BadNetwork) -> None:
    network.is_away = True
    incident.get_by_label("Fix").fill("a larger disk")
    incident.get_by_role("button", name="Keep the note").click()
    expect(incident.locator("#notice")).to_contain_text("what you typed stays here")
    network.is_away = False
    incident.reload()
    expect(incident.get_by_label("Fix")).to_have_value("a larger disk")
    expect(incident.locator(".form-said")).to_contain_text("not kept yet")
    incident.get_by_role("button", name="Keep the note").click()
    expect(incident.locator("article.note").first).to_contain_text("a larger disk")


def test_a_note_outlives_a_session_that_is_over(browser: Browser, tmp_path: Path) -> None:
    with (
        served(tmp_path / "data", token=TOKEN) as guarded,
        contextlib.closing(browser.new_context()) as context,
    ):
        fill(guarded.dejalog, tmp_path / "shop", seed=7, days=1, lines=8_000)
        page = context.new_page()
        page.goto(f"{guarded.url}/incidents")
        sign_in(page)
        page.locator("article.brief h3 a").first.click()
        page.get_by_label("Cause").fill("typed before the session ended")
        context.clear_cookies()
        page.get_by_role("button", name="Keep the note").click()
        sign_in(page)
        expect(page.get_by_label("Cause")).to_have_value("typed before the session ended")
        page.get_by_role("button", name="Keep the note").click()
        expect(page.locator("article.note")).to_contain_text("typed before the session ended")


def sign_in(page: Page) -> None:
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()


def test_the_timeline_is_one_stop_for_tab_and_arrow_keys_go_through_time(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/incidents")
    marks = with_script.locator(".timeline svg a")
    assert marks.evaluate_all("marks => marks.filter(each => each.tabIndex === 0).length") == 1
    detail = with_script.locator(".timeline-detail")
    marks.first.focus()
    told = []
    with_script.keyboard.press("Home")
    for _ in range(marks.count()):
        told.append(detail.inner_text())
        with_script.keyboard.press("ArrowRight")
    assert told == sorted(told)
    assert len(set(told)) == marks.count()
    with_script.keyboard.press("Enter")
    expect(with_script.locator(".permalink")).to_be_visible()


def test_what_is_pointed_at_in_the_timeline_is_told(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/incidents")
    with_script.locator(".timeline svg a").first.hover()
    newest = shop.http.get("/v1/incidents").json()["incidents"][0]
    expect(with_script.locator(".timeline-detail")).to_contain_text(newest["severity"])


def test_an_incident_s_permalink_its_evidence_and_its_notes_outlive_its_lines(no_script: Page, tmp_path: Path) -> None:
    with served(tmp_path / "data") as shop:
        fill(shop.dejalog, tmp_path / "shop", seed=7, days=1, lines=8_000)
        newest = shop.http.get("/v1/incidents").json()["incidents"][0]["incident_id"]
        no_script.goto(f"{shop.url}/incidents/{newest}")
        no_script.get_by_label("Cause").fill("known for ever")
        no_script.get_by_role("button", name="Keep the note").click()
        shown = no_script.locator(".facts a").first.inner_text()
        assert not shown.startswith("0 ")
        evidence = no_script.locator("section[aria-labelledby=evidence] li").count()
        shop.dejalog.store.drop_before(2**62)
        assert shop.http.get("/v1/status").json()["lines"] == 0
        no_script.locator(".permalink").click()
        expect(no_script.locator("article.note")).to_contain_text("known for ever")
        assert no_script.locator("section[aria-labelledby=evidence] li").count() == evidence
        expect(no_script.get_by_text("0 lines", exact=True)).to_be_visible()
        no_script.locator("section[aria-labelledby=evidence] a.when").first.click()
        expect(no_script.locator("article.one .message")).to_be_visible()
