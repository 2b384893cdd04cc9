"""What can be read in a Slack message: its text, and the attachments and blocks in which alerting apps write."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.sentence import quote

WORDS_CHARACTERS = 600
"""Of an alert that are asked about (a guess: its name, its summary, a label or two)."""
_DEPTH = 6
"""How deep blocks may stand in blocks; rich text is four deep."""
_LINK = re.compile(r"<([^|>]+)\|([^>]*)>")
_BARE = re.compile(r"<[^>]*>|https?://\S+")
_EMOJI = re.compile(r":[a-z0-9_+-]{2,40}:")
_MARKS = re.compile(r"[*_~`]+(?=\s|$)|(?<!\S)[*_~`]+")
_STATE = re.compile(
    r"\[(?:FIRING|RESOLVED|ALERTING|OK|NO DATA|PENDING)(?::?\s*\d*)?\]|\b(?:Triggered|Firing)\b:?", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")
_FIELDS = ("pretext", "title", "text")
_SILENT = frozenset({"actions", "image", "divider", "input", "file", "video"})


def message_text(message: Mapping[str, Any]) -> str:
    """All of it, each thing said once, one a line, without markup."""
    said = dict.fromkeys(filter(None, (_plain(text) for text in _texts(message))))
    kept = [text for text in said if not any(text != other and _says(other, text) for other in said)]
    return "\n".join(kept)


def _says(whole: str, part: str) -> bool:
    """Whether the words of a part stand in another one."""
    return f" {part} ".replace("\n", " ") in f" {whole} ".replace("\n", " ")


def alert_words(text: str) -> str:
    """An alert's text as words that a question can be made of: no states, names in CamelCase parted."""
    return quote(_CAMEL.sub(" ", _STATE.sub(" ", text.replace("\n", " . "))), WORDS_CHARACTERS)


def _plain(text: str) -> str:
    named = _LINK.sub(r"\2", text)
    bare = _EMOJI.sub(" ", _BARE.sub(" ", named)).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    lines = (" ".join(_MARKS.sub(" ", line).split()) for line in bare.splitlines())
    return "\n".join(filter(None, lines))


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    yield _string(message.get("text"))
    for attachment in _list(message.get("attachments")):
        told = [_string(attachment.get(name)) for name in _FIELDS]
        yield from told
        for field in _list(attachment.get("fields")):
            yield f"{_string(field.get('title'))}: {_string(field.get('value'))}".strip(": ")
        yield from _of_blocks(_list(attachment.get("blocks")))
        if not any(told):
            yield _string(attachment.get("fallback"))
    yield from _of_blocks(_list(message.get("blocks")))


def _of_blocks(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block.get("type") in _SILENT:
            continue
        if block.get("type") == "rich_text":
            yield "".join(_leaves(block, _DEPTH))
            continue
        yield from _leaves({name: block.get(name) for name in ("text", "fields", "elements")}, _DEPTH)


def _leaves(value: Any, depth: int) -> Iterator[str]:
    if depth < 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, depth)
    elif isinstance(value, Mapping):
        for name in ("text", "fields", "elements"):
            if name in value:
                yield from _leaves(value[name], depth - 1)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
