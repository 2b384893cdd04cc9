"""Sentences as what they state: clauses with their names, numbers, times and quotations in order, their words of order
and extent, and whether they deny. What a model wrote and what it may rely on are read the same way.
"""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from index.glossary import own_glossary
from index.words import HAN, stem

_QUOTED = re.compile('“([^”]*)”|"([^"]*)"|「([^」]*)」|『([^』]*)』|`([^`]*)`')
_SLOT = re.compile("\ue000(\\d+)\ue001")
_TIME = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?|(?<!\d)\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?"
_UNIT = (
    "%|[A-Za-z]+(?![A-Za-z0-9_-])|毫秒|秒钟?|分钟?|个?小时|个服务|起事件|种模式|天|日前|日|号|月|年|次|回|行|条|起|种"
)
_NAME = "[A-Za-z_][A-Za-z0-9_.@/-]*[A-Za-z0-9_]|[A-Za-z_]|[A-Za-z0-9_]*[0-9][A-Za-z0-9_.@/-]*"
_TOKENS = re.compile(
    "(?P<quote>\ue000\\d+\ue001)"
    rf"|(?P<time>{_TIME})"
    r"|(?P<number>(?<![A-Za-z0-9_.])\d+(?:,\d{3})*(?:\.\d+)?)"
    rf"(?:[ \u202f]?(?P<unit>{_UNIT})|(?![A-Za-z0-9_]))"
    rf"|(?P<name>{_NAME})"
    rf"|(?P<han>[{HAN}]+)"
)
_BREAKS = re.compile(r"[,，;；:：。!?！？—–]|\.(?=\s|$)")
_ASIDE = re.compile(r"[(（]([^()（）]*)[)）]")
_IDENTIFIER = re.compile(r"\d|_|[a-z][A-Z]|[\w][./@][\w]")
_APOSTROPHES = ("'", "’")
_TIMES = {"once": "1 times", "twice": "2 times"}
_SHORTEST_ADVERB = 5
_EMPTY = " .,;:!?()。，；：（）"
_STRONG = re.compile(r"[;；。!?！？]|\.(?=\s|$)")


@dataclasses.dataclass(frozen=True)
class Anchor:
    """Something that can be told from another of its kind. `text` is normal: lower case, units in their short form."""

    kind: str
    """`number`, `time`, `name` or `quote`."""
    text: str


@dataclasses.dataclass(frozen=True)
class Clause:
    """A part of a sentence that states one thing."""

    anchors: tuple[Anchor, ...]
    roles: frozenset[str]
    is_denied: bool
    words: tuple[str, ...]
    """What is left: words that must be found in what is cited, as written."""
    covered: tuple[tuple[str, frozenset[str]], ...]
    """Words that a concept accounts for, with the concepts that do, in order."""

    @property
    def is_bound(self) -> bool:
        """Whether it is said of somebody or in some order; what is not bound is said of the whole sentence."""
        return bool(self.roles) or any(anchor.kind in {"name", "quote"} for anchor in self.anchors)


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """`llm_words.toml`, read."""

    neutral: AbstractSet[str]
    neutral_han: tuple[str, ...]
    subjects: AbstractSet[str]
    supposing: AbstractSet[str]
    roles: dict[str, str]
    roles_han: tuple[tuple[str, str], ...]
    negations: AbstractSet[str]
    negations_han: tuple[str, ...]
    joints: re.Pattern[str]
    units: dict[str, str]
    numbers: dict[str, str]
    numbers_han: re.Pattern[str]


@functools.cache
def vocabulary() -> Vocabulary:
    """The words, read once."""
    file = importlib.resources.files("api").joinpath("llm_words.toml")
    read = tomllib.loads(file.read_text(encoding="utf-8"))
    english = sorted(read["joints"]["en"], key=len, reverse=True)
    han = sorted(read["joints"]["zh"], key=len, reverse=True)
    return Vocabulary(
        neutral=frozenset(read["neutral"]["en"].split()),
        neutral_han=_longest(read["neutral"]["zh"]),
        subjects=frozenset([*read["subjects"]["en"].split(), *read["subjects"]["zh"].split()]),
        supposing=frozenset([*read["supposing"]["en"].split(), *read["supposing"]["zh"].split()]),
        roles=_first_of_row(read["roles"]["en"]),
        roles_han=tuple(sorted(_first_of_row(read["roles"]["zh"]).items(), key=lambda row: -len(row[0]))),
        negations=frozenset(read["negations"]["en"].split()),
        negations_han=_longest(read["negations"]["zh"]),
        joints=re.compile(rf"\b(?:{'|'.join(english)})\b|{'|'.join(han)}", re.IGNORECASE),
        units=_first_of_row([*read["units"]["en"], *read["units"]["zh"]]),
        numbers={word: str(number) for number, word in enumerate(read["numbers"]["en"].split())}
        | {word: str(number) for number, word in enumerate(read["numbers"]["zh"])}
        | {"两": "2"},
        numbers_han=re.compile(rf"([{read['numbers']['zh']}两])({'|'.join(_longest(' '.join(read['units']['zh'])))})"),
    )


