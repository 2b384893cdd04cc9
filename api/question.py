"""A question as it was understood: language, time, services, identifiers, kind, intent, and the things it is about."""

import dataclasses
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

from api.question_service import named_services
from api.question_time import LATELY, named_time
from api.question_words import (
    ANYTHING,
    ASKS_FOR_LINES,
    CAUSE,
    CONSEQUENCE,
    FILLER,
    GENERAL_CONCEPTS,
    HAN_AFTER_ONE,
    HAN_ASKING,
    HAN_FILLER,
    HEX_ID,
    IDENTIFIER,
    IGNORED_CONCEPTS,
    INTENT_PATTERNS,
    LIKE_THIS,
    QUOTED,
    REACHED_BEFORE,
    UNABLE_AFTER,
    UNABLE_BEFORE,
    WRITTEN,
)
from api.sentence import Language, listed, quote, say, time_said
from index.bm25 import CONCEPT_PREFIX
from index.glossary import Glossary, Match
from index.words import HAN, STOP_WORDS, words

Intent = Literal["recall", "count", "first", "last", "changed", "list"]
Wants = Literal["", "cause", "fix"]
Carried = Literal["topic", "services", "window", "intent", "pattern", "incident"]
Weight = Literal["telling", "broad", "word"]
_Place = tuple[int, int]
"""Where in the question: start and end."""

_INTENTS: tuple[Intent, ...] = ("changed", "count", "first", "last", "recall")

MAX_CHARACTERS = 2000
"""Of a question that are read (a guess: a pasted alert fits)."""
MAX_IDENTIFIERS = 4


@dataclasses.dataclass(frozen=True)
class Unit:
    """One thing the question is about. It is covered by a text that has any of `tokens` (index/bm25.py)."""

    text: str
    tokens: tuple[str, ...]
    weight: Weight
    """`telling`: logs that speak of it name it; `broad`: they may not; `word`: the glossary does not know it."""
    is_fault: bool = False
    """It says that something went wrong; any sign of a fault covers it in part."""
    signs: tuple[str, ...] = ()
    """Tokens that an incident shows when this happens, whether or not anybody names it."""
    kinds: tuple[str, ...] = ()
    """Those of `tokens` that name an incident kind: an incident either is of that kind or is not."""

    @property
    def is_kind(self) -> bool:
        """Whether it names an incident kind."""
        return bool(self.kinds)


@dataclasses.dataclass(frozen=True)
class Question:
    """What was asked, as read. All times UTC ns."""

    text: str
    language: Literal["en", "zh", "mixed"]
    reply_in: Language
    start_ns: int | None
    end_ns: int | None
    assumed: bool
    """No time was named: all retained data are searched."""
    lately: bool
    services: tuple[str, ...]
    identifiers: tuple[str, ...]
    kinds: tuple[str, ...]
    """Incident kinds that the question names (index/incident.py)."""
    intent: Intent
    like_this: bool
    """It refers to something at hand: the incident in progress or named, else the kind described."""
    named_ids: tuple[str, ...]
    """Words of 16 hex digits: perhaps ids of an incident or a pattern."""
    units: tuple[Unit, ...]
    is_about_anything: bool
    """It asks for incidents whatever they are, or for a time without saying of what."""
    focus: str
    """The text without its words of time, for the word arm."""
    spoken: str
    """`focus` in English, for a model that knows English only."""
    asks_for_lines: bool = False
    subject: str = ""
    """The incident that is asked about, by id, where one is at hand (api/conversation.py)."""
    wants: Wants = ""
    """What of the subject is asked for; empty: all of it."""
    pattern_ids: tuple[str, ...] = ()
    """The patterns that are asked about, where they are at hand."""
    carried: tuple[Carried, ...] = ()
    """What stands here because the turns before said it."""


