"""What the bot does with what is said to it: questions, commands, presses, notes. Knows no Slack; may be called from
any thread.
"""

import dataclasses
import math
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote as quoted

import orjson
import structlog

from api.bot import render, render_lists
from api.bot.defaults import Defaults, changed, keep_defaults, read_defaults
from api.bot.investigate import asks_to_investigate
from api.bot.mrkdwn import code, escaped, section, shown
from api.bot.rate import RateLimit
from api.bot.remember import Remembered, asks_to_remember, remembered
from api.bot.render import Rendering
from api.bot.surface import Backend, Outcome, Place, Reply, Surface
from api.bot.thread_alert import ThreadQuestion, alert_of, questions
from api.first_found import first_found
from api.sentence import Language
from ingest.errors import ChatError, InputError, NotFoundError, RefusedError, SettingError

_log = structlog.get_logger()
DAY_S = 86400
Mode = Literal["auto", "llm"]
_EXPLAINED = (RefusedError, ChatError, SettingError)
"""Errors whose message helps whoever reads it in the chat."""
_HELP = frozenset({"", "help", "?", "帮助", "hi", "hello", "你好"})


@dataclasses.dataclass(frozen=True)
class Pressed:
    """What a button knows of the answer below which it stands."""

    incident: str
    revision: str
    question: str
    language: Language
    lines: tuple[str, ...]

    @classmethod
    def read(cls, value: str) -> "Pressed":
        """From the button's value. Raises InputError for one of another version."""
        try:
            known = orjson.loads(value)
            texts = {name: str(known[name]) for name in ("incident", "revision", "question")}
            language: Language = "zh" if known["language"] == "zh" else "en"
            return cls(**texts, language=language, lines=tuple(map(str, known["lines"])))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("the button's value cannot be read", hint="ask again") from error


