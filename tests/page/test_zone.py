"""Time zones: what a screen shows and reads in one, over the days on which clocks change, and who keeps it."""

import re

import pytest
from playwright.sync_api import Page, expect

from api.page.address import Address
from api.page.filters import ns_of, written_clock
from api.page.zone import in_box, midnights, with_offset, zone_of
from api.time_text import format_time
from ingest.errors import InputError
from tests.page.conftest import Open
from tests.page.document import is_the_same_document, mark_document
from tests.page.shop import Served

BERLIN = zone_of("Europe/Berlin")
START = "2026-03-29T00:59:59.500Z"


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        pytest.param("2026-03-29T00:59:59.000Z", "2026-03-29 01:59:59.000", id="before clocks go on"),
        pytest.param("2026-03-29T01:00:00.000Z", "2026-03-29 03:00:00.000", id="after"),
        pytest.param("2026-10-25T00:30:00.000Z", "2026-10-25 02:30:00.000", id="before clocks go back"),
        pytest.param("2026-10-25T01:30:00.000Z", "2026-10-25 02:30:00.000", id="the hour that comes again"),
    ],
)
def test_times_are_shown_as_clocks_of_the_zone_show_them(time: str, shown: str) -> None:
    assert written_clock(time, "full", BERLIN) == shown


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        pytest.param("2026-03-01 12:00", "2026-03-01 12:00+01:00", id="winter"),
        pytest.param("2026-07-01T12:00:00.25", "2026-07-01T12:00:00.25+02:00", id="summer"),
        pytest.param("2026-07-01", "2026-07-01T00:00+02:00", id="a day begins at its midnight"),
        pytest.param("2026-03-29T02:30", "2026-03-29T02:30+01:00", id="an hour that is skipped is counted on"),
        pytest.param("2026-10-25T02:30", "2026-10-25T02:30+02:00", id="of an hour that comes twice the first"),
        pytest.param("2026-07-01T12:00Z", "2026-07-01T12:00Z", id="a zone of its own stays"),
        pytest.param("now-1h", "now-1h", id="relative ones stay"),
        pytest.param("1767225600", "1767225600", id="unix ones stay"),
        pytest.param("2026-02-30T12:00", "2026-02-30T12:00", id="what is no time is left to be refused"),
        pytest.param("1880-01-01T12:00", "1880-01-01T11:06:32.000Z", id="of mean times no offset can be written"),
    ],
)
def test_typed_times_are_read_in_the_zone(typed: str, read: str) -> None:
    assert with_offset(typed, BERLIN) == read
    assert with_offset(typed, zone_of("UTC")) == typed


def test_a_time_of_a_link_stands_in_its_field_on_the_clock_of_the_zone_and_means_the_same() -> None:
    shown = in_box(START, BERLIN)
    assert shown == "2026-03-29T01:59:59.5+01:00"
    assert ns_of(shown) == ns_of(START)
    assert in_box("2d", BERLIN) == "2d"


def test_days_of_a_timeline_begin_at_midnight_of_the_zone_over_a_change_of_clocks() -> None:
    start_ns, end_ns = ns_of("2026-03-28T12:00:00Z"), ns_of("2026-03-31T12:00:00Z")
    begun = [format_time(each)[:13] for each in midnights(start_ns, end_ns, BERLIN, most=14)]
    assert begun == ["2026-03-28T23", "2026-03-29T22", "2026-03-30T22"]


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "Europe", "<script>", "\x00"])
def test_a_zone_that_does_not_exist_is_refused_with_what_is_accepted(name: str, shop: Served) -> None:
    with pytest.raises(InputError, match="is not a time zone"):
        Address.read("/lines", [("zone", name + "x")])
    reply = shop.http.get("/lines", params={"zone": name + "x"})
    assert reply.status_code == 400
    assert "Europe/Berlin" in reply.text


def test_names_are_understood_in_any_case_and_utc_is_not_written() -> None:
    assert Address.read("/", [("zone", "europe/berlin")]).zone == "Europe/Berlin"
    assert str(Address.read("/", [("zone", "utc")])) == "/"


def test_every_screen_shows_the_zone_s_times_and_titles_in_utc(visit: Open, avalanche: str) -> None:
    for path in ("/?q=avalanche&", "/lines?start=2d&", "/incidents?", f"/incidents/{avalanche}?", "/status?"):
        page = visit(f"{path}zone=Asia/Kolkata")
        expect(page.locator("footer")).to_contain_text("Times are in Asia/Kolkata")
        time = page.locator("main time").first
        at = time.get_attribute("datetime")
        assert at is not None
        kolkata = zone_of("Asia/Kolkata")
        forms = [written_clock(at, form, kolkata) for form in ("full", "second", "minute", "clock", "day", "short")]
        assert time.inner_text() in forms
        assert time.get_attribute("title") == f"{at[:10]} {at[11:23]} UTC"


