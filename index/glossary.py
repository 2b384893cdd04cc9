"""The bilingual glossary: joins the words people ask with to the words logs use, in English and Chinese."""

import dataclasses
import functools
import importlib.resources
import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from index.words import Word, stem, words

GAP = "~"
"""In a form: up to LONGEST_GAP other words may stand here."""
LONGEST_GAP = 4
LONGEST_COMPOUND = 5
"""Parts of a camelCase name that are joined again, to be looked up as one word (a guess)."""
Side = Literal["question", "document", "beside"]
_Form = tuple[str, "Concept", bool]
"""A form, its concept, and whether it is vague."""


@dataclasses.dataclass(frozen=True)
class Concept:
    """One entry. `spoken` is its first English form: what a Chinese word is read as by an English-only model."""

    id: str
    spoken: str
    group: str
    """The table it stands in; each has a file in the folder `glossary`."""
    kind: str = ""
    """The incident kind that it names, if it does."""
    broad: bool = False
    """A log may well speak of it without naming it."""
    signs: tuple[str, ...] = ()
    """Ids of the concepts that logs show instead."""
    of: tuple[str, ...] = ()
    """Ids of the concepts that it is a fault of: beside one of these its words of the side `beside` name it."""


@dataclasses.dataclass(frozen=True)
class Match:
    """One place where a text names a concept: `text[start:end]`. `vague`: by a form that only questions use; `beside`:
    by one that names it only beside what it is a fault of.
    """

    concept: Concept
    start: int
    end: int
    vague: bool = False
    beside: bool = False


@dataclasses.dataclass(frozen=True)
class Phrases:
    """Forms of one side. English ones by first stem, longest first; Chinese ones by first character, longest first."""

    english: Mapping[str, tuple[tuple[tuple[str, ...], Concept, bool], ...]]
    han: Mapping[str, tuple[tuple[str, Concept, bool], ...]]


@dataclasses.dataclass(frozen=True, eq=False)
class Glossary:
    """All concepts. Equal only to itself. Pure: the same text gives the same matches."""

    concepts: tuple[Concept, ...]
    sides: Mapping[Side, Phrases]

    def matches(self, text: str, side: Side) -> list[Match]:
        """Every place a concept is named, by (start, longest first, id). Places may overlap."""
        found = words(text)
        phrases = self.sides[side]
        places = {*self._english(found, phrases), *self._compound(found, phrases), *self._han(found, phrases)}
        return sorted(places, key=lambda m: (m.start, m.start - m.end, m.concept.id))

    def expand(self, text: str, side: Side) -> dict[str, int]:
        """How many places name each concept, by concept id."""
        counted: dict[str, int] = {}
        for match in self.matches(text, side):
            counted[match.concept.id] = counted.get(match.concept.id, 0) + 1
        return dict(sorted(counted.items()))

    def longest(self, text: str, side: Side) -> list[Match]:
        """Matches that no longer match covers; of several concepts in one place all are given, in order of id."""
        return _longest(self.matches(text, side))

    def asked(self, text: str) -> tuple[list[Match], list[Match]]:
        """What a question names, and the matches whose part another has: a word that names a fault beside what it is a
        fault of ("drift" beside "clock") does so wherever in the question they stand, and both are then that fault.
        """
        found = self.longest(text, "question")
        named = {match.concept.id for match in found}
        vague = [match for match in found if match.vague]
        beside = [m for m in (*self.matches(text, "beside"), *vague) if named.intersection(m.concept.of)]
        faults = [
            dataclasses.replace(match, vague=False, beside=True)
            for match in _longest(beside)
            if not any(_covers(other, match) and not other.concept.broad for other in found)
        ]
        telling = [*faults, *(match for match in found if not match.vague)]
        subjects = {subject for match in telling for subject in match.concept.of}
        gone = [*faults, *(match for match in found if match.concept.id in subjects)]
        taken = [match for match in found if any(_overlap(match, other) for other in gone)]
        kept = [match for match in found if match not in taken]
        return sorted(kept + faults, key=lambda m: (m.start, m.start - m.end, m.concept.id)), taken

    def english_of(self, text: str) -> str:
        """A word-for-word English reading of a Chinese or mixed text, for models that know English only.

        English words stay; Chinese ones that the glossary does not know are left out.
        """
        spoken: list[str] = []
        reached = 0
        places = [*self._places(text), *((w.start, w.end, w.text) for w in words(text) if not w.is_han)]
        for start, end, english in sorted(places):
            if start >= reached:
                spoken.append(english)
                reached = end
        return " ".join(spoken)

    def _places(self, text: str) -> list[tuple[int, int, str]]:
        """Chinese matches, of those that overlap the longer first, as (start, end, English)."""
        han = [m for m in self.matches(text, "question") if ord(text[m.start]) > 0x7F]
        taken: list[Match] = []
        for match in sorted(han, key=lambda m: (m.start - m.end, m.start)):
            if all(match.end <= other.start or other.end <= match.start for other in taken):
                taken.append(match)
        return [(m.start, m.end, m.concept.spoken) for m in taken]

    @staticmethod
    def _english(found: list[Word], phrases: Phrases) -> list[Match]:
        stems = [word.stem for word in found]
        following = [*stems[1:], GAP]
        # The second word is looked at here: most forms end at it, and a call for each would cost twice as much.
        return [
            Match(concept, found[i].start, found[end - 1].end, vague)
            for i, first in enumerate(stems)
            for phrase, concept, vague in phrases.english.get(first, ())
            if len(phrase) == 1 or phrase[1] == following[i] or phrase[1] == GAP
            if (end := _end_of(phrase, stems, i))
        ]

    @staticmethod
    def _compound(found: list[Word], phrases: Phrases) -> list[Match]:
        """The forms of one word that a camelCase name writes as several: "noroutetohost" in NoRouteToHostException."""
        return [
            Match(concept, found[i].start, found[end - 1].end, vague)
            for i, end, joined in _compounds(found)
            for phrase, concept, vague in phrases.english.get(stem(joined), ())
            if len(phrase) == 1
        ]

    @staticmethod
    def _han(found: list[Word], phrases: Phrases) -> list[Match]:
        return [
            Match(concept, word.start + i, word.start + i + len(phrase), vague)
            for word in found
            if word.is_han
            for i, character in enumerate(word.text)
            for phrase, concept, vague in phrases.han.get(character, ())
            if word.text.startswith(phrase, i)
        ]


