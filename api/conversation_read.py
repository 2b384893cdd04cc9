"""Reads one turn of a conversation: small talk, a follow-up (what it names and refers to), or a question of its own."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Literal

from api.conversation_words import (
    ALL_SERVICES,
    ALL_TIME,
    FIX,
    GREETING,
    LINES,
    OPENER,
    PARTS,
    SAME_FRAME,
    SAYS_NOTHING,
    SHIFT_BACK,
    SHIFT_ON,
    SHIFT_S,
    SMALL_TALK,
    STEPS,
    THAT_MESSAGE,
    WHY,
    Step,
    Talk,
)
from api.question import MAX_CHARACTERS, Intent, Question, read_question
from api.question_service import named_services
from api.question_time import NamedTime, is_clock_only, named_time
from api.question_words import ANYTHING, HAN_ASKING, INTENT_PATTERNS, LIKE_THIS
from api.sentence import Language
from index.glossary import Glossary
from index.words import HAN, words

Asks = Literal["", "lines", "cause", "fix"]
_ENDS = re.compile(r"[?!,。?!,]")
_SMALL = frozenset(["the", "a", "in", "for", "of", "by", "at", "with", "on", "as", "it", "to", "and", "that", "this"])
_SECOND_NS = 1_000_000_000
_INTENTS: tuple[Intent, ...] = ("changed", "count", "first", "last", "recall")
LONGEST_FOLLOW_UP = 200
"""Characters; who writes more has a topic (a guess)."""
_NO_TIME = NamedTime(None, None, lately=False, rest="")
_HAN = re.compile(f"[{HAN}]")


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a turn says by itself."""

    text: str
    whole: Question
    """As it is read by itself, whatever came before."""
    language: Language | None = None
    """None: it says too little to tell."""
    asks: Asks = ""
    step: Step | None = None
    shift_ns: int = 0
    """By so much the window before is moved; negative: back."""
    is_of_all_time: bool = False
    is_of_all_services: bool = False
    is_of_that_message: bool = False
    refers: bool = False
    """It says "like this"."""
    time: NamedTime = _NO_TIME
    is_clock_only: bool = False
    """The time it names is one of a day that it does not name."""
    services: tuple[str, ...] = ()
    intent: Intent | None = None
    goes_on: bool = False
    """It begins as a continuation, or says "at that time"."""
    has_topic: bool = False
    """It says what it is about: it is a question of its own."""

    @property
    def names_time(self) -> bool:
        """Whether it says anything of time."""
        return self.time.lately or self.time.start_ns is not None or self.time.end_ns is not None

    @property
    def is_moved(self) -> bool:
        """Whether another time or service is asked about than before."""
        return self.names_time or bool(self.services or self.shift_ns or self.step)

    @property
    def needs_answer(self) -> bool:
        """Whether it refers to what the answer before found."""
        return self.refers or (not self.has_topic and bool(self.asks or self.step or self.is_of_that_message))


def small_talk(text: str) -> Talk | None:
    """What kind of small talk the whole text is."""
    return next((kind for kind, pattern in SMALL_TALK.items() if pattern.fullmatch(text[:MAX_CHARACTERS])), None)


def language_of(text: str) -> Language:
    """Of small talk."""
    return "zh" if _HAN.search(text) else "en"


def hear(text: str, *, now_ns: int, glossary: Glossary, services: Sequence[str]) -> Heard:
    """Read one turn; no turn before it is looked at."""
    text = GREETING.sub("", text[:MAX_CHARACTERS], count=1)
    whole = read_question(text, now_ns=now_ns, glossary=glossary, services=services)
    if len(text) > LONGEST_FOLLOW_UP:
        return Heard(text, whole, whole.reply_in, has_topic=True)
    rest, heard = _references(Heard(text, whole))
    time = named_time(rest, now_ns)
    is_clock = is_clock_only(rest)
    rest, named = named_services(time.rest, services, glossary)
    intent, rest = _intent(rest)
    rest, listed = _listed_services(rest, services, glossary)
    heard = dataclasses.replace(
        heard,
        time=time,
        is_clock_only=is_clock,
        services=tuple(sorted({*named, *listed})),
        intent=intent,
        goes_on=bool(OPENER.search(text) or SAME_FRAME.search(text)),
        refers=bool(LIKE_THIS.search(rest)),
        language=_language(text, heard, named + listed),
    )
    return dataclasses.replace(heard, has_topic=_has_topic(whole, rest, glossary, now_ns, services))


