"""A simulated shop behind a server with the bot, a stand-in for Slack, and requests as Slack signs them."""

import contextlib
import dataclasses
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest
import structlog

from api.app import create_app
from api.bot.doctor import signature
from api.bot.serve import answering_slack
from api.bot.slack_app import SlackBot
from api.compose import Dejalog
from api.settings import BotSettings, NotifySettings, Settings
from tests.api.conftest import serving_app
from tests.bot.slack_stand_in import SlackStandIn
from tests.page.shop import Served, two_days

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-1"
PAGE = "https://logs.example"
_numbers = itertools.count(1)


class Configured:
    """A Dejalog with other settings. `gate`: questions wait until it is open; `asked`: what it was asked; `instead`:
    what a question does instead of being answered.
    """

    def __init__(self, dejalog: Dejalog, settings: Settings) -> None:
        self._dejalog = dejalog
        self.settings = settings
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[Any] = []
        self.instead: Callable[[], Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dejalog, name)

    def ask(self, question: Any, *more: Any, **named: Any) -> Any:
        self.asked.append(question)
        assert self.gate.wait(60)
        if self.instead is not None:
            return self.instead()
        return self._dejalog.ask(question, *more, **named)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """What a test sends as Slack, and what the bot then does."""

    slack: SlackStandIn
    http: httpx.Client
    bot: SlackBot
    dejalog: Configured

    def post(self, path: str, body: bytes, *, kind: str = "application/json", **headers: str) -> httpx.Response:
        """A request signed now."""
        signed = signature(SECRET, body)
        return self.http.post(path, content=body, headers={**signed, "Content-Type": kind, **headers})

    def event(self, event: dict[str, Any], *, event_id: str = "", **headers: str) -> httpx.Response:
        return self.post("/slack/events", event_body(event, event_id), **headers)

    def mention(self, text: str, *, thread: str = "", user: str = "U1", channel: str = "C1", **more: Any) -> str:
        """Mention the bot; returns the message's timestamp. It must be acknowledged."""
        timestamp = now_ts()
        event = {"type": "app_mention", "user": user, "text": f"<@UBOT> {text}", "ts": timestamp, "channel": channel}
        reply = self.event({**event, **({"thread_ts": thread} if thread else {}), **more})
        assert (reply.status_code, reply.text) == (200, "")
        return timestamp

    def answer(self, text: str, **more: Any) -> dict[str, Any]:
        """Mention the bot and wait for what it posts below."""
        timestamp = self.mention(text, **more)
        thread = more.get("thread") or timestamp
        self.slack.wait_for("reactions.remove", where=lambda call: call.parameters["timestamp"] == timestamp)
        posted = self.slack.of("chat.postMessage", "chat.postEphemeral")
        return [call for call in posted if call.parameters["thread_ts"] == thread][-1].parameters

    def command(self, text: str, *, channel: str = "C1", user: str = "U1", trigger: str = "") -> dict[str, Any]:
        """`/dejalog text`; what comes to its response_url."""
        name = f"r{next(_numbers)}"
        fields = {
            "command": "/dejalog",
            "text": text,
            "team_id": "T1",
            "channel_id": channel,
            "user_id": user,
            "response_url": self.slack.response_url(name),
            "trigger_id": trigger or name,
        }
        body = urlencode(fields).encode()
        reply = self.post("/slack/commands", body, kind="application/x-www-form-urlencoded")
        assert reply.status_code == 200
        assert reply.json()["response_type"] == "ephemeral"
        return self.slack.wait_for(f"response/{name}")[0].parameters

    def press(self, message: dict[str, Any], action: str, *, user: str = "U1") -> dict[str, Any]:
        """Press a button below a posted message; what is answered."""
        name = f"r{next(_numbers)}"
        button = next(each for each in buttons(message) if each["action_id"] == action)
        payload = {
            "type": "block_actions",
            "trigger_id": name,
            "team": {"id": "T1"},
            "user": {"id": user},
            "channel": {"id": message["channel"]},
            "message": {"ts": "2.0", "thread_ts": message["thread_ts"]},
            "response_url": self.slack.response_url(name),
            "actions": [{"type": "button", **{key: button[key] for key in ("action_id", "value")}}],
        }
        body = urlencode({"payload": orjson.dumps(payload).decode()}).encode()
        assert self.post("/slack/interactions", body, kind="application/x-www-form-urlencoded").status_code == 200
        return self.slack.wait_for(f"response/{name}")[0].parameters


Open = Callable[..., contextlib.AbstractContextManager[Workspace]]


def event_body(event: dict[str, Any], event_id: str = "") -> bytes:
    return orjson.dumps(
        {
            "type": "event_callback",
            "team_id": "T1",
            "api_app_id": "A1",
            "event_id": event_id or f"Ev{next(_numbers)}",
            "event_time": int(time.time()),
            "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
            "event": event,
        }
    )


def now_ts() -> str:
    return f"{int(time.time())}.{next(_numbers):06d}"


def buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for block in message["blocks"] if block["type"] == "actions" for each in block["elements"]]


def text_of(message: dict[str, Any]) -> str:
    """All mrkdwn of a message."""
    parts = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    return "\n".join(parts + [b["elements"][0]["text"] for b in message["blocks"] if b["type"] == "context"])


@pytest.fixture(scope="package", autouse=True)
def quiet() -> Iterator[None]:
    """The program's own log goes nowhere; Slack's client asks no proxy."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.delenv(name, raising=False)
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=nowhere))
        yield
        structlog.reset_defaults()


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two days of a shop with an avalanche that comes twice."""
    with two_days(tmp_path_factory.mktemp("bot")) as server:
        yield server


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with SlackStandIn().running() as found:
        yield found


def bot_settings(slack: SlackStandIn, **more: Any) -> BotSettings:
    given = {"slack_bot_token": TOKEN, "slack_signing_secret": SECRET, "slack_api_url": slack.api_url, **more}
    return BotSettings(**{"bot_questions_per_minute": 1000, **given})


@pytest.fixture
def open_workspace(shop: Served, slack: SlackStandIn) -> Open:
    """Opens the shop's server with the bot; once closed, all that was acknowledged is answered."""

    @contextlib.contextmanager
    def opened(*, token: str = "", dejalog: Any = None, **bot: Any) -> Iterator[Workspace]:
        before = (dejalog or shop.dejalog).settings
        settings = dataclasses.replace(
            before,
            server=dataclasses.replace(before.server, token=token),
            notify=NotifySettings(page_url=PAGE),
            bot=bot_settings(slack, **bot),
        )
        configured = Configured(dejalog or shop.dejalog, settings)
        app = create_app(configured)
        with (
            serving_app(app) as url,
            answering_slack(app, settings) as found,
            httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
        ):
            assert found is not None
            yield Workspace(slack, http, found, configured)

    return opened


@pytest.fixture
def workspace(open_workspace: Open) -> Iterator[Workspace]:
    with open_workspace() as found:
        yield found
