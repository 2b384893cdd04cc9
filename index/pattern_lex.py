"""The words, signs and values of a message, each by its looks alone: what `pattern_mask` puts together."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from index.pattern import WILDCARD
from index.pattern_settings import MaskRule, MaskSettings
from index.pattern_words import HTTP_METHODS, LITERALS, NAMES_WITH_DIGITS, UNITS


class Token(NamedTuple):
    """A word, a sign, or a value (`key` is then the wildcard)."""

    key: str
    """What tokens are compared by."""
    text: str
    """What is shown as long as all members agree: `<*> ms`, `node-<*>`."""
    space: bool
    """A blank stood before it."""


_WORD = r"[^\W\u2e80-\ud7ff\uf900-\ufaff]"  # a letter, digit or underscore outside of the scripts without blanks
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s?[AaPp][Mm]\b)?"
_DAY = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_SOURCE = r"(?:java|kt|scala|py|go|js|ts|rb|rs|cs|php|c|cc|cpp|cxx|h|hpp|m|mm|swift|sh|sql)"
_PATH_BEGIN = r"(?<![\w)\]}.])(?:[A-Za-z]:|~|\.{1,2}(?=/))?"
_VALUES: Mapping[MaskRule, str] = {  # in this order: an address is read before its numbers
    "URLs": r"[A-Za-z][A-Za-z0-9+.-]{1,40}://[^\s\"'<>()\[\]{},;]*[^\s\"'<>()\[\]{},;:.]",
    "UUIDs": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "tokens": r"eyJ[\w-]{8,}(?:\.[\w-]*){1,2}",
    "MACs": r"(?:[0-9a-fA-F]{2}[:-]){5,7}[0-9a-fA-F]{2}(?!\w)",
    "dates in words": (
        rf"(?:{_WEEKDAY},?\s)?{_MONTH}\s\d{{1,2}},?(?:\s\d{{4}})?\s{_CLOCK}"
        r"(?:\s[A-Z]{3,5}(?:[+-]\d{2}:?\d{2})?)?(?:\s\d{4})?(?!\w)"
    ),
    "dates": rf"(?:{_DAY})(?:[T ,_-]{{1,2}}{_CLOCK}(?:\s?(?:Z|UTC|[+-]\d{{2}}:?\d{{2}}))?)?(?!\w)",
    "clocks": rf"{_CLOCK}(?![\w:])",
    "IPv4": r"/?\d{1,3}(?:\.\d{1,3}){3}(?::\d+|/\d+)?(?![\w]|\.\w)",  # Java writes the slash
    "IPv6": r"(?=[0-9a-fA-F:]*\d)[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4}){2,7}(?![\w:])",
    "mail": r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    "hosts with port": rf"[A-Za-z0-9][\w-]{{0,62}}(?:\.(?!{_SOURCE}:)[\w-]{{1,63}})+:\d{{2,5}}(?![\w.])",
    "0x": r"0[xX][0-9a-fA-F]+(?!\w)",
    "hex runs": r"(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{8,}(?!\w)",
}
_NEVER = r"(?!)"


@functools.lru_cache(maxsize=1 << 8)
def _lexer(rules: frozenset[MaskRule]) -> re.Pattern[str]:
    values = "|".join(value for rule, value in _VALUES.items() if rule in rules)
    units = UNITS if "units" in rules else _NEVER
    field = r"(?<![\w.-])[A-Za-z][A-Za-z_]*\d[\w]{0,8}(?==)" if "field names" in rules else _NEVER
    path = rf"{_PATH_BEGIN}(?:[\\/]+[\w.@%+$~*-]+)+[\\/]*" if "paths" in rules else _NEVER
    return re.compile(
        rf"(?P<plain>(?<!\w)(?!{_MONTH}\b|{_WEEKDAY}\b)[A-Za-z]+(?=[\s,;]|$))"  # most words: before all else is tried
        rf"|(?P<value>(?<![\w.])(?:{values or _NEVER}))"
        rf"|(?P<quantity>(?:(?<![\w<>])[<>~]=?)?(?<!\w)[-+]?\d+(?:[.,:/-]\d+)*(?:[eE][-+]?\d+)?"
        rf"(?:(?P<unit>\s?(?:{units}))(?!\w)|(?!\w|[.-]\w)))"
        rf"|(?P<field>{field})"
        rf"|(?P<path>{path})"
        rf"|(?P<word>(?:[$@](?=[A-Za-z_]))?{_WORD}(?:(?:{_WORD}|[$@%*+~/\\-]|\.(?!\.))*(?:{_WORD}|\*))?)"
        r"|(?P<script>[\u2e80-\u2fff\u3040-\ud7ff\uf900-\ufaff]+)"
        r"|(?P<sign>[()\[\]{}]|(?P<repeated>[^\w\s])(?P=repeated)*)"
        r"|(?P<blank>\s+)"
        r"|(?P<other>.)"
    )


_DIGITS = re.compile(r"(?:0[xX][0-9a-fA-F]+|\d+(?:[.,:]\d+)*)")
_WITH_DIGIT = re.compile(r"[^\W\d]*\d[^\s.-]*")
"""The part of a hyphenated or dotted name that has a digit: what varies is the part, not its digits."""
_NAME_WITH_DIGIT = re.compile(r"[^\W\d]{2,}\d[^\W\d][^\d]*")
"""One digit inside letters (`log4j`, `jk2_init`) belongs to a name; at the end (`worker3`) it counts things."""
MAX_LITERAL = max(map(len, LITERALS))


def lex(text: str, settings: MaskSettings) -> Iterator[Token]:
    """Words, signs and values in the text's order; blanks are left out."""
    has_literals, has_request_paths = "literals" in settings.rules, "request paths" in settings.rules
    space = False
    previous = ""
    for match in _lexer(settings.rules).finditer(text):
        kind, part = match.lastgroup, match.group()
        if kind == "blank":
            space = True
            continue
        if kind == "plain":
            is_literal = has_literals and len(part) <= MAX_LITERAL and part.lower() in LITERALS
            shown = WILDCARD if is_literal else part
            yield Token(shown, shown, space)
        elif kind == "value":
            yield Token(WILDCARD, WILDCARD, space)
        elif kind == "quantity":
            yield Token(WILDCARD, WILDCARD + (match["unit"] or ""), space)
        elif kind == "path":
            masked = _DIGITS.sub(WILDCARD, part) if has_request_paths and previous in HTTP_METHODS else WILDCARD
            yield Token(masked, masked, space)
        elif kind == "field":
            yield Token(part, part, space)
        elif kind == "word":
            yield _word(part, settings, space=space)
        else:
            yield Token(part[:3] if kind == "sign" else part, part, space)
        previous, space = part, False


def _word(part: str, settings: MaskSettings, *, space: bool) -> Token:
    rules = settings.rules
    if "literals" in rules and part.lower() in LITERALS:
        return Token(WILDCARD, WILDCARD, space)
    digits = sum(map(str.isdigit, part)) if "words with digits" in rules else 0
    is_name = "names with digits" in rules and (part.lower() in NAMES_WITH_DIGITS or _NAME_WITH_DIGIT.fullmatch(part))
    if not digits or is_name:
        return Token(part, part, space)
    masked = _WITH_DIGIT.sub(WILDCARD, part)
    has_few = digits <= settings.numbered_digits or masked.count(WILDCARD) == masked.count("." + WILDCARD) == 1
    is_numbered = "numbered names" in rules and has_few and masked.count(WILDCARD) == 1
    return Token(WILDCARD, masked if is_numbered else WILDCARD, space)
