"""“Remember this”: what was the cause and what helped, from the words after it or from the messages of the thread."""

import dataclasses
import re
from collections.abc import Sequence

from api.bot.surface import Message
from api.sentence import quote

ASKED = re.compile(
    r"^\s*(?:please\s+)?(?:remember|note)(?:\s+(?:this|that))?\b\s*[:：,，-]?\s*(?P<en>.*)$"
    r"|^\s*(?:请)?(?:记住|记下|记一下)(?:这个|这次|这些|它|吧)?\s*[:：,，]?\s*(?P<zh>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_CAUSE = r"root[ -]?cause|the cause|cause|reason|根本原因|根因|原因"
_FIX = (
    r"the fix|fix|resolution|solution|workaround|mitigation"
    r"|解决(?:办法|方法|方案)?|修复(?:办法|方法)?|处理(?:办法|方法)?"
)
_BY = r"(?:fixed|resolved|solved|mitigated) by"
_IS = r"\s*(?:was|is|were|[:：=]|是|为)\s*[:：]?\s*"
_SAID = re.compile(
    rf"(?:^|(?<=[\s.;,。；，、]))(?:(?P<cause>(?:{_CAUSE}){_IS}|caused by\s+)|(?P<fix>(?:{_FIX}){_IS}|{_BY}\s+))",
    re.IGNORECASE | re.MULTILINE,
)
_ENDS = re.compile(r"^[\s;,。;,]+|[\s;,。;,]+$")
PART_CHARACTERS = 2000


@dataclasses.dataclass(frozen=True)
class Remembered:
    """What becomes a note."""

    text: str = ""
    cause: str = ""
    fix: str = ""


def asks_to_remember(text: str) -> str | None:
    """The words after “remember this”, perhaps none; None where nobody asks for it."""
    found = ASKED.match(text)
    if found is None:
        return None
    return (found["en"] if found["en"] is not None else found["zh"]).strip()


def told_in(text: str) -> Remembered:
    """The parts of one message that say cause and fix; a text with neither has none."""
    parts: dict[str, list[str]] = {"cause": [], "fix": []}
    places = list(_SAID.finditer(text))
    ends = [*(place.start() for place in places[1:]), len(text)]
    for place, end in zip(places, ends, strict=False):
        said = quote(_ENDS.sub("", text[place.end() : end]), PART_CHARACTERS)
        if said:
            parts["cause" if place["cause"] else "fix"].append(said)
    return Remembered(cause="; ".join(parts["cause"]), fix="; ".join(parts["fix"]))


def remembered(words: str, thread: Sequence[Message]) -> Remembered | None:
    """What is to be kept: of the words after “remember this” where there are any, else of what people said in the
    thread. None where nothing says a cause or a fix.
    """
    if words:
        told = told_in(words)
        return told if told.cause or told.fix else Remembered(text=quote(words, PART_CHARACTERS))
    found = [
        told_in(message.text)
        for message in thread
        if message.is_human and not message.is_ours and asks_to_remember(message.text) is None
    ]
    cause = "; ".join(dict.fromkeys(each.cause for each in found if each.cause))[:PART_CHARACTERS]
    fix = "; ".join(dict.fromkeys(each.fix for each in found if each.fix))[:PART_CHARACTERS]
    return Remembered(cause=cause, fix=fix) if cause or fix else None
