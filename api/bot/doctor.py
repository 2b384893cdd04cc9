"""The checks of `dejalog bot doctor`: tokens, scopes, how Slack reaches the bot, where it was invited."""

import hashlib
import hmac
import time
from collections.abc import Iterator, Sequence

import httpx
import orjson

from api.bot.scopes import APP_SCOPE, BOT_SCOPES, PATHS
from api.bot.slack_api import SlackApi
from api.client import Client, server_url
from api.finding import Finding
from api.settings import Settings
from ingest.errors import ChatError, DejalogError

TIMEOUT_S = 5.0
_INSTALL = "add it under “OAuth & Permissions”, or paste deploy/slack/manifest.yaml, and install the app again"
_TOKENS = {
    "invalid_auth": "copy the “Bot User OAuth Token” anew",
    "not_authed": "copy the “Bot User OAuth Token” anew",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "the app was removed from the workspace: install it again",
    "away": "look whether this machine may reach Slack, and at DEJALOG_SLACK_API_URL",
}


def check_bot(settings: Settings, *, url: str = "", events_url: str = "") -> list[Finding]:
    """All findings, in the order in which things are needed. `events_url`: where Slack calls this bot."""
    bot = settings.bot
    findings = list(_server(settings, url))
    if not bot.slack_bot_token:
        advice = "set SLACK_BOT_TOKEN (or SLACK_BOT_TOKEN_FILE): docs/how-to/bot.md"
        return [*findings, Finding("fail", "bot token", "SLACK_BOT_TOKEN is not set", advice)]
    api = SlackApi(bot.slack_bot_token, bot.slack_api_url)
    findings += _token(api)
    if findings[-1].state != "fail" or findings[-1].name == "scopes":
        findings += _channels(api)
    findings += _socket(api, bot.slack_app_token, has_secret=bool(bot.slack_signing_secret))
    findings += _signed(bot.slack_signing_secret, events_url, has_socket=bool(bot.slack_app_token))
    return findings


def _server(settings: Settings, url: str) -> Iterator[Finding]:
    try:
        target = server_url(settings, url=url)
        if not target:
            yield Finding("warn", "dejalog", "no server is running", "start `dejalog serve`, or name --url")
            return
        with Client(target, settings.server.token) as client:
            client.get("/v1/status")
        yield Finding("ok", "dejalog", f"{target} answers")
    except DejalogError as error:
        yield Finding("fail", "dejalog", str(error), "start `dejalog serve`, or correct --url or DEJALOG_TOKEN")


def _token(api: SlackApi) -> Iterator[Finding]:
    try:
        identity = api.identity()
    except ChatError as error:
        yield Finding("fail", "bot token", str(error), _TOKENS.get(error.reason, "see the message"))
        return
    yield Finding("ok", "bot token", f"{identity.get('user', '?')} in {identity.get('team', '?')}")
    scopes: Sequence[str] = identity["scopes"]
    missing = [f"{scope} ({why})" for scope, why in BOT_SCOPES.items() if scope not in scopes]
    if missing:
        yield Finding("fail", "scopes", f"missing: {', '.join(missing)}", _INSTALL)
    else:
        yield Finding("ok", "scopes", f"all {len(BOT_SCOPES)} are there")


def _channels(api: SlackApi) -> Iterator[Finding]:
    try:
        names = api.channels()
    except ChatError as error:
        yield Finding("fail", "channels", str(error), _INSTALL)
        return
    if names:
        yield Finding("ok", "channels", f"in {len(names)}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}")
    else:
        yield Finding("warn", "channels", "it is in no channel", "write `/invite @dejalog` in one")


def _socket(api: SlackApi, app_token: str, *, has_secret: bool) -> Iterator[Finding]:
    if not app_token:
        if has_secret:
            yield Finding("ok", "socket mode", "not used")
        else:
            advice = f"set SLACK_APP_TOKEN (an app token with {APP_SCOPE}), or SLACK_SIGNING_SECRET for HTTP"
            yield Finding("fail", "socket mode", "Slack has no way to reach the bot", advice)
        return
    if not app_token.startswith("xapp-"):
        advice = "take the one under “Basic Information”, “App-Level Tokens”"
        yield Finding("fail", "socket mode", "SLACK_APP_TOKEN is no app token (xapp-…)", advice)
        return
    try:
        address = api.open_socket(app_token)
    except ChatError as error:
        advice = f"the app token needs the scope {APP_SCOPE}, and Socket Mode must be on in the app's settings"
        yield Finding("fail", "socket mode", str(error), advice)
        return
    yield Finding("ok", "socket mode", f"Slack opens {address.partition('?')[0]}")


def _signed(secret: str, events_url: str, *, has_socket: bool) -> Iterator[Finding]:
    if not secret:
        found = "not set; Socket Mode needs none" if has_socket else "not set: Slack's requests over HTTP are refused"
        yield Finding("ok" if has_socket else "warn", "signing secret", found)
        return
    yield Finding("ok", "signing secret", "set")
    if not events_url:
        advice = f"name it to have it called: --events-url https://HOST{PATHS['events']}"
        yield Finding("warn", "event URL", "not checked", advice)
        return
    yield _called(secret, events_url)


def _called(secret: str, events_url: str) -> Finding:
    """Calls the address as Slack does when it is entered."""
    challenge = hashlib.blake2b(str(time.time_ns()).encode(), digest_size=8).hexdigest()
    body = orjson.dumps({"type": "url_verification", "challenge": challenge, "token": ""})
    headers = {**signature(secret, body), "Content-Type": "application/json"}
    try:
        reply = httpx.post(events_url, content=body, headers=headers, timeout=TIMEOUT_S)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        advice = "Slack must reach it from the internet: correct the address, the proxy or the tunnel"
        return Finding("fail", "event URL", f"{events_url} cannot be reached: {error}", advice)
    if reply.status_code == 200 and challenge in reply.text:
        return Finding("ok", "event URL", f"{events_url} answers Slack's challenge")
    advice = {
        401: "its SLACK_SIGNING_SECRET is another app's",
        404: f"it must end in {PATHS['events']}, and that server must have SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET",
    }.get(reply.status_code, "is it this server's, and does a proxy before it let POST through?")
    return Finding("fail", "event URL", f"{events_url} answered {reply.status_code}", advice)


def signature(secret: str, body: bytes, time_s: float | None = None) -> dict[str, str]:
    """The headers by which Slack proves that it sent a body
    (https://docs.slack.dev/authentication/verifying-requests-from-slack).
    """
    timestamp = str(int(time.time() if time_s is None else time_s))
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}
