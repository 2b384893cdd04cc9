"""The words that sentences of a language model are read with: `llm_words.toml`."""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """`llm_words.toml`, read."""

    neutral: AbstractSet[str]
    neutral_han: tuple[str, ...]
    subjects: AbstractSet[str]
    supposing: AbstractSet[str]
    roles: dict[str, str]
    roles_han: tuple[tuple[str, str], ...]
    negations: AbstractSet[str]
    negations_han: tuple[str, ...]
    joints: re.Pattern[str]
    units: dict[str, str]
    numbers: dict[str, str]
    numbers_han: re.Pattern[str]


@functools.cache
def vocabulary() -> Vocabulary:
    """The words, read once."""
    file = importlib.resources.files("api").joinpath("llm_words.toml")
    read = tomllib.loads(file.read_text(encoding="utf-8"))
    english = sorted(read["joints"]["en"], key=len, reverse=True)
    han = sorted(read["joints"]["zh"], key=len, reverse=True)
    return Vocabulary(
        neutral=frozenset(read["neutral"]["en"].split()),
        neutral_han=_longest(read["neutral"]["zh"]),
        subjects=frozenset([*read["subjects"]["en"].split(), *read["subjects"]["zh"].split()]),
        supposing=frozenset([*read["supposing"]["en"].split(), *read["supposing"]["zh"].split()]),
        roles=_first_of_row(read["roles"]["en"]),
        roles_han=tuple(sorted(_first_of_row(read["roles"]["zh"]).items(), key=lambda row: -len(row[0]))),
        negations=frozenset(read["negations"]["en"].split()),
        negations_han=_longest(read["negations"]["zh"]),
        joints=re.compile(rf"\b(?:{'|'.join(english)})\b|{'|'.join(han)}", re.IGNORECASE),
        units=_first_of_row([*read["units"]["en"], *read["units"]["zh"]]),
        numbers={word: str(number) for number, word in enumerate(read["numbers"]["en"].split())}
        | {word: str(number) for number, word in enumerate(read["numbers"]["zh"])}
        | {"两": "2"},
        numbers_han=re.compile(
            rf"([{read['numbers']['zh']}百两]+)({'|'.join(_longest(' '.join(read['units']['zh'])))})"
        ),
    )


def _first_of_row(rows: Sequence[str]) -> dict[str, str]:
    return {word: row.split()[0] for row in rows for word in row.split()}


def _longest(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split(), key=len, reverse=True))


def number_of_han(text: str) -> int:
    """十二, 二十, 一百零五 as a number below a thousand; another spelling is read wrongly, and so found nowhere."""
    digits = vocabulary().numbers
    hundreds, has_hundreds, rest = text.rpartition("百")
    tens, has_tens, ones = rest.rpartition("十")
    value = sum(
        int(digits.get(part.strip("零")[-1:], 0)) * size for part, size in ((hundreds, 100), (tens, 10), (ones, 1))
    )
    return value + (100 if has_hundreds and not hundreds else 0) + (10 if has_tens and not tens.strip("零") else 0)
