"""Whether a sentence of a language model says only what the statements that it cites say.

The statements were computed and checked before (api/check.py). A sentence may leave out and say in other words; a
number, a name, a time, a quotation or a word of order that its statements do not have, or have of something else,
refuses it, and so does any word that neither they nor the glossary account for. It errs on the side of refusing: what
is refused is told by the statement itself.
"""

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from api.llm_clause import Anchor, Clause, clauses, stems, vocabulary, without_quotes
from index.glossary import Side, own_glossary
from index.words import HAN

Refusal = Literal["citation", "number", "time", "name", "quote", "order", "denial", "unsupported", "empty"]
_COUNTED = frozenset({"", "times", "lines"})
"""What is written so many times is so many lines."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MOMENTS = frozenset({*_MONTHS, "day", "h", "min", "月", "日", "年", "天", "小时", "分"})
"""Units of numbers that say when, where they are said of the whole."""
_REASSURING = "recovered"
"""The one concept of the group of faults that says that all is well."""
_LIMITS = frozenset({"only", "只"})
"""A number that is only so many is not told without that."""
_CUT = "… .。"


@dataclasses.dataclass(frozen=True)
class Statement:
    """A sentence that was checked, and the ids of the lines that prove it."""

    id: str
    text: str
    citations: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Read:
    statement: Statement
    clauses: tuple[Clause, ...]
    free: tuple[Anchor, ...]
    """Numbers and times that are said of the whole."""
    stems: frozenset[str]
    han: str
    concepts: frozenset[str]


def supported(
    text: str, cited: Sequence[Statement], names: frozenset[str]
) -> tuple[tuple[Statement, ...], Refusal | None]:
    """The statements that the sentence rests on, in the order in which it needs them; else why it is refused. `names`
    are the services that there are, in lower case.
    """
    if not cited:
        return (), "citation"
    said = [clause for clause in clauses(text, names) if _says_something(clause)]
    if not said:
        return (), "empty"
    read = [_read(statement, names) for statement in cited]
    used: dict[str, Statement] = {}
    for group in _groups(said):
        found = next((one for one in read if all(_is_told(clause, one) for clause in group)), None)
        if found is None:
            return (), next(
                (_why(clause, read) for clause in group if not any(_is_told(clause, one) for one in read)), "order"
            )
        used[found.statement.id] = found.statement
    return tuple(used.values()), None


def _groups(said: Sequence[Clause]) -> list[list[Clause]]:
    """Clauses that one statement must tell together. One that says something of somebody stands by itself. A moment
    or a bare name goes with the next such clause; what is said of nobody, or is left over, with the one before.
    """
    groups: list[list[Clause]] = []
    loose: list[Clause] = []
    for clause in said:
        if _is_complete(clause):
            groups.append([*loose, clause])
            loose = []
        elif clause.roles and groups and not loose:
            groups[-1].append(clause)
        else:
            loose.append(clause)
    if groups:
        groups[-1] += loose
    return groups or [loose]


def _is_complete(clause: Clause) -> bool:
    names = any(anchor.kind in {"name", "quote"} for anchor in clause.anchors)
    tells = clause.roles or clause.words or clause.covered or any(each.kind == "number" for each in clause.anchors)
    return names and bool(tells)


def _is_told(clause: Clause, one: _Read) -> bool:
    return any(_fits(clause, known, one) for known in one.clauses)


def plausible(text: str, known: Sequence[Statement], names: frozenset[str]) -> bool:
    """Whether a supposition speaks of what is known: its numbers, times, names and quotations are the statements', its
    other words theirs, the glossary's, or words of cause. What it says of them is left open.
    """
    read = [_read(statement, names) for statement in known]
    anchors = [anchor for one in read for part in one.clauses for anchor in part.anchors]
    supposing = vocabulary().supposing
    said = [clause for clause in clauses(text, names) if _says_something(clause)]
    for clause in said:
        if not all(any(_is_same(anchor, each) for each in anchors) for anchor in clause.anchors):
            return False
        if any(word not in supposing and not any(_is_word_of(word, one) for one in read) for word in clause.words):
            return False
    return bool(said)


def _says_something(clause: Clause) -> bool:
    return bool(clause.anchors or clause.roles or clause.words or clause.covered or clause.is_denied)


@functools.lru_cache(maxsize=512)
def _read(statement: Statement, names: frozenset[str]) -> _Read:
    parts = clauses(statement.text, names)
    return _Read(
        statement,
        parts,
        tuple(anchor for part in parts if not part.is_bound for anchor in part.anchors),
        frozenset().union(*(_stems_of(part) for part in parts)),
        "\n".join(word for part in parts for word in (*part.words, *(word for word, _ in part.covered))),
        _concepts(statement.text),
    )


def _concepts(text: str) -> frozenset[str]:
    """What it names. Of log text only faults: a line may say of itself what it likes (“all services recovered”)."""
    sides: tuple[Side, ...] = ("document", "question")
    own = {match.concept.id for side in sides for match in own_glossary().matches(without_quotes(text), side)}
    every = {match.concept for side in sides for match in own_glossary().matches(text, side)}
    return frozenset(own | {concept.id for concept in every if concept.group == "faults" and concept.id != _REASSURING})


def _stems_of(clause: Clause) -> frozenset[str]:
    return stems([*clause.words, *(word for word, _ in clause.covered)])


def _fits(clause: Clause, known: Clause, one: _Read) -> bool:
    if clause.is_denied != known.is_denied or not clause.roles <= known.roles:
        return False
    counts = any(anchor.kind == "number" for anchor in clause.anchors)
    if counts and (known.roles & _LIMITS - clause.roles or _leaves_out(clause, known)):
        return False
    free = [anchor for anchor in one.free if not clause.roles or _is_moment(anchor)]
    return _in_order(clause.anchors, known.anchors, free) and not _missing(clause, one)


def _leaves_out(clause: Clause, known: Clause) -> bool:
    """Whether a number that is said of several is told of some of them."""
    said, all_of = (frozenset(each.text for each in part.anchors if each.kind == "name") for part in (clause, known))
    return bool(said) and said != all_of


def _is_moment(anchor: Anchor) -> bool:
    """What is said of when goes with every part of a sentence, a count only with the whole."""
    return anchor.kind == "time" or anchor.text.partition(" ")[2] in _MOMENTS


def _in_order(wanted: Iterable[Anchor], known: Sequence[Anchor], free: Sequence[Anchor]) -> bool:
    """Whether all are there, those of a kind in this order; what is said of the whole may stand anywhere."""
    reached: dict[str, int] = {}
    for anchor in wanted:
        at = reached.get(anchor.kind, 0)
        place = next((i for i in range(at, len(known)) if _is_same(anchor, known[i])), None)
        if place is not None:
            reached[anchor.kind] = place + 1
        elif not any(_is_same(anchor, each) for each in free):
            return False
    return True


def _is_same(said: Anchor, known: Anchor) -> bool:
    if said.kind != known.kind:
        return False
    match said.kind:
        case "quote":
            return bool(said.text.strip(_CUT)) and said.text.strip(_CUT) in known.text
        case "time":
            return _is_same_time(said.text, known.text)
        case "number":
            return _is_same_number(said.text, known.text)
        case _:
            return said.text == known.text


def _is_same_time(said: str, known: str) -> bool:
    """The same, told to fewer places: 14:03 of 2026-03-03T14:03:12.5Z."""
    parts = [known, *known.split("T")[1:]]
    return any(part == said or (part.startswith(said) and part[len(said)] in "T:.Z") for part in parts)


def _is_same_number(said: str, known: str) -> bool:
    (value, unit), (known_value, known_unit) = ((*text.split(" ", 1), "")[:2] for text in (said, known))
    return value == known_value and (unit == known_unit or {unit, known_unit} <= _COUNTED)


def _missing(clause: Clause, one: _Read) -> list[str]:
    covered = [word for word, concepts in clause.covered if not concepts & one.concepts]
    names_nobody = all(anchor.kind != "name" for anchor in clause.anchors)
    subjects = vocabulary().subjects if names_nobody else frozenset()
    return [word for word in (*clause.words, *covered) if word not in subjects and not _is_word_of(word, one)]


def _is_word_of(word: str, one: _Read) -> bool:
    return word in one.han if re.match(f"[{HAN}]", word) else bool(stems([word]) <= one.stems)


def _why(clause: Clause, read: Sequence[_Read]) -> Refusal:
    """The plainest reason."""
    known = [anchor for one in read for part in one.clauses for anchor in part.anchors]
    kinds: tuple[Refusal, ...] = ("number", "time", "name", "quote")
    for kind in kinds:
        if any(a.kind == kind and not any(_is_same(a, each) for each in known) for a in clause.anchors):
            return kind
    if all(_missing(clause, one) for one in read):
        return "unsupported"
    if all(part.is_denied != clause.is_denied for one in read for part in one.clauses):
        return "denial"
    return "order"
