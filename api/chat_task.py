"""What chat clients ask of a model on the side, such as titles: answered from the prompt alone, nothing is looked up.

The prompts are Open WebUI's (its setting *Tasks*): a message that begins with `### Task:`, says in which JSON it wants
the reply, and quotes the conversation between `<chat_history>` tags.
"""

import re

import orjson

from api.conversation_read import language_of
from api.sentence import quote, say

_BEGINS = re.compile(r"\s*#{1,4}\s*Task\s*:", re.IGNORECASE)
_EMOJI = re.compile(r"\s*Your task is to reflect the speaker's likely facial expression", re.IGNORECASE)
_QUERY = re.compile(r"<user_query>(.*?)</user_query>", re.DOTALL | re.IGNORECASE)
_HISTORY = re.compile(r"<chat_history>(.*)</chat_history>", re.DOTALL | re.IGNORECASE)
_USER = re.compile(r"^USER:\s*(.*?)(?=^(?:ASSISTANT|SYSTEM|TOOL|USER):|\Z)", re.DOTALL | re.MULTILINE)
_FORMS = ("title", "tags", "follow_ups", "queries", "prompt", "text")
"""Keys of the JSON that is asked for; the first that the prompt names."""
_ENDS = re.compile(r"[??.。!!\s]+$")
TITLE_CHARACTERS = 40
EMOJI = "🔎"


def question_in(text: str) -> str:
    """The question itself, where a client has put it into a prompt with documents around."""
    found = _QUERY.search(text) if _BEGINS.match(text) else None
    return found[1].strip() if found else text


def side_task(text: str) -> str | None:
    """The reply to a prompt that is no question; None for everything else."""
    if _EMOJI.match(text):
        return EMOJI
    if not _BEGINS.match(text) or _QUERY.search(text):
        return None
    history = _HISTORY.search(text)
    said = [found.strip() for found in _USER.findall(history[1])] if history else []
    asked = said[0] if said else ""
    form = next((each for each in _FORMS if re.search(rf'"{each}"', text)), "")
    replies: dict[str, object] = {
        "title": _title(asked),
        "tags": ["Logs"],
        "follow_ups": say("chat.follow_ups", language_of(asked)).split("|"),
        "queries": [],
        "prompt": "",
        "text": "",
    }
    return orjson.dumps({form: replies[form]} if form else {}).decode()


def _title(asked: str) -> str:
    """The question, cut at a word."""
    plain = _ENDS.sub("", quote(asked, len(asked) + 1))
    if len(plain) <= TITLE_CHARACTERS:
        return plain or "Dejalog"
    cut = plain[:TITLE_CHARACTERS]
    return (cut.rpartition(" ")[0] if " " in cut else cut) + "…"
