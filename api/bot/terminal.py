"""The bot in a terminal: the same handlers, a line is a message, the buttons below an answer have numbers."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from api.bot.handle import Bot
from api.bot.mrkdwn import plain_of
from api.bot.render import ANSWER_BLOCK
from api.bot.surface import Message, Place, Reply

COMMAND = "/dejalog"
THREAD = "terminal"


class TerminalSurface:
    """The lines typed so far are the thread."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._messages: list[Message] = []

    def thread(self, place: Place) -> Sequence[Message]:
        """All that was said, but for the line that is answered."""
        del place
        return tuple(self._messages)

    def user_name(self, user: str) -> str:
        """Who sits at the terminal."""
        del user
        return self._user

    def heard(self, text: str) -> None:
        """A person's line."""
        self._messages.append(Message(text, self._user, time.time_ns()))

    def said(self, reply: Reply) -> None:
        """An answer of ours."""
        self._messages.append(Message(reply.text, "", time.time_ns(), is_ours=True, incident=_incident_of(reply)))


def chat(bot: Bot, surface: TerminalSurface, lines: Iterable[str], say: Callable[[str], None]) -> None:
    """Answer each line: `/dejalog …` as a command, `!1` as a press of the first button, the rest as a mention."""
    place = Place("terminal", "terminal", THREAD, "you")
    buttons: list[Mapping[str, Any]] = []
    for line in lines:
        text = line.strip()
        if not text:
            continue
        if text.startswith("!"):
            reply = _pressed(bot, place, text[1:], buttons)
        elif text.startswith(COMMAND):
            reply = bot.command(place, text.removeprefix(COMMAND).strip())
        else:
            reply = bot.mention(place, text)
            surface.heard(text)
            surface.said(reply)
        buttons = _buttons(reply) or buttons
        say(shown(reply))


def shown(reply: Reply) -> str:
    """A message as plain text."""
    parts = []
    for block in reply.blocks:
        if block["type"] == "section":
            parts.append(plain_of(str(block["text"]["text"])))
        elif block["type"] == "context":
            parts.append(plain_of(str(block["elements"][0]["text"])))
        elif block["type"] == "actions":
            named = [f"[!{number}] {each['text']['text']}" for number, each in enumerate(block["elements"], 1)]
            parts.append("  ".join(named))
    return "\n\n".join(parts) + "\n"


def _pressed(bot: Bot, place: Place, number: str, buttons: Sequence[Mapping[str, Any]]) -> Reply:
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= len(buttons)):
        return bot.command(place, "help")
    button = buttons[int(number) - 1]
    return bot.press(place, str(button["action_id"]), str(button["value"]))


def _buttons(reply: Reply) -> list[Mapping[str, Any]]:
    return [each for block in reply.blocks if block.get("block_id") == ANSWER_BLOCK for each in block["elements"]]


def _incident_of(reply: Reply) -> str:
    found = [str(orjson.loads(each["value"])["incident"]) for each in _buttons(reply)[:1]]
    return found[0] if found else ""
