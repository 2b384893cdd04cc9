"""The alert of a thread as a question: like the incident that ran when it fired, else in its own words, before it."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.bot.message_text import alert_words
from api.bot.surface import Backend, Message
from api.question_words import LIKE_THIS
from api.sentence import Language, say
from api.time_text import SECOND_NS, format_time

LEAD_NS = 15 * 60 * SECOND_NS
"""So long before an alert its cause may begin: rules wait some minutes (`for:`). A guess."""
LAG_NS = 10 * 60 * SECOND_NS
"""So long after it an incident may still begin that it told of first (a guess)."""
SHORT_WORDS = 4
"""A question of so few words in a thread that was not answered in yet is about the thread's alert (a guess)."""
_SEEN = re.compile(
    r"\b(?:seen|happened?|known?|before|again|this|that)\b|见过|出现过|发生过|遇到过|以前|之前|这个|这次", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class ThreadQuestion:
    """One way to ask about what a thread is about."""

    text: str
    start: str | None = None
    end: str | None = None


def alert_of(text: str, thread: Sequence[Message]) -> Message | None:
    """The alert that a mention asks about: the thread's first message, unless it is ours, says nothing, or the mention
    asks something of its own.
    """
    if len(thread) < 2 or thread[0].is_ours or not thread[0].text:
        return None
    if not text or LIKE_THIS.search(text) or _SEEN.search(text):
        return thread[0]
    is_new = not any(message.is_ours for message in thread)
    return thread[0] if is_new and len(text.split()) <= SHORT_WORDS and text.isascii() else None


def questions(
    backend: Backend, text: str, alert: Message, services: Sequence[str], start: str | None, language: Language
) -> list[ThreadQuestion]:
    """What to ask, in turn, until something is found. `language`: of what is asked in the bot's words."""
    running = _running(backend, alert, services)
    end_ns = alert.time_ns - LEAD_NS
    asked = [] if running is None else [ThreadQuestion(f"{text} {running['incident_id']}", start)]
    end = format_time(end_ns) if running is None else str(running["start"])
    words = alert_words(alert.text)
    # "this" would be what the thread was told of before, not the alert.
    is_about_it = bool(LIKE_THIS.search(text))
    whole = say("bot.happened_before", language, what=words) if is_about_it else f"{text} {words}"
    return [*asked, ThreadQuestion(whole, start, end)]


def _running(backend: Backend, alert: Message, services: Sequence[str]) -> Mapping[str, Any] | None:
    """The incident of the time of the alert: one whose services it names, else the newest."""
    reply = backend.get(
        "/v1/incidents",
        start=format_time(alert.time_ns - LEAD_NS),
        end=format_time(alert.time_ns + LAG_NS),
        service=list(services),
        limit=20,
    )
    found: list[Mapping[str, Any]] = reply["incidents"]
    named = [each for each in found if any(_names(alert.text, service) for service in each["services"])]
    return next(iter(named or found), None)


def _names(text: str, service: str) -> bool:
    return bool(service) and bool(re.search(rf"(?<![\w-]){re.escape(service)}(?![\w-]*\w)", text, re.IGNORECASE))
