"""Slack's requests: verified and acknowledged by slack_bolt at once, then worked on behind; each answered once."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.signature import SignatureVerifier

from api.bot.handle import Bot
from api.bot.meter import BotMeter
from api.bot.once import Once
from api.bot.render import ACTION
from api.bot.scopes import COMMAND
from api.bot.slack_api import SlackApi
from api.bot.surface import Outcome, Place, Reply
from api.bot.work import Work
from api.sentence import say
from ingest.errors import ChatError

_log = structlog.get_logger()
LISTENERS = 5
"""Threads in which slack_bolt calls what is below; that only hands on (slack_bolt's own number)."""
SEEN, DONE, WRONG = "eyes", "white_check_mark", "warning"
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_LINK = re.compile(r"<(?:[^|>]+\|)?([^>]*)>")
HAN = re.compile(r"[\u3400-\u9fff]")


class SlackBot:
    """Takes what Slack sends, over HTTP or Socket Mode alike."""

    def __init__(
        self, bot: Bot, api: SlackApi, work: Work, once: Once, meter: BotMeter, *, token: str, signing_secret: str
    ) -> None:
        self._bot = bot
        self.meter = meter
        meter.waiting.set_function(lambda: work.under_way)
        self.api = api
        self.work = work
        self._once = once
        self._verifier = SignatureVerifier(signing_secret) if signing_secret else None
        self._listeners = ThreadPoolExecutor(LISTENERS, "bot-listen")
        # One thread: the signs of a message come in their order, and no question waits for one.
        self._signs = ThreadPoolExecutor(1, "bot-sign")
        self.app = self._app(token, signing_secret)

    @property
    def takes_http(self) -> bool:
        """Whether requests over HTTP can be verified; without a secret none may be taken."""
        return self._verifier is not None

    def is_of_slack(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether Slack signed this body within the last five minutes. Asked before anything else looks at it."""
        timestamp, signed = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if self._verifier is None or not (timestamp.isascii() and timestamp.isdigit() and signed.isascii()):
            return False
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        return self._verifier.is_valid(text, timestamp, signed)

    def close(self) -> None:
        """Finish what was acknowledged: slack_bolt acknowledges events before its listeners have them."""
        self._listeners.shutdown(wait=True)
        self.work.close()
        self._signs.shutdown(wait=True)

    def _app(self, token: str, signing_secret: str) -> App:
        def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
            # One workspace, one token: asking Slack whose it is would stand before each acknowledgement.
            return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

        logger = logging.getLogger("dejalog.bot.slack")
        logger.setLevel(logging.CRITICAL)  # bolt logs bodies; what goes wrong is told by ours
        app = App(
            name="dejalog",
            logger=logger,
            client=self.api.client,
            authorize=authorize,
            signing_secret=signing_secret,
            listener_executor=self._listeners,
        )
        app.event("app_mention")(self._on_mention)
        app.event("message")(self._on_message)
        app.command(COMMAND)(self._on_command)
        app.action(re.compile(f"^{ACTION}"))(self._on_press)
        return app

    def _on_mention(self, body: dict[str, Any]) -> None:
        event = body["event"]
        if _is_of_a_person(event):
            thread = event.get("thread_ts") or event["ts"]
            self._begin(body, _place(body, event, thread), event)

    def _on_message(self, body: dict[str, Any]) -> None:
        event = body["event"]
        if event.get("channel_type") == "im" and _is_of_a_person(event):
            self._begin(body, _place(body, event, event.get("thread_ts", "")), event)

    def _begin(self, body: Mapping[str, Any], place: Place, event: Mapping[str, Any]) -> None:
        message, text = str(event["ts"]), said(str(event.get("text", "")))

        def end(outcome: Outcome) -> None:
            sign = DONE if outcome == "answered" else WRONG
            self._signs.submit(self.api.react, place, message, add=sign, remove=SEEN)

        self._take(
            str(body["event_id"]),
            lambda: self._bot.mention(place, text),
            lambda reply: self.api.post(place, reply),
            begin=lambda: self._signs.submit(self.api.react, place, message, add=SEEN),
            end=end,
        )

    def _on_command(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        text = str(body.get("text", ""))
        ack(response_type="ephemeral", text=say("bot.looking", "zh" if HAN.search(text) else "en"))
        place = Place(str(body["team_id"]), str(body["channel_id"]), "", str(body["user_id"]))
        self._respond(body, str(body["response_url"]), lambda: self._bot.command(place, said(text)))

    def _on_press(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        ack()
        action, message = body["actions"][0], body.get("message", {})
        thread = str(message.get("thread_ts", message.get("ts", "")))
        place = Place(str(body["team"]["id"]), str(body["channel"]["id"]), thread, str(body["user"]["id"]))
        pressed = str(action["action_id"]), str(action.get("value", ""))
        self._respond(body, str(body["response_url"]), lambda: self._bot.press(place, *pressed))

    def _respond(self, body: Mapping[str, Any], url: str, answer: Callable[[], Reply]) -> None:
        self._take(str(body["trigger_id"]), answer, lambda reply: self.api.respond(url, reply))

    def _take(
        self,
        key: str,
        answer: Callable[[], Reply],
        post: Callable[[Reply], None],
        *,
        begin: Callable[[], object] = lambda: None,
        end: Callable[[Outcome], object] = lambda _outcome: None,
    ) -> None:
        """Answer what Slack sent under this key, once: `begin` at once, `end` however it ended."""
        began = time.monotonic()

        def first() -> bool:
            if not self._once.is_first(key):
                _log.info("bot.sent_again")
                self.meter.count("repeated")
                return False
            begin()
            return True

        def rest() -> None:
            outcome: Outcome = "failed"
            try:
                reply = answer()
                post(reply)
                outcome = reply.outcome
                self.meter.answering.observe(time.monotonic() - began)
            except ChatError as error:
                _log.warning("bot.answer_not_posted", reason=error.reason, error=str(error))
            finally:
                self.meter.count(outcome)
                end(outcome)

        self.work.begin(first, rest, lost=lambda: self.meter.count("failed"))


def said(text: str) -> str:
    """What a person wrote, without the mention of the bot; links as their words, entities as characters."""
    plain = _LINK.sub(r"\1", _MENTION.sub(" ", text))
    return " ".join(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split())


def _is_of_a_person(event: Mapping[str, Any]) -> bool:
    """No bot is answered, least of all this one; nor are edits, deletions and joins."""
    return not event.get("bot_id") and not event.get("bot_profile") and not event.get("subtype") and "user" in event


def _place(body: Mapping[str, Any], event: Mapping[str, Any], thread: str) -> Place:
    return Place(str(body.get("team_id", "")), str(event["channel"]), thread, str(event["user"]))