def read_question(
    text: str,
    *,
    now_ns: int,
    glossary: Glossary,
    services: Sequence[str],
    start_ns: int | None = None,
    end_ns: int | None = None,
    only_services: Sequence[str] = (),
) -> Question:
    """Read a question. `start_ns` and `end_ns` bound the search whatever the question says; `services` are all there
    are, `only_services` those the asker restricted the search to. Times in words are seen from `now_ns`.
    """
    text = text[:MAX_CHARACTERS]
    time = named_time(text, now_ns)
    rest, services_named = named_services(time.rest, services, glossary)
    like_this = bool(LIKE_THIS.search(rest))
    focus = " ".join(HAN_ASKING.sub("", WRITTEN.sub(r"\1", LIKE_THIS.sub(" ", rest))).split())
    named, taken = glossary.asked(focus)
    matches, known = _telling_matches(focus, named, taken)
    units = _units(focus, matches, known)
    identifiers = _identifiers(time.rest)
    named_ids = tuple(dict.fromkeys(HEX_ID.findall(text.lower())))
    intent = _intent(text)
    names_time = time.lately or time.start_ns is not None or time.end_ns is not None
    is_of_a_time = names_time and intent != "count"
    asks_general = is_of_a_time and bool(services_named) and _is_general(units)
    is_about_anything = not (like_this or identifiers or named_ids) and (
        asks_general or _is_about_anything(rest, units, glossary, is_of_a_time=is_of_a_time)
    )
    start = max((t for t in (start_ns, time.start_ns) if t is not None), default=None)
    end = min((t for t in (end_ns, time.end_ns) if t is not None), default=None)
    language = _language(text)
    return Question(
        text=text,
        language=language,
        reply_in="en" if language == "en" else "zh",
        start_ns=start,
        end_ns=end,
        assumed=start is None and end is None,
        lately=time.lately,
        services=tuple(sorted({*services_named, *only_services})),
        identifiers=identifiers,
        kinds=() if is_about_anything else tuple(sorted({m.concept.kind for m in matches if m.concept.kind})),
        intent=intent,
        like_this=like_this,
        named_ids=named_ids,
        units=() if is_about_anything else units,
        is_about_anything=is_about_anything,
        focus=focus,
        spoken=focus if language == "en" else glossary.english_of(focus),
        asks_for_lines=bool(ASKS_FOR_LINES.search(text)),
    )


def _is_about_anything(rest: str, units: Sequence[Unit], glossary: Glossary, *, is_of_a_time: bool) -> bool:
    """Whether nothing is left of the question once its words for incidents in general are taken away."""
    if not units and is_of_a_time:
        return True
    left, asked = ANYTHING.subn(" ", rest)
    if not asked:
        return False
    left = HAN_ASKING.sub("", left)
    return not _units(left, *_telling_matches(left, *glossary.asked(left)))


def _telling_matches(text: str, named: Sequence[Match], taken: Sequence[Match]) -> tuple[list[Match], set[_Place]]:
    """Those that say something, and all places that the glossary accounts for."""
    whole = [match for match in named if not _is_cut_off(text, match)]
    told = [match for match in whole if match.concept.id not in IGNORED_CONCEPTS]
    return told, {(match.start, match.end) for match in (*whole, *taken)}


def _is_general(units: Sequence[Unit]) -> bool:
    """Whether all that is said is that something failed."""
    general = {CONCEPT_PREFIX + concept for concept in GENERAL_CONCEPTS}
    return bool(units) and all(general.intersection(unit.tokens) for unit in units)


def _is_cut_off(focus: str, match: Match) -> bool:
    """A word of one Chinese character that is only the beginning of another word."""
    is_one = match.end - match.start == 1 and ord(focus[match.start]) > 0x7F
    return is_one and not HAN_AFTER_ONE.match(focus, match.end)


def describe(question: Question, *, this_incident: str = "") -> str:
    """`read_as`: one sentence that says how the question was read."""
    language = question.reply_in
    about = [quote(unit.text, 60) for unit in question.units]
    about += [say("read.kind", language, kind=kind) for kind in question.kinds]
    about += [say("read.service", language, service=quote(service, 80)) for service in question.services]
    about += [say("read.identifier", language, text=quote(text, 80)) for text in question.identifiers]
    if this_incident:
        about.append(say("read.this_incident", language, id=this_incident))
    elif question.like_this:
        about.append(say("read.this_kind", language))
    if question.subject:
        about = [say("read.subject", language, id=question.subject)]
    if question.pattern_ids:
        about = [say("read.pattern", language, id=each) for each in question.pattern_ids]
    whole = say(
        "read.whole",
        language,
        intent=say(f"read.intent_{question.wants or question.intent}", language),
        about=listed(about, language) or say("read.about_nothing", language),
        window=_window_said(question),
    )
    return whole + carried_said(question.carried, language)


def carried_said(carried: Sequence[Carried], language: Language) -> str:
    """What was taken over from the turns before, as a sentence that follows others; empty where nothing was."""
    if not carried:
        return ""
    names = [say(f"read.carried_{each}", language) for each in carried]
    return say("unit.sentence", language) + say("read.carried", language, what=listed(names, language))


def _window_said(question: Question) -> str:
    language = question.reply_in
    if question.start_ns is not None and question.end_ns is not None:
        start, end = time_said(question.start_ns), time_said(question.end_ns)
        return say("read.window_given", language, start=start, end=end)
    if question.end_ns is not None:
        return say("read.window_open_start", language, end=time_said(question.end_ns))
    if question.start_ns is not None:
        return say("read.window_given", language, start=time_said(question.start_ns), end="…")
    return say("read.lately", language, days=LATELY.days) if question.lately else say("read.window_all", language)


def _language(text: str) -> Literal["en", "zh", "mixed"]:
    han = sum(len(run) for run in re.findall(f"[{HAN}]+", text))
    if not han:
        return "en"
    english = [w for w in re.findall(r"[A-Za-z]{2,}", text) if w.lower() in STOP_WORDS]
    return "mixed" if len(english) > 1 else "zh"


