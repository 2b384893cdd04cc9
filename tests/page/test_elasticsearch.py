"""The page over Elasticsearch: every screen tells the same numbers as the store, and leads to what it counted."""

import dataclasses
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from index.elastic_client import Elastic
from tests.api.conftest import settings_for
from tests.index.test_store_elastic import fresh_prefix
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served, fill, served_with


@pytest.fixture(scope="module")
def shop(elastic: Elastic, elastic_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One day of a small shop with two avalanches: of one alone, mining finds none at some hours (measured)."""
    folder = tmp_path_factory.mktemp("page")
    settings = settings_for(folder / "data")
    with fresh_prefix(elastic) as prefix:
        store = dataclasses.replace(
            settings.store, store="elasticsearch", elasticsearch_url=elastic_url, elasticsearch_prefix=prefix
        )
        with served_with(dataclasses.replace(settings, store=store)) as server:
            fill(server.dejalog, folder / "shop", seed=7, days=1, lines=14_000, faults=("avalanche:loud",) * 2)
            yield server


def number(text: str) -> int:
    """What stands in words, e.g. of "at least 1 234 lines"."""
    return int("".join(re.findall(r"\d", text)))


def test_a_question_is_answered_with_lines_and_the_incident_like_it(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/?q=Has+there+been+a+service+avalanche+like+this+lately%3F")
    expect(with_script.get_by_role("heading", name="Found", exact=True)).to_be_visible()
    expect(with_script.locator("article.likeness").first).to_contain_text("Shared")
    with_script.locator("#c1 a.when").click()
    expect(with_script.locator("#here")).to_be_visible()


def test_lines_change_in_place_and_their_counts_agree(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/lines?start=2d")
    held = number(with_script.locator("#total").inner_text())
    assert held == shop.http.get("/v1/status").json()["lines"]
    mark_document(with_script)
    with_script.get_by_label("Query", exact=True).fill("level:error")
    with_script.get_by_label("Query", exact=True).press("Enter")
    expect(with_script.locator(".legend li")).to_have_text(["error"])
    found = number(with_script.locator("#total").inner_text())
    assert 0 < found < held
    with_script.get_by_text("As a table").click()
    bars = with_script.locator("figure.histogram tbody td:nth-child(2)").all_inner_texts()
    assert sum(map(number, bars)) == found
    assert is_the_same_document(with_script)


def test_a_facet_s_count_is_the_number_of_lines_that_its_link_finds(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/lines?start=2d")
    with_script.locator("details.facets").evaluate("each => { each.open = true }")
    service = with_script.locator(".facet", has=with_script.get_by_role("heading", name="service")).locator("li").first
    counted = number(service.locator("a.in .number").inner_text())
    service.locator("a.in").click()
    expect(with_script.locator(".filters li")).to_have_count(1)
    expect(with_script.locator("#total")).to_have_text(re.compile(f"^{counted:,} lines$".replace(",", "\u202f")))


def test_pages_of_lines_hold_each_line_once(no_script: Page, shop: Served) -> None:
    no_script.goto(f"{shop.url}/lines?start=2d&query=level:error")
    total, ids = number(no_script.locator("#total").inner_text()), list[str | None]()
    while True:
        ids += no_script.locator("ol.lines a.when").evaluate_all("all => all.map(each => each.getAttribute('href'))")
        if not no_script.locator("a[rel=next]", has_text="lines").count():
            break
        no_script.locator("a[rel=next]", has_text="lines").click()
    assert len(ids) == len(set(ids)) == total


def test_the_patterns_sum_to_the_lines_and_a_count_leads_to_as_many(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/patterns?start=2d")
    held = shop.http.get("/v1/status").json()["lines"]
    expect(with_script.locator("tfoot")).to_contain_text(f"{held:,} lines".replace(",", "\u202f"))
    first = with_script.locator("tbody tr").first.locator("td.number a").first
    counted = number(first.inner_text())
    first.click()
    expect(with_script.locator("#total")).to_have_text(f"{counted:,} lines".replace(",", "\u202f"))


def test_an_incident_s_evidence_leads_to_the_line_in_its_context(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/incidents")
    with_script.locator("article.brief h3 a").first.click()
    expect(with_script.get_by_role("heading", name="How it spread")).to_be_visible()
    with_script.locator("section[aria-labelledby=evidence] a.when").first.click()
    drawer = with_script.locator("#drawer")
    expect(drawer.locator("#here")).to_be_visible()
    before = drawer.locator("ol.lines li").count()
    more = drawer.get_by_role("link", name="More before")
    address = more.get_attribute("href") or ""
    assert int(parse_qs(urlsplit(address).query)["before"][0]) > 0
    more.click()
    expect(more).not_to_have_attribute("href", address)
    assert drawer.locator("ol.lines li").count() >= before


def test_the_status_names_its_store(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/status")
    expect(with_script.get_by_text("✓ Ready")).to_be_visible()
    expect(with_script.get_by_text("elasticsearch store")).to_be_visible()
