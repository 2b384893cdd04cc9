"""The bot within a server, and as a process of its own against one."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import structlog
from fastapi import FastAPI

from api.app import create_app, create_bot_app
from api.bot.meter import BotMeter
from api.bot.open import is_set_up, slack_bot
from api.bot.slack_app import SlackBot
from api.client import IN_PROCESS_URL, Client, InProcessTransport, holds_data, server_url
from api.compose import open_dejalog
from api.http_server import listen_at, run_app
from api.readiness import Readiness
from api.settings import Settings
from ingest.errors import SettingError

_log = structlog.get_logger()


@contextlib.contextmanager
def answering_slack(app: FastAPI, settings: Settings) -> Iterator[SlackBot | None]:
    """The bot of a server, over the server's own application, until the block ends; nothing where none is set up."""

    def opened() -> Client:
        return Client(IN_PROCESS_URL, settings.server.token, InProcessTransport(app))

    with slack_bot(settings, opened, app.state.bot_meter) as bot:
        app.state.slack = bot
        yield bot


def run_bot(settings: Settings, *, url: str = "") -> None:
    """Answer in Slack until SIGINT or SIGTERM. Raises SettingError where the settings do not say how."""
    if not is_set_up(settings):
        raise SettingError(
            "the bot needs SLACK_BOT_TOKEN, and SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP); "
            "`dejalog bot doctor` says what is missing, `dejalog bot chat` needs none of them"
        )
    with opening(settings, url=url) as opened, slack_bot(settings, opened, BotMeter()) as bot:
        assert bot is not None
        address = settings.stream.worker_listen or (settings.server.listen if bot.takes_http else None)
        if address is None:
            _until_signal()
            return
        with closing(listen_at(address)) as listener:
            _log.info("bot.listening", address=str(address))
            run_app(create_bot_app(settings, Readiness(), bot), listener)


@contextlib.contextmanager
def opening(settings: Settings, *, url: str = "") -> Iterator[Callable[[], Client]]:
    """What opens clients of the Dejalog that a command means: see `api.client.open_client`."""
    target = server_url(settings, url=url)
    if target:
        yield lambda: Client(target, settings.server.token)
        return
    if not holds_data(settings):
        raise SettingError(
            f"no server is running and {settings.store.data_dir} holds no data: "
            "start `dejalog serve` or `dejalog demo`, or name --url"
        )
    with open_dejalog(settings) as dejalog:
        app = create_app(dejalog)
        yield lambda: Client(IN_PROCESS_URL, settings.server.token, InProcessTransport(app))


def _until_signal() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
