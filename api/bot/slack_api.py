"""Slack's Web API as the bot uses it: the only file that asks it for anything; its errors become ChatError."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import orjson
import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.http_retry.builtin_handlers import ServerErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.webhook import WebhookClient

from api.bot.message_text import message_text
from api.bot.render import ANSWER_BLOCK
from api.bot.surface import Message, Place, Reply
from ingest.errors import ChatError

_log = structlog.get_logger()
TIMEOUT_S = 10
SIGN_TIMEOUT_S = 3
"""A sign that takes longer is given up (a guess)."""
TRIES_WHEN_LIMITED = 5
LONGEST_WAIT_S = 60.0
"""Slack asks for 1 to 30 s (https://docs.slack.dev/apis/web-api/rate-limits); longer is not waited."""
MESSAGES = 200
"""Of a thread that are read (a guess)."""
MOST_NAMES = 10_000
HOOKS = "hooks.slack.com"


class WaitAsTold(RateLimitErrorRetryHandler):
    """After a 429 waits exactly as long as `Retry-After` says, where that is bearable."""

    def __init__(self, pause: Callable[[float], None] = time.sleep) -> None:
        super().__init__(max_retry_count=TRIES_WHEN_LIMITED)
        self._pause = pause

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        is_limited = super()._can_retry(state=state, request=request, response=response, error=error)
        return is_limited and response is not None and _retry_after_s(response) <= LONGEST_WAIT_S

    def prepare_for_next_attempt(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Wait, then let it be tried again."""
        del request, error
        if response is not None:
            self._pause(_retry_after_s(response))
        state.next_attempt_requested = True
        state.increment_current_attempt()


class SlackApi:
    """A Surface, and what is posted. Thread-safe. Raises ChatError."""

    def __init__(self, token: str, api_url: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._handlers = [WaitAsTold(pause), ConnectionErrorRetryHandler(), ServerErrorRetryHandler()]
        base_url = api_url.rstrip("/") + "/"
        self._origin = urlsplit(base_url)[:2]
        self.client = WebClient(token, base_url=base_url, timeout=TIMEOUT_S, retry_handlers=list(self._handlers))
        self._signs = WebClient(token, base_url=base_url, timeout=SIGN_TIMEOUT_S, retry_handlers=[])
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._own_user = ""

    def thread(self, place: Place) -> Sequence[Message]:
        """The thread's messages, oldest first."""
        if not place.thread:
            return ()
        own_user = self.own_user()
        with _translated("reading the thread"):
            reply = self.client.conversations_replies(channel=place.channel, ts=place.thread, limit=MESSAGES)
        messages: list[dict[str, Any]] = reply.get("messages") or []
        return tuple(_message(each, own_user) for each in messages)

    def user_name(self, user: str) -> str:
        """Their display name, else their id, also where Slack does not say."""
        with self._lock:
            known = self._names.get(user)
        if known is not None:
            return known
        try:
            with _translated("asking who a user is"):
                found: Mapping[str, Any] = self.client.users_info(user=user).get("user") or {}
        except ChatError as error:
            _log.warning("bot.user_unnamed", reason=error.reason)
            return user
        profile = found.get("profile", {})
        name = profile.get("display_name") or found.get("real_name") or found.get("name") or user
        with self._lock:
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            self._names[user] = str(name)
        return str(name)

    def own_user(self) -> str:
        """The bot's own user id."""
        with self._lock:
            known = self._own_user
        if not known:
            known = str(self.identity().get("user_id", ""))
            with self._lock:
                self._own_user = known
        return known

    def identity(self) -> Mapping[str, Any]:
        """Whose the token is, with `scopes`: those that Slack says it has."""
        with _translated("asking whose the token is"):
            reply = self.client.auth_test()
        scopes = {name.lower(): value for name, value in reply.headers.items()}.get("x-oauth-scopes", "")
        return {**_content(reply.data), "scopes": [each.strip() for each in scopes.split(",") if each.strip()]}

    def channels(self) -> Sequence[str]:
        """Names of the channels that the bot is in; the first thousand."""
        with _translated("asking for the bot's channels"):
            reply = self.client.users_conversations(types="public_channel,private_channel", limit=1000)
        channels: list[dict[str, Any]] = reply.get("channels") or []
        return [str(each.get("name", each.get("id"))) for each in channels]

    def open_socket(self, app_token: str) -> str:
        """An address for Socket Mode."""
        with _translated("opening Socket Mode"):
            return str(self.client.apps_connections_open(app_token=app_token).get("url", ""))

    def post(self, place: Place, reply: Reply) -> None:
        """Answer for all to see in the place's thread; a private reply only for who asked."""
        said = {**_content_of(reply), "channel": place.channel, "thread_ts": place.thread or None}
        with _translated("posting the answer"):
            if reply.is_private:
                self.client.chat_postEphemeral(**said, user=place.user)
            else:
                self.client.chat_postMessage(**said, unfurl_links=False, unfurl_media=False)

    def respond(self, response_url: str, reply: Reply) -> None:
        """Answer a command or a press privately, where Slack said."""
        parts = urlsplit(response_url)
        if (parts.scheme, parts.netloc) not in {("https", HOOKS), self._origin}:
            raise ChatError(f"{parts.netloc!r} is not where Slack takes answers", reason="foreign_url")
        webhook = WebhookClient(response_url, timeout=TIMEOUT_S, retry_handlers=list(self._handlers))
        with _translated("posting the answer"):
            answer = webhook.send(
                text=reply.text, blocks=list(reply.blocks), response_type="ephemeral", replace_original=False
            )
        if answer.status_code != 200:
            raise ChatError(f"posting the answer: Slack said {answer.body[:100]}", reason=str(answer.status_code))

    def react(self, place: Place, message: str, *, add: str = "", remove: str = "") -> None:
        """Show and take away signs on a message. What cannot be shown at once is logged: the answer matters more."""
        for name, call in ((add, self._signs.reactions_add), (remove, self._signs.reactions_remove)):
            if not name:
                continue
            try:
                with _translated("reacting"):
                    call(channel=place.channel, timestamp=message, name=name)
            except ChatError as error:
                if error.reason not in {"already_reacted", "no_reaction"}:
                    _log.warning("bot.reaction_failed", reason=error.reason)


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except SlackApiError as error:
        content = _content(error.response.data) if error.response is not None else {}
        reason = str(content.get("error", getattr(error.response, "status_code", "unknown")))
        needed = f", needed is the scope {content['needed']}" if content.get("needed") else ""
        raise ChatError(f"{doing}: Slack said {reason}{needed}", reason=reason) from error
    except (SlackClientError, URLError, HTTPException, OSError) as error:
        raise ChatError(f"{doing}: Slack does not answer: {error}", reason="away") from error


def _content(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def _content_of(reply: Reply) -> dict[str, Any]:
    return {"text": reply.text, "blocks": list(reply.blocks), "parse": "none", "link_names": False}


def _retry_after_s(response: HttpResponse) -> float:
    found = {name.lower(): value for name, value in response.headers.items()}.get("retry-after", ["1"])
    text = found[0] if isinstance(found, list) else found
    return float(text) if str(text).strip().isdigit() else 1.0


def _message(raw: Mapping[str, Any], own_user: str) -> Message:
    is_ours = bool(own_user) and raw.get("user") == own_user
    return Message(
        text=message_text(raw),
        user=str(raw.get("user", raw.get("bot_id", ""))),
        time_ns=time_ns_of(str(raw.get("ts", ""))),
        is_ours=is_ours,
        is_human=not raw.get("bot_id") and not raw.get("subtype"),
        incident=_incident_of(raw) if is_ours else "",
    )


def time_ns_of(timestamp: str) -> int:
    """Slack's `1700000000.123456`; 0 for what is none."""
    seconds, _, decimals = timestamp.partition(".")
    if not (seconds.isascii() and seconds.isdigit()):
        return 0
    micros = decimals[:6].ljust(6, "0") if decimals.isascii() and decimals.isdigit() else "0"
    return int(seconds) * 1_000_000_000 + int(micros) * 1000


def _incident_of(raw: Mapping[str, Any]) -> str:
    """The incident that the buttons below one of our answers are about."""
    for block in raw.get("blocks", ()):
        if block.get("block_id") == ANSWER_BLOCK:
            for element in block.get("elements", ()):
                try:
                    return str(orjson.loads(element.get("value", ""))["incident"])
                except (ValueError, KeyError, TypeError):
                    continue
    return ""
