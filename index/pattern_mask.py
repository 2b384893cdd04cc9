"""From a message to tokens with everything that is plainly a value masked: what `pattern_merge` compares.

Runs on the distinct signatures only (thousands), so it can afford what the mask at ingest (`ingest/signature.py`)
cannot: types, brackets, lists.
"""

import functools
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from index.pattern import WILDCARD
from index.pattern_header import header_end
from index.pattern_words import CAUSE_KEYS, HTTP_METHODS, LITERALS, NAMES_WITH_DIGITS, STATES, UNITS

HEAD_CHARACTERS = 1024
"""Only so much of a message is compared. A guess: longer ones are dumps, whose beginning tells what they are."""


MAX_ELEMENT_TOKENS = 4
"""An element of a list of words, its comma included. A guess."""
KEPT_MESSAGES = 1 << 14
"""Tokens of so many messages are kept, because mining runs again and again on nearly the same ones."""
MAX_TOKENS = 128
"""Only so many tokens of a message are compared, for hostile input's sake. A guess."""
MAX_DEPTH = 16
"""Brackets nested deeper are signs like others. A guess."""
MAX_NUMBERED_DIGITS = 3
"""`node-12` and `core.12345` show what they number; with more digits a word is an id. A guess."""
MIN_REPEATED_VALUES = 3
MAX_REPEATED_LENGTH = 8
MIN_REPEATS = 2


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
_VALUES = (
    r"[A-Za-z][A-Za-z0-9+.-]{1,40}://[^\s\"'<>()\[\]{},;]*[^\s\"'<>()\[\]{},;:.]",  # URL
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",  # UUID
    r"eyJ[\w-]{8,}(?:\.[\w-]*){1,2}",  # JSON web token
    r"(?:[0-9a-fA-F]{2}[:-]){5,7}[0-9a-fA-F]{2}(?!\w)",  # MAC address
    (
        rf"(?:{_WEEKDAY},?\s)?{_MONTH}\s\d{{1,2}},?(?:\s\d{{4}})?\s{_CLOCK}"
        r"(?:\s[A-Z]{3,5}(?:[+-]\d{2}:?\d{2})?)?(?:\s\d{4})?(?!\w)"
    ),
    rf"(?:{_DAY})(?:[T ,_-]{{1,2}}{_CLOCK}(?:\s?(?:Z|UTC|[+-]\d{{2}}:?\d{{2}}))?)?(?!\w)",
    rf"{_CLOCK}(?![\w:])",
    r"/?\d{1,3}(?:\.\d{1,3}){3}(?::\d+|/\d+)?(?![\w]|\.\w)",  # IPv4, port or prefix length; Java writes the slash
    r"(?=[0-9a-fA-F:]*\d)[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4}){2,7}(?![\w:])",  # IPv6
    r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",  # mail address
    rf"[A-Za-z0-9][\w-]{{0,62}}(?:\.(?!{_SOURCE}:)[\w-]{{1,63}})+:\d{{2,5}}(?![\w.])",  # host and port
    r"0[xX][0-9a-fA-F]+(?!\w)",
    r"(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{8,}(?!\w)",
)
_LEXER = re.compile(
    rf"(?P<plain>(?<!\w)(?!{_MONTH}\b|{_WEEKDAY}\b)[A-Za-z]+(?=[\s,;]|$))"  # most words: found before all else is tried
    rf"|(?P<value>(?<![\w.])(?:{'|'.join(_VALUES)}))"
    rf"|(?P<quantity>(?:(?<![\w<>])[<>~]=?)?(?<!\w)[-+]?\d+(?:[.,:/-]\d+)*(?:[eE][-+]?\d+)?"
    rf"(?:(?P<unit>\s?(?:{UNITS}))(?!\w)|(?!\w|[.-]\w)))"
    rf"|(?P<field>(?<![\w.-])[A-Za-z][A-Za-z_]*\d[\w]{{0,8}}(?==))"  # the name of a field is no value
    rf"|(?P<path>(?<![\w)\]}}.])(?:[A-Za-z]:|~|\.{{1,2}}(?=/))?(?:[\\/]+[\w.@%+$~*-]+)+[\\/]*)"
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
_SCALED = re.compile(re.escape(WILDCARD) + r"\s?(?:[kKMGTP]i?[bB]?|[CF])")
"""A unit that changes with the value, as in `980 KB` and `1.2 MB`, or is written like a part of it, as in `54C`."""
_FRAME = re.compile(
    r"\s|Traceback \(|goroutine \d|\.\.\. \d+ |at [\w$.<>/]+\(|[\w./*()]+\(.*\)\s*$|created by |exit status |$"
)
MAX_LITERAL = max(map(len, LITERALS))
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(_OPEN.values())
_BEFORE_LIST = frozenset("=:")
_JOINS_VALUES = frozenset(",:;./\\|-@#=_+&~")


def head(message: str) -> tuple[str, bool]:
    """The message without its header and the frames of a stack trace, on one line, and whether its end was cut off."""
    message = message[header_end(message) :]
    if "\n" in message:
        first, *rest = message.split("\n")
        message = " ".join([first.rstrip(), *(line.rstrip() for line in rest if not _FRAME.match(line))])
    if len(message) <= HEAD_CHARACTERS:
        return message, False
    # A word cut in two would look like another word.
    whole, _, part = message[:HEAD_CHARACTERS].rpartition(" ")
    return (whole if len(part) < HEAD_CHARACTERS // 4 else message[:HEAD_CHARACTERS]), True


@functools.lru_cache(maxsize=KEPT_MESSAGES)
def tokens(message: str) -> tuple[Token, ...]:
    """The message's tokens, values masked and lists shortened. Linear in the message's length."""
    text, cut = head(message)
    flat = list(itertools.islice(_lex(text), MAX_TOKENS))
    cut = cut or len(flat) == MAX_TOKENS
    joined = _join_values(_fold_repeats(_join_values(_fold_brackets(flat, cut=cut))))
    return tuple(map(_shared, map(_without_scale, joined)))


@functools.lru_cache(maxsize=1 << 16)
def _shared(token: Token) -> Token:
    """The same object for equal tokens: most messages are made of few words."""
    return token


def _without_scale(token: Token) -> Token:
    return token._replace(text=WILDCARD) if _SCALED.fullmatch(token.text) else token


def _lex(text: str) -> Iterator[Token]:
    space = False
    previous = ""
    for match in _LEXER.finditer(text):
        kind, part = match.lastgroup, match.group()
        if kind == "blank":
            space = True
            continue
        if kind == "plain":
            is_literal = len(part) <= MAX_LITERAL and part.lower() in LITERALS
            shown = WILDCARD if is_literal else part
            yield Token(shown, shown, space)
        elif kind == "value":
            yield Token(WILDCARD, WILDCARD, space)
        elif kind == "quantity":
            yield Token(WILDCARD, WILDCARD + (match["unit"] or ""), space)
        elif kind == "path":
            masked = _DIGITS.sub(WILDCARD, part) if previous in HTTP_METHODS else WILDCARD
            yield Token(masked, masked, space)
        elif kind == "field":
            yield Token(part, part, space)
        elif kind == "word":
            yield _word(part, space)
        else:
            yield Token(part[:3] if kind == "sign" else part, part, space)
        previous, space = part, False


def _word(part: str, space: bool) -> Token:
    if part.lower() in LITERALS:
        return Token(WILDCARD, WILDCARD, space)
    digits = sum(map(str.isdigit, part))
    if not digits or part.lower() in NAMES_WITH_DIGITS or _NAME_WITH_DIGIT.fullmatch(part):
        return Token(part, part, space)
    masked = _WITH_DIGIT.sub(WILDCARD, part)
    is_numbered = digits <= MAX_NUMBERED_DIGITS or masked.count(WILDCARD) == masked.count("." + WILDCARD) == 1
    return Token(WILDCARD, masked if is_numbered and masked.count(WILDCARD) == 1 else WILDCARD, space)


def _fold_brackets(flat: list[Token], *, cut: bool) -> list[Token]:
    """Mask the values of `Name(a=1, b=x)` and `{"a": "x"}`, and keep one of equal neighbours in a list."""
    if sum(token.key in _OPEN for token in flat) == 0:
        return flat
    frames: list[tuple[Token | None, list[list[Token]]]] = [(None, [[]])]
    for token in flat:
        opened, elements = frames[-1]
        if token.key in _OPEN and len(frames) < MAX_DEPTH:
            frames.append((token, [[]]))
        elif opened is not None and token.key == _OPEN[opened.key]:
            frames.pop()
            around = frames[-1][1][-1]
            is_value = opened.key == "[" and bool(around) and around[-1].key in _BEFORE_LIST
            inside = _list_value(elements) if is_value else []
            around.extend([opened, *(inside or _fold_elements(elements, opened.key)), token])
        elif token.key == "," and opened is not None:
            elements[-1].append(token)
            elements.append([])
        else:
            elements[-1].append(token)
    while len(frames) > 1:
        opened, elements = frames.pop()
        assert opened is not None
        if cut and len(elements) > 1:
            elements.pop()
        frames[-1][1][-1].extend([opened, *_fold_elements(elements, opened.key)])
    return frames[0][1][0]


def _list_value(elements: list[list[Token]]) -> list[Token]:
    """`key=[a, b, c]`: one value for all, when they are words; else empty."""
    if any(len(element) > MAX_ELEMENT_TOKENS or any(t.key in _CLOSE for t in element) for element in elements):
        return []
    first = next((token for element in elements for token in element), None)
    return [] if first is None else [Token(WILDCARD, WILDCARD, first.space)]


def _fold_elements(elements: list[list[Token]], bracket: str) -> list[Token]:
    if len(elements) == 1 and bracket != "{":
        return elements[0]
    folded: list[list[Token]] = []
    seen: tuple[str, ...] = ()
    for element in elements:
        masked = _mask_field(element, bracket)
        keys = tuple(token.key for token in masked if token.key != ",")
        if not folded or keys != seen:
            folded.append(masked)
        seen = keys
    if folded[-1] and folded[-1][-1].key == ",":
        folded[-1] = folded[-1][:-1]
    return [token for element in folded for token in element]


def _mask_field(element: list[Token], bracket: str) -> list[Token]:
    """`key = anything` becomes `key = <*>`, unless the value has brackets of its own or is a state."""
    marks = {"=", ":"} if bracket == "{" else {"="}
    at = next((at for at, token in enumerate(element) if token.key in marks), 0)
    end = len(element) - (element[-1].key == ",") if element else 0
    value = element[at + 1 : end]
    if at == 0 or not value or any(token.key in _OPEN for token in element):
        return element
    words = [token.key for token in value if token.key not in {'"', "'"}]
    key = next((token.key for token in reversed(element[:at]) if token.key not in {'"', "'"}), "")
    if key.lower() in CAUSE_KEYS or (len(words) == 1 and words[0].lower() in STATES):
        return element
    return [*element[: at + 1], Token(WILDCARD, WILDCARD, value[0].space), *element[end:]]


def _fold_repeats(flat: list[Token]) -> list[Token]:
    """Keep one of three or more equal runs that hold a value (two, if they are longer than a pair)."""
    if sum(token.key == WILDCARD for token in flat) < MIN_REPEATED_VALUES:
        return flat
    keys = [token.key for token in flat]
    folded: list[Token] = []
    at = 0
    while at < len(flat):
        length, times = _repeat_at(keys, at)
        folded += flat[at : at + length]
        at += length * times
    return folded


def _repeat_at(keys: list[str], at: int) -> tuple[int, int]:
    """(length, times) of the run that begins here; (1, 1) when it is not repeated."""
    for length in range(2, MAX_REPEATED_LENGTH + 1):
        run = keys[at : at + length]
        if WILDCARD not in run:
            continue
        times = 1
        while keys[at + times * length : at + (times + 1) * length] == run:
            times += 1
        if times > MIN_REPEATS or (times == MIN_REPEATS and length > 2):
            return length, times
    return 1, 1


def _join_values(flat: list[Token]) -> list[Token]:
    """Values with only signs between them are one; so is a size said twice, `1024 bytes (1 KB)`."""
    joined: list[Token] = []
    for token in flat:
        joined.append(token)
        if token.key != WILDCARD:
            if token.key == ")" and _ends_with_size_twice(joined):
                del joined[-3:]
                joined[-1] = joined[-1]._replace(text=WILDCARD)
            continue
        before = len(joined) - 2
        while before >= 0 and joined[before].key in _JOINS_VALUES:
            before -= 1
        if before >= 0 and joined[before].key == WILDCARD:
            joined[before] = joined[before]._replace(text=_joined_text(joined[before:]))
            del joined[before + 1 :]
    return joined


def _ends_with_size_twice(flat: list[Token]) -> bool:
    if len(flat) < 4:
        return False
    first, bracket, second = flat[-4:-1]
    units = [token.text.removeprefix(WILDCARD) for token in (first, second) if token.text.startswith(WILDCARD)]
    return first.key == second.key == WILDCARD and bracket.key == "(" and len(units) == 2 and all(units)


def _joined_text(run: list[Token]) -> str:
    values = [token.text for token in run if token.key == WILDCARD]
    if all(text == WILDCARD for text in values):
        return WILDCARD
    return "".join((" " if token.space and at else "") + token.text for at, token in enumerate(run))