def _intent(text: str) -> Intent:
    return next((intent for intent in _INTENTS if INTENT_PATTERNS[intent].search(text)), "list")


def _identifiers(text: str) -> tuple[str, ...]:
    quoted = [next(group for group in found.groups() if group).strip() for found in QUOTED.finditer(text)]
    bare = [found[0] for found in IDENTIFIER.finditer(QUOTED.sub(" ", text))]
    return tuple(dict.fromkeys(part for part in quoted + bare if part and not HEX_ID.fullmatch(part)))[:MAX_IDENTIFIERS]


def _units(focus: str, matches: Sequence[Match], known: AbstractSet[_Place]) -> tuple[Unit, ...]:
    """In order of the text, each distinct one once. Concepts named in one place are alternatives of one unit; `known`
    are the places that the glossary accounts for, also by what is ignored.
    """
    places: dict[_Place, list[Match]] = {}
    for match in matches:
        places.setdefault((match.start, match.end), []).append(match)
    places = _with_hints_joined(places)
    found = _with_symptoms(focus, {place: _concept_unit(focus, place, group) for place, group in places.items()})
    for word in words(focus):
        place = (word.start, word.end)
        if word.is_han or any(start <= word.start and word.end <= end for start, end in known):
            continue
        if word.text not in STOP_WORDS and word.text not in FILLER and not word.text.isdigit() and len(word.text) > 1:
            found[place] = Unit(word.text, (word.stem,), "word")
    for start, end in _unknown_han(focus, known):
        pairs = tuple(focus[i : i + 2] for i in range(start, end - 1))
        found[start, end] = Unit(focus[start:end], pairs, "word")
    distinct = {unit.tokens: unit for _, unit in sorted(found.items(), reverse=True)}
    return tuple(sorted(distinct.values(), key=lambda unit: (focus.find(unit.text), unit.text)))


def _with_hints_joined(places: dict[_Place, list[Match]]) -> dict[_Place, list[Match]]:
    """A vague word and a word for what would be its sign mean one thing together: “exhausted” beside “pool” is the
    exhausted pool, wherever in the question they stand.
    """
    named = {match.concept.id for group in places.values() for match in group}
    joined = {
        place: [dataclasses.replace(match, vague=False) for match in group if named.intersection(match.concept.signs)]
        for place, group in places.items()
        if any(match.vague and named.intersection(match.concept.signs) for match in group)
    }
    signs = {sign for group in joined.values() for match in group for sign in match.concept.signs}
    kept = {
        place: group
        for place, group in places.items()
        if place not in joined and not signs.issuperset(match.concept.id for match in group)
    }
    return {**kept, **joined}


def _with_symptoms(focus: str, found: dict[_Place, Unit]) -> dict[_Place, Unit]:
    """What people could not do, and what came of a cause, need not be in the logs: it weighs less, unless it is all
    that the question tells.
    """
    symptoms = {place for place in found if _is_symptom(focus, place)}
    causes = [unit for place, unit in found.items() if place not in symptoms and unit.weight == "telling"]
    if not causes:
        return found
    return {
        place: dataclasses.replace(unit, weight="broad") if place in symptoms else unit for place, unit in found.items()
    }


def _is_symptom(focus: str, place: _Place) -> bool:
    start, end = place
    if any(before.search(focus[:start]) for before in (UNABLE_BEFORE, REACHED_BEFORE)):
        return True
    if UNABLE_AFTER.match(focus, end):
        return True
    causes, consequences = list(CAUSE.finditer(focus)), list(CONSEQUENCE.finditer(focus))
    if causes and start < causes[0].start():
        return True
    return bool(consequences) and start >= consequences[-1].end()


def _concept_unit(focus: str, place: _Place, group: Sequence[Match]) -> Unit:
    text = focus[place[0] : place[1]]
    literal = [word.stem for word in words(text) if not word.is_han and not any(match.beside for match in group)]
    tokens = [CONCEPT_PREFIX + match.concept.id for match in group] + (literal if len(literal) == 1 else [])
    telling = any(not match.concept.broad and not match.vague for match in group)
    is_fault = any(match.concept.group == "faults" for match in group)
    kinds = tuple(CONCEPT_PREFIX + match.concept.id for match in group if match.concept.kind)
    signs = dict.fromkeys(CONCEPT_PREFIX + sign for match in group for sign in match.concept.signs)
    return Unit(text, tuple(tokens), "telling" if telling else "broad", is_fault, tuple(signs), kinds)


def _unknown_han(focus: str, known: AbstractSet[_Place]) -> list[_Place]:
    """Chinese runs of two characters or more that neither the glossary nor the filler words account for."""
    blank = list(focus)
    for start, end in sorted(known):
        blank[start:end] = " " * (end - start)
    left = HAN_FILLER.sub(lambda found: " " * len(found[0]), "".join(blank))
    return [(found.start(), found.end()) for found in re.finditer(f"[{HAN}]{{2,}}", left)]
