"""What a language model may rely on: checked statements within a number of tokens, each with an id to cite it by."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

import orjson

from api.llm_fit import Statement

_TOKENS = (
    (re.compile(r"[0-9]"), 1.0),
    (re.compile(r"[A-Za-z]"), 0.33),
    (re.compile(r"[!-/:-@\[-`{-~]"), 0.7),
    (re.compile(r"[^\x00-\x7f]"), 2.0),
)
"""Tokens a character of digits, letters, marks and all that is not ASCII. Measured with the tokenizer of SmolLM2 on 194
statements in English and Chinese: 3 to 5 % too many in all, at most 7 % too few for one. Times are what counts: their
digits are tokens of their own. Larger models need fewer, so that a pack fits them, too."""


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

    def halved(self) -> "Pack":
        """The first half of its statements, which is none of one."""
        kept = self.statements[: len(self.statements) // 2]
        return Pack(kept, self.left_out + len(self.statements) - len(kept))

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
    return round(sum(len(of_kind.findall(text)) * tokens for of_kind, tokens in _TOKENS)) + 1
