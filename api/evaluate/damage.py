"""Claims with exactly one thing made false, to see what the checker rejects; every damage comes in two ways.

`words`: only the sentence lies, its facts are as they were. `facts`: the facts tell the same lie, as a writer would
who believes it.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from api.claim import (
    Claim,
    CountFact,
    EndFact,
    ExtremeFact,
    Fact,
    LineFact,
    MomentFact,
    NamedFact,
    OrderFact,
    PatternFact,
    QuoteFact,
    SpanFact,
    SpreadFact,
    SumFact,
    TextCountFact,
    UsualFact,
    WhoFact,
)
from api.sentence import Language, ago_said, delta_said, moment_said, number_said, time_said

HOUR_NS = 3_600_000_000_000
Kind = Literal["number", "service", "order", "negation", "time", "citation"]
Way = Literal["words", "facts"]

_NUMBER = re.compile(r"(?<![\w.:-])\d+(?:\.\d+)?(?![\d:]|\.\d|-\d|T)")
_CLOCK = re.compile(r"(?<![\d:])(?P<hour>\d\d)(?=:\d\d)")
_QUOTED = re.compile("“[^”]*”")


@dataclasses.dataclass(frozen=True)
class Damaged:
    """A claim of which one thing was changed."""

    kind: Kind
    way: Way
    claim: Claim
    original: Claim


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What a lie can be made of: the names of all services, and ids of lines that the claim does not cite."""

    services: Sequence[str]
    lines: Sequence[str]


def damages(claim: Claim, around: Surroundings, turn: int) -> Iterator[Damaged]:
    """Every damage that the claim has something for; `turn` chooses among several."""
    for kind, way, change in _CHANGES:
        changed = change(claim, around, turn)
        if changed is not None and changed != claim:
            yield Damaged(kind, way, changed, claim)


def _with_text(claim: Claim, text: str | None) -> Claim | None:
    return None if text is None or text == claim.text else dataclasses.replace(claim, text=text)


def _places(claim: Claim, wanted: re.Pattern[str]) -> list[re.Match[str]]:
    """Where it stands outside of quotation marks."""
    hidden = _QUOTED.sub(lambda found: "“" + "\0" * (len(found[0]) - 2) + "”", claim.text)
    return list(wanted.finditer(hidden))


def _put(text: str, found: re.Match[str], value: str) -> str:
    return text[: found.start()] + value + text[found.end() :]


