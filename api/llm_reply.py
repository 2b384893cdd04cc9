"""What a language model writes, read line by line as it comes: a sentence and the ids that it cites."""

import dataclasses
import re
from collections.abc import Iterator

from api.sentence import quote

SENTENCE_CHARACTERS = 600
"""A longer line is no sentence (a guess)."""
_IDS = re.compile(r"\s*[\[【(（]\s*((?:S\d{1,3})(?:\s*[,，、;和and&]*\s*S\d{1,3})*)\s*[\]】)）]", re.IGNORECASE)
_ID = re.compile(r"S\d{1,3}", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•–·]+|\(?\d{1,2}[.)、])\s*")
_MARKS = re.compile(r"\*\*|__|^#+\s*")
_QUOTED = re.compile("(“[^”]*”)")


@dataclasses.dataclass(frozen=True)
class Said:
    """One line of the model: its sentence without marks, and the ids in it."""

    text: str
    ids: tuple[str, ...]


class LineReader:
    """Takes pieces of text as they come and gives the lines that are whole."""

    def __init__(self) -> None:
        self._left = ""

    def feed(self, piece: str) -> Iterator[Said]:
        """The lines that this piece completes."""
        *whole, self._left = (self._left + piece).split("\n")
        self._left = self._left[: SENTENCE_CHARACTERS * 4]
        for line in whole:
            yield from _said(line)

    def rest(self) -> Iterator[Said]:
        """The last line, which nothing ended; not to be asked for when the model was cut off."""
        left, self._left = self._left, ""
        yield from _said(left)


def _said(line: str) -> Iterator[Said]:
    """Nothing for a line that says nothing."""
    ids = tuple(each.upper() for found in _IDS.finditer(line) for each in _ID.findall(found[1]))
    parts = _QUOTED.split(_BULLET.sub("", _IDS.sub("", line)))
    bare = "".join(part if place % 2 else _MARKS.sub("", part) for place, part in enumerate(parts))
    text = quote(bare, SENTENCE_CHARACTERS + 1)
    if any(character.isalnum() for character in text) and len(text) <= SENTENCE_CHARACTERS:
        yield Said(text, tuple(dict.fromkeys(ids)))
