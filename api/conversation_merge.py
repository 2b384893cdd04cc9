"""Puts what a follow-up says into the slots of the turns before: the question that it means."""

import dataclasses
import re
from collections.abc import Sequence

from api.conversation import Slots, slots_of
from api.conversation_read import Heard, service_alone
from api.question import Carried, Intent, Question, Unit
from api.question_time import named_time
from index.glossary import Glossary
from index.words import HAN

_DAY_NS = 86_400_000_000_000
_SECOND_NS = 1_000_000_000
_HAN = re.compile(f"[{HAN}]")
_Window = tuple[int | None, int | None]


@dataclasses.dataclass(frozen=True)
class Given:
    """What the caller gives beside the words; it counts more than what was carried."""

    start_ns: int | None = None
    end_ns: int | None = None
    services: tuple[str, ...] = ()


def merged(heard: Heard, slots: Slots | None, given: Given, *, glossary: Glossary, services: Sequence[str]) -> Question:
    """The question that the turn means after `slots`."""
    if slots is None:
        return _bounded(heard.whole, given)
    if heard.has_topic and not heard.goes_on:
        return _bounded(_referring(heard, heard.whole, slots), given)
    question = _referring(heard, _continued(heard, slots, glossary, services), slots)
    carried = set(question.carried)
    if (given.start_ns is not None or given.end_ns is not None) and not heard.names_time:
        question = dataclasses.replace(question, start_ns=None, end_ns=None)
        carried.discard("window")
    if given.services:
        question = dataclasses.replace(question, services=())
        carried.discard("services")
    in_order = tuple(each for each in question.carried if each in carried)
    return _bounded(dataclasses.replace(question, carried=in_order), given)


def next_slots(heard: Heard, question: Question, slots: Slots | None) -> Slots:
    """What is kept of the question. A step to the one before does not change what is asked."""
    kept = slots_of(question)
    if heard.step is not None and slots is not None:
        return dataclasses.replace(kept, intent=slots.intent, pattern_ids=slots.pattern_ids)
    return kept


def question_of(slots: Slots, glossary: Glossary) -> Question:
    """The question that the slots were kept of, without its words."""
    topic = " ".join(dict.fromkeys([*(unit.text for unit in slots.units), *slots.identifiers]))
    return Question(
        text=topic,
        language=slots.language,
        reply_in=slots.language,
        start_ns=slots.start_ns,
        end_ns=slots.end_ns,
        assumed=slots.start_ns is None and slots.end_ns is None,
        lately=slots.lately,
        services=slots.services,
        identifiers=slots.identifiers,
        kinds=slots.kinds,
        intent=slots.intent,
        like_this=slots.like_this,
        named_ids=slots.named_ids,
        units=slots.units,
        is_about_anything=slots.is_about_anything,
        focus=topic,
        spoken=_spoken(topic, glossary),
        asks_for_lines=slots.asks_for_lines,
        pattern_ids=slots.pattern_ids,
    )


def _continued(heard: Heard, slots: Slots, glossary: Glossary, services: Sequence[str]) -> Question:
    """The question before with what the turn names in its place."""
    start_ns, end_ns, has_window = _window(heard, slots)
    names = heard.services or (() if heard.is_of_all_services else slots.services)
    base = heard.whole if heard.has_topic else question_of(slots, glossary)
    units = base.units
    if not heard.has_topic and heard.services:
        # Asked of another service, the one that the question before named is not what it is about any more.
        units = tuple(unit for unit in units if not _names_service(unit, services, glossary)) or units
    intent = _intent(heard, slots)
    language = heard.language or slots.language
    carried: list[Carried] = ["topic"] if not heard.has_topic and (units or base.identifiers or base.kinds) else []
    carried += ["services"] if names and not heard.services else []
    carried += ["window"] if has_window and (start_ns, end_ns) != (None, None) else []
    carried += ["intent"] if heard.intent is None and intent != "list" and heard.step is None else []
    topic = " ".join(unit.text for unit in units) if units != base.units else base.focus
    return dataclasses.replace(
        base,
        text=heard.text,
        language=language,
        reply_in=language,
        start_ns=start_ns,
        end_ns=end_ns,
        assumed=start_ns is None and end_ns is None,
        lately=heard.time.lately or (slots.lately and not heard.names_time and has_window),
        services=tuple(sorted(names)),
        units=units,
        intent=intent,
        focus=topic,
        spoken=_spoken(topic, glossary),
        carried=tuple(carried),
    )


