"""The first screen with a language model: what it told, what was dropped, what it supposes, and how it is stopped."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from api.settings import ModelSettings
from tests.api.conftest import settings_for
from tests.api.model_words import statements, true_lines
from tests.api.test_llm_investigate import calls
from tests.page.axe import violations
from tests.page.shop import Served, fill, served_with
from tests.real.model_server import ModelServer, Said, faulty_model, scripted_model

ASKED = "/?q=Has+there+been+a+service+avalanche+like+this+lately%3F"
FALSE = "All services are healthy"
SUPPOSED = "The failures may have led to errors"


def tells(request: dict[str, Any]) -> Said:
    """Two true sentences and a false one; where it may look, it looks once and supposes."""
    if "tools" in request:
        has_looked = any(message["role"] == "tool" for message in request["messages"])
        return "DONE" if has_looked else calls(("search", {"query": "level:error"}))
    first = true_lines(request)[0]
    if any(message["role"] == "tool" for message in request["messages"]):
        other = statements(request)[1]
        against = f"AGAINST: {other['says']} [{other['id']}]"
        return f"HYPOTHESIS: {SUPPOSED}\nFOR: {first.text} [{first.id}]\n{against}\nFOR: {FALSE} [S1]"
    return "\n".join([*(line.whole for line in true_lines(request)[:2]), f"{FALSE} [S1]"])


@contextlib.contextmanager
def told_by(model: ModelServer, folder: Path) -> Iterator[Served]:
    settings = settings_for(folder / "data")
    llm = ModelSettings(openai_base_url=model.url, llm_model="scripted")
    with served_with(dataclasses.replace(settings, llm=llm)) as server:
        fill(server.dejalog, folder / "shop", seed=7, days=1, lines=10_000, faults=("avalanche:loud",))
        yield server


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with scripted_model(tells) as model, told_by(model, tmp_path_factory.mktemp("told")) as server:
        yield server


def test_the_answer_names_the_model_and_how_much_was_dropped(no_script: Page, told: Served) -> None:
    no_script.goto(told.url + ASKED)
    expect(no_script.get_by_text("Told by scripted under the checker")).to_contain_text("1 sentence dropped")
    expect(no_script.locator("body")).not_to_contain_text(FALSE)


def test_investigate_shows_its_looks_and_what_it_supposes_apart_from_what_is_proven(
    with_script: Page, told: Served
) -> None:
    with_script.goto(told.url + ASKED)
    with_script.get_by_role("link", name="Investigate").click()
    supposed = with_script.get_by_role("region", name="What may have happened")
    expect(supposed).to_contain_text("supposed by scripted, not proven")
    expect(supposed).to_contain_text(SUPPOSED)
    expect(with_script.get_by_text("Looked into by scripted under the checker")).to_be_visible()
    expect(supposed.locator(".speaks-for")).to_have_count(1)
    expect(supposed.locator(".speaks-against")).to_have_count(1)
    expect(supposed).not_to_contain_text(FALSE)
    expect(with_script.locator("[data-part=opening], [data-part=claims]").filter(has_text=SUPPOSED)).to_have_count(0)
    with_script.locator("details.looks summary").click()
    expect(with_script.locator("details.looks li")).to_contain_text("level:error")


def test_without_a_model_nothing_of_it_is_shown(no_script: Page, shop: Served) -> None:
    no_script.goto(shop.url + ASKED)
    expect(no_script.locator(".answer")).to_be_visible()
    for words in ("Told by", "Investigate", "supposed", "language model"):
        expect(no_script.locator("main")).not_to_contain_text(words)


@pytest.mark.parametrize("path", [ASKED, f"{ASKED}&mode=llm"], ids=["told", "investigated"])
def test_what_a_model_told_breaks_no_rule(browser: Browser, told: Served, path: str) -> None:
    with contextlib.closing(browser.new_context(bypass_csp=True, reduced_motion="reduce")) as context:
        page = context.new_page()
        page.goto(told.url + path)
        for scheme, width in (("light", 1440), ("dark", 380)):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            page.set_viewport_size({"width": width, "height": 900})
            assert violations(page) == [], f"{scheme}, {width} pixels"


def test_a_slow_model_is_told_of_and_can_be_stopped(with_script: Page, tmp_path: Path) -> None:
    with faulty_model("hang_midway") as model, told_by(model, tmp_path) as server:
        with_script.goto(server.url)
        with_script.locator("#q").fill("Has there been a service avalanche like this lately?")
        with_script.get_by_role("button", name="Ask", exact=True).click()
        expect(with_script.locator(".asking")).to_contain_text("A language model is writing")
        with_script.get_by_role("button", name="Stop").click()
        expect(with_script.get_by_text("You stopped it")).to_be_visible()
        assert model.given_up.wait(10)
