"""What a word is, for queries and for the messages they are compared with: one definition for Python and for regexes.

A token is a maximal run of letters, digits and underscores, compared case-insensitively. Chinese, Japanese and Korean
are written without spaces, so a run of their characters is a token of its own that also matches inside a longer run.
"""

import dataclasses
import re

CJK = (
    "\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Character ranges, as they stand in a character class of either regex dialect."""
NOT_WORD = f"(?:[^\\p{{L}}\\p{{N}}_]|[{CJK}])"
SEPARATOR = "[^\\p{L}\\p{N}_]"
"""Rust regex: a character that is in no token."""
GAP_MARK = "<*>"

_UNIT = re.compile(f"[{CJK}]+|(?:(?![{CJK}])\\w)+")
_IS_CJK = re.compile(f"[{CJK}]")


@dataclasses.dataclass(frozen=True)
class Unit:
    """A token of a query, or a gap (`text` is None) that stands for any text; `glued` to what stands before it."""

    text: str | None
    glued: bool
    prefix: bool = False
    """A longer token that starts so matches too."""

    @property
    def is_cjk(self) -> bool:
        """Matches inside a longer run."""
        return self.text is not None and _IS_CJK.match(self.text) is not None


def units_of(text: str) -> tuple[Unit, ...]:
    """The tokens and `<*>` gaps of a text in order; gaps at its ends are dropped."""
    units: list[Unit] = []
    end = 0
    for start, part in _parts(text):
        is_gap = part == GAP_MARK
        if not (is_gap and units and units[-1].text is None):
            units.append(Unit(None if is_gap else part, glued=bool(units) and start == end))
        end = start + len(part)
    while units and units[-1].text is None and not units[-1].glued:
        units.pop()
    while units and units[0].text is None and (len(units) == 1 or not units[1].glued):
        units.pop(0)
    return tuple(units)


def _parts(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    position = 0
    for stretch in text.split(GAP_MARK):
        found.extend((position + match.start(), match.group()) for match in _UNIT.finditer(stretch))
        position += len(stretch)
        if position < len(text):
            found.append((position, GAP_MARK))
        position += len(GAP_MARK)
    return found


def words_regex(units: tuple[Unit, ...], *, is_ascii: bool = False) -> str:
    """A Rust regex that matches messages which hold these units in order, next to each other but for gaps.

    With `is_ascii` it is only right for messages that are all ASCII: there the engine's own look-around for words is
    the same, and three times as fast (measured: 14 ms against 44 for a phrase in 210 k lines). Letters are compared in
    any case, classes are not: folding those costs 5 ms a query.
    """
    marks = _ASCII_MARKS if is_ascii else _MARKS
    parts = []
    if units[0].text is not None and not units[0].is_cjk:
        parts.append(marks.start)
    for index, unit in enumerate(units):
        if unit.text is not None:
            parts.append(f"{_joint(units[:index], unit, marks)}(?i:{re.escape(unit.text)})")
    last = units[-1]
    if last.text is not None and not last.is_cjk and not last.prefix:
        parts.append(marks.end)
    return "".join(parts)


@dataclasses.dataclass(frozen=True)
class _Marks:
    """Regexes: the start and the end of a token, a character outside a token, one outside any token."""

    start: str
    end: str
    not_word: str
    separator: str


_MARKS = _Marks(f"(?:^|{NOT_WORD})", f"(?:{NOT_WORD}|$)", NOT_WORD, SEPARATOR)
_ASCII_MARKS = _Marks(r"\b{start-half}", r"\b{end-half}", "[^0-9A-Za-z_]", "[^0-9A-Za-z_]")


def _joint(before: tuple[Unit, ...], unit: Unit, marks: _Marks) -> str:
    """What may stand before `unit`. A gap takes any text, with a separator where one was written."""
    if not before:
        return ""
    if before[-1].text is not None:
        if unit.glued:
            return ""
        return f"{marks.separator}*" if before[-1].is_cjk or unit.is_cjk else f"{marks.separator}+"
    if len(before) == 1:
        return ""
    left = "" if before[-1].glued else marks.separator
    if unit.glued or unit.is_cjk:
        return f"{left}(?s:.*)"
    return f"{left}(?:(?s:.*){marks.not_word})?" if left else f"(?s:.*){marks.not_word}"
