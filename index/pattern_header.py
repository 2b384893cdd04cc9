"""Where a message's own text begins: after the time, level, thread, host and logger that its program put before it.

Headers say where and when, not what; two hosts that write the same are one pattern. What is left out here is still in
the line. When in doubt a part is taken for text.
"""

import functools
import re
from collections.abc import Set as AbstractSet

from index.pattern_settings import MASK_RULES, MaskRule

HEADER_CHARACTERS = 256
"""No header is longer (a guess; the longest of common layouts have about 150)."""
MOST_PARTS = 12
"""Of a header before and after its time (a guess)."""
FIELDS_OF_TABLE = 2
"""So many fields before the time make a table, whose columns may hold words and numbers (a guess)."""

_CLOCK = r"[0-2]?\d:[0-5]?\d(?::[0-6]?\d)?(?:[.,:]\d{1,9})?(?:\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\b)?"
_DATE = r"\d{4}[-/.][01]?\d[-/.][0-3]?\d|[0-3]?\d[-/.][0-3]?\d(?:[-/.]\d{2,4})?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
_TIMES = (
    rf"(?:{_DATE})[T ,_-]{{1,2}}{_CLOCK}",
    r"\d{4}-\d{2}-\d{2}-\d{2}\.\d{2}\.\d{2}(?:\.\d+)?",
    rf"{_WEEKDAY}{_MONTH}[ ]+[0-3]?\d {_CLOCK}(?: [A-Z]{{3,4}})?(?: \d{{4}})?",
    rf"{_WEEKDAY}[0-3]?\d[ /-]{_MONTH}[ /-]\d{{4}}[ :]{_CLOCK}",
    r"\d{8}[T -]?\d{2}:?\d{2}:?\d{2}(?:[.,:]\d{1,9})?Z?",
    rf"\d{{8}}[T -]{_CLOCK}",
    r"\d{6} \d{6}",
    r"\d{4} \d{2}:\d{2}:\d{2}\.\d+",
    r"[12]\d{9}(?:\d{3}|\d{6}|\d{9}|\.\d{1,9})?",
    rf"{_DATE}",
    rf"{_CLOCK}",
)
_LEVEL = (
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|PANIC|EMERG|ALERT|FINE|FINER|FINEST"
    r"|FAILURE)"
)
_ANY_LEVEL = (
    r"(?i:trace|debug|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|panic|emerg|alert)"
)
_NAME = r"[A-Za-z_][\w-]*"
"""Shares no character with what joins names: a header is anybody's text, and must not be read in two ways."""
_STRUCTURED = (  # a name that no sentence has: with dots, digits, brackets, slashes or an inner capital
    rf"(?:{_NAME}(?:[.$/:@]+{_NAME})+|{_NAME}(?:\([\w.]{{1,40}}\))?(?:\[\w*\])|[A-Z]?[a-z0-9]+(?:[A-Z][a-z0-9]+)+"
    rf"|{_NAME}\([\w.]{{1,40}}\)|(?=[\w./@:-]{{0,60}}\d)[A-Za-z_][\w./@:-]*)"
)
_BRACKETED = r"\[(?:[^\[\]]|\[[^\[\]]{0,60}\]){0,120}\](?:[:,]?(?=\s|$))|\((?:[\w.:#-]{1,60})\)(?=\s)"

_TIME = re.compile(rf"[\[(<\"']{{0,2}}(?:{'|'.join(_TIMES)})(?![\w.])[\])>\"',;]{{0,2}}")
_PRIORITY = re.compile(r"<\d{1,3}>(?:1 )?")
_BLANKS = re.compile(r"\s*")
_BEFORE_TIME = re.compile(
    rf"(?:-+|\d+|{_BRACKETED}|[A-Z][A-Z0-9_]{{1,15}}|(?=[^\s]*[\d._/])[A-Za-z0-9_][\w.:/@-]*)(?=\s)"
)
_MARK = re.compile(r"(?:[-–|:;,>]+)(?=\s|$)")
_LEVEL_PART = re.compile(rf"(?:{_LEVEL}(?![\w.-])|[\[(<|]\s?{_ANY_LEVEL}\s?[\])>|]|{_ANY_LEVEL}(?=  +\S))[:,]?")
_BETWEEN = re.compile(rf"(?:\d+|-+|[A-Z][A-Z0-9_]{{1,15}}|{_STRUCTURED}|{_BRACKETED})(?=[\s:])[:,]?")
_LETTER_LEVEL = re.compile(r"\d+ +\d+ [VDIWEF](?= \S)")
_BRACKET_PART = re.compile(rf"(?:{_BRACKETED})")
_LOGGER = re.compile(rf"{_STRUCTURED}(?:\s*:(?=\s|$)|(?:\s\S{{1,6}})?\s[-–](?=\s))")
_BARE_LOGGER = re.compile(rf"{_NAME}(?:\.{_NAME})+(?=\s)")
_SYSLOG = re.compile(rf"[\w./@-]+ (?:[\w./-]+(?:\([\w.-]+\))?(?:\[\d*\])?|{_STRUCTURED})(?: \(\[?\d+\]?\))?:(?=\s|$)")
_PIPED = re.compile(r"\|(?:[^|\s]{1,48}\|){1,4}")
_KLOG = re.compile(r"(?:\d+ +)?[\w.-]{1,60}:\d+\]")
_COLUMN = re.compile(r"[A-Z][A-Za-z0-9_]{1,15}(?=  +\S)")
_NUMBER = re.compile(r"-?\d+(?=\s)")
_WORDS_BEFORE_EPOCH = re.compile(r"(?:\S+ ){1,4}?(?=[12]\d{9}\s)")
_SPRING = re.compile(r"\d+ +--- +")