def _number_words(claim: Claim, _around: Surroundings, turn: int) -> Claim | None:
    places = _places(claim, _NUMBER)
    if not places:
        return None
    found = places[turn % len(places)]
    value = float(found[0])
    changed = f"{value + max(value / 2, 1.5):.1f}" if "." in found[0] else str(int(value) + max(1, int(value) // 3))
    return _with_text(claim, _put(claim.text, found, changed))


def _number_facts(claim: Claim, _around: Surroundings, turn: int) -> Claim | None:
    changed = [(fact, other) for fact in claim.facts if (other := _with_other_number(fact)) is not None]
    return _said_anew(claim, *changed[turn % len(changed)]) if changed else None


def _with_other_number(fact: Fact) -> Fact | None:
    match fact:
        case CountFact() | SumFact() | TextCountFact():
            return dataclasses.replace(fact, value=fact.value + max(1, fact.value // 3))
        case SpreadFact():
            return dataclasses.replace(fact, count=fact.count + 2)
        case OrderFact():
            return dataclasses.replace(fact, delta_ns=fact.delta_ns * 2 + HOUR_NS // 60)
        case UsualFact(observed=None):
            return dataclasses.replace(fact, expected=fact.expected * 4 + 5)
        case UsualFact():
            return dataclasses.replace(fact, observed=(fact.observed or 0.0) * 4 + 5)
        case SpanFact():
            return dataclasses.replace(fact, start_ns=fact.start_ns - HOUR_NS)
        case _:
            return None


def _time_words(claim: Claim, _around: Surroundings, turn: int) -> Claim | None:
    places = _places(claim, _CLOCK)
    if not places:
        return None
    found = places[turn % len(places)]
    return _with_text(claim, _put(claim.text, found, f"{(int(found['hour']) + 1) % 24:02d}"))


def _time_facts(claim: Claim, _around: Surroundings, _turn: int) -> Claim | None:
    """All facts about that moment say the other one."""
    moved = {
        fact: dataclasses.replace(fact, time_ns=fact.time_ns - HOUR_NS)
        for fact in claim.facts
        if isinstance(fact, LineFact | ExtremeFact | MomentFact)
    }
    if not moved:
        return None
    facts = tuple(
        moved[fact] if isinstance(fact, LineFact | ExtremeFact | MomentFact) else fact for fact in claim.facts
    )
    text: str | None = claim.text
    for fact, other in moved.items():
        text = _replaced(text, claim, _words(fact, claim.language), _words(other, claim.language)) or text
    return None if text == claim.text or text is None else dataclasses.replace(claim, text=text, facts=facts)


def _service_words(claim: Claim, around: Surroundings, turn: int) -> Claim | None:
    pair = _named(claim, around, turn)
    return None if pair is None else _with_text(claim, _put(claim.text, *pair))


def _service_facts(claim: Claim, around: Surroundings, turn: int) -> Claim | None:
    pair = _named(claim, around, turn)
    if pair is None:
        return None
    found, other = pair
    facts = tuple(_renamed(fact, found[0], other) for fact in claim.facts)
    if facts == claim.facts:
        return None
    return dataclasses.replace(claim, text=_put(claim.text, found, other), facts=facts)


def _named(claim: Claim, around: Surroundings, turn: int) -> tuple[re.Match[str], str] | None:
    """A service that the sentence names, and one that it does not."""
    names = sorted(around.services, key=len, reverse=True)
    places = _places(claim, re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])"))
    others = [name for name in around.services if all(found[0] != name for found in places)]
    return (places[turn % len(places)], others[turn % len(others)]) if places and others else None


def _renamed(fact: Fact, service: str, other: str) -> Fact:
    match fact:
        case LineFact() | WhoFact() | UsualFact() if fact.service == service:
            return dataclasses.replace(fact, service=other)
        case CountFact() | SumFact() | SpanFact() | NamedFact() if service in fact.services:
            return dataclasses.replace(fact, services=tuple(other if s == service else s for s in fact.services))
        case _:
            return fact


def _order_words(claim: Claim, around: Surroundings, _turn: int) -> Claim | None:
    who = [fact.service for fact in claim.facts if isinstance(fact, WhoFact)]
    if any(isinstance(fact, OrderFact) for fact in claim.facts) and len(set(who)) > 1:
        return _with_text(claim, _swapped(claim, around, who[0], who[-1]))
    return _with_text(claim, _end_swapped(claim))


def _order_facts(claim: Claim, around: Surroundings, _turn: int) -> Claim | None:
    who = [fact for fact in claim.facts if isinstance(fact, WhoFact)]
    if any(isinstance(fact, OrderFact) for fact in claim.facts) and who[0].service != who[-1].service:
        swap = {who[0].service: who[-1].service, who[-1].service: who[0].service}
        facts = tuple(
            dataclasses.replace(fact, service=swap.get(fact.service, fact.service))
            if isinstance(fact, WhoFact)
            else fact
            for fact in claim.facts
        )
        text = _swapped(claim, around, who[0].service, who[-1].service)
        return None if text is None else dataclasses.replace(claim, text=text, facts=facts)
    text = _end_swapped(claim)
    if text is None or not any(isinstance(fact, ExtremeFact | EndFact) for fact in claim.facts):
        return None
    return dataclasses.replace(claim, text=text, facts=tuple(map(_other_end, claim.facts)))


def _swapped(claim: Claim, around: Surroundings, one: str, other: str) -> str | None:
    names = sorted(around.services, key=len, reverse=True)
    places = _places(claim, re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])"))
    text = claim.text
    for found in reversed(places):
        text = _put(text, found, {one: other, other: one}.get(found[0], found[0]))
    return text


_ENDS = (
    ("first seen", "last seen"),
    ("首次出现在", "最近一次出现在"),
    ("First ", "Most recently "),
    ("第一次是", "最近一次是"),
)


def _end_swapped(claim: Claim) -> str | None:
    for first, last in _ENDS:
        if first in claim.text:
            return claim.text.replace(first, last, 1)
        if last in claim.text:
            return claim.text.replace(last, first, 1)
    return None


def _other_end(fact: Fact) -> Fact:
    if isinstance(fact, ExtremeFact | EndFact):
        return dataclasses.replace(fact, which="last" if fact.which == "first" else "first")
    return fact


def _negation_words(claim: Claim, _around: Surroundings, _turn: int) -> Claim | None:
    """More than usual becomes less, and the other way round."""
    if not any(isinstance(fact, UsualFact) and fact.observed is None for fact in claim.facts):
        return None
    text = claim.text
    if claim.language == "zh":
        one, other = (" 只写出", " 写出") if " 只写出" in text else (" 写出", " 只写出")
        return _with_text(claim, text.replace(one, other, 1))
    only = re.compile(r" only(?= \d+ times)")
    times = re.compile(r"(?= \d+ times; usual)")
    return _with_text(claim, only.sub("", text) if only.search(text) else times.sub(" only", text, count=1))


def _negation_facts(claim: Claim, around: Surroundings, turn: int) -> Claim | None:
    changed = _negation_words(claim, around, turn)
    if changed is None:
        return None
    facts = tuple(
        dataclasses.replace(fact, kind="appeared" if fact.kind == "vanished" else "vanished")
        if isinstance(fact, UsualFact)
        else fact
        for fact in claim.facts
    )
    return dataclasses.replace(changed, facts=facts)


def _citation_words(claim: Claim, around: Surroundings, turn: int) -> Claim | None:
    """Every other time the line does not exist."""
    if not claim.citations:
        return None
    place = turn % len(claim.citations)
    other = around.lines[turn % len(around.lines)] if turn % 2 else "00000000000000aa-1"
    return dataclasses.replace(claim, citations=(*claim.citations[:place], other, *claim.citations[place + 1 :]))


def _citation_facts(claim: Claim, around: Surroundings, turn: int) -> Claim | None:
    changed = _citation_words(claim, around, turn)
    if changed is None:
        return None
    old, new = next(pair for pair in zip(claim.citations, changed.citations, strict=True) if pair[0] != pair[1])
    facts = tuple(_citing(fact, old, new) for fact in claim.facts)
    return None if facts == claim.facts else dataclasses.replace(changed, facts=facts)


def _citing(fact: Fact, old: str, new: str) -> Fact:
    match fact:
        case LineFact() | WhoFact() | MomentFact() | ExtremeFact() | PatternFact() | QuoteFact() if fact.line == old:
            return dataclasses.replace(fact, line=new)
        case OrderFact() if old in {fact.first, fact.later}:
            first, later = (new if each == old else each for each in (fact.first, fact.later))
            return dataclasses.replace(fact, first=first, later=later)
        case _:
            return fact


def _said_anew(claim: Claim, fact: Fact, other: Fact) -> Claim | None:
    text = _replaced(claim.text, claim, _words(fact, claim.language), _words(other, claim.language))
    facts = tuple(other if each is fact else each for each in claim.facts)
    return None if text is None else dataclasses.replace(claim, text=text, facts=facts)


def _replaced(text: str | None, claim: Claim, old: Sequence[str], new: Sequence[str]) -> str | None:
    """The text with each old word replaced once, outside of quotation marks; None when none of them stands there."""
    made = text
    for before, after in zip(old, new, strict=True):
        if made is not None and before != after:
            wanted = re.compile(rf"(?<![\w.:-]){re.escape(before)}(?![\d.:])")
            places = _places(dataclasses.replace(claim, text=made), wanted)
            made = _put(made, places[0], after) if places else made
    return None if made == text else made


def _words(fact: Fact, language: Language) -> list[str]:
    """How the sentence says the fact's numbers and times."""
    match fact:
        case CountFact() | SumFact() | TextCountFact():
            return [str(fact.value)]
        case SpreadFact():
            return [str(fact.count)]
        case OrderFact():
            return [delta_said(fact.delta_ns, language)]
        case UsualFact(observed=None):
            return [number_said(fact.expected)]
        case UsualFact():
            return [delta_said(round((fact.observed or 0.0) * 1e9), language)]
        case SpanFact():
            return [delta_said(fact.end_ns - fact.start_ns, language)]
        case LineFact() | ExtremeFact():
            return [time_said(fact.time_ns)]
        case MomentFact():
            return [
                ago_said(fact.time_ns, fact.as_of_ns, language),
                moment_said(fact.time_ns, fact.as_of_ns, language),
            ]
        case _:
            return []


_Change = Callable[[Claim, Surroundings, int], Claim | None]
_CHANGES: tuple[tuple[Kind, Way, _Change], ...] = (
    ("number", "words", _number_words),
    ("number", "facts", _number_facts),
    ("service", "words", _service_words),
    ("service", "facts", _service_facts),
    ("order", "words", _order_words),
    ("order", "facts", _order_facts),
    ("negation", "words", _negation_words),
    ("negation", "facts", _negation_facts),
    ("time", "words", _time_words),
    ("time", "facts", _time_facts),
    ("citation", "words", _citation_words),
    ("citation", "facts", _citation_facts),
)
