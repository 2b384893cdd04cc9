"""Keys of one letter: what each does, when none does anything, and how they are turned off."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Open
from tests.page.shop import Served


@pytest.fixture
def lines(with_script: Page, shop: Served) -> Page:
    with_script.goto(f"{shop.url}/lines?start=2d")
    return with_script


def links(page: Page) -> list[str]:
    found: list[str] = page.locator("a.when").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    return found


def test_j_and_k_move_over_lines_and_enter_opens(lines: Page) -> None:
    for key, number in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        lines.keyboard.press(key)
        expect(lines.locator("a.when").nth(number)).to_be_focused()
    lines.keyboard.press("Enter")
    expect(lines.locator("#drawer .one")).to_be_visible()
    assert lines.url.endswith(f"&line={links(lines)[1].removeprefix('/lines/')}")


@pytest.mark.parametrize(
    ("path", "link"),
    [("/patterns", ".what a"), ("/incidents", ".brief h3 a"), ("/?q=service+avalanche", ".citations a.when")],
)
def test_j_moves_on_every_screen_of_rows(with_script: Page, shop: Served, path: str, link: str) -> None:
    with_script.goto(shop.url + path)
    with_script.locator(":focus").evaluate_all("all => all.forEach(each => each.blur())")
    with_script.locator(link).first.wait_for()
    for _ in range(30):
        with_script.keyboard.press("j")
        if with_script.locator(f"{link}:focus").count():
            break
    expect(with_script.locator(f"{link}:focus")).to_have_count(1)


def test_j_moves_on_from_a_row_whose_box_was_ticked(with_script: Page, shop: Served) -> None:
    with_script.goto(f"{shop.url}/patterns")
    with_script.locator(".choose input").nth(1).check()
    with_script.keyboard.press("j")
    expect(with_script.locator("tbody tr").nth(2).locator(".what a")).to_be_focused()


def test_the_slash_goes_to_the_query_and_keys_are_text_there(lines: Page) -> None:
    lines.keyboard.press("/")
    box = lines.get_by_role("combobox", name="Query")
    expect(box).to_be_focused()
    lines.keyboard.type("jkfx?/")
    expect(box).to_have_value("jkfx?/")
    lines.keyboard.press("Escape")
    lines.keyboard.press("Escape")
    lines.keyboard.press("j")
    expect(lines.locator("a.when").first).to_be_focused()


def test_c_shows_the_context_of_the_line(lines: Page) -> None:
    lines.keyboard.press("j")
    lines.keyboard.press("c")
    expect(lines.locator("#drawer #context")).to_be_focused()
    expect(lines.locator("#drawer #context")).to_be_in_viewport()


def test_f_and_x_filter_by_the_line_s_pattern(lines: Page) -> None:
    pattern = lines.locator("ol.lines .line").first.get_attribute("data-pattern")
    lines.keyboard.press("j")
    lines.keyboard.press("x")
    box = lines.get_by_role("combobox", name="Query")
    expect(box).to_have_value(f"-pattern_id:{pattern}")
    expect(lines.locator(f".line[data-pattern='{pattern}']")).to_have_count(0)
    other = lines.locator("ol.lines .line").first.get_attribute("data-pattern")
    lines.keyboard.press("j")
    lines.keyboard.press("f")
    expect(box).to_have_value(f"-pattern_id:{pattern} pattern_id:{other}")


def test_t_presses_the_button_of_the_tail(lines: Page) -> None:
    lines.evaluate(
        """() => {
          document.addEventListener("click", ({ target }) => {
            if (target.matches("[data-action='live'], [data-action='pause']")) document.body.dataset.pressed = "yes";
          });
          const button = document.createElement("button");
          button.dataset.action = "live";
          document.querySelector("main").append(button);
        }"""
    )
    lines.keyboard.press("t")
    expect(lines.locator("body[data-pressed]")).to_be_attached()


def test_the_help_sheet_opens_by_key_and_link_and_closes_by_escape(lines: Page) -> None:
    sheet = lines.get_by_role("dialog", name="Keyboard")
    lines.keyboard.press("?")
    expect(sheet).to_be_visible()
    for key in ("/", "j", "k", "Enter", "c", "f", "x", "t", "?"):
        expect(sheet.locator("kbd", has_text=key).first).to_be_visible()
    lines.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    lines.get_by_role("link", name="Keyboard").click()
    expect(sheet).to_be_visible()
    assert "#" not in lines.url


def test_keys_can_be_turned_off_and_that_is_remembered(lines: Page) -> None:
    lines.keyboard.press("?")
    lines.get_by_label("Keys of one letter are on").uncheck()
    lines.get_by_role("button", name="Close").click()
    lines.reload()
    lines.keyboard.press("j")
    lines.keyboard.press("?")
    expect(lines.get_by_role("dialog")).to_have_count(0)
    assert lines.evaluate("document.activeElement === document.body")
    lines.get_by_role("link", name="Keyboard").click()
    lines.get_by_label("Keys of one letter are on").check()
    lines.get_by_role("button", name="Close").click()
    lines.keyboard.press("?")
    expect(lines.get_by_role("dialog", name="Keyboard")).to_be_visible()


@pytest.mark.parametrize("keys", ["Control+j", "Alt+j", "Meta+j"])
def test_keys_with_modifiers_are_the_browser_s(lines: Page, keys: str) -> None:
    lines.keyboard.press(keys)
    expect(lines.locator("a.when:focus")).to_have_count(0)


def test_without_javascript_the_sheet_is_a_section(visit: Open) -> None:
    page = visit("/lines?start=2d")
    expect(page.locator("#keys")).not_to_be_visible()
    page.get_by_role("link", name="Keyboard").click()
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    expect(page.get_by_label("Keys of one letter are on")).not_to_be_visible()
