"""The screens of patterns, incidents and status, in a browser without JavaScript."""

from playwright.sync_api import expect

from tests.page.conftest import Open
from tests.page.shop import Served


def number(text: str) -> int:
    return int("".join(filter(str.isdigit, text)))


def test_the_patterns_of_all_pages_sum_to_the_lines_and_the_footer_says_so(visit: Open, shop: Served) -> None:
    page = visit("/patterns")
    summed, pages = 0, 1
    while True:
        summed += sum(map(number, page.locator("tbody td.number:nth-child(2)").all_inner_texts()))
        if not page.get_by_role("link", name="More patterns").count():
            break
        page.get_by_role("link", name="More patterns").click()
        pages += 1
    assert pages > 1
    assert summed == shop.http.get("/v1/status").json()["lines"]
    assert f"{summed:,}".replace(",", "\u202f") in page.locator("tfoot").inner_text()


def test_a_pattern_s_count_leads_to_as_many_lines(visit: Open) -> None:
    page = visit("/patterns?start=1d")
    first = page.locator("tbody tr").first.locator("td.number a").first
    counted = number(first.inner_text())
    first.click()
    assert number(page.locator("#total").inner_text()) == counted


def test_a_pattern_that_began_just_now_is_marked_new(visit: Open, shop: Served) -> None:
    shop.push([{"message": f"brand new thing {index}", "service": "novelty"} for index in range(12)])
    page = visit("/patterns?service=novelty")
    expect(page.locator("tbody tr").first.locator(".state-new")).to_be_visible()


def test_a_pattern_is_renamed_muted_and_merged_by_forms(visit: Open, shop: Served) -> None:
    shop.push(
        [{"message": f"editable zebra {index}", "service": "edits"} for index in range(3)]
        + [{"message": f"mergeable walrus {index} now", "service": "edits"} for index in range(2)]
    )
    rows = shop.http.get("/v1/patterns", params={"service": "edits"}).json()["patterns"]
    zebra, walrus = (next(each for each in rows if word in each["template"]) for word in ("zebra", "walrus"))
    page = visit(f"/patterns/{zebra['pattern_id']}")
    page.get_by_label("New name").fill("Zebras <b>edited</b>")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("status")).to_contain_text("new name")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Zebras <b>edited</b>")
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    visit(f"/patterns/{walrus['pattern_id']}")
    page.get_by_label("Merge into").fill(zebra["pattern_id"])
    page.get_by_role("button", name="Merge").click()
    assert f"/patterns/{zebra['pattern_id']}" in page.url
    expect(page.locator(".facts b").first).to_have_text("5")


def test_incidents_stand_under_their_days_and_filters_are_links(visit: Open, shop: Served) -> None:
    page = visit("/incidents")
    listed = shop.http.get("/v1/incidents").json()
    assert page.locator("article.brief").count() == listed["total"]
    assert page.locator(".timeline svg a").count() == listed["total"]
    page.get_by_role("link", name="critical", exact=True).click()
    critical = [each for each in listed["incidents"] if each["severity"] == "critical"]
    assert page.locator("article.brief").count() == len(critical)
    page.locator("a.family").first.click()
    assert page.locator("article.brief").count() >= 1
    assert "family_id=" in page.url


def test_an_incident_shows_how_it_spread_what_changed_and_its_evidence(
    visit: Open, shop: Served, avalanche: str
) -> None:
    whole = shop.http.get(f"/v1/incidents/{avalanche}").json()["incident"]
    page = visit(f"/incidents/{avalanche}")
    services = page.locator(".cascade b").all_inner_texts()
    assert services == [each["service"] for each in whole["onset"]]
    assert page.locator(".deviations tbody tr").count() == min(len(whole["deviations"]), 30)
    assert page.locator("section[aria-labelledby=evidence] li").count() == min(len(whole["evidence"]), 60)
    assert page.locator("article.likeness").count() >= 1
    page.locator(".cascade .cascade-head a").first.click()
    expect(page.locator("article.one")).to_be_visible()


def test_a_service_of_which_no_line_is_kept_leads_nowhere(visit: Open, shop: Served) -> None:
    for each in shop.http.get("/v1/incidents").json()["incidents"]:
        onset = shop.http.get(f"/v1/incidents/{each['incident_id']}").json()["incident"]["onset"]
        page = visit(f"/incidents/{each['incident_id']}")
        assert page.locator(".cascade .cascade-head a").count() == sum(bool(one["line_id"]) for one in onset)


def test_a_note_is_kept_by_a_form_and_shown(visit: Open, avalanche: str) -> None:
    page = visit(f"/incidents/{avalanche}")
    form = page.locator("form.note-form")
    if not form.is_visible():
        page.locator("section.notes summary").click()
    page.get_by_label("Cause").fill("<i>a disk</i> was full")
    page.get_by_label("Fix").fill("a larger disk")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("status")).to_contain_text("kept")
    expect(page.locator("article.note").first).to_contain_text("<i>a disk</i> was full")


def test_an_empty_note_is_told_and_nothing_is_kept(visit: Open, shop: Served, avalanche: str) -> None:
    before = len(shop.http.get("/v1/notes").json()["notes"])
    reply = shop.http.post(f"/incidents/{avalanche}/notes", data={"author": "on call"})
    assert reply.status_code == 400
    assert "the note is empty" in reply.text
    assert len(shop.http.get("/v1/notes").json()["notes"]) == before


def test_the_status_screen_says_what_v1_status_says(visit: Open, shop: Served) -> None:
    page = visit("/status")
    status = shop.http.get("/v1/status").json()
    assert f"{status['lines']:,}".replace(",", "\u202f") in page.locator(".figures").inner_text()
    expect(page.get_by_text("✓ Ready")).to_be_visible()
    for reason in status["dropped"]:
        expect(page.get_by_text(f"Dropped: {reason.replace('_', ' ')}")).to_be_visible()
