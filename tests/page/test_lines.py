"""The screens of lines, in a browser without JavaScript."""

from playwright.sync_api import Page, expect

from tests.page.conftest import Open
from tests.page.shop import Served


def total(page: Page) -> int:
    return int("".join(char for char in page.locator("#total").inner_text() if char.isdigit()))


def test_a_search_shows_total_histogram_facets_and_lines(visit: Open) -> None:
    page = visit("/lines?start=2d")
    page.get_by_role("searchbox").fill("level:error")
    page.get_by_role("button", name="Search").click()
    assert "start=2d" in page.url
    assert page.locator("ol.lines li").count() == 100
    assert set(page.locator("ol.lines .level").all_inner_texts()) == {"ERROR"}
    assert page.locator(".histogram svg a").count() > 10


def test_the_histogram_s_bars_sum_to_the_total_and_each_zooms_to_its_lines(visit: Open) -> None:
    page = visit("/lines?start=2d")
    whole = total(page)
    page.locator(".histogram summary").click()
    rows = page.locator(".histogram tbody tr")
    counts = [int("".join(filter(str.isdigit, each))) for each in rows.locator("td:nth-child(2)").all_inner_texts()]
    assert sum(counts) == whole
    rows.nth(3).get_by_role("link").click()
    assert total(page) == counts[3]


def test_windows_move_and_widen_by_links(visit: Open) -> None:
    page = visit("/lines?start=6h")
    page.get_by_role("link", name="Wider").click()
    wide = total(page)
    page.get_by_role("link", name="← Earlier").click()
    page.get_by_role("link", name="Later →").click()
    assert total(page) == wide
    page.get_by_role("link", name="24 hours").click()
    assert "start=24h" in page.url


def test_a_facet_s_count_is_what_its_link_shows_and_it_can_be_taken_out_again(visit: Open) -> None:
    page = visit("/lines?start=2d&level=error")
    whole = total(page)
    page.locator(".facets > summary").dispatch_event("click")
    first = page.locator(".facet", has_text="service").locator("li").first
    counted = int("".join(filter(str.isdigit, first.locator(".number").inner_text())))
    inside, outside = (first.locator(f"a.{name}").get_attribute("href") for name in ("in", "out"))
    assert inside is not None
    assert outside is not None
    visit(inside)
    assert total(page) == counted
    page.locator(".filters a").first.click()
    assert total(page) == whole
    visit(outside)
    assert total(page) == whole - counted


def test_pages_follow_each_other_without_a_repeat_and_lead_back(visit: Open) -> None:
    page = visit("/lines?start=2001-01-01&order=oldest")
    first = page.locator("a.when").evaluate_all("all => all.map(each => each.href)")
    page.get_by_role("link", name="Next 100 lines").click()
    second = page.locator("a.when").evaluate_all("all => all.map(each => each.href)")
    assert len(second) == 100
    assert not set(first) & set(second)
    page.get_by_role("link", name="First page").click()
    assert page.locator("a.when").evaluate_all("all => all.map(each => each.href)") == first


def test_a_query_that_does_not_parse_shows_where_and_keeps_the_text(no_script: Page, shop: Served) -> None:
    query = "level:(error AND"
    reply = no_script.goto(f"{shop.url}/lines?query={query}")
    assert reply is not None
    assert reply.status == 400
    assert no_script.get_by_role("searchbox").input_value() == query
    told = shop.http.get("/v1/search", params={"query": query}).json()["error"]
    before = no_script.locator(".fault code").inner_text().split("\xa0")[0]
    assert len(before) == told["position"]
    expect(no_script.get_by_role("alert")).to_contain_text(told["message"])


def test_a_window_without_lines_leads_to_the_newest_there_are(visit: Open) -> None:
    page = visit("/lines?start=2001-01-01&end=2001-01-02")
    expect(page.get_by_text("No line matches")).to_be_visible()
    page.get_by_role("link", name="Show the newest lines").click()
    assert page.locator("ol.lines li").count() > 0


def test_a_line_s_page_shows_fields_context_pattern_and_goes_on_in_both_directions(visit: Open, shop: Served) -> None:
    found = shop.http.get("/v1/search", params={"query": "level:error", "start": "2d", "order": "newest"}).json()
    line = found["lines"][50]
    page = visit(f"/lines/{line['id']}")
    assert page.locator("#here a.when").get_attribute("href") == f"/lines/{line['id']}"
    near = page.locator("ol.lines li").count()
    page.get_by_role("link", name="More before").click()
    assert page.locator("ol.lines li").count() > near
    page.locator("dt", has_text="service").locator("..").get_by_role("link", name="Only this service").click()
    assert set(page.locator("ol.lines .service").all_inner_texts()) == {line["service"]}
    visit(f"/lines/{line['id']}")
    page.locator("#pattern + p a").click()
    assert page.url.endswith(f"/patterns/{line['pattern_id']}")


def test_an_attribute_filters_its_value_in_and_out(visit: Open, shop: Served) -> None:
    shop.push(
        [
            {"message": "attribute one", "service": "attributes", "order": {"id": 'a "b" c'}},
            {"message": "attribute two", "service": "attributes", "order": {"id": "other"}},
        ]
    )
    page = visit("/lines?service=attributes&start=1h&order=oldest")
    page.locator(".fields summary").first.click()
    page.get_by_role("link", name="Only this order.id").first.click()
    assert page.locator(".said-text > .message").first.inner_text() == "attribute one"
    assert total(page) == 1
    page.go_back()
    page.locator(".fields summary").first.click()
    page.get_by_role("link", name="Not this order.id").first.click()
    assert total(page) == 1


def test_lines_are_saved_as_a_view_shown_again_by_its_link_and_forgotten(visit: Open) -> None:
    page = visit("/lines?query=request&start=2d&level=error&level=warn")
    whole = total(page)
    page.locator(".facets > summary").dispatch_event("click")
    page.get_by_label("Name of the view").fill("<b>trouble</b>")
    page.get_by_role("button", name="Save").click()
    link = page.locator(".facet a", has_text="<b>trouble</b>").get_attribute("href")
    assert link is not None
    visit(link)
    assert total(page) == whole
    assert not page.get_by_role("button", name="Forget the view <b>trouble</b>").is_visible()
    page.locator(".forget summary[aria-label='Forget the view <b>trouble</b>?']").click()
    page.get_by_role("button", name="Forget the view <b>trouble</b>").click()
    assert page.locator(".facet a", has_text="<b>trouble</b>").count() == 0


def test_what_is_not_there_is_a_page_with_a_way_on(no_script: Page, shop: Served) -> None:
    for path, status in (
        ("/lines/0000000000000000-1", 404),
        ("/lines/x", 400),
        ("/incidents/none", 404),
        ("/lines/" + "x" * 90, 400),
    ):
        reply = no_script.goto(shop.url + path)
        assert reply is not None
        assert reply.status == status
        expect(no_script.get_by_role("alert")).to_be_visible()
        expect(no_script.get_by_role("navigation").get_by_role("link", name="Incidents")).to_be_visible()
