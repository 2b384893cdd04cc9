"""An answer as a message: verdict first, confidence, the past incident, three lines as links, what differs, buttons."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote as quoted

import orjson

from api.bot.mrkdwn import VALUE_CHARACTERS, code, context, fitted, link, section, shown
from api.bot.surface import Block, Reply
from api.chat_markdown import model_note
from api.sentence import Language, say

LINES = 3
SENTENCES = 6
SENTENCE_CHARACTERS = 500
FURTHER = 2
STEPS = 6
SPEAKING = 3
TEMPLATES = 3
TEMPLATE_CHARACTERS = 120
QUESTION_CHARACTERS = 200
BUTTON_LINES = 10
ACTION = "dejalog_"
UP, DOWN, NOT_SAME, SHOW_LINES = (ACTION + name for name in ("up", "down", "not_the_same", "lines"))
ANSWER_BLOCK = "dejalog_answer"
_SIGNS = {"found": "✅", "not_found": "🔍", "inconclusive": "❔"}


@dataclasses.dataclass(frozen=True)
class Rendering:
    """Where links lead, and the language of what the bot itself says."""

    page_url: str
    language: Language

    def say(self, name: str, **values: object) -> str:
        """A sentence of the group `bot`."""
        return say(f"bot.{name}", self.language, **values)

    def to(self, path: str) -> str:
        """The address of a screen; empty where nobody said where the page is reached."""
        return f"{self.page_url.rstrip('/')}{path}" if self.page_url else ""

    def incident(self, incident: Mapping[str, Any], limit: int = 200) -> str:
        """Its title as a link."""
        identity = str(incident["incident_id"])
        label = f"*{shown(str(incident['title']), limit)}*"
        return link(self.to(f"/incidents/{quoted(identity, safe='')}"), label) + f" · {code(identity)}"

    def line(self, line: Mapping[str, Any]) -> str:
        """When and where as a link, and what it says as code."""
        where = " ".join(shown(str(line[name]), 60) for name in ("service", "level") if line[name])
        label = f"{moment(line['time'])} {where}".strip()
        url = self.to(f"/lines/{quoted(str(line['id']), safe='')}")
        return f"• {link(url, label)} {code(str(line['message']))}" + ("" if url else f" {code(str(line['id']))}")


def answer_reply(
    answer: Mapping[str, Any], question: str, rendering: Rendering, *, is_investigation: bool = False
) -> Reply:
    """The whole message; `is_investigation`: a language model was to look further."""
    if not answer["revision"]:
        # Small talk: nothing was looked for, so there is no verdict to tell and nothing to judge.
        return Reply(fitted(_sentences(answer)), (section(_sentences(answer)),))
    verdict = str(answer["verdict"])
    percent = round(float(answer["confidence"]) * 100)
    headline = f"{_SIGNS[verdict]} *{rendering.say(verdict)}* · {rendering.say('confidence', percent=percent)}"
    blocks = [section([headline]), section(_sentences(answer))]
    if supposed := list(_supposed(answer, rendering)):
        blocks.append(section([f"*{say('chat.supposed', rendering.language)}*", *supposed]))
    if similar := answer["similar"]:
        blocks.append(section(_past(similar, rendering)))
    if lines := answer["citations"][:LINES]:
        blocks.append(section([f"*{rendering.say('lines')}*", *(rendering.line(each) for each in lines)]))
    if differing := list(_differing(similar, rendering)):
        blocks.append(section([f"*{rendering.say('differs')}*", *differing]))
    blocks.append(context(_small_print(answer, question, rendering, is_investigation=is_investigation)))
    blocks.append(_buttons(answer, question, rendering))
    return Reply(fitted([headline, *_sentences(answer)]), tuple(blocks))


def moment(time: str) -> str:
    """RFC 3339 to the second."""
    return f"{time[:10]} {time[11:19]} UTC"


def _sentences(answer: Mapping[str, Any]) -> list[str]:
    texts = [str(claim["text"]) for claim in answer["claims"]]
    whole = str(answer["answer"]).strip()
    opening = whole.split(texts[0], 1)[0].strip() if texts else whole
    return [shown(text, SENTENCE_CHARACTERS) for text in (opening, *texts[:SENTENCES]) if text]


def _supposed(answer: Mapping[str, Any], rendering: Rendering) -> Iterator[str]:
    """What a language model supposes, each with what speaks for and against it."""
    for number, each in enumerate(answer.get("hypotheses", ()), 1):
        yield f"{number}. {shown(str(each['text']), SENTENCE_CHARACTERS)}"
        for side in ("for", "against"):
            for claim in each[side][:SPEAKING]:
                lines = [rendering.to(f"/lines/{quoted(str(line), safe='')}") for line in claim["citations"][:LINES]]
                marks = " ".join(link(url, f"[{place}]") for place, url in enumerate(lines, 1) if url)
                said = shown(str(claim["text"]), SENTENCE_CHARACTERS)
                yield f"• {say(f'chat.speaks_{side}', rendering.language)} {said} {marks}".rstrip()


def _model_note(answer: Mapping[str, Any], rendering: Rendering, *, is_investigation: bool) -> str:
    """That no language model told this, and why, where one was to."""
    if is_investigation and "model" not in answer:
        return rendering.say("no_model")
    return model_note(answer, rendering.language)


def _past(similar: Sequence[Mapping[str, Any]], rendering: Rendering) -> Iterator[str]:
    best = similar[0]
    yield f"*{rendering.say('past')}*: {rendering.incident(best)}"
    told = [rendering.say("fit", score=f"{float(best['score']):.2f}")]
    if best["onset"]:
        steps = " → ".join(shown(each["service"], 60) for each in best["onset"][:STEPS])
        told = [moment(best["onset"][0]["time"]), steps, *told]
    moved = float(best.get("learned", 0.0))
    if moved:
        told.append(rendering.say("learned_up" if moved > 0 else "learned_down"))
    yield " · ".join(told)
    if further := similar[1 : 1 + FURTHER]:
        yield f"{rendering.say('further')}: " + "; ".join(rendering.incident(each, 80) for each in further)


def _differing(similar: Sequence[Mapping[str, Any]], rendering: Rendering) -> Iterator[str]:
    """Of the best one, or, where that is what all are held against, of the next."""
    compared = next((each for each in similar[:2] if each["missing"] or each["extra"]), similar[0] if similar else None)
    if compared is None:
        return
    if compared is not similar[0]:
        yield rendering.incident(compared, 80)
    for name in ("shared", "missing", "extra"):
        if templates := compared[name][:TEMPLATES]:
            what = ", ".join(code(template, TEMPLATE_CHARACTERS) for template in templates)
            yield "• " + rendering.say(name, what=what)


def _small_print(answer: Mapping[str, Any], question: str, rendering: Rendering, *, is_investigation: bool) -> str:
    read_as = shown(str(answer["read_as"]), SENTENCE_CHARACTERS)
    note = _model_note(answer, rendering, is_investigation=is_investigation)
    mode = "&mode=llm" if is_investigation and "model" in answer else ""
    url = rendering.to(f"/?q={quoted(question[:QUESTION_CHARACTERS], safe='')}{mode}")
    return " ".join(filter(None, (note, read_as, link(url, rendering.say("whole_answer")) if url else "")))


def _buttons(answer: Mapping[str, Any], question: str, rendering: Rendering) -> Block:
    value = _button_value(answer, question, rendering.language)
    has_incident = bool(answer["similar"])
    wanted = [(UP, "👍", "helpful"), (DOWN, "👎", "unhelpful"), (SHOW_LINES, rendering.say("show_lines"), "show_lines")]
    wanted += [(NOT_SAME, rendering.say("not_same"), "not_same")] if has_incident else []
    buttons = [
        {
            "type": "button",
            "action_id": action,
            "text": {"type": "plain_text", "text": label, "emoji": True},
            "accessibility_label": rendering.say(described)[:75],
            "value": value,
        }
        for action, label, described in wanted
    ]
    return {"type": "actions", "block_id": ANSWER_BLOCK, "elements": buttons}


def _button_value(answer: Mapping[str, Any], question: str, language: Language) -> str:
    """What a button must know when it is pressed, days later and by another process."""
    lines = [str(each["id"]) for each in answer["citations"][:BUTTON_LINES]]
    while True:
        known = {
            "incident": answer["similar"][0]["incident_id"] if answer["similar"] else "",
            "revision": answer["revision"],
            "question": question[:QUESTION_CHARACTERS],
            "language": language,
            "lines": lines,
        }
        packed = orjson.dumps(known).decode()
        if len(packed) <= VALUE_CHARACTERS or not lines:
            return packed
        lines = lines[:-1]
