"""Whether the words found in one place of otherwise equal messages are values there: what `pattern_merge` asks."""

import dataclasses
from collections.abc import Collection

from index.pattern import WILDCARD
from index.pattern_settings import MergeSettings
from index.pattern_words import CAUSE_KEYS, CHINESE_NOUNS, CHINESE_STATES, HTTP_METHODS, NAMING_NOUNS, STATES


@dataclasses.dataclass
class Known:
    """What a place is judged by."""

    settings: MergeSettings
    values: set[str] = dataclasses.field(default_factory=set)
    """Words that were values elsewhere, in earlier rounds."""


def are_enough(words_left: int, positions: tuple[int, ...], keys: list[str], settings: MergeSettings) -> bool:
    """Whether so many words beside these places say that messages are the same but for them."""
    if words_left >= max(1, len(positions)) or "words left" not in settings.rules:
        return True
    return all(_before(keys, at) == "=" for at in positions)


def slot_values(alternatives: Collection[str], keys: list[str], at: int, known: Known, *, holes: int) -> set[str]:
    """Those of the words found in one place that are values there; empty when the place is no slot."""
    settings = known.settings
    words = [word for word in alternatives if word != WILDCARD and not _is_kept(word, settings)]
    first = not any(is_plain(key) for key in keys[:at])
    needed = _needed(words, keys, at, known, first=first)
    if holes > 1 and "several holes" in settings.rules:
        needed = max(needed, settings.word)
    has_value = len(words) < len(alternatives) and WILDCARD in alternatives
    if has_value and not first and "beside values" in settings.rules:
        needed = max(1, needed // settings.beside_value)
    if len(words) < needed:
        return set()
    return {*words, WILDCARD} if has_value else set(words)


def is_plain(key: str) -> bool:
    """A word, neither a sign nor a value."""
    return key != WILDCARD and any(map(str.isalnum, key))


def _needed(words: list[str], keys: list[str], at: int, known: Known, *, first: bool) -> int:
    """How many different words make the place a slot."""
    settings = known.settings
    before = _before(keys, at)
    if _is_field(keys, at, settings):
        key = keys[at - 2].lower() if at > 1 else ""
        return settings.word if "causes apart" in settings.rules and key in CAUSE_KEYS else settings.field
    if first and not ("looks" in settings.rules and all(word.count(".") > 1 for word in words)):
        return settings.first_word
    if "known values" in settings.rules and known.values.issuperset(words):
        return settings.field
    if _is_named(words, before, settings):
        return settings.named
    if "quotes" in settings.rules and before in {"'", '"'} and at + 1 < len(keys) and keys[at + 1] == before:
        return settings.quoted
    return settings.first_word if "requests" in settings.rules and before in HTTP_METHODS else settings.word


def _is_field(keys: list[str], at: int, settings: MergeSettings) -> bool:
    """The value of `name=value`, or of `[name: value]`."""
    before = _before(keys, at)
    if before == "=":
        return "fields" in settings.rules
    is_in_brackets = before == ":" and at + 1 < len(keys) and keys[at + 1] in {"]", ")", "}"}
    return is_in_brackets and "fields in colons" in settings.rules


def _is_named(words: list[str], before: str, settings: MergeSettings) -> bool:
    """A noun stands before it, or all words look like names."""
    if "nouns" in settings.rules and (before.lower() in NAMING_NOUNS or before.endswith(CHINESE_NOUNS)):
        return True
    return "looks" in settings.rules and all(_looks_like_name(word) for word in words)


def _before(keys: list[str], at: int) -> str:
    return keys[at - 1] if at else ""


def _is_kept(word: str, settings: MergeSettings) -> bool:
    """Never part of a slot: signs, states, and names of errors."""
    if not is_plain(word):
        return True
    if "states apart" in settings.rules and _is_state(word):
        return True
    is_error = word.isascii() and word.endswith(("Exception", "Error", "Failure", "Timeout"))
    return is_error and "errors apart" in settings.rules


def _is_state(word: str) -> bool:
    return word.lower() in STATES or (not word.isascii() and any(state in word for state in CHINESE_STATES))


def _looks_like_name(word: str) -> bool:
    """`mesos-slave`, `proxy.example.org`, `com.example.Shop`: several parts, lower case or with two dots."""
    return word.count(".") > 1 or (word == word.lower() and any(mark in word for mark in ".-_@/"))