def _referring(heard: Heard, question: Question, slots: Slots) -> Question:
    """The question with the incident or the pattern at hand that it refers to."""
    if heard.is_of_that_message and slots.patterns and not heard.has_topic:
        carried: tuple[Carried, ...] = (*(each for each in question.carried if each != "topic"), "pattern")
        return dataclasses.replace(question, pattern_ids=slots.patterns, carried=carried)
    if heard.refers and slots.incident and not heard.whole.named_ids:
        # What is like it came before it, as api/choose.py has it; else the incident itself would be the likest.
        bounds = [each for each in (question.end_ns, slots.from_ns) if each is not None]
        return dataclasses.replace(
            question,
            named_ids=(slots.incident,),
            like_this=True,
            end_ns=question.end_ns if heard.names_time else min(bounds, default=None),
            assumed=False,
            carried=(*question.carried, "incident"),
        )
    if heard.asks in {"cause", "fix"} and not heard.has_topic and slots.incident and not heard.is_moved:
        wants: dict[str, str] = {"cause": "cause", "fix": "fix"}
        return dataclasses.replace(
            question,
            subject=slots.incident,
            wants=wants[heard.asks],  # type: ignore[arg-type]  # one of the two
            pattern_ids=(),
            carried=("incident",),
        )
    return question


def _intent(heard: Heard, slots: Slots) -> Intent:
    if heard.step in {"before", "after"}:
        return "last" if heard.step == "before" else "first"
    if heard.step == "ever_before":
        return "recall"
    return heard.intent or slots.intent


def _window(heard: Heard, slots: Slots) -> tuple[int | None, int | None, bool]:
    """The window, and whether any of it was said before."""
    if heard.step is not None and slots.from_ns is not None and slots.to_ns is not None:
        start_ns, end_ns = heard.time.start_ns, heard.time.end_ns
        if not heard.names_time and heard.step != "ever_before":
            start_ns, end_ns = slots.start_ns, slots.end_ns
        if heard.step == "after":
            return slots.to_ns + 1, None if end_ns is not None and end_ns <= slots.to_ns else end_ns, True
        return None if start_ns is not None and start_ns >= slots.from_ns else start_ns, slots.from_ns, True
    if heard.names_time:
        return (*_named(heard, slots), False)
    if heard.shift_ns and slots.end_ns is not None:
        start_ns, end_ns = _shifted(slots, heard.shift_ns)
        return start_ns, end_ns, True
    if heard.is_of_all_time:
        return None, None, False
    return slots.start_ns, slots.end_ns, True


def _shifted(slots: Slots, by_ns: int) -> tuple[int, int]:
    """As long before or after the window as the words say, of that length."""
    assert slots.end_ns is not None
    start_ns = slots.end_ns - abs(by_ns) if slots.start_ns is None else slots.start_ns
    return (start_ns + by_ns, start_ns) if by_ns < 0 else (slots.end_ns, slots.end_ns + by_ns)


def _named(heard: Heard, slots: Slots) -> _Window:
    """A time of day without a day is one of the day that was talked about."""
    start_ns, end_ns = slots.start_ns, slots.end_ns
    if heard.is_clock_only and start_ns is not None and end_ns is not None and end_ns - start_ns <= _DAY_NS:
        of_day = named_time(heard.text, min(end_ns, start_ns // _DAY_NS * _DAY_NS + _DAY_NS) - _SECOND_NS)
        if of_day.start_ns is not None or of_day.end_ns is not None:
            return of_day.start_ns, of_day.end_ns
    return heard.time.start_ns, heard.time.end_ns


def _names_service(unit: Unit, services: Sequence[str], glossary: Glossary) -> bool:
    return bool(service_alone(unit.text, services, glossary))


def _spoken(topic: str, glossary: Glossary) -> str:
    return glossary.english_of(topic) if _HAN.search(topic) else topic


def _bounded(question: Question, given: Given) -> Question:
    """Within what the caller gives, as read_question has it."""
    start_ns = max((each for each in (question.start_ns, given.start_ns) if each is not None), default=None)
    end_ns = min((each for each in (question.end_ns, given.end_ns) if each is not None), default=None)
    return dataclasses.replace(
        question,
        start_ns=start_ns,
        end_ns=end_ns,
        assumed=start_ns is None and end_ns is None,
        services=tuple(sorted({*question.services, *given.services})),
    )
