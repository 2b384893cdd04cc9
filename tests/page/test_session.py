"""Signing in where a token is set: in a browser, and what other sites' pages would send."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

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


def test_the_page_that_asks_for_the_token_may_load_its_style(guarded: Served) -> None:
    page = httpx.get(guarded.url, headers=HTML, trust_env=False)
    assert page.status_code == 401
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert httpx.get(guarded.url + style, trust_env=False).status_code == 200
