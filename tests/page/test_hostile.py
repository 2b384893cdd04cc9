"""Lines that try to break out of the page, in a browser that would run what they bring."""

import contextlib

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.page.shop import Served

SERVICE = "hostile<b>"
MESSAGES = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "quotes": "\"'><svg onload=alert(3)> {{ 7*7 }} {% raw %}",
    "right to left": "delete \u202eelif\u2066 the\u200f index\u2069",
    "controls": "bell\x07 null-ish\x01 back\x08 delete\x7f",
    "ansi": "\x1b[31mred\x1b[0m \x1b]8;;javascript:alert(4)\x07link\x1b]8;;\x07 \x1b[2J\x1b[999Cfar",
    "ansi bomb": "\x1b[1m\x1b[31m" * 20_000 + "end",
    "long": "x" * 10_000,
    "wide": "一" * 10_000,
    "trace": "boom\n" + "\n".join(f"    at com.example.Class{number}.run(Class.java:{number})" for number in range(80)),
}


@pytest.fixture(scope="module")
def hostile(shop: Served) -> Served:
    shop.push([{"message": text, "service": SERVICE, "<i>": {"a b": text[:300]}} for text in MESSAGES.values()])
    return shop


@pytest.fixture
def scripted(browser: Browser) -> object:
    """A page in which JavaScript runs; a dialog fails the test."""
    with contextlib.closing(browser.new_context(viewport={"width": 380, "height": 800})) as context:
        page = context.new_page()
        page.on("dialog", _refuse)
        yield page


def _refuse(dialog: Dialog) -> None:
    dialog.dismiss()
    pytest.fail(f"a line opened a dialog: {dialog.message}")


def test_no_line_becomes_markup_or_widens_the_page(scripted: Page, hostile: Served) -> None:
    scripted.goto(f'{hostile.url}/lines?query=service:"{SERVICE}"&start=1h')
    assert scripted.locator("ol.lines li").count() == len(MESSAGES)
    scripted.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    assert scripted.locator("main script, main img, main b:not(.figures b)").count() == 0
    assert scripted.evaluate("document.documentElement.scrollWidth") == 380
    assert "<script>alert(1)</script>" in scripted.locator("ol.lines").inner_text()
    assert "{{ 7*7 }}" in scripted.locator("ol.lines").inner_text()


def test_invisible_and_turning_characters_are_visible_marks(scripted: Page, hostile: Served) -> None:
    scripted.goto(f"{hostile.url}/lines?query=delete+index&start=1h")
    shown = scripted.locator("ol.lines").inner_text()
    assert "[U+202E]" in shown
    assert not set("\u202e\u2066\u2069\u200f") & set(scripted.content())


def test_colours_are_classes_and_other_escapes_are_gone(scripted: Page, hostile: Served) -> None:
    scripted.goto(f"{hostile.url}/lines?query=javascript&start=1h")
    assert scripted.locator(".said-text > .message .ansi-red").inner_text() == "red"
    assert scripted.locator(".said-text > .message").first.inner_text() == "red link far"
    assert scripted.locator("a[href^=javascript]").count() == 0


def test_a_stack_trace_and_a_long_line_are_folded_and_whole(scripted: Page, hostile: Served) -> None:
    scripted.goto(f"{hostile.url}/lines?query=boom&start=1h")
    row = scripted.locator("ol.lines li").first
    assert row.locator(".said-text > .fold summary").inner_text() == "78 more lines"
    row.locator(".said-text > .fold summary").click()
    assert "Class79.run" in row.inner_text()
    scripted.goto(f'{hostile.url}/lines?query=x*+service:"{SERVICE}"&start=1h')
    folded = scripted.locator("ol.lines li", has_text="9\u202f400 more characters").first
    folded.locator(".said-text > .fold > summary").click()
    shown = folded.locator(".said-text > bdi, .said-text > .fold > bdi")
    assert "".join(shown.evaluate_all("all => all.map(each => each.textContent)")).count("x") >= 10_000


def test_a_json_message_unfolds_without_javascript_too(no_script: Page, shop: Served) -> None:
    shop.push([{"message": '{"user":{"id":7},"note":"<b>bold</b>"}', "service": "says-json"}])
    no_script.goto(f"{shop.url}/lines?service=says-json&start=1h")
    row = no_script.locator("ol.lines li")
    expect(row.locator(".json .message")).to_be_hidden()
    row.get_by_text("JSON, 6 lines").click()
    expect(row.locator(".json .message")).to_be_visible()
    assert row.locator(".json .message").inner_text().split("\n")[1:3] == ['  "user": {', '    "id": 7']
    assert row.locator("b").count() == 0


def test_lines_made_to_burst_the_page_leave_it_small(shop: Served) -> None:
    fields = {f"field {number}": "é" * 480 for number in range(200)}
    shop.push([{"message": "\x01\x02" * 100_000, "service": "bomb", **fields} for _ in range(10)])
    found = shop.http.get("/lines", params={"service": "bomb", "start": "1h"})
    assert found.status_code == 200
    assert found.text.count('class="line ') == 10
    assert len(found.content) < 3_000_000
    for params in ({"service": ["a" * 100] * 400}, {"level": ["unknown"] * 400}):
        assert shop.http.get("/lines", params=params).status_code == 400


def test_services_with_odd_names_lead_to_the_lines_that_were_counted(shop: Served, scripted: Page) -> None:
    for service in ("odd,name", " odd lead"):
        shop.push([{"message": "an odd one", "service": service}])
        scripted.goto(f"{shop.url}/lines?query=odd&start=1h")
        scripted.locator("ol.lines a.service", has_text=service.strip()).first.click()
        expect(scripted.locator("ol.lines li")).to_have_count(1)
