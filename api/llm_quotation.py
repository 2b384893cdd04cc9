"""Whether a quotation in a model's sentence is one of log text: whole words of it, and none whose sense the rest turns
round.
"""

import re

from api.llm_vocabulary import vocabulary

_BEFORE, _AFTER = 4, 2
"""So many words before and after a quotation may turn its sense round (a guess)."""
_TURNS = frozenset({"false", "failed", "fails", "fail", "unable", "0", "off", "denied", "no", "refused", "without"})
_TURNS_HAN = re.compile("[不没未无非]")
_WORD = re.compile(r"[^\W_]+(?:['’]t)?")
_BREAKS = re.compile(r"[;|。；]|[.:](?=\s)|: ")
_LEAST_WORDS = 2


def is_quotation(said: str, known: str) -> bool:
    """Whether `said` stands in `known` with nothing beside it that turns its sense round."""
    return any(_is_whole(said, known, at) for at in _places(said, known))


def stands_for(said: str, known: str) -> bool:
    """Whether a quotation is enough of a template to be counted as it: all, or two words and more of an end of it."""
    if said == known.strip(" ….。"):
        return True
    rest = known.removeprefix(said) if known.startswith(said) else known.removesuffix(said)
    is_end = len(rest) < len(known)
    return is_end and (len(_WORD.findall(said)) >= _LEAST_WORDS or rest.strip().startswith("<*>"))


def _places(said: str, known: str) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(said), known)] if said else []


def _is_whole(said: str, known: str, at: int) -> bool:
    before, after = known[:at], known[at + len(said) :]
    if _joins(before[-1:], said[:1]) or (_joins(said[-1:], after[:1])):
        return False
    beside = [*_WORD.findall(_BREAKS.split(before)[-1])[-_BEFORE:], *_WORD.findall(after)[:_AFTER]]
    return not any(_turns(word.lower()) for word in beside)


def _joins(one: str, other: str) -> bool:
    """Whether two characters are of one word."""
    return one.isascii() and other.isascii() and (one.isalnum() or one == "_") and (other.isalnum() or other == "_")


def _turns(word: str) -> bool:
    return (
        word in vocabulary().negations
        or word in _TURNS
        or word.endswith(("n't", "n’t"))
        or bool(_TURNS_HAN.search(word))
    )
