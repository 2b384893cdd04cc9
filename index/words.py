"""Text as words, for retrieval: how questions, patterns and notes are cut and stemmed, the same way on both sides."""

import dataclasses
import re

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Character ranges of Chinese characters, for use inside a regex class."""

_RUN = re.compile(rf"[A-Za-z]+|[0-9]+|[{HAN}]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_MASK = re.compile(r"<\*>|<[A-Za-z_]{1,16}>")
_VOWEL = re.compile(r"[aeiouy]")
_LONGEST_WORD = 40
"""A longer run of letters is an encoded blob, not a word (a guess)."""

_STOP_WORD_LINES = (
    "a about above after again all also am an and any are aren as at be because been before being below between",
    "both but by can could did didn do does doesn doing don down during each ever every few for from further had",
    "has hasn have haven having he her here hers him his how i if in into is isn it its itself just me more most",
    "my no nor not now of off on once one only or other our ours out over own per please same she should shouldn",
    "since so some such tell than that the their theirs them then there these they this those through to too",
    "under until up us very via was wasn we were weren what when where whether which while who whom whose why",
    "will with won would wouldn yet you your yours show give list find look see seen know get got anything",
    "something everything thing things much many lot lots like kind sort happen happened happening happens occur",
    "occurred occurs earlier lately recently recent previous previously past ago today yesterday last time times",
    "ve re ll s t d m",
)
STOP_WORDS = frozenset(" ".join(_STOP_WORD_LINES).split())
"""English words that say nothing about what is asked; they stay in phrases, and leave when single words are weighed."""


@dataclasses.dataclass(frozen=True)
class Word:
    """One word of a text. `stem` is how it is compared; Chinese runs stay whole here, see `han_bigrams`."""

    text: str
    stem: str
    start: int
    end: int
    is_han: bool = False


def words(text: str) -> list[Word]:
    """The words in order: letters split at camelCase, digits apart, Chinese runs whole. Masks (`<*>`) are left out."""
    found: list[Word] = []
    for run in _RUN.finditer(_MASK.sub(lambda mask: " " * len(mask[0]), text)):
        piece, at = run[0], run.start()
        if ord(piece[0]) > 0x7F:
            found.append(Word(piece, piece, at, run.end(), is_han=True))
        elif piece[0].isdigit():
            found.append(Word(piece, piece, at, run.end()))
        elif len(piece) <= _LONGEST_WORD:
            found.extend(_split_camel(piece, at))
    return found


def _split_camel(piece: str, at: int) -> list[Word]:
    return [
        Word(part[0].lower(), stem(part[0].lower()), at + part.start(), at + part.end())
        for part in _CAMEL.finditer(piece)
    ]


def han_bigrams(run: str) -> list[str]:
    """Pairs of neighbouring characters; the character itself when it stands alone."""
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def stem(word: str) -> str:
    """A light stem of a lower-case English word: plural, -ing, -ed, -ion and final -e go. For comparing only."""
    if len(word) < 4:
        return word
    word = _without_plural(word)
    if word.endswith("ing") and len(word) > 5 and _VOWEL.search(word[:-3]):
        word = _undouble(word[:-3])
    elif word.endswith("ied") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("ed") and len(word) > 4 and _VOWEL.search(word[:-2]):
        word = _undouble(word[:-2])
    elif word.endswith(("tion", "sion")) and len(word) > 6:
        word = word[:-3]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undouble(word: str) -> str:
    doubled = len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsze"
    return word[:-1] if doubled else word
