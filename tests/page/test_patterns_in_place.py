"""The screens of patterns and incidents where their modules run: they change, and are changed, in place."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served


@pytest.fixture
def patterns(with_script: Page, shop: Served) -> Page:
    """The list, with a mark that is gone when the page is loaded anew."""
    return opened(with_script, f"{shop.url}/patterns?start=2d")


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    mark_document(page)
    return page


def grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def pushed(shop: Served, service: str, messages: list[str]) -> list[str]:
    """The ids of the patterns of these messages, those with more lines first."""
    lines = [
        {"message": message, "service": service}
        for number, message in enumerate(messages)
        for _ in range(2 * len(messages) - number)
    ]
    shop.push(lines)
    found = shop.http.get("/v1/patterns", params={"service": service}).json()["patterns"]
    assert len(found) == len(messages)
    return [each["pattern_id"] for each in found]


def test_a_filter_an_order_and_back_change_the_list_in_place(patterns: Page) -> None:
    whole = patterns.locator("tfoot").text_content() or ""
    box = patterns.get_by_label("Query", exact=True)
    box.fill("level:error")
    box.press("Enter")
    expect(patterns.locator("tfoot")).not_to_have_text(whole)
    assert set(patterns.locator("td.what p .level").all_inner_texts()) == {"ERROR"}
    patterns.get_by_role("link", name="Rarest").click()
    expect(patterns.locator(".choices [aria-current]", has_text="Rarest")).to_be_visible()
    assert box.input_value() == "level:error"
    assert "order=rare" in patterns.url
    patterns.go_back()
    patterns.go_back()
    expect(patterns.locator("tfoot")).to_have_text(whole)
    expect(box).to_have_value("")
    assert is_the_same_document(patterns)


def test_whoever_works_by_keyboard_stays_on_the_link_that_was_followed(patterns: Page) -> None:
    patterns.get_by_role("link", name="Muted", exact=True).focus()
    patterns.keyboard.press("Enter")
    expect(patterns.locator(".choices [aria-current]", has_text="Muted")).to_be_focused()


def test_the_biggest_change_comes_first_on_pages_that_hold_each_pattern_once(patterns: Page, shop: Served) -> None:
    shop.push([{"message": "volcano erupts", "service": "change"} for _ in range(3000)])
    patterns.get_by_role("link", name="Biggest change").click()
    expect(patterns.locator("tbody tr").first.locator(".template")).to_have_text("volcano erupts")
    names, pages = patterns.locator(".choose input").evaluate_all("all => all.map(each => each.value)"), 1
    while patterns.get_by_role("link", name="More patterns").count():
        patterns.get_by_role("link", name="More patterns").click()
        expect(patterns.locator(f".choose input[value='{names[-1]}']")).to_have_count(0)
        names += patterns.locator(".choose input").evaluate_all("all => all.map(each => each.value)")
        pages += 1
    assert pages > 1
    in_window = shop.http.get("/v1/patterns", params={"start": "2d"}).json()["patterns"]
    assert len(names) == len(set(names)) == len(in_window)
    assert is_the_same_document(patterns)


def test_chosen_patterns_are_merged_muted_and_split_and_the_sum_stays(with_script: Page, shop: Served) -> None:
    ids = pushed(shop, "choosing", ["grey heron waits", "dark otter swims", "small beetle"])
    page = opened(with_script, f"{shop.url}/patterns?service=choosing")
    total = "sum to all 15 lines"
    expect(page.locator("tfoot")).to_contain_text(f"The 3 patterns {total}")
    expect(page.locator("form.chosen")).to_be_hidden()
    choose(page, ids[:2])
    assert page.evaluate("getComputedStyle(document.querySelector('.chosen-count'), '::before').content") != "none"
    page.get_by_role("button", name="Merge into the first").click()
    expect(page.locator(".said")).to_have_text("The patterns are one now.")
    expect(page.locator(".said")).to_be_focused()
    expect(page.locator("tfoot")).to_contain_text(f"The 2 patterns {total}")
    choose(page, [ids[0], ids[2]])
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.locator("tr.muted")).to_have_count(2)
    expect(page.locator("tfoot")).to_contain_text(f"The 2 patterns {total}")
    choose(page, [ids[0]])
    page.get_by_role("button", name="Split").click()
    expect(page.locator("tfoot")).to_contain_text(f"The 3 patterns {total}")
    assert is_the_same_document(page)


def choose(page: Page, ids: list[str]) -> None:
    for each in ids:
        page.locator(f".choose input[value='{each}']").check()


def test_one_that_is_chosen_gets_a_name_and_two_cannot_have_one(with_script: Page, shop: Served) -> None:
    ids = pushed(shop, "naming", ["green lantern hums", "wooden clock ticks"])
    page = opened(with_script, f"{shop.url}/patterns?service=naming")
    choose(page, ids)
    page.get_by_placeholder("New name").fill("Humming")
    page.get_by_placeholder("New name").press("Enter")
    expect(page.locator("#notice")).to_contain_text("2 patterns are chosen")
    page.locator(f".choose input[value='{ids[1]}']").uncheck()
    page.get_by_placeholder("New name").press("Enter")
    expect(page.locator(".template", has_text="Humming")).to_have_count(1)
    expect(page.locator("#notice")).to_be_empty()
    assert is_the_same_document(page)


def test_one_pattern_s_own_screen_is_changed_in_place_and_a_merged_one_leads_on(
    with_script: Page, shop: Served
) -> None:
    one, other = pushed(shop, "owning", ["brass trumpet sounds", "paper lantern glows"])
    page = opened(with_script, f"{shop.url}/patterns/{other}")
    page.get_by_label("New name").fill("Lanterns")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lanterns")
    expect(page).to_have_title("Lanterns · Dejalog")
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    page.get_by_label("Merge into").fill("0123456789abcdef")
    page.get_by_role("button", name="Merge").click()
    expect(page.locator("#notice")).not_to_be_empty()
    assert is_the_same_document(page)
    page.get_by_label("Merge into").fill(one)
    page.get_by_role("button", name="Merge").click()
    expect(page).to_have_url(re.compile(f"/patterns/{one}"))
    expect(page.locator(".facts b").first).to_have_text("7")


def test_an_edit_that_the_server_never_got_can_be_sent_again(with_script: Page, shop: Served) -> None:
    ids = pushed(shop, "losing", ["silver needle drops"])
    page = opened(with_script, f"{shop.url}/patterns/{ids[0]}")
    page.context.set_offline(True)
    page.get_by_role("button", name="Mute").click()
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()


def test_chosen_patterns_are_changed_without_any_script(no_script: Page, shop: Served) -> None:
    ids = pushed(shop, "plain", ["iron kettle boils", "tall ladder stands"])
    no_script.goto(f"{shop.url}/patterns?service=plain&order=rare")
    choose(no_script, ids)
    no_script.get_by_role("button", name="Merge into the first").click()
    expect(no_script.get_by_role("status")).to_have_text("The patterns are one now.")
    expect(no_script.locator("tfoot")).to_contain_text("The 1 patterns sum to all 7 lines")
    assert "service=plain&order=rare" in no_script.url
    choose(no_script, ids[1:])
    no_script.get_by_role("button", name="Merge into the first").click()
    expect(no_script.get_by_role("alert")).to_contain_text("merging needs two or more")


def test_rows_of_every_state_sum_to_the_lines_whatever_is_muted(patterns: Page, shop: Served) -> None:
    muted = shop.http.get("/v1/patterns").json()["patterns"][3]["pattern_id"]
    assert shop.http.post(f"/v1/patterns/{muted}/edits", json={"action": "mute"}).status_code == 201
    sums, held = {}, shop.http.get("/v1/status").json()["lines"]
    for state in ("", "active", "muted"):
        patterns.goto(f"{shop.url}/patterns?state={state}")
        sums[state] = sum(counts_of_all_pages(patterns))
        expect(patterns.locator("tfoot")).to_contain_text(f"{grouped(held)} lines")
    assert sums["muted"] > 0
    assert sums["active"] + sums["muted"] == sums[""] == held
    shop.http.post(f"/v1/patterns/{muted}/edits", json={"action": "unmute"})


def counts_of_all_pages(page: Page) -> list[int]:
    """Of each row, page after page."""
    found: list[int] = []
    while True:
        cells = page.locator("tbody td.number:nth-child(2)").all_inner_texts()
        found += [int("".join(filter(str.isdigit, each))) for each in cells]
        following = page.get_by_role("link", name="More patterns")
        if not following.count():
            return found
        page.goto(str(following.evaluate("each => each.href")))


def test_the_current_rate_leads_to_the_lines_that_it_counts(patterns: Page) -> None:
    row = patterns.locator("tbody tr", has=patterns.locator("td.rate a")).first
    rate = float(row.locator("td.rate a").inner_text().replace("\u202f", ""))
    row.locator("td.rate a").click()
    total = patterns.locator("#total").inner_text()
    # A twelfth of two days; the ledger counts by minutes, the lines by nanoseconds.
    assert float("".join(filter(str.isdigit, total))) / 4 == pytest.approx(rate, rel=0.1, abs=2)


def test_incidents_change_in_place(with_script: Page, shop: Served) -> None:
    page = opened(with_script, f"{shop.url}/incidents")
    every = shop.http.get("/v1/incidents").json()["incidents"]
    critical = [each for each in every if each["severity"] == "critical"]
    page.get_by_role("link", name="critical", exact=True).click()
    expect(page.locator("article.brief")).to_have_count(len(critical))
    box = page.get_by_role("searchbox")
    box.fill("zebra")
    box.press("Enter")
    expect(page.locator(".empty")).to_contain_text("No incident matches")
    page.go_back()
    page.go_back()
    expect(page.locator("article.brief")).to_have_count(len(every))
    assert is_the_same_document(page)