def _first_of_row(rows: Sequence[str]) -> dict[str, str]:
    return {word: row.split()[0] for row in rows for word in row.split()}


def _longest(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split(), key=len, reverse=True))


def clauses(text: str, names: AbstractSet[str]) -> tuple[Clause, ...]:
    """What a sentence states, part by part. `names`, in lower case, are words that name something here (services)."""
    quotes: list[str] = []

    def lifted(found: re.Match[str]) -> str:
        quotes.append(next(group for group in found.groups() if group is not None))
        return f"\ue000{len(quotes) - 1}\ue001"

    plain = _QUOTED.sub(lifted, text.translate({0xE000: None, 0xE001: None}))
    return tuple(_Reading(part, names, quotes).clause() for part in _parts(plain, names) if part.strip(_EMPTY))


def without_quotes(text: str) -> str:
    """The text with nothing where log text is quoted."""
    return _QUOTED.sub(" ", text)


def _parts(plain: str, names: AbstractSet[str]) -> Iterator[str]:
    """Cut where a part of the sentence begins to state something of its own; a mere list stays together."""
    part = ""
    for piece, strength in _pieces(plain):
        if part and _begins_anew(piece, strength, names):
            yield part
            part = piece
        else:
            part += piece
    yield part


def _pieces(plain: str) -> Iterator[tuple[str, str]]:
    """The text between breaks, each with what stands before it: `strong` or `weak` punctuation, or a `joint`."""
    places = [(found.start(), "strong" if _STRONG.match(found[0]) else "weak") for found in _BREAKS.finditer(plain)]
    inside = [found.span("time") for found in _TOKENS.finditer(plain) if found["time"]]
    places = [place for place in places if not any(start <= place[0] < end for start, end in inside)]
    asides = [found for found in _ASIDE.finditer(plain) if re.search(r"\d", _SLOT.sub("", found[1]))]
    places += [(at, "strong") for found in asides for at in (found.start(), found.end() - 1)]
    places += [(found.start(), "joint") for found in vocabulary().joints.finditer(plain)]
    begun, strength = 0, "strong"
    for at, kind in sorted(places):
        if at > begun:
            yield plain[begun:at], strength
        begun, strength = at, kind
    yield plain[begun:], strength


def _begins_anew(piece: str, strength: str, names: AbstractSet[str]) -> bool:
    if strength == "strong":
        return True
    read = _Reading(piece, names, None).clause()
    kinds = {anchor.kind for anchor in read.anchors}
    if strength == "joint":
        return bool(read.roles) or ("number" in kinds and bool(kinds & {"name", "quote"}))
    return bool(read.roles) or "number" in kinds or ("time" in kinds and "name" not in kinds)