def _references(heard: Heard) -> tuple[str, Heard]:
    """The text without what refers to the turns before, and what that was."""
    rest = heard.text
    found: dict[str, object] = {}
    for name, pattern in (("fix", FIX), ("lines", LINES), ("cause", WHY)):
        rest, count = pattern.subn(" ", rest)
        if count and "asks" not in found:
            found["asks"] = name
    for sign, pattern in ((-1, SHIFT_BACK), (1, SHIFT_ON)):
        if shift := pattern.search(rest):
            unit = next(each for each in shift.groupdict().values() if each)
            found["shift_ns"] = sign * SHIFT_S[unit.lower()] * _SECOND_NS
            rest = pattern.sub(" ", rest)
    for step, pattern in STEPS.items():
        rest, count = pattern.subn(" ", rest)
        if count and "step" not in found:
            found["step"] = step
    for name, pattern in (
        ("is_of_all_time", ALL_TIME),
        ("is_of_all_services", ALL_SERVICES),
        ("is_of_that_message", THAT_MESSAGE),
    ):
        rest, count = pattern.subn(" ", rest)
        found[name] = bool(count)
    return SAME_FRAME.sub(" ", rest), dataclasses.replace(heard, **found)  # type: ignore[arg-type]  # by name


def _intent(rest: str) -> tuple[Intent | None, str]:
    """What the text wants by its own words, and the text without them."""
    for intent in _INTENTS:
        if INTENT_PATTERNS[intent].search(rest):
            left = rest if intent == "recall" else INTENT_PATTERNS[intent].sub(" ", rest)
            return intent, left
    return None, rest


def _listed_services(rest: str, services: Sequence[str], glossary: Glossary) -> tuple[str, tuple[str, ...]]:
    """Services that make up what is left, named alone: "only payment and cart"."""
    parts = [SAYS_NOTHING.sub(" ", part) for part in PARTS.split(OPENER.sub(" ", rest))]
    parts = [part for part in parts if words(part)]
    found: list[str] = []
    for part in parts:
        named = service_alone(part, services, glossary)
        if not named:
            return rest, ()
        found += named
    return ("", tuple(found)) if found else (rest, ())


def service_alone(text: str, services: Sequence[str], glossary: Glossary) -> tuple[str, ...]:
    """The services that the text names when it is taken for names and nothing else."""
    plain = " ".join(part for part in _ENDS.sub(" ", text).split() if part.lower() not in _SMALL)
    for suffix in (" service", "服务"):
        left, named = named_services(plain + suffix, services, glossary)
        if named and not words(SAYS_NOTHING.sub(" ", left)):
            return named
    return ()


def _has_topic(whole: Question, rest: str, glossary: Glossary, now_ns: int, services: Sequence[str]) -> bool:
    """Whether anything is left that the turn is about."""
    left = SAYS_NOTHING.sub(" ", HAN_ASKING.sub(" ", OPENER.sub(" ", LIKE_THIS.sub(" ", rest))))
    read = read_question(left, now_ns=now_ns, glossary=glossary, services=services)
    is_about = bool(read.units or whole.identifiers or whole.named_ids or ANYTHING.search(rest))
    return is_about or whole.intent == "changed"


def _language(text: str, heard: Heard, services: Sequence[str]) -> Language | None:
    """None for a bare name or time, which belongs to no language."""
    if _HAN.search(text):
        return "zh"
    named = {word.text for service in services for word in words(service)}
    said = [word.text for word in words(text) if word.text.isalpha() and word.text not in named]
    return "en" if said or heard.asks else None
