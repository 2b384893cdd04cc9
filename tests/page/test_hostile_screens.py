"""Every screen with its modules running, over a server whose every word is hostile; with the page's policy, which would
stop what got through, and without it, so that nothing gets through.
"""

import contextlib
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect

from tests.page.document import is_the_same_document, mark_document
from tests.page.hostile import MARKUP, SERVICES, TURNED, hostile_server
from tests.page.shop import Served

WIDTH = 380
FOREIGN = """() => {
  const wrong = [];
  const own = new Set(["script", "link"]);  // the page's own, in its head
  for (const each of document.querySelectorAll("*")) {
    const name = each.localName;
    if (own.has(name) && !each.closest("head")) wrong.push(name);
    if (["img", "iframe", "object", "embed", "base", "style", "frame"].includes(name)) wrong.push(name);
    if (each.id === "planted" || each.hasAttribute("target") || each.hasAttribute("srcdoc")) wrong.push(each.outerHTML);
    for (const { name: key, value } of each.attributes) {
      if (key.startsWith("on")) wrong.push(`${name} ${key}`);
      if (["href", "action", "formaction", "src"].includes(key) && !/^[/#](?![/\\\\])/.test(value)) wrong.push(value);
    }
  }
  return wrong;
}"""
TURNING = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200f\u200b\ufeff\x00\x07\x08\x1b\x9b"
TEXTS = """() => [
  document.title,
  document.body.textContent,
  ...[...document.querySelectorAll("[aria-label], [title], [placeholder]")].flatMap(each =>
    ["aria-label", "title", "placeholder"].map(name => each.getAttribute(name) ?? "")),
].join(" ")"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with hostile_server(tmp_path_factory.mktemp("hostile") / "data") as server:
        yield server


@pytest.fixture(scope="module", params=[False, True], ids=["with the policy", "without it"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """One that tells of scripts that ran, dialogs, and what the policy refused: none may."""
    size, faults = {"width": WIDTH, "height": 800}, list[str]()
    context = browser.new_context(viewport=size, bypass_csp=request.param)  # type: ignore[arg-type] # width and height
    with contextlib.closing(context):
        context.expose_function("pwned", lambda: faults.append("a text ran as script"))
        page = context.new_page()
        page.on("dialog", lambda dialog: refuse(dialog, faults))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("popup", lambda _: faults.append("a window was opened"))
        page.on("console", lambda said: faults.append(said.text) if is_of_the_policy(said) else None)
        yield page
        assert not faults


def refuse(dialog: Dialog, faults: list[str]) -> None:
    faults.append(dialog.message)
    dialog.dismiss()


def is_of_the_policy(said: ConsoleMessage) -> bool:
    return "Content Security Policy" in said.text


def check(page: Page) -> None:
    """That the text of the page is text, told apart from what cannot be seen, and no wider than the screen."""
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    assert page.evaluate(FOREIGN) == []
    assert not set(TURNING) & set(page.evaluate(TEXTS))
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    assert page.evaluate("window.opener") is None


def addresses(server: Served) -> dict[str, str]:
    """Each screen that shows hostile text, and those whose address brings it."""
    incident = server.http.get("/v1/incidents").json()["incidents"][0]["incident_id"]
    text = httpx.QueryParams({"query": f'"{MARKUP}"', "service": f"{TURNED}<b>", "level": "<i>", "said": "<b>"})
    found = {
        "ask": "/",
        "answer": f"/?{httpx.QueryParams({'q': f'What happened to {SERVICES[0]}? {TURNED}'})}",
        "lines": "/lines?start=4h",
        "lines, oldest": "/lines?start=4h&order=oldest",
        "lines of an address": f"/lines?{text}",
        "lines, fault": f"/lines?{httpx.QueryParams({'query': f'{TURNED}:({MARKUP}'})}",
        "patterns": "/patterns",
        "patterns, fault": f"/patterns?{httpx.QueryParams({'query': f'level:({MARKUP}'})}",
        "incidents": f"/incidents?{httpx.QueryParams({'family_id': '', 'query': 'cart'})}",
        "incidents of an address": f"/incidents?{text}&family_id=%22%3E%3Cb%20id%3Dplanted%3E&severity=%3Ci%3E",
        "incident": f"/incidents/{incident}",
        "status": "/status",
        "nothing there": f"/{httpx.QueryParams({'x': MARKUP})}/%E2%80%AE%3Cb%20id=planted%3E",
    }
    assert server.http.get("/incidents?query=cart").text.count('class="brief ') > 0
    return found


def test_no_screen_runs_a_text_or_shows_it_as_anything_else(page: Page, hostile: Served) -> None:
    for name, address in addresses(hostile).items():
        reply = page.goto(hostile.url + address)
        assert reply is not None
        assert reply.status < 500, name
        check(page)


def test_what_got_through_would_be_seen(page: Page, hostile: Served) -> None:
    page.goto(f"{hostile.url}/docs")
    check(page)
    planted = '<b id="planted"></b><a href="javascript:0" target="x"></a><p title="\u202e"></p>'
    page.evaluate("planted => document.querySelector('main').insertAdjacentHTML('beforeend', planted)", planted)
    assert len(page.evaluate(FOREIGN)) == 3
    assert "\u202e" in page.evaluate(TEXTS)


def test_no_line_and_no_pattern_has_a_screen_that_does(page: Page, hostile: Served) -> None:
    lines = hostile.http.get("/v1/search", params={"start": "5m", "limit": 11}).json()["lines"]
    patterns = hostile.http.get("/v1/patterns").json()["patterns"]
    assert len(patterns) > 8
    for path in [f"/lines/{each['id']}" for each in lines] + [f"/patterns/{each['pattern_id']}" for each in patterns]:
        reply = page.goto(hostile.url + path)
        assert reply is not None
        assert reply.status == 200, path
        check(page)


def test_what_modules_put_in_place_is_text_too(page: Page, hostile: Served) -> None:
    page.goto(f"{hostile.url}/lines?start=4h")
    mark_document(page)
    page.get_by_label("Query", exact=True).fill(f'"{MARKUP}" level:error')
    page.get_by_label("Query", exact=True).press("Enter")
    expect(page.locator(".legend li")).to_have_text(["error"])
    check(page)
    page.get_by_label("Query", exact=True).fill(f"level:({MARKUP}{TURNED}")
    page.get_by_label("Query", exact=True).press("Enter")
    expect(page.locator(".fault mark")).to_be_visible()
    assert is_the_same_document(page)
    assert page.evaluate(FOREIGN) == []


def test_a_filter_by_a_hostile_service_or_field_finds_lines_and_is_shown_as_text(page: Page, hostile: Served) -> None:
    page.goto(f"{hostile.url}/lines?start=4h&query=nul")
    page.locator("ol.lines a.service").first.click()
    expect(page.locator(".filters li")).to_have_count(1)
    check(page)
    page.locator("ol.lines a.when").first.click()
    page.get_by_role("link", name="Only this host").first.click()
    expect(page.locator("#query")).to_have_value(re.compile("^host:.*<script>"))
    expect(page.locator("ol.lines li").first).to_be_visible()
    check(page)


def test_a_pattern_with_a_hostile_name_is_chosen_and_renamed_in_place(page: Page, hostile: Served) -> None:
    page.goto(f"{hostile.url}/patterns")
    page.locator(".choose input").first.check()
    page.get_by_placeholder("New name").fill(f"{TURNED}{MARKUP}")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".said")).to_be_visible()
    expect(page.locator("tbody .template").first).to_contain_text("<script>pwned()</script>")
    check(page)


def test_a_notice_of_what_went_wrong_holds_text_only(page: Page, hostile: Served) -> None:
    page.goto(f"{hostile.url}/patterns")
    page.locator(".choose input").nth(1).check()
    page.get_by_role("button", name="Merge into the first").click()
    expect(page.locator("#notice")).to_contain_text("merging needs two or more")
    check(page)


BACKS = (
    "javascript:pwned()",
    "data:text/html,<script>pwned()</script>",
    "//evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "/\t/evil.example",
    "/lines\r\nX-Evil: 1",
    "/lines\nSet-Cookie: evil=1",
    "/lines\u2028X-Evil: 1",
)


@pytest.mark.parametrize("back", BACKS, ids=repr)
@pytest.mark.parametrize("path", ["/views", "/views/forget", "/patterns/edits", "/session"])
def test_a_form_leads_back_to_this_server_only_and_writes_no_header(hostile: Served, path: str, back: str) -> None:
    pattern = hostile.http.get("/v1/patterns").json()["patterns"][-1]["pattern_id"]
    assert hostile.http.post("/views", data={"name": "a view", "back": "/lines"}).status_code == 303
    form = {"back": back, "name": "a view", "action": "unmute", "pattern": pattern, "token": "x"}
    reply = hostile.http.post(path, data=form)
    assert reply.status_code == 303
    location = reply.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "evil" not in location.partition("?")[0]
    assert not {"x-evil", "set-cookie"} & set(reply.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/lines?query=a%0d%0aX-Evil:%201",
        "/lines%0d%0aX-Evil:%201",
        "/lines/%0d%0aX-Evil:%201",
        "/patterns/%0d%0aX-Evil:%201",
        "/incidents/x%0aX-Evil:1?said=%0d%0aX-Evil:%201",
        "/assets/%0d%0aX-Evil:1/page.css",
        "/?q=%0d%0aX-Evil:%201%00",
    ],
)
def test_an_address_writes_no_header(hostile: Served, path: str) -> None:
    reply = hostile.http.get(path, headers={"Accept": "text/html"})
    assert reply.status_code < 500
    assert "x-evil" not in reply.headers


def test_a_form_s_fields_write_no_header(hostile: Served) -> None:
    broken = "x\r\nX-Evil: 1"
    pattern = hostile.http.get("/v1/patterns").json()["patterns"][-1]["pattern_id"]
    for path, form in (
        ("/feedback", {"verdict": "up", "question": broken, "start": broken, "end": broken}),
        (f"/patterns/{pattern}/edits", {"action": "merge", "argument": broken}),
        ("/patterns/edits", {"action": "mute", "pattern": broken}),
        ("/patterns/x%0d%0aX-Evil:%201/edits", {"action": "mute"}),
        ("/incidents/x%0d%0aX-Evil:%201/notes", {"text": "x"}),
    ):
        reply = hostile.http.post(path, data=form, headers={"Accept": "text/html"})
        assert reply.status_code < 500, path
        assert "x-evil" not in reply.headers