class _Reading:
    """One part of a sentence being read, from left to right. Without `quotes` only its form is read."""

    def __init__(self, part: str, names: AbstractSet[str], quotes: Sequence[str] | None) -> None:
        self._part = part
        self._names = names
        self._quotes = quotes
        blank = _SLOT.sub(lambda slot: " " * len(slot[0]), part)
        matches = [] if quotes is None else own_glossary().longest(blank, "question")
        self._spans = [(match.start, match.end, match.concept.id) for match in matches]
        self._anchors: list[Anchor] = []
        self._roles: set[str] = set()
        self._words: list[str] = []
        self._covered: list[tuple[str, frozenset[str]]] = []
        self._is_denied = False

    def clause(self) -> Clause:
        """Read it."""
        for found in _TOKENS.finditer(self._part):
            match found.lastgroup:
                case "quote":
                    self._quote(int(found[0][1:-1]))
                case "time":
                    self._anchors.append(Anchor("time", found[0].replace(" ", "T")))
                case "name":
                    self._token(found[0], found.start())
                case "han":
                    self._han(found[0], found.start())
                case _:
                    self._number(found)
        return Clause(
            tuple(self._anchors), frozenset(self._roles), self._is_denied, tuple(self._words), tuple(self._covered)
        )

    def _quote(self, place: int) -> None:
        text = "" if self._quotes is None else self._quotes[place]
        self._anchors.append(Anchor("quote", " ".join(text.split())))

    def _number(self, found: re.Match[str]) -> None:
        unit = vocabulary().units.get((found["unit"] or "").lower(), "")
        self._anchors.append(Anchor("number", f"{found['number'].replace(',', '')} {unit}".strip()))
        if found["unit"] and not unit:
            self._word(found["unit"], found.start("unit"))

    def _token(self, token: str, at: int) -> None:
        """A name is one; of other words the parts between hyphens are read."""
        if self._is_name(token):
            self._anchors.append(Anchor("name", token.lower()))
            return
        for found in re.finditer(r"[A-Za-z]+", token):
            self._word(found[0], at + found.start())

    def _is_name(self, token: str) -> bool:
        return token.lower() in self._names or _IDENTIFIER.search(token) is not None

    def _word(self, word: str, at: int) -> None:
        own, low = vocabulary(), word.lower()
        before = self._part[at - 1 : at]
        if self._is_in_phrase(at, at + len(word)):
            self._place(low, at, at + len(word))
        elif self._is_name(word):
            self._anchors.append(Anchor("name", low))
        elif low in own.numbers and (unit := self._unit_after(at + len(word))):
            self._anchors.append(Anchor("number", f"{own.numbers[low]} {unit}"))
        elif low in _TIMES:
            self._anchors.append(Anchor("number", _TIMES[low]))
        elif low in own.negations or (low == "t" and before in _APOSTROPHES):
            self._is_denied = True
        elif low in own.roles:
            self._roles.add(own.roles[low])
        elif low not in own.neutral and not (low == "s" and before in _APOSTROPHES):
            self._place(low, at, at + len(word))

    def _is_in_phrase(self, start: int, end: int) -> bool:
        """Whether it is part of a longer expression that the glossary knows: “not” of “not enough memory”."""
        return any(first <= start and end <= last and last - first > end - start for first, last, _ in self._spans)

    def _unit_after(self, at: int) -> str:
        found = re.match(r"\s+(?:[a-z]+\s+)?([A-Za-z]+)", self._part[at:])
        return vocabulary().units.get(found[1].lower(), "") if found else ""

    def _han(self, run: str, start: int) -> None:
        """The longest known word first; what is between known words is a word of its own."""
        at, left = 0, ""
        while at < len(run):
            length, put = self._han_word(run, at, start)
            if length and left:
                self._words.append(left)
            if put is not None:
                put()
            left = "" if length else left + run[at]
            at += max(length, 1)
        self._words += [left] if left else []

    def _han_word(self, run: str, at: int, start: int) -> tuple[int, Callable[[], None] | None]:
        """How long the longest known word here is, and what to do with it."""
        own = vocabulary()
        known: list[tuple[int, Callable[[], None] | None]] = [(0, None)]
        end = max((last for first, last, _ in self._spans if first == start + at), default=start + at)
        if end > start + at:
            known.append((end - start - at, functools.partial(self._place, run[at : end - start], start + at, end)))
        known += [(len(word), None) for word in own.neutral_han if run.startswith(word, at)][:1]
        known += [(len(word), self._deny) for word in own.negations_han if run.startswith(word, at)][:1]
        known += [
            (len(word), functools.partial(self._roles.add, role))
            for word, role in own.roles_han
            if run.startswith(word, at)
        ][:1]
        if number := own.numbers_han.match(run, at):
            anchor = Anchor("number", f"{own.numbers[number[1]]} {own.units[number[2]]}")
            known.append((len(number[0]), functools.partial(self._anchors.append, anchor)))
        # Of two that are as long the later in this list: words of our own list go before those of the glossary.
        return max(enumerate(known), key=lambda each: (each[1][0], each[0]))[1]

    def _deny(self) -> None:
        self._is_denied = True

    def _place(self, word: str, start: int, end: int) -> None:
        """With the concepts that account for it, or else by itself."""
        concepts = frozenset(concept for first, last, concept in self._spans if first <= start and end <= last)
        if concepts:
            self._covered.append((word, concepts))
        else:
            self._words.append(word)


def stems(words: Sequence[str]) -> frozenset[str]:
    """How words are compared; adverbs as what they are made of."""
    return frozenset(stem(word.removesuffix("ly") if len(word) > _SHORTEST_ADVERB else word) for word in words)
