"""Sentences as what they state: clauses with their names, numbers, times and quotations in order, their words of order
and extent, and whether they deny. What a model wrote and what it may rely on are read the same way.
"""

import dataclasses
import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from api.llm_forms import TIE, one_way
from api.llm_vocabulary import number_of_han, vocabulary
from index.glossary import own_glossary
from index.words import HAN, stem

_QUOTED = re.compile('“([^”]*)”|"([^"]*)"|「([^」]*)」|『([^』]*)』|`([^`]*)`')
_SLOT = re.compile("\ue000(\\d+)\ue001")
_TIME = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?|(?<!\d)\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?Z?"
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
_BREAKS = re.compile(rf"[,，;；:：。!?！？—–{TIE}]|\.(?=\s|$)")
_ASIDE = re.compile(r"[(（]([^()（）]*)[)）]")
_IDENTIFIER = re.compile(r"\d|_|[a-z][A-Z]|[\w][./@][\w]")
_APOSTROPHES = ("'", "’")
_TIMES = {"once": "1 times", "twice": "2 times"}
_SHORTEST_ADVERB = 5
_EMPTY = " .,;:!?()。，；：（）"
_LARGER = {"s": ("min", "h"), "min": ("h",), "秒": ("分", "小时"), "分": ("小时",)}
"""Units that may stand before one in the same length of time."""
_MARKS = "~≈=+"
"""Signs that state nothing where the number beside them is right."""
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
    is_tied: bool = False
    """It must be told by what tells the clause before it."""

    @property
    def is_bound(self) -> bool:
        """Whether it is said of somebody or in some order; what is not bound is said of the whole sentence."""
        return bool(self.roles) or any(anchor.kind in {"name", "quote"} for anchor in self.anchors)


def clauses(text: str, names: AbstractSet[str]) -> tuple[Clause, ...]:
    """What a sentence states, part by part. `names`, in lower case, are words that name something here (services)."""
    quotes: list[str] = []

    def lifted(found: re.Match[str]) -> str:
        quotes.append(next(group for group in found.groups() if group is not None))
        return f"\ue000{len(quotes) - 1}\ue001"

    private = dict.fromkeys(range(0xE000, 0xE003), "?")
    plain = one_way(_QUOTED.sub(lifted, text.translate(private)), names)
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
        self._length: tuple[Anchor | None, int] = (None, 0)
        """The last number, and where it ends."""
        self._units_read: set[int] = set()
        """Where words begin that were read with the number before them."""

    def clause(self) -> Clause:
        """Read it."""
        at = 0
        for found in _TOKENS.finditer(self._part):
            self._between(at, found.start())
            at = found.end()
            match found.lastgroup:
                case "quote":
                    self._quote(int(found[0][1:-1]))
                case "time":
                    self._anchors.append(Anchor("time", found[0].replace(" ", "T").removesuffix("Z")))
                case "name":
                    self._token(found[0], found.start())
                case "han":
                    self._han(found[0], found.start())
                case _:
                    self._number(found)
        self._between(at, len(self._part))
        return Clause(
            tuple(self._anchors),
            frozenset(self._roles),
            self._is_denied,
            tuple(self._words),
            tuple(self._covered),
            is_tied=self._part.startswith(TIE),
        )

    def _between(self, start: int, end: int) -> None:
        """Letters, digits and signs of other scripts, and what is not seen, are words that nothing accounts for."""
        for character in self._part[start:end]:
            kind = unicodedata.category(character)
            if kind[0] in "LNM" or (kind in {"So", "Sm", "Sk", "Sc", "Cf"} and character not in _MARKS):
                self._words.append(character)
        if re.search(r"(?:^|[\s(（])[-−]$", self._part[start:end]) and self._part[end : end + 1].isdecimal():
            self._words.append("-")

    def _quote(self, place: int) -> None:
        text = "" if self._quotes is None else self._quotes[place]
        self._anchors.append(Anchor("quote", " ".join(text.split())))

    def _number(self, found: re.Match[str]) -> None:
        unit = vocabulary().units.get((found["unit"] or "").lower(), "")
        amount = f"{found['number'].replace(',', '')} {unit}".strip()
        self._count(f"{amount}{self._ago(found.end())}", found.start(), found.end())
        if found["unit"] and not unit:
            self._word(found["unit"], found.start("unit"))

    def _count(self, text: str, start: int, end: int) -> None:
        """A number with its unit; “1 min 1 s” is one length of time."""
        unit = text.partition(" ")[2]
        before, until = self._length
        between = self._part[until:start].strip(" \u202f")
        joins = bool(self._anchors) and self._anchors[-1] is before and between in {"", "and", "零", "又"}
        if before is not None and joins and before.text.rpartition(" ")[2] in _LARGER.get(unit, ()):
            text = f"{before.text} {text}"
            self._anchors.pop()
        self._anchors.append(Anchor("number", text))
        self._length = (self._anchors[-1], end)

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
        if at in self._units_read:
            return
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
        """The next word, or the one after it: “twelve services”, “two similar incidents”."""
        following = list(itertools.islice(re.finditer(r"[A-Za-z]+", self._part[at : at + 60]), 2))
        found = next((word for word in following if word[0].lower() in vocabulary().units), None)
        if found is None:
            return ""
        self._units_read.add(at + found.start())
        return vocabulary().units[found[0].lower()] + self._ago(at + found.end())

    def _ago(self, at: int) -> str:
        """Whether a length of time says when: it is not the same as one that says how long."""
        return " ago" if re.match(r"\s*ago\b", self._part[at:]) else ""

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
            amount = f"{number_of_han(number[1])} {own.units[number[2]]}"
            anchor = Anchor("number", f"{amount}{self._ago(start + at + len(number[0]))}")
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
