"""From a message to tokens with everything that is plainly a value masked: what `pattern_merge` compares.

Runs on the distinct signatures only (thousands), so it can afford what the mask at ingest (`ingest/signature.py`)
cannot: types, brackets, lists.
"""

import functools
import itertools
import re

from index.pattern import WILDCARD
from index.pattern_header import header_end
from index.pattern_lex import Token, lex
from index.pattern_settings import MaskRule, MaskSettings
from index.pattern_words import CAUSE_KEYS, STATES

HEAD_CHARACTERS = 1024
"""Only so much of a message is compared. A guess: longer ones are dumps, whose beginning tells what they are."""


KEPT_MESSAGES = 1 << 14
"""Tokens of so many messages are kept, because mining runs again and again on nearly the same ones."""
MAX_TOKENS = 128
"""Only so many tokens of a message are compared, for hostile input's sake. A guess."""
MAX_DEPTH = 16
"""Brackets nested deeper are signs like others. A guess."""
MIN_REPEATED_VALUES = 3
MAX_REPEATED_LENGTH = 8


_SCALED = re.compile(re.escape(WILDCARD) + r"\s?(?:[kKMGTP]i?[bB]?|[CF])")
"""A unit that changes with the value, as in `980 KB` and `1.2 MB`, or is written like a part of it, as in `54C`."""
_FRAME = re.compile(
    r"\s|Traceback \(|goroutine \d|\.\.\. \d+ |at [\w$.<>/]+\(|[\w./*()]+\(.*\)\s*$|created by |exit status |$"
)
_IN_BRACKETS: frozenset[MaskRule] = frozenset({"lists", "fields in brackets", "equal elements"})
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(_OPEN.values())
_BEFORE_LIST = frozenset("=:")
_JOINS_VALUES = frozenset(",:;./\\|-@#=_+&~")


def head(message: str, rules: frozenset[MaskRule]) -> tuple[str, bool]:
    """The message without its header and the frames of a stack trace, on one line, and whether its end was cut off."""
    message = message[header_end(message, rules) :]
    if "\n" in message:
        first, *rest = message.split("\n")
        told = (line for line in rest if not ("frames" in rules and _FRAME.match(line)))
        message = " ".join([first.rstrip(), *(line.rstrip() for line in told)])
    if len(message) <= HEAD_CHARACTERS:
        return message, False
    # A word cut in two would look like another word.
    whole, _, part = message[:HEAD_CHARACTERS].rpartition(" ")
    return (whole if len(part) < HEAD_CHARACTERS // 4 else message[:HEAD_CHARACTERS]), True


@functools.lru_cache(maxsize=KEPT_MESSAGES)
def tokens(message: str, settings: MaskSettings) -> tuple[Token, ...]:
    """The message's tokens, values masked and lists shortened. Linear in the message's length."""
    rules = settings.rules
    text, cut = head(message, rules)
    found = list(itertools.islice(lex(text, settings), MAX_TOKENS))
    cut = cut or len(found) == MAX_TOKENS
    if not rules.isdisjoint(_IN_BRACKETS):
        found = _fold_brackets(found, settings, cut=cut)
    found = _join_values(found, rules)
    if "repeats" in rules:
        found = _join_values(_fold_repeats(found, settings.equal_runs), rules)
    if "changing units" in rules:
        found = list(map(_without_scale, found))
    return tuple(map(_shared, found))


@functools.lru_cache(maxsize=1 << 16)
def _shared(token: Token) -> Token:
    """The same object for equal tokens: most messages are made of few words."""
    return token


def _without_scale(token: Token) -> Token:
    return token._replace(text=WILDCARD) if _SCALED.fullmatch(token.text) else token


def _fold_brackets(flat: list[Token], settings: MaskSettings, *, cut: bool) -> list[Token]:
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
            inside = _list_value(elements, settings) if is_value else []
            around.extend([opened, *(inside or _fold_elements(elements, opened.key, settings.rules)), token])
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
        frames[-1][1][-1].extend([opened, *_fold_elements(elements, opened.key, settings.rules)])
    return frames[0][1][0]


def _list_value(elements: list[list[Token]], settings: MaskSettings) -> list[Token]:
    """`key=[a, b, c]`: one value for all, when they are words; else empty."""
    if "lists" not in settings.rules:
        return []
    most = settings.element_tokens
    if any(len(element) > most or any(t.key in _CLOSE for t in element) for element in elements):
        return []
    first = next((token for element in elements for token in element), None)
    return [] if first is None else [Token(WILDCARD, WILDCARD, first.space)]


def _fold_elements(elements: list[list[Token]], bracket: str, rules: frozenset[MaskRule]) -> list[Token]:
    if len(elements) == 1 and bracket != "{":
        return elements[0]
    folded: list[list[Token]] = []
    seen: tuple[str, ...] = ()
    for element in elements:
        masked = _mask_field(element, bracket) if "fields in brackets" in rules else element
        keys = tuple(token.key for token in masked if token.key != ",")
        if not folded or keys != seen or "equal elements" not in rules:
            folded.append(masked)
        seen = keys
    if folded[-1] and folded[-1][-1].key == "," and "equal elements" in rules:
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


def _fold_repeats(flat: list[Token], most: int) -> list[Token]:
    """Keep one of more equal runs that hold a value than `most` (of as many, if they are longer than a pair)."""
    if sum(token.key == WILDCARD for token in flat) < MIN_REPEATED_VALUES:
        return flat
    keys = [token.key for token in flat]
    folded: list[Token] = []
    at = 0
    while at < len(flat):
        length, times = _repeat_at(keys, at, most)
        folded += flat[at : at + length]
        at += length * times
    return folded


def _repeat_at(keys: list[str], at: int, most: int) -> tuple[int, int]:
    """(length, times) of the run that begins here; (1, 1) when it is not repeated."""
    for length in range(2, MAX_REPEATED_LENGTH + 1):
        run = keys[at : at + length]
        if WILDCARD not in run:
            continue
        times = 1
        while keys[at + times * length : at + (times + 1) * length] == run:
            times += 1
        if times > most or (times == most and length > 2):
            return length, times
    return 1, 1


def _join_values(flat: list[Token], rules: frozenset[MaskRule]) -> list[Token]:
    """Values with only signs between them are one; so is a size said twice, `1024 bytes (1 KB)`."""
    joined: list[Token] = []
    for token in flat:
        joined.append(token)
        if token.key != WILDCARD:
            if token.key == ")" and "sizes twice" in rules and _ends_with_size_twice(joined):
                del joined[-3:]
                joined[-1] = joined[-1]._replace(text=WILDCARD)
            continue
        if "joined values" not in rules:
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
