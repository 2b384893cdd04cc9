"""The bilingual glossary: joins the words people ask with to the words logs use, in English and Chinese."""

import dataclasses
import importlib.resources
import tomllib
from collections.abc import Mapping
from typing import Literal

from index.words import Word, words

Side = Literal["question", "document"]


@dataclasses.dataclass(frozen=True)
class Concept:
    """One entry. `spoken` is its first English form: what a Chinese word is read as by an English-only model."""

    id: str
    spoken: str
    kind: str = ""


@dataclasses.dataclass(frozen=True)
class Match:
    """One place where a text names a concept: `text[start:end]`."""

    concept: Concept
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Phrases:
    """Forms of one side. English ones by first stem, longest first; Chinese ones by first character, longest first."""

    english: Mapping[str, tuple[tuple[tuple[str, ...], Concept], ...]]
    han: Mapping[str, tuple[tuple[str, Concept], ...]]


@dataclasses.dataclass(frozen=True)
class Glossary:
    """All concepts. Pure: the same text gives the same matches."""

    concepts: tuple[Concept, ...]
    sides: Mapping[Side, Phrases]

    def matches(self, text: str, side: Side) -> list[Match]:
        """Every place a concept is named, by (start, longest first, id). Places may overlap."""
        found = words(text)
        english = self._english(found, self.sides[side])
        return sorted(
            {*english, *self._han(found, self.sides[side])}, key=lambda m: (m.start, m.start - m.end, m.concept.id)
        )

    def expand(self, text: str, side: Side) -> dict[str, int]:
        """How many places name each concept, by concept id."""
        counted: dict[str, int] = {}
        for match in self.matches(text, side):
            counted[match.concept.id] = counted.get(match.concept.id, 0) + 1
        return dict(sorted(counted.items()))

    def longest(self, text: str, side: Side) -> list[Match]:
        """Matches that no longer match covers; of several concepts in one place all are given, in order of id."""
        found = self.matches(text, side)
        return [match for match in found if not any(_covers(other, match) for other in found)]

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
        return [
            Match(concept, found[i].start, found[i + len(phrase) - 1].end)
            for i, first in enumerate(stems)
            for phrase, concept in phrases.english.get(first, ())
            if tuple(stems[i : i + len(phrase)]) == phrase
        ]

    @staticmethod
    def _han(found: list[Word], phrases: Phrases) -> list[Match]:
        return [
            Match(concept, word.start + i, word.start + i + len(phrase))
            for word in found
            if word.is_han
            for i, character in enumerate(word.text)
            for phrase, concept in phrases.han.get(character, ())
            if word.text.startswith(phrase, i)
        ]


def load_glossary() -> Glossary:
    """The glossary that comes with Dejalog (`glossary.toml` beside this file)."""
    text = importlib.resources.files("index").joinpath("glossary.toml").read_text(encoding="utf-8")
    return parse_glossary(text)


def parse_glossary(toml: str) -> Glossary:
    """A glossary from TOML of the shape that `glossary.toml` explains in its first lines."""
    entries = [(name, entry) for group in tomllib.loads(toml).values() for name, entry in group.items()]
    concepts: list[Concept] = []
    forms: dict[Side, list[tuple[str, Concept]]] = {"question": [], "document": []}
    for name, entry in entries:
        concept = Concept(name, _listed(entry["en"])[0], entry.get("kind", ""))
        concepts.append(concept)
        shared = _listed(entry["en"]) + _listed(entry["zh"])
        forms["question"] += [(form, concept) for form in shared + _listed(entry.get("ask", ""))]
        forms["document"] += [(form, concept) for form in shared + _listed(entry.get("log", ""))]
    return Glossary(tuple(concepts), {side: _phrases(listed) for side, listed in forms.items()})


def _covers(longer: Match, match: Match) -> bool:
    inside = longer.start <= match.start and match.end <= longer.end
    return inside and longer.end - longer.start > match.end - match.start


def _listed(text: str) -> list[str]:
    return [form.strip() for form in text.split(",") if form.strip()]


def _phrases(forms: list[tuple[str, Concept]]) -> Phrases:
    english: dict[str, set[tuple[tuple[str, ...], Concept]]] = {}
    han: dict[str, set[tuple[str, Concept]]] = {}
    for form, concept in forms:
        found = words(form)
        if len(found) == 1 and found[0].is_han:
            han.setdefault(form[0], set()).add((form, concept))
        elif found and not any(word.is_han for word in found):
            english.setdefault(found[0].stem, set()).add((tuple(word.stem for word in found), concept))
    return Phrases(
        {first: tuple(sorted(group, key=lambda p: (-len(p[0]), p[0], p[1].id))) for first, group in english.items()},
        {first: tuple(sorted(group, key=lambda p: (-len(p[0]), p[0], p[1].id))) for first, group in han.items()},
    )
