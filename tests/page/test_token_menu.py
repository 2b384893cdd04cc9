"""A word of a line, a selection, a level: clicked, they open links that filter by them, by pointer and by keys."""

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.page.query_text import words_term
from index.query import parse
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served

HOSTILE = r"""say "no" to C:\temp\x <b>bold</b> it's 支付超时 and done"""


@pytest.fixture(scope="module")
def filled(shop: Served) -> Served:
    shop.push(
        [
            {"message": HOSTILE, "service": "token", "level": "warn"},
            {"message": "call to db-7:5432 took 12ms status=503, retrying", "service": "token", "level": "error"},
            {"message": "hidden \u202e mark", "service": "token", "level": "error"},
        ]
    )
    return shop


@pytest.fixture
def page(browser: Browser, filled: Served) -> Iterator[Page]:
    with contextlib.closing(browser.new_context(viewport={"width": 1200, "height": 800})) as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{filled.url}/lines?service=token&start=1h")
        mark_document(page)
        yield page
        assert not faults


def message(page: Page, text: str) -> Locator:
    return page.locator(".said-text > .message", has_text=text)


def click_word(page: Page, line: Locator, word: str) -> None:
    """Where the word stands in the line."""
    box = line.evaluate(
        """(each, word) => {
          const walker = document.createTreeWalker(each, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const at = node.nodeValue.indexOf(word);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + word.length);
            const box = range.getBoundingClientRect();
            return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
          }
        }""",
        word,
    )
    page.mouse.click(box["x"], box["y"])


@pytest.mark.parametrize(
    ("clicked", "token"),
    [("db-7", "db-7:5432"), ("12", "12ms"), ("503", "503"), ("call", "call"), ("retry", "retrying")],
)
def test_a_click_chooses_the_word_between_blanks_and_marks(page: Page, clicked: str, token: str) -> None:
    click_word(page, message(page, "call to"), clicked)
    expect(page.locator(".menu-text")).to_have_text(token)


def test_a_word_is_filtered_in_then_another_out_in_place(page: Page) -> None:
    click_word(page, message(page, "call to"), "db-7")
    page.get_by_role("link", name="Only lines with it").click()
    expect(page.locator("#total")).to_have_text("1 lines")
    expect(page.get_by_role("combobox", name="Query")).to_have_value('"db-7:5432"')
    click_word(page, message(page, "call to"), "12ms")
    page.get_by_role("link", name="Only lines without it").click()
    expect(page.locator("#total")).to_have_text("0 lines")
    expect(page.get_by_role("combobox", name="Query")).to_have_value('"db-7:5432" -12ms')
    expect(page.locator("#token-menu")).not_to_be_visible()
    assert is_the_same_document(page)


@pytest.mark.parametrize("text", ['say "no" to', r"C:\temp\x <b>bold</b>", "支付超时", "it's", "and"])
def test_a_selection_is_a_phrase_in_the_language_s_quoting_and_finds_its_line(page: Page, text: str) -> None:
    line = message(page, "bold")
    line.evaluate(
        """(each, text) => {
          const node = each.firstChild;
          const at = node.nodeValue.indexOf(text);
          getSelection().setBaseAndExtent(node, at, node, at + text.length);
        }""",
        text,
    )
    line.locator("xpath=ancestor::li").locator("a.when").focus()
    page.keyboard.press("f")
    expect(page.locator("#total")).to_have_text("1 lines")
    expect(page.get_by_role("combobox", name="Query")).to_have_value(words_term(text))
    expect(message(page, "bold")).to_be_visible()


@pytest.mark.parametrize("text", ["word", "two words", 'a "b"', "\\", "or", "-x", "a:b", "{x}", "(", "支付"])
def test_any_text_becomes_one_term(text: str) -> None:
    parse(words_term(text))
    parse(f"x {words_term(text)} y")


def test_a_level_and_the_pattern_are_filtered_by_too(page: Page) -> None:
    page.locator(".line .level", has_text="warn").click()
    page.get_by_role("link", name="Only level warn").click()
    expect(page.locator("#total")).to_have_text("1 lines")
    page.go_back()
    expect(page.locator("#total")).to_have_text("3 lines")
    click_word(page, message(page, "call to"), "call")
    page.get_by_role("link", name="Not this pattern").click()
    expect(page.locator("#total")).to_have_text("2 lines")
    click_word(page, message(page, "bold"), "done")
    page.get_by_role("link", name="Not service token").click()
    expect(page.locator("#total")).to_have_text("0 lines")


def test_words_are_chosen_by_keys_and_the_focus_returns(page: Page) -> None:
    link = page.locator(".line", has_text="call to").locator("a.when")
    link.focus()
    page.keyboard.press("w")
    expect(page.locator(".menu-text")).to_have_text("call")
    expect(page.get_by_role("link", name="Only lines with it")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".menu-text")).to_have_text("to")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".menu-text")).to_have_text("db-7:5432")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Only lines without it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#token-menu")).not_to_be_visible()
    expect(link).to_be_focused()


def test_the_menu_copies_the_word_as_it_is(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    click_word(page, message(page, "bold"), "temp")
    page.get_by_role("button", name="Copy it").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == r"C:\temp\x"


def test_hostile_text_stays_text_in_the_menu(page: Page) -> None:
    line = message(page, "bold")
    line.evaluate("each => getSelection().selectAllChildren(each)")
    line.dispatch_event("click")
    expect(page.locator(".menu-text")).to_have_text(HOSTILE)
    assert page.locator("#token-menu b").count() == 0


def test_marks_of_characters_that_no_line_shows_are_no_words(page: Page) -> None:
    line = message(page, "hidden")
    line.locator(".mark").click()
    click_word(page, line, "hidden")
    expect(page.locator(".menu-text")).to_have_text("hidden")


def test_a_word_in_the_drawer_filters_the_list_behind_it(page: Page) -> None:
    page.locator(".line", has_text="call to").locator("a.when").click()
    click_word(page, page.locator("#drawer .one > .message"), "retrying")
    page.get_by_role("link", name="Only lines with it").click()
    expect(page.locator("#drawer")).not_to_be_visible()
    expect(page.locator("#total")).to_have_text("1 lines")


def test_a_server_that_is_away_is_told(page: Page) -> None:
    page.context.set_offline(True)
    click_word(page, message(page, "call to"), "call")
    expect(page.locator("#notice")).to_contain_text("cannot be reached")


def test_it_is_one_and_outlives_the_drawer_that_it_was_opened_in(page: Page) -> None:
    for way in ("Escape", "Close"):
        message(page, "call to").locator("xpath=ancestor::li").locator("a.when").click()
        expect(page.locator("#drawer .one .message")).to_be_visible()
        assert page.locator("[id='token-menu']").count() == 1
        click_word(page, page.locator("#drawer .one .message"), "503")
        expect(page.locator("#drawer #token-menu .menu-text")).to_have_text("503")
        if way == "Escape":
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")
        else:
            page.locator("#drawer").get_by_role("button", name="Close").dispatch_event("click")
        expect(page.locator("#drawer")).not_to_be_visible()
        expect(page.locator("body > #token-menu")).to_have_count(1)
        expect(page.locator("#token-menu")).not_to_be_visible()
    click_word(page, message(page, "call to"), "503")
    expect(page.locator(".menu-text")).to_have_text("503")
