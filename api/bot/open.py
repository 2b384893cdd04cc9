"""Puts the bot together from settings and a way to a Dejalog, and runs it for as long as a block lasts."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import structlog

from api.bot.handle import Bot
from api.bot.meter import BotMeter
from api.bot.once import open_once
from api.bot.rate import RateLimit
from api.bot.slack_api import SlackApi
from api.bot.slack_app import SlackBot
from api.bot.socket_mode import socket_mode
from api.bot.surface import Backend, Surface
from api.bot.work import Work
from api.client import Client
from api.settings import Settings

_log = structlog.get_logger()


class BackendPerThread:
    """A Backend with a client of its own for each thread: that of an application in this process bears no more."""

    def __init__(self, opened: Callable[[], Client]) -> None:
        self._opened = opened
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._all: list[Client] = []

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """See Backend."""
        return self._client().get(path, **parameters)

    def post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """See Backend."""
        return self._client().post(path, content)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for client in self._all:
                client.close()

    def _client(self) -> Client:
        found: Client | None = getattr(self._of_thread, "client", None)
        if found is None:
            found = self._of_thread.client = self._opened()
            with self._lock:
                self._all.append(found)
        return found


def is_set_up(settings: Settings) -> bool:
    """Whether the settings say how to answer in Slack, and how Slack reaches this process."""
    bot = settings.bot
    return bool(bot.slack_bot_token) and bool(bot.slack_app_token or bot.slack_signing_secret)


def takes_signed(settings: Settings) -> bool:
    """Whether Slack's requests over HTTP can be verified."""
    return bool(settings.bot.slack_bot_token and settings.bot.slack_signing_secret)


def bot_of(settings: Settings, backend: Backend, surface: Surface, clock: Callable[[], float] = time.monotonic) -> Bot:
    """The handlers."""
    return Bot(
        backend,
        surface,
        page_url=settings.notify.page_url,
        rate=RateLimit(settings.bot.bot_questions_per_minute, clock),
        half_life_s=settings.retrieve.feedback_half_life,
    )


@contextlib.contextmanager
def slack_bot(
    settings: Settings,
    opened: Callable[[], Client],
    meter: BotMeter,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[SlackBot | None]:
    """The bot until the block ends; None where the settings set none up. `opened`: a new client of the Dejalog."""
    bot = settings.bot
    if not is_set_up(settings):
        if bot.slack_bot_token:
            _log.warning("bot.cannot_be_reached", hint="set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET")
        yield None
        return
    api = SlackApi(bot.slack_bot_token, bot.slack_api_url, pause=pause)
    work = Work(workers=bot.bot_workers, most=bot.bot_waiting)
    with (
        closing(BackendPerThread(opened)) as backend,
        closing(
            SlackBot(
                bot_of(settings, backend, api, clock),
                api,
                work,
                open_once(settings),
                meter,
                token=bot.slack_bot_token,
                signing_secret=bot.slack_signing_secret,
            )
        ) as found,
        socket_mode(found, bot.slack_app_token),
    ):
        _log.info("bot.ready", socket_mode=bool(bot.slack_app_token), signed_http=found.takes_http)
        yield found