class Bot:
    """The handlers. `half_life_s` is only told, the server applies its own."""

    def __init__(
        self, backend: Backend, surface: Surface, *, page_url: str, rate: RateLimit, half_life_s: float
    ) -> None:
        self._backend = backend
        self._surface = surface
        self._page_url = page_url
        self._rate = rate
        self._half_life_days = max(round(half_life_s / DAY_S), 1)

    def mention(self, place: Place, text: str) -> Reply:
        """The answer to what was said to the bot in a channel, a thread or a direct message."""
        return self._answered(text, lambda defaults: self._mentioned(place, text, defaults), place)

    def command(self, place: Place, text: str) -> Reply:
        """The private answer to `/dejalog text`."""
        reply = self._answered(text, lambda defaults: self._commanded(place, text, defaults), place)
        return dataclasses.replace(reply, is_private=True)

    def press(self, place: Place, action: str, value: str) -> Reply:
        """The private answer to a press of a button below an answer."""
        try:
            pressed = Pressed.read(value)
        except InputError:
            return _said(Rendering("", "en").say("outdated"), "invalid")
        rendering = Rendering(self._page_url, pressed.language)
        wait_s = self._wait_s(place)
        if wait_s:
            return _said(rendering.say("wait", seconds=wait_s), "limited")
        try:
            if action == render.SHOW_LINES:
                return render_lists.lines_reply(self._lines(pressed), rendering)
            return self._taught(place, action, pressed, rendering)
        except Exception as error:  # noqa: BLE001 - the bot's own handler: logged with an id, which its user is told
            return _failed(error, rendering)

    def _answered(self, text: str, answer: Callable[[Defaults], Reply], place: Place) -> Reply:
        """The answer, or why there is none: too many questions, or what went wrong; both privately."""
        language = Defaults().language_of(text)
        try:
            wait_s = self._wait_s(place)
            if wait_s:
                return _said(Rendering("", language).say("wait", seconds=wait_s), "limited")
            return answer(read_defaults(self._backend, place))
        except Exception as error:  # noqa: BLE001 - see press
            return _failed(error, Rendering("", language))

    def _wait_s(self, place: Place) -> int:
        """See RateLimit; presses count like questions."""
        return math.ceil(self._rate.wait_s(f"{place.team} {place.user}"))

    def _mentioned(self, place: Place, text: str, defaults: Defaults) -> Reply:
        words = asks_to_remember(text)
        rendering = self._rendering(defaults, text)
        if words is not None:
            return self._remembered(place, words, rendering)
        text, mode = _mode_of(text)
        thread = self._surface.thread(place) if place.thread else ()
        alert = alert_of(text, thread)
        if alert is None and text.strip().lower() in _HELP:
            return render_lists.help_reply(rendering)
        if alert is None:
            return self._asked(place, ThreadQuestion(text, defaults.start_of(text)), defaults, mode)
        said = text or rendering.say("have_we_seen")
        start, language = defaults.start_of(text), rendering.language
        asked = questions(self._backend, said, alert, defaults.services, start, language)
        chosen = first_found(asked[:-1], lambda each: self._looked(each, defaults), otherwise=asked[-1])
        return self._asked(place, chosen, defaults, mode)

    def _asked(self, place: Place, question: ThreadQuestion, defaults: Defaults, mode: Mode) -> Reply:
        content = {**_content_of(question, defaults), "conversation_id": place.conversation_id}
        answer = self._investigated(content) if mode == "llm" else self._backend.post("/v1/ask", content)
        rendering = self._rendering(defaults, question.text)
        return render.answer_reply(answer, question.text, rendering, is_investigation=mode == "llm")

    def _investigated(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The answer with what a language model found out; where there is no model, the answer of none."""
        try:
            return self._backend.post("/v1/ask", {**content, "mode": "llm"})
        except InputError as error:
            if not str(error).startswith("mode:"):
                raise
            return self._backend.post("/v1/ask", dict(content))

    def _looked(self, question: ThreadQuestion, defaults: Defaults) -> dict[str, Any]:
        """The answer of no model, which no conversation keeps."""
        return self._backend.post("/v1/ask", {**_content_of(question, defaults), "mode": "deterministic"})

    def _rendering(self, defaults: Defaults, text: str) -> Rendering:
        return Rendering(self._page_url, defaults.language_of(text))

    def _commanded(self, place: Place, text: str, defaults: Defaults) -> Reply:
        name, _, rest = text.strip().partition(" ")
        commands = {
            "ask": self._ask_command,
            "investigate": self._investigate_command,
            "similar": self._similar_command,
            "search": self._search_command,
            "patterns": self._patterns_command,
            "incident": self._incident_command,
            "set": self._set_command,
        }
        if name.lower() in _HELP:
            return render_lists.help_reply(self._rendering(defaults, text))
        command = commands.get(name.lower())
        # What begins with none of the names is a question.
        return command(place, rest.strip(), defaults) if command else self._ask_command(place, text.strip(), defaults)

    def _ask_command(self, place: Place, text: str, defaults: Defaults) -> Reply:
        text, mode = _mode_of(text)
        return self._asked(place, ThreadQuestion(text, defaults.start_of(text)), defaults, mode)

    def _investigate_command(self, place: Place, text: str, defaults: Defaults) -> Reply:
        return self._asked(place, ThreadQuestion(text, defaults.start_of(text)), defaults, "llm")

    def _similar_command(self, _place: Place, text: str, defaults: Defaults) -> Reply:
        rendering = self._rendering(defaults, text)
        incident = self._incident(text, defaults)
        if incident is None:
            return _said(rendering.say("no_incidents"))
        reply = self._backend.post("/v1/incidents/similar", {"incident_id": incident["incident_id"]})
        return render_lists.similar_reply(incident, reply["similar"], rendering)

    def _search_command(self, _place: Place, text: str, defaults: Defaults) -> Reply:
        rendering = self._rendering(defaults, text)
        content = {
            "query": text or "*",
            "start": defaults.window,
            "service": list(defaults.services),
            "limit": render_lists.LINES,
        }
        return render_lists.search_reply(self._backend.post("/v1/search", content), text or "*", rendering)

    def _patterns_command(self, _place: Place, text: str, defaults: Defaults) -> Reply:
        rendering = self._rendering(defaults, text)
        reply = self._backend.get(
            "/v1/patterns",
            query=text or "*",
            start=defaults.window,
            service=list(defaults.services),
            limit=render_lists.PATTERNS,
            state="active",
        )
        return render_lists.patterns_reply(reply["patterns"], rendering)

    def _incident_command(self, _place: Place, text: str, defaults: Defaults) -> Reply:
        rendering = self._rendering(defaults, text)
        incident = self._incident(text, defaults)
        return (
            _said(rendering.say("no_incidents"))
            if incident is None
            else render_lists.incident_reply(incident, rendering)
        )

    def _set_command(self, place: Place, text: str, defaults: Defaults) -> Reply:
        if text:
            defaults = changed(defaults, text)
            keep_defaults(self._backend, place, defaults)
        rendering = self._rendering(defaults, text)
        services = ", ".join(shown(each, 60) for each in defaults.services)
        return _said(
            rendering.say(
                "defaults",
                services=services or rendering.say("all_services"),
                window=shown(defaults.window) or rendering.say("all_time"),
                spoken=defaults.language or rendering.say("own_language"),
            )
        )

    def _incident(self, identity: str, defaults: Defaults) -> dict[str, Any] | None:
        """The one that is named, else the newest of the channel's services. Raises NotFoundError."""
        if not identity:
            found = self._backend.get("/v1/incidents", limit=1, service=list(defaults.services))["incidents"]
            if not found:
                return None
            identity = str(found[0]["incident_id"])
        whole: dict[str, Any] = self._backend.get(f"/v1/incidents/{quoted(identity, safe='')}")["incident"]
        return whole

    def _lines(self, pressed: Pressed) -> list[Mapping[str, Any]]:
        """The lines that the incident keeps, else those that the answer cited and that are still there."""
        if pressed.incident:
            incident = self._backend.get(f"/v1/incidents/{quoted(pressed.incident, safe='')}")["incident"]
            return list(incident["evidence"])
        found = []
        for line in pressed.lines:
            try:
                reply = self._backend.get(f"/v1/context/{quoted(line, safe='')}", before="0", after="0")
            except NotFoundError:
                continue
            found += [each for each in reply["lines"] if each["id"] == line]
        return found

    def _taught(self, place: Place, action: str, pressed: Pressed, rendering: Rendering) -> Reply:
        verdict = {render.UP: "up", render.DOWN: "down", render.NOT_SAME: "not_the_same"}.get(action)
        if verdict is None:
            return _said(rendering.say("outdated"), "invalid")
        self._backend.post(
            "/v1/feedback",
            {
                "verdict": verdict,
                "question": pressed.question,
                "target": pressed.incident,
                "revision": pressed.revision,
                # One voice a person: names change.
                "author": f"{place.team}:{place.user}",
            },
        )
        teaches = bool(pressed.incident) and verdict != "down"
        return _said(rendering.say(_thanks(verdict, teaches=teaches), days=self._half_life_days))

    def _remembered(self, place: Place, words: str, rendering: Rendering) -> Reply:
        thread = self._surface.thread(place)
        incident = next((each.incident for each in reversed(thread) if each.is_ours and each.incident), "")
        if not incident:
            return _said(rendering.say("no_incident"))
        kept = remembered(words, thread)
        if kept is None:
            return _said(rendering.say("nothing_to_remember"))
        author = self._surface.user_name(place.user)
        self._backend.post("/v1/notes", {"target": incident, **dataclasses.asdict(kept), "author": author})
        return _note_reply(incident, kept, rendering)


def _mode_of(text: str) -> tuple[str, Mode]:
    """The question without the word that has it investigated, and the mode to ask it in."""
    question = asks_to_investigate(text)
    return (text, "auto") if question is None else (question, "llm")


def _content_of(question: ThreadQuestion, defaults: Defaults) -> dict[str, Any]:
    return {
        "question": question.text,
        "start": question.start,
        "end": question.end,
        "services": list(defaults.services),
        "language": defaults.language,
    }


def _thanks(verdict: str, *, teaches: bool) -> str:
    if not teaches:
        return "thanks"
    return "thanks_up" if verdict == "up" else "thanks_not_same"


def _note_reply(incident: str, kept: Remembered, rendering: Rendering) -> Reply:
    url = rendering.to(f"/incidents/{quoted(incident, safe='')}")
    named = f"<{escaped(url)}|{code(incident)}>" if url else code(incident)
    head = rendering.say("remembered", incident=named)
    parts = [("remembered_text", kept.text), ("remembered_cause", kept.cause), ("remembered_fix", kept.fix)]
    rows = [f"• {rendering.say(name)}: {shown(text)}" for name, text in parts if text]
    return Reply(head, (section([head, *rows]),))


def _said(text: str, outcome: Outcome = "answered") -> Reply:
    return Reply(text, (section([text]),), is_private=True, outcome=outcome)


def _failed(error: Exception, rendering: Rendering) -> Reply:
    """Why there is no answer. Of an error that nobody foresaw nothing is said but an id, under which the log has it."""
    if isinstance(error, InputError):
        hint = f" ({error.hint})" if error.hint else ""
        return _said(rendering.say("failed", why=shown(f"{error}{hint}", 500)), "invalid")
    if isinstance(error, _EXPLAINED):
        return _said(rendering.say("failed", why=shown(str(error), 500)), "failed")
    fault = secrets.token_hex(4)
    _log.error("bot.broke", fault=fault, exc_info=error)
    return _said(rendering.say("broke", fault=code(fault)), "failed")