@functools.cache
def own_glossary() -> Glossary:
    """The glossary that comes with Dejalog, read once."""
    return load_glossary()


def load_glossary() -> Glossary:
    """The glossary that comes with Dejalog: the tables of the folder `glossary` beside this file, in order of name."""
    folder = importlib.resources.files("index").joinpath("glossary")
    tables = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return parse_glossary("\n".join(table.read_text(encoding="utf-8") for table in tables))


def parse_glossary(toml: str) -> Glossary:
    """A glossary from TOML of the shape that `glossary/faults.toml` explains in its first lines."""
    concepts: list[Concept] = []
    forms: dict[Side, list[_Form]] = {"question": [], "document": [], "beside": []}
    for group, entries in tomllib.loads(toml).items():
        for name, entry in entries.items():
            spoken = _listed(entry["en"])[0]
            signs, of = tuple(_listed(entry.get("signs", ""))), tuple(_listed(entry.get("of", "")))
            concept = Concept(name, spoken, group, entry.get("kind", ""), entry.get("broad", False), signs, of)
            concepts.append(concept)
            shared = [(form, concept, False) for form in _listed(entry["en"]) + _listed(entry["zh"])]
            forms["question"] += shared + [(form, concept, True) for form in _listed(entry.get("ask", ""))]
            forms["document"] += shared + [(form, concept, False) for form in _listed(entry.get("log", ""))]
            forms["beside"] += [(form, concept, False) for form in _listed(entry.get("beside", ""))]
    return Glossary(tuple(concepts), {side: _phrases(listed) for side, listed in forms.items()})


def _end_of(phrase: tuple[str, ...], stems: Sequence[str], start: int) -> int:
    """Where the phrase that begins at `start` ends; 0 when it is not there. A gap takes as few words as will do."""
    at = start
    for place, part in enumerate(phrase):
        if part == GAP:
            reach = stems[at : at + LONGEST_GAP + 1]
            if phrase[place + 1] not in reach:
                return 0
            at += reach.index(phrase[place + 1])
        elif at < len(stems) and stems[at] == part:
            at += 1
        else:
            return 0
    return at


def _compounds(found: Sequence[Word]) -> Iterator[tuple[int, int, str]]:
    """Neighbouring parts of one name joined again, as (first, end, text)."""
    for i, word in enumerate(found):
        joined = word.text
        for end in range(i + 1, min(i + LONGEST_COMPOUND, len(found))):
            if found[end].start != found[end - 1].end or not found[end].text.isalpha() or found[end].is_han:
                break
            joined += found[end].text
            yield i, end + 1, joined


def _longest(found: Sequence[Match]) -> list[Match]:
    return [match for match in found if not any(_covers(other, match) for other in found)]


def _overlap(one: Match, other: Match) -> bool:
    return one.start < other.end and other.start < one.end


def _covers(longer: Match, match: Match) -> bool:
    inside = longer.start <= match.start and match.end <= longer.end
    return inside and longer.end - longer.start > match.end - match.start


def _listed(text: str) -> list[str]:
    return [form.strip() for form in text.split(",") if form.strip()]


def _phrases(forms: list[_Form]) -> Phrases:
    """Forms that cut or stem to the same words are one; it is vague only when all of them are."""
    english: dict[str, dict[tuple[tuple[str, ...], str], tuple[Concept, bool]]] = {}
    han: dict[str, dict[tuple[str, str], tuple[Concept, bool]]] = {}
    for form, concept, vague in forms:
        found = words(form)
        if len(found) == 1 and found[0].is_han:
            group = han.setdefault(form[0], {})
            group[form, concept.id] = (concept, vague and group.get((form, concept.id), (concept, True))[1])
        elif found and not any(word.is_han for word in found):
            stems = _stems_of(form)
            same = english.setdefault(stems[0], {})
            same[stems, concept.id] = (concept, vague and same.get((stems, concept.id), (concept, True))[1])
    return Phrases(
        {
            first: tuple((p, *group[p, i]) for p, i in sorted(group, key=_longest_first))
            for first, group in english.items()
        },
        {first: tuple((p, *group[p, i]) for p, i in sorted(group, key=_longest_first)) for first, group in han.items()},
    )


def _stems_of(form: str) -> tuple[str, ...]:
    parts = ([word.stem for word in words(part)] for part in form.split(GAP))
    return tuple(itertools.chain(*([GAP, *part] for part in parts)))[1:]


def _longest_first(key: tuple[str | tuple[str, ...], str]) -> tuple[int, str | tuple[str, ...], str]:
    return -len(key[0]), key[0], key[1]
