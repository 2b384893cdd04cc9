"""The histogram of the screen of lines: windows chosen with pointer and keys, in a browser whose modules run."""

import itertools
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served, served

DAY_S = 86_400
QUIET_DAY = 9
SPIKE_DAY = 4


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Fourteen days that ended at midnight: three lines an hour, 4,000 in one of them, and a day of nothing."""
    with served(tmp_path_factory.mktemp("fortnight") / "data") as server:
        start_s = first_day()
        lines: list[dict[str, object]] = []
        for hour in range(14 * 24):
            if hour // 24 == QUIET_DAY:
                continue
            many = 4_000 if hour == SPIKE_DAY * 24 else 3
            for number in range(many):
                level = "error" if number == 0 else "warn" if number == 1 else "info"
                at = start_s + hour * 3600 + number % 3600
                lines.append({"time": at * 10**9, "service": "shop", "level": level, "message": f"line {number}"})
        server.push(lines)
        yield server


def first_day() -> int:
    return (int(time.time()) // DAY_S - 14) * DAY_S


def days(start: float, end: float) -> str:
    """The address of the days from one to another."""
    return f"/lines?start={int(first_day() + start * DAY_S)}&end={int(first_day() + end * DAY_S)}"


@pytest.fixture
def lines(with_script: Page, fortnight: Served) -> Page:
    with_script.goto(fortnight.url + days(0, 14))
    mark_document(with_script)
    return with_script


def chart(page: Page) -> Locator:
    return page.get_by_role("slider", name="Lines over time")


def drag(page: Page, start: float, end: float) -> None:
    """From one share of the width to another, without letting go."""
    box = chart(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (start + end) / 2, box["y"] + 30, steps=3)
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 40, steps=3)


def total(page: Page) -> int:
    return int("".join(filter(str.isdigit, page.locator("#total").inner_text())))


def window(page: Page) -> tuple[str, str]:
    found = dict(re.findall(r"[?&](start|end)=([^&]*)", page.url.replace("%3A", ":")))
    return found["start"], found["end"]


def test_a_drag_chooses_whole_bars_says_which_and_shows_their_lines_in_place(lines: Page) -> None:
    drag(lines, 5.5 / 14, 7.5 / 14)
    tip = lines.locator(".chart .tip")
    expect(tip).to_contain_text(re.compile(r"^20\d\d-\d\d-\d\d \d\d:00:00 to 20\d\d-\d\d-\d\d \d\d:00:00, \d d"))
    said = re.findall(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", tip.inner_text())
    lines.mouse.up()
    expect(lines.locator(".facts time").first).to_have_text(said[0])
    assert [each[:19].replace("T", " ") for each in window(lines)] == said
    assert is_the_same_document(lines)
    bars = lines.locator(".histogram tbody td:nth-child(2)")
    expect(lines.locator(".axis time").first).to_have_text(said[0])
    assert sum(int(each) for each in bars.all_text_contents()) == total(lines)


def test_a_drag_can_choose_where_there_is_nothing(lines: Page) -> None:
    drag(lines, (QUIET_DAY + 0.2) / 14, (QUIET_DAY + 0.6) / 14)
    lines.mouse.up()
    expect(lines.get_by_text("No line matches")).to_be_visible()


def test_escape_ends_a_drag_and_nothing_changes(lines: Page) -> None:
    address = lines.url
    drag(lines, 0.2, 0.6)
    expect(lines.locator(".chart .band")).to_be_visible()
    lines.keyboard.press("Escape")
    expect(lines.locator(".chart .band")).to_be_hidden()
    lines.mouse.up()
    assert lines.url == address


def test_a_click_on_a_bar_shows_its_lines(lines: Page) -> None:
    bar = lines.locator(".chart svg a").nth(2)
    link = bar.get_attribute("href")
    box = bar.locator(".hit").bounding_box()
    assert box is not None
    lines.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(lines).to_have_url(re.compile(re.escape(link or "none")))
    assert is_the_same_document(lines)


def test_what_is_under_the_pointer_is_told_with_its_levels(lines: Page) -> None:
    box = chart(lines).bounding_box()
    assert box is not None
    lines.mouse.move(box["x"] + 30, box["y"] + 50)
    expect(lines.locator(".chart .tip")).to_have_text(
        re.compile(r"^20\d\d-\d\d-\d\d \d\d:00:00: 9 lines, error 3, warn 3, info 3$")
    )
    lines.mouse.move(0, 0)
    expect(lines.locator(".chart .tip")).to_be_hidden()


def test_keys_walk_over_the_bars_zoom_in_and_out_again(lines: Page) -> None:
    chart(lines).focus()
    lines.keyboard.press("Home")
    expect(chart(lines)).to_have_attribute("aria-valuetext", re.compile(r"00:00:00: 9 lines, error 3, warn 3, info 3"))
    expect(lines.locator(".chart .tip")).to_be_visible()
    lines.keyboard.press("ArrowRight")
    expect(chart(lines)).to_have_attribute("aria-valuetext", re.compile(r"03:00:00: 9 lines"))
    lines.keyboard.press("Shift+ArrowRight")
    expect(chart(lines)).to_have_attribute("aria-valuetext", re.compile(r"03:00:00 to .* 09:00:00, 6 h"))
    lines.keyboard.press("Enter")
    expect(lines.locator("#total")).to_have_text("18 lines")
    # The rows tell the total; until they are counted over time, the older bars take no keys.
    expect(lines.locator('[data-part="histogram"]')).not_to_have_attribute("aria-busy", "true")
    expect(chart(lines)).to_be_focused()
    lines.keyboard.press("-")
    expect(lines.locator("#total")).not_to_have_text("18 lines")
    expect(chart(lines)).to_be_focused()
    assert window(lines)[0] < window(lines)[1]


def test_a_bucket_without_lines_is_told_as_empty(lines: Page) -> None:
    chart(lines).focus()
    lines.keyboard.press("End")
    for _ in range((14 - QUIET_DAY) * 8 - 4):
        lines.keyboard.press("ArrowLeft")
    expect(chart(lines)).to_have_attribute("aria-valuetext", re.compile(r": 0 lines$"))


def test_a_finger_chooses_a_window_on_a_narrow_screen(browser_phone: Page, fortnight: Served) -> None:
    page = browser_phone
    page.goto(fortnight.url + days(0, 14))
    address = page.url
    box = chart(page).bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 380
    touch = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.2), ("touchMove", 0.3), ("touchMove", 0.5)):
        points = [{"x": box["x"] + box["width"] * share, "y": box["y"] + 40}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    tip = page.locator(".chart .tip").bounding_box()
    assert tip is not None
    assert box["x"] <= tip["x"]
    assert tip["x"] + tip["width"] <= 380
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page).not_to_have_url(address)
    expect(page.locator(".facts time").first).not_to_have_text(address)


@pytest.fixture
def browser_phone(browser: object) -> Iterator[Page]:
    """A narrow page of a device with a touch screen."""
    context = browser.new_context(viewport={"width": 380, "height": 820}, has_touch=True)  # type: ignore[attr-defined]
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("size", [(1440, 1000), (380, 820)], ids=["wide", "narrow"])
def test_the_smallest_bar_beside_a_spike_can_be_seen(
    fortnight: Served, with_script: Page, size: tuple[int, int]
) -> None:
    with_script.set_viewport_size({"width": size[0], "height": size[1]})
    with_script.goto(fortnight.url + days(0, 14))
    boxes = with_script.locator(".chart .fill").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect()).map(({x, y, width, height}) => [x, y, width, height])"
    )
    assert len(boxes) > 300
    assert min(height for _, _, _, height in boxes) >= 1
    assert min(width for _, _, width, _ in boxes) >= 1
    columns: dict[float, list[tuple[float, float]]] = {}
    for x, y, _, height in boxes:
        columns.setdefault(x, []).append((y, y + height))
    for parts in columns.values():
        ordered = sorted(parts)
        for (_, below), (above, _) in itertools.pairwise(ordered):
            assert below <= above + 0.1, "no part covers another"


def test_a_window_in_the_future_is_empty_and_leads_back(fortnight: Served, with_script: Page) -> None:
    with_script.goto(f"{fortnight.url}/lines?start=2099-01-01&end=2099-01-02")
    expect(with_script.get_by_text("No lines in this window")).to_be_visible()
    with_script.get_by_role("link", name="Show the newest lines there are").click()
    expect(with_script.locator("ol.lines li").first).to_be_visible()
    expect(chart(with_script)).to_be_visible()


def test_the_links_of_the_export_carry_what_is_shown(fortnight: Served, with_script: Page) -> None:
    with_script.goto(fortnight.url + days(0, 2) + "&query=line&level=error&level=warn&order=oldest")
    shown = total(with_script)
    with_script.get_by_text("More", exact=True).click()
    for name, form in (("Export NDJSON", "ndjson"), ("Export CSV", "csv")):
        with with_script.expect_download() as waiting:
            with_script.get_by_role("link", name=name).click()
        assert waiting.value.suggested_filename.endswith(f".{form}")
        saved = waiting.value.path().read_text(encoding="utf-8").splitlines()
        assert len(saved) == shown + (form == "csv")
