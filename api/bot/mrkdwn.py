"""Text for Slack's mrkdwn. Log text is data: it can mention nobody, link nowhere, format nothing and end no code.

Slack's rules: `&`, `<` and `>` are written as entities (https://docs.slack.dev/messaging/formatting-message-text);
everything between unescaped `<` and `>` is a link or a mention, so there is none but ours.
"""

import re
from collections.abc import Iterable, Sequence

from api.bot.surface import Block
from api.sentence import quote

SECTION_CHARACTERS = 3000
BLOCKS = 50
VALUE_CHARACTERS = 2000
"""Slack's limits of a section's text, of blocks in a message and of a button's value."""
SHOWN = 300
"""Characters of log text in one place (a guess: three lines on a wide screen); escaped, five times that at most."""
_FORMATTING = re.compile(r"(?<!\w)[*_~]|[*_~](?!\w)")
_INVISIBLE = "\u2060"
"""A word joiner: a mark beside it begins or ends no formatting."""
_BOLD = re.compile(rf"(?<![\w*`{_INVISIBLE}])\*([^*\n]+)\*(?![\w*`{_INVISIBLE}])")


def escaped(text: str) -> str:
    """The three characters that are markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(text: str, limit: int = SHOWN) -> str:
    """Log text within a sentence: one line, plain."""
    plain = quote(text, limit).replace("`", "ˋ")
    return escaped(_FORMATTING.sub(lambda mark: f"{_INVISIBLE}{mark[0]}{_INVISIBLE}", plain))


def code(text: str, limit: int = SHOWN) -> str:
    """Log text as code, in which Slack formats nothing."""
    plain = quote(text, limit).replace("`", "ˋ")
    return f"`{escaped(plain)}`" if plain else ""


def link(url: str, label: str) -> str:
    """A link; `label` is mrkdwn already. Without an address the label alone."""
    return f"<{escaped(url).replace('|', '%7C')}|{label}>" if url else label


def section(lines: Iterable[str]) -> Block:
    """A section of as many whole lines as Slack takes."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": fitted(lines), "verbatim": True}}


def sections(lines: Sequence[str]) -> list[Block]:
    """As many sections as the lines need; one block of a message is left for something else."""
    found: list[list[str]] = [[]]
    for line in lines:
        if sum(map(len, found[-1])) + len(found[-1]) + len(line) >= SECTION_CHARACTERS:
            found.append([])
        found[-1].append(line)
    return [section(each) for each in found[: BLOCKS - 1] if each]


def context(text: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": fitted([text]), "verbatim": True}]}


def fitted(lines: Iterable[str], limit: int = SECTION_CHARACTERS) -> str:
    """Whole lines, up to `limit`; a line that is longer by itself is left out, since cut markup may say anything."""
    kept: list[str] = []
    room = limit
    for line in lines:
        if len(line) + 1 > room:
            kept.append("…")
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)[:limit]


def plain_of(text: str) -> str:
    """Mrkdwn as a terminal shows it: links with their address behind, no entities, nothing bold."""
    linked = re.sub(r"<([^|>]+)\|([^>]*)>", r"\2 (\1)", text)
    bare = _BOLD.sub(r"\1", re.sub(r"<([^>]+)>", r"\1", linked))
    plain = bare.replace(_INVISIBLE, "")
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