@functools.lru_cache(maxsize=1 << 14)
def header_end(message: str, rules: AbstractSet[MaskRule] = frozenset(MASK_RULES)) -> int:
    """How many characters of the message are its header; 0 when it begins with no time, or nothing would be left."""
    if "headers" not in rules:
        return 0
    head = message[:HEADER_CHARACTERS]
    at, fields = _after_times(head, may_be_table="header columns" in rules)
    if not at:
        return 0
    is_table = fields >= FIELDS_OF_TABLE and "header columns" in rules
    end = _blank(head, _after_fields(head, at, rules, is_table=is_table))
    return end if any(map(str.isalpha, message[end : end + 64])) else 0


def _after_times(head: str, *, may_be_table: bool) -> tuple[int, int]:
    """Behind the last time that only fields stand before, 0 when there is none; and how many these fields are."""
    at = _blank(head, _end(_PRIORITY, head, 0))
    last = fields = fields_before = 0
    for _ in range(MOST_PARTS):
        if (end := _end(_TIME, head, at)) > at:
            at = last = end
            fields_before = fields
        elif (end := _end(_BEFORE_TIME, head, at)) > at:
            at = end
            fields += 1
        elif may_be_table and fields >= FIELDS_OF_TABLE and (end := _end(_WORDS_BEFORE_EPOCH, head, at)) > at:
            at = end
        else:
            break
        at = _blank(head, at)
    return last, fields_before


def _after_fields(head: str, at: int, rules: AbstractSet[MaskRule], *, is_table: bool) -> int:
    """Behind the fields that follow the time."""
    for whole in (_PIPED, _KLOG) if "header marks" in rules else ():
        start = at if whole is _PIPED else _blank(head, at)
        if (end := _end(whole, head, start)) > start:
            return end
    level_end = _level_end(head, at) if "header levels" in rules else 0
    if level_end:
        return _after_level(head, level_end)
    if is_table:
        at = _after_any(head, at, (_NUMBER,))
    at = _after_any(head, at, (_BRACKET_PART,))
    after_host = _after_any(head, at, (_SYSLOG,) if "header hosts" in rules else ())
    return after_host if after_host > at else _after_any(head, at, (_LOGGER,) if "header loggers" in rules else ())


def _level_end(head: str, at: int) -> int:
    """Behind the level, when only fields stand between it and the time; else 0."""
    for _ in range(MOST_PARTS):
        at = _blank(head, at)
        for pattern in (_LETTER_LEVEL, _LEVEL_PART):
            if (end := _end(pattern, head, at)) > at:
                return end
        end = max(_end(_MARK, head, at), _end(_BETWEEN, head, at))
        if end == at:
            return 0
        at = end
    return 0


def _after_level(head: str, at: int) -> int:
    """Behind thread, process, one logger and signs."""
    at = _after_any(head, at, (_SPRING, _COLUMN))
    for _ in range(MOST_PARTS):
        start = at
        at = _after_any(head, at, (_MARK, _BRACKET_PART))
        if at == start:
            break
    bare_end = _after_any(head, at, (_BARE_LOGGER,))
    bracket_end = _after_any(head, bare_end, (_BRACKET_PART,))
    if bracket_end > bare_end > at:
        return bracket_end
    return _after_any(head, at, (_LOGGER,))


def _after_any(head: str, at: int, patterns: tuple[re.Pattern[str], ...]) -> int:
    """Behind whichever of these stand here, one after the other."""
    for pattern in patterns:
        start = _blank(head, at)
        if (end := _end(pattern, head, start)) > start:
            at = end
    return at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _blank(text: str, at: int) -> int:
    return _end(_BLANKS, text, at)