def test_the_zone_is_kept_by_every_link_between_screens(visit: Open, avalanche: str) -> None:
    for path in ("/?q=avalanche&", "/lines?start=2d&", "/patterns?", f"/incidents/{avalanche}?", "/status?"):
        page = visit(f"{path}zone=Asia/Kolkata")
        links = page.locator("a[href]").evaluate_all("all => all.map(each => each.getAttribute('href'))")
        screens = [each for each in links if re.match(r"/($|\?|lines|patterns|incidents|status)", each)]
        lost = [each for each in screens if "zone=Asia%2FKolkata" not in each]
        # UTC, and what leads to the same screen in another zone, are the only ways out.
        assert [each for each in lost if each.split("?")[0] != path.split("?")[0]] == []
        assert len(lost) <= 2


def test_the_page_of_an_error_keeps_the_zone(no_script: Page, shop: Served) -> None:
    no_script.goto(f"{shop.url}/incidents/none?zone=Asia/Kolkata")
    expect(no_script.locator("footer")).to_contain_text("Times are in Asia/Kolkata")
    links = no_script.locator("header nav a, main a").evaluate_all("all => all.map(each => each.href)")
    assert len(links) > 5
    assert [each for each in links if "zone=Asia%2FKolkata" not in each] == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/patterns/0000000000000000/edits", {"action": "rename", "argument": "x"}),
        ("/patterns/edits", {"action": "merge"}),
        ("/incidents/0000000000000000/notes", {"text": "x"}),
        ("/feedback", {"verdict": "sideways"}),
        ("/views", {"name": ""}),
        ("/views/forget", {"name": "no such view"}),
    ],
)
def test_the_page_of_an_error_keeps_the_zone_of_the_form(shop: Served, path: str, fields: dict[str, str]) -> None:
    reply = shop.http.post(path, data={**fields, "zone": "asia/tokyo"}, headers={"Accept": "text/html"})
    assert reply.status_code in {400, 404}
    assert "Times are in Asia/Tokyo." in reply.text
    assert 'href="/lines?zone=Asia%2FTokyo"' in reply.text


def test_forms_of_saved_views_name_the_zone(shop: Served) -> None:
    page = shop.http.get("/lines?start=2d&zone=Asia/Tokyo", headers={"Accept": "text/html"}).text
    form = page.partition('action="/views"')[2].partition("</form>")[0]
    assert 'name="zone" value="Asia/Tokyo"' in form


def test_what_is_sent_by_a_form_comes_back_in_the_zone(visit: Open) -> None:
    page = visit("/?q=avalanche&start=2d&zone=Asia/Kolkata")
    page.get_by_role("button", name="Helpful", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Thank you")
    assert "zone=Asia%2FKolkata" in page.url
    assert "start=2d" in page.url


def test_without_javascript_a_zone_is_chosen_and_typed_times_are_read_in_it(visit: Open) -> None:
    page = visit("/lines?start=2d")
    page.get_by_role("button", name="Times are in UTC").click()
    page.get_by_label("Another").fill("America/New_York")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "zone=America%2FNew_York" in page.url
    assert "start=2d" in page.url
    page.get_by_label("From").fill("2026-07-01 12:00")
    page.get_by_label("To").fill("2026-07-01 13:00")
    page.get_by_role("button", name="Apply").click()
    assert "12:00:00 to 2026-07-01 13:00:00" in page.locator(".result-head .facts").inner_text()
    page.get_by_role("button", name="Times are in").click()
    page.get_by_role("link", name="UTC", exact=True).click()
    assert "16:00:00 to 2026-07-01 17:00:00" in page.locator(".result-head .facts").inner_text()


def test_the_browser_s_own_zone_is_offered_and_changes_the_lines_in_place(with_script: Page, shop: Served) -> None:
    with_script.add_init_script(
        "Intl.DateTimeFormat.prototype.resolvedOptions = function () { return { timeZone: 'Asia/Tokyo' } }"
    )
    with_script.goto(f"{shop.url}/lines?start=2d")
    mark_document(with_script)
    with_script.get_by_role("button", name="Times are in UTC").click()
    with_script.get_by_role("link", name="Asia/Tokyo").click()
    expect(with_script.get_by_role("button", name="Times are in Asia/Tokyo")).to_be_visible()
    expect(with_script.locator("footer")).to_contain_text("Asia/Tokyo")
    first = with_script.locator("ol.lines time").first
    at = first.get_attribute("datetime")
    assert at is not None
    assert first.inner_text() == written_clock(at, "full", zone_of("Asia/Tokyo"))
    assert is_the_same_document(with_script)
