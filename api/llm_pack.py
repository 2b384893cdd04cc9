"""What a language model may rely on: checked statements within a number of tokens, each with an id to cite it by."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Protocol

import orjson

from api.llm_fit import Statement

_TOKENS_OF_ASCII = 0.42
_TOKENS_OF_OTHER = 1.9
"""Tokens a character, measured with the tokenizer of SmolLM2 on statements in English and Chinese (.41 and 1.8). Larger
models need fewer, so that a pack fits them, too."""


class Redaction(Protocol):
    """Hides what must not leave the process behind tokens, and puts it back; `api.redact` implements it."""

    def learn(self, text: str) -> None:
        """Know the secrets of a text before others are redacted."""

    def redact(self, text: str) -> str:
        """The text with tokens in the place of secrets, addresses and names."""

    def conceal(self, text: str) -> str:
        """As `redact`, and also every value that has a token already, wherever it stands."""

    def restore(self, text: str) -> str:
        """The text with what the tokens stand for."""


@dataclasses.dataclass(frozen=True)
class Pack:
    """Statements in order of worth; `left_out` did not fit."""

    statements: tuple[Statement, ...]
    left_out: int = 0

    def named(self, ids: Iterable[str]) -> tuple[Statement, ...] | None:
        """The statements of these ids, each once; None when there is one that was never given."""
        known = {statement.id: statement for statement in self.statements}
        wanted = dict.fromkeys(ids)
        return tuple(known[each] for each in wanted) if all(each in known for each in wanted) else None

    def extended(self, more: Sequence[tuple[str, tuple[str, ...]]], *, room: int) -> "Pack":
        """With further statements behind, as many as `room` tokens hold; what is known already is not said twice."""
        return _filled(self, [each for each in more if each[0] not in {one.text for one in self.statements}], room)


def pack_of(said: Sequence[tuple[str, tuple[str, ...]]], *, room: int) -> Pack:
    """Sentences with their citations, the most worth first, as many as `room` tokens hold."""
    return _filled(Pack(()), said, room)


def _filled(pack: Pack, said: Sequence[tuple[str, tuple[str, ...]]], room: int) -> Pack:
    statements = list(pack.statements)
    left_out = pack.left_out
    for text, citations in said:
        statement = Statement(f"S{len(statements) + 1}", text, citations)
        needed = tokens_of(_rendered(statement, text))
        if needed > room:
            left_out += 1
            continue
        room -= needed
        statements.append(statement)
    return Pack(tuple(statements), left_out)


def rendered(statements: Sequence[Statement], redaction: Redaction, *, asked: bool = False) -> str:
    """One JSON object a line: log text cannot end the string that it stands in. `asked`: they tell what the model asked
    for, with its tokens put back.
    """
    for each in statements:
        redaction.learn(each.text)
    hide = redaction.conceal if asked else redaction.redact
    return "\n".join(_rendered(each, hide(each.text)) for each in statements)


def _rendered(statement: Statement, text: str) -> str:
    return orjson.dumps({"id": statement.id, "says": text}).decode()


def tokens_of(text: str) -> int:
    """About how many tokens a text is, rather too many than too few."""
    plain = sum(character.isascii() for character in text)
    return round(plain * _TOKENS_OF_ASCII + (len(text) - plain) * _TOKENS_OF_OTHER) + 1
