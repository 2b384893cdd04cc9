"""An answer as Markdown, piece by piece: for chat clients. Log text can neither break out of its place nor link."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote as percent

from api.page.address import Address
from api.sentence import Language, quote, say
from index.incident import Note

SIMILAR = 3
LINES = 8
MESSAGE_CHARACTERS = 300
NOTE_CHARACTERS = 300
"""How much is shown (guesses: a screen of a chat)."""
_ACTIVE = re.compile(r"([\\`*_\[\]<>|~&$@{}^=#])")
"""What means something anywhere in a line of Markdown as chat clients read it, mathematics and mentions included."""
_AT_START = re.compile(r"^(\d{1,9})([.)])|^([-+:!])")
_LINK = re.compile(r"(?i)(https?|ftp|mailto|javascript|data|file):|\b(www)\.")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    plain = _ACTIVE.sub(r"\\\1", quote(text, len(text) + 1))
    plain = _LINK.sub(lambda found: f"{found[1]}\\:" if found[1] else f"{found[2]}\\.", plain)
    return _AT_START.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", plain)


def code(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """Text as a span of code: a longer fence than any run of backticks in it."""
    plain = quote(text, limit)
    longest = max((len(run) for run in re.findall(r"`+", plain)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if plain[:1] == "`" or plain[-1:] == "`" else ""
    return f"{fence}{pad}{plain or ' '}{pad}{fence}"


def pieces(
    answer: Mapping[str, Any], notes: Sequence[Note], base: str, to_search: Mapping[str, Any] | None = None
) -> list[str]:
    """The answer in the order in which it is read; joined they are the whole. `base`: this server's address;
    `to_search`: the window in which its next queries find something, by default the one that was searched.
    """
    language = answer_language(answer)
    numbers = {line["id"]: number for number, line in enumerate(answer["citations"], 1)}
    links = {line: f"[\\[{number}\\]]({base}/lines/{percent(line)})" for line, number in numbers.items()}
    headline = escaped(_headline(answer))
    parts = [answer["answer"]]
    if answer["revision"]:
        parts = [_verdict(answer, language) + (f"\n\n{headline}" if headline else "")]
    for place, claim in enumerate(answer["claims"]):
        lead = "\n- " if place else "\n\n"
        parts.append(lead + _claim(claim, links) + ("" if place else "\n"))
    note = model_note(answer, language)
    parts += [_supposed(answer, links, language), f"\n\n{escaped(note)}\n" if note else ""]
    parts += [_lines(answer, numbers, language, base), _similar(answer, notes, language, base)]
    parts += [_further(answer, to_search or answer["window"], language, base)]
    if answer["revision"]:
        parts.append(f"\n\n*{escaped(answer['read_as'])}*\n")
    return [part for part in parts if part]


def answer_language(answer: Mapping[str, Any]) -> Language:
    """That in which it says how it was read."""
    return (
        "zh" if str(answer["read_as"]).startswith(say("read.whole", "zh", intent="", about="", window="")[:3]) else "en"
    )


def references(answer: Mapping[str, Any], base: str) -> list[dict[str, Any]]:
    """The cited lines, numbered as in the text, for programs."""
    return [
        {"number": number, **line, "url": f"{base}/lines/{percent(line['id'])}"}
        for number, line in enumerate(answer["citations"], 1)
    ]


def _verdict(answer: Mapping[str, Any], language: Language) -> str:
    said = say(f"chat.{answer['verdict']}", language)
    confidence = f"{float(answer['confidence']):.2f}"
    return f"**{say('chat.confidence', language, verdict=said, confidence=confidence)}**"


def _headline(answer: Mapping[str, Any]) -> str:
    """What the answer says before its first claim."""
    whole = str(answer["answer"])
    return whole.partition(str(answer["claims"][0]["text"]))[0].strip() if answer["claims"] else whole


def _claim(claim: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """A sentence with the marks of its lines."""
    marks = "".join(links[line] for line in claim["citations"] if line in links)
    return f"{escaped(claim['text'])}{' ' if marks else ''}{marks}"


def _supposed(answer: Mapping[str, Any], links: Mapping[str, str], language: Language) -> str:
    """What a language model supposes, told apart from the claims: it is none."""
    rows = []
    for number, each in enumerate(answer.get("hypotheses", ()), 1):
        rows.append(f"\n{number}. {escaped(each['text'])}")
        for side in ("for", "against"):
            rows += [f"\n   - {say(f'chat.speaks_{side}', language)} {_claim(claim, links)}" for claim in each[side]]
    return _heading("supposed", language) + "".join(rows) if rows else ""


def model_note(answer: Mapping[str, Any], language: Language) -> str:
    """That a language model was asked and told nothing, and why; an answer without claims says it itself."""
    outcome = answer["model"]["outcome"] if "model" in answer else "used"
    return say(f"model.{outcome}", language) if outcome != "used" and answer["claims"] else ""


def _heading(name: str, language: Language) -> str:
    return f"\n\n**{say(f'chat.{name}', language)}**\n"


def _lines(answer: Mapping[str, Any], numbers: Mapping[str, int], language: Language, base: str) -> str:
    if not numbers:
        return ""
    rows = []
    for line in answer["citations"][:LINES]:
        link = f"[{escaped(line['time'])}]({base}/lines/{percent(line['id'])})"
        who = " · ".join(escaped(each) for each in (line["service"], line["level"]) if each)
        rows.append(f"\n{numbers[line['id']]}. {link} · {who} · {code(line['message'])}")
    return _heading("lines", language) + "".join(rows)


def _similar(answer: Mapping[str, Any], notes: Sequence[Note], language: Language, base: str) -> str:
    rows = []
    for each in answer["similar"][:SIMILAR]:
        name = each["incident_id"]
        began = f"{escaped(each['onset'][0]['time'][:16].replace('T', ' '))} UTC · " if each["onset"] else ""
        noted = [
            f"\n   - {escaped(say(f'chat.noted_{field}', language, text=quote(text, NOTE_CHARACTERS)))}"
            for note in notes
            if note.target == name
            for field in ("cause", "fix", "runbook", "text")
            if (text := getattr(note, field))
        ]
        rows.append(f"\n- {began}[{escaped(each['title'])}]({base}/incidents/{percent(name)})" + "".join(noted))
    return _heading("similar", language) + "".join(rows) if rows else ""


def _further(answer: Mapping[str, Any], window: Mapping[str, Any], language: Language, base: str) -> str:
    rows = [
        f"\n- [{escaped(query)}]({base}{_safe(str(address))})"
        for query in answer["next_queries"]
        if (address := Address("/lines", query=query, start=window["start"] or "", end=window["end"]))
    ]
    return _heading("further", language) + "".join(rows) if rows else ""


def _safe(address: str) -> str:
    """An address that ends where its link does."""
    return address.replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")
