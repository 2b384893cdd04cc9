"""Signing in where a token is set: in a browser, and what other sites' pages would send."""

import contextlib
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from api.page.session import COOKIE, session_value
from tests.page.shop import Served, served

TOKEN = "a-token-for-tests"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> object:
    with served(tmp_path_factory.mktemp("guarded") / "data", token=TOKEN) as server:
        server.push([{"message": "behind a token", "service": "guarded"}])
        yield server


@pytest.fixture
def signed_in(guarded: Served) -> object:
    cookies = {COOKIE: session_value(TOKEN.encode())}
    with httpx.Client(base_url=guarded.url, cookies=cookies, trust_env=False) as client:
        yield client


def test_a_browser_signs_in_where_it_wanted_to_go_and_out_again(no_script: Page, guarded: Served) -> None:
    reply = no_script.goto(f"{guarded.url}/lines?query=behind&start=1h")
    assert reply is not None
    assert reply.status == 401
    no_script.get_by_label("Token").fill("wrong")
    no_script.get_by_role("button", name="Sign in").click()
    expect(no_script.get_by_role("alert")).to_contain_text("not this server's token")
    no_script.get_by_label("Token").fill(TOKEN)
    no_script.get_by_role("button", name="Sign in").click()
    assert no_script.url == f"{guarded.url}/lines?query=behind&start=1h"
    expect(no_script.get_by_text("behind a token")).to_be_visible()
    no_script.get_by_role("button", name="Sign out").click()
    expect(no_script.get_by_label("Token")).to_be_visible()


def test_the_cookie_is_out_of_scripts_reach_and_does_not_hold_the_token(guarded: Served) -> None:
    reply = httpx.post(f"{guarded.url}/session", data={"token": TOKEN, "back": "/status"}, trust_env=False)
    assert (reply.status_code, reply.headers["location"]) == (303, "/status")
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", ""])
def test_signing_in_leads_only_to_this_server(guarded: Served, back: str) -> None:
    reply = httpx.post(f"{guarded.url}/session", data={"token": TOKEN, "back": back}, trust_env=False)
    assert reply.headers["location"] == "/"


@pytest.mark.parametrize("value", ["", "x", session_value(b"another"), TOKEN])
def test_another_cookie_opens_nothing(guarded: Served, value: str) -> None:
    for path in ("/lines", "/v1/search"):
        reply = httpx.get(guarded.url + path, cookies={COOKIE: value}, headers=HTML, trust_env=False)
        assert reply.status_code == 401


def test_the_cookie_opens_the_json_routes_too(signed_in: httpx.Client) -> None:
    assert signed_in.get("/v1/search").json()["total"] == 1


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize("path", ["/v1/feedback", "/feedback", "/session/end"])
def test_by_cookie_only_this_server_s_pages_change_something(
    signed_in: httpx.Client, path: str, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    reply = signed_in.post(path, data={"verdict": "up"}, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "foreign_origin")


def test_by_cookie_this_server_s_pages_do(signed_in: httpx.Client, guarded: Served) -> None:
    reply = signed_in.post("/v1/feedback", json={"verdict": "up"}, headers={"Origin": guarded.url})
    assert reply.status_code == 201


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"data": {"token": "x" * 40_000}}, id="large"),
        pytest.param({"content": iter([b"token=", b"x"])}, id="of no told length"),
        pytest.param({"content": b"token=x", "headers": {"Content-Encoding": "gzip"}}, id="packed"),
    ],
)
def test_who_has_not_signed_in_cannot_send_more_than_the_form(guarded: Served, sent: dict[str, Any]) -> None:
    assert httpx.post(f"{guarded.url}/session", trust_env=False, **sent).status_code == 413


def test_a_program_without_the_token_still_gets_json(guarded: Served) -> None:
    reply = httpx.get(f"{guarded.url}/", trust_env=False)
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("path", ["/", "/lines?query=x", "/patterns", "/nowhere"])
def test_the_page_that_asks_for_the_token_is_none_of_the_screens(guarded: Served, path: str) -> None:
    page = httpx.get(guarded.url + path, headers=HTML, trust_env=False)
    wrong = httpx.post(f"{guarded.url}/session", data={"token": "x", "back": path}, headers=HTML, trust_env=False)
    for reply in (page, wrong):
        assert reply.status_code == 401
        assert 'aria-label="Screens"' in reply.text
        assert "aria-current" not in reply.text


def test_the_page_that_asks_for_the_token_may_load_its_style(guarded: Served) -> None:
    page = httpx.get(guarded.url, headers=HTML, trust_env=False)
    assert page.status_code == 401
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert httpx.get(guarded.url + style, trust_env=False).status_code == 200


def test_a_link_of_another_site_leads_on_to_what_it_names(browser: Browser, guarded: Served) -> None:
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"{guarded.url}/session/go?back=/status")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Status")).to_be_visible()
        link = f'<a href="{guarded.url}/lines?query=behind&start=1h">look at this</a>'
        page.route("http://chat.example/*", lambda route: route.fulfill(content_type="text/html", body=link))
        page.goto("http://chat.example/room")
        page.get_by_role("link").click()
        expect(page.get_by_text("behind a token")).to_be_visible()
        assert page.url == f"{guarded.url}/lines?query=behind&start=1h"


def test_a_link_of_another_site_asks_who_is_not_signed_in_for_the_token_once(no_script: Page, guarded: Served) -> None:
    link = f'<a href="{guarded.url}/status">look at this</a>'
    no_script.route("http://chat.example/*", lambda route: route.fulfill(content_type="text/html", body=link))
    no_script.goto("http://chat.example/room")
    no_script.get_by_role("link").click()
    no_script.get_by_label("Token").fill(TOKEN)
    no_script.get_by_role("button", name="Sign in").click()
    expect(no_script.get_by_role("heading", name="Status")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "sent", "refreshes"),
    [
        pytest.param("/lines?query=x", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, True, id="link"),
        pytest.param("/lines?query=x", {}, True, id="plain HTTP"),
        pytest.param("/lines", {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, False, id="typed"),
        pytest.param("/lines", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, False, id="framed"),
        pytest.param("/session/go?back=%2Flines", {}, False, id="the second time"),
    ],
)
def test_only_what_a_browser_may_have_held_back_goes_on_and_once(
    guarded: Served, path: str, sent: dict[str, str], refreshes: bool
) -> None:
    reply = httpx.get(guarded.url + path, headers={**HTML, "Sec-Fetch-Mode": "navigate", **sent}, trust_env=False)
    assert reply.status_code == 401
    assert reply.headers.get("refresh") == ("0; url=/session/go?back=%2Flines%3Fquery%3Dx" if refreshes else None)
    assert ('name="token"' in reply.text) is not refreshes


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_going_on_leads_only_to_this_server(signed_in: httpx.Client, back: str) -> None:
    assert signed_in.get("/session/go", params={"back": back}).headers["location"] == "/"


def test_a_form_sent_with_an_outdated_cookie_is_told_in_words(guarded: Served) -> None:
    headers = {**HTML, "Origin": guarded.url, "Referer": f"{guarded.url}/incidents/x?said=note"}
    cookies = {COOKIE: session_value(b"another")}
    where = f"{guarded.url}/incidents/x/notes"
    reply = httpx.post(where, data={"cause": "a"}, headers=headers, cookies=cookies, trust_env=False)
    assert reply.status_code == 401
    assert "what you sent was not kept" in reply.text
    assert 'name="back" value="/incidents/x?said=note"' in reply.text
