"""Socket Mode: a websocket to Slack that the bot opens itself, so that Slack needs no way in."""

import contextlib
import threading
from collections.abc import Iterator

import structlog
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from api.bot.meter import BotMeter
from api.bot.slack_app import SlackBot
from api.bot.work import Work

_log = structlog.get_logger()
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
"""Between two tries to connect (guesses). Once connected, the library itself connects again."""


class _BoundedHandler(SocketModeHandler):
    """What there is no room for is not acknowledged: Slack sends it again."""

    work: Work
    meter: BotMeter

    def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as theirs
        """See SocketModeHandler."""
        if self.work.is_full:
            _log.warning("bot.full")
            self.meter.count("busy")
            return
        with self.meter.acknowledging.time():
            super().handle(client, req)


@contextlib.contextmanager
def socket_mode(bot: SlackBot, app_token: str) -> Iterator[None]:
    """Connected until the block ends; nothing without a token. A Slack that is away keeps nothing from starting."""
    if not app_token:
        yield
        return
    handler = _BoundedHandler(bot.app, app_token, web_client=bot.api.client)
    handler.work, handler.meter = bot.work, bot.meter
    ended = threading.Event()
    thread = threading.Thread(target=_connect, args=(handler, ended), name="bot-socket", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        handler.close()  # type: ignore[no-untyped-call]  # slack_bolt gives no types here


def _connect(handler: SocketModeHandler, ended: threading.Event) -> None:
    wait_s = FIRST_WAIT_S
    while not ended.is_set():
        try:
            handler.connect()  # type: ignore[no-untyped-call]  # slack_bolt gives no types here
        except (SlackApiError, SlackClientError, OSError) as error:
            reason = (
                error.response.get("error", "unknown") if isinstance(error, SlackApiError) else type(error).__name__
            )
            _log.warning("bot.socket_mode_failed", reason=reason, again_in_s=wait_s)
            ended.wait(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
        else:
            _log.info("bot.socket_mode_connected")
            return
