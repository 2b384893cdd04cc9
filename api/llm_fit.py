"""Whether one clause of a model's sentence is told by one clause of a statement: the same numbers, names, times and
quotations in the same order, its words of order, no denial too many or too few, and no word that is not accounted for.
"""

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from api.llm_clause import Anchor, Clause, clauses, stems, without_quotes
from api.llm_forms import noted_in, statement_one_way
from api.llm_quotation import is_quotation, stands_for
from api.llm_vocabulary import vocabulary
from index.glossary import Side, own_glossary
from index.words import HAN

Refusal = Literal["citation", "number", "time", "name", "quote", "order", "denial", "unsupported", "empty"]
_SIDES: tuple[Side, ...] = ("document", "question")
_FAILING = frozenset({"first", "followed", "最先", "随之"})
"""Places in the order in which services failed."""
_COUNTED = frozenset({"", "times", "lines"})
"""What is written so many times is so many lines."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MOMENTS = frozenset({*_MONTHS, "月", "日", "年"})
"""Units of numbers that say when, where they are said of the whole."""
_REASSURING = "recovered"
"""The one concept of the group of faults that says that all is well."""
LIMITS = frozenset({"only", "只"})
"""A number that is only so many is not told without that."""
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@/-]*[A-Za-z0-9_])?")
CUT = "… .。"
FRAMES = frozenset({"last", "first", "another", "最近一次", "首次", "另一"})
"""Words of order of which a statement's opening says when: the moment goes with all that follows."""
_NOTED = frozenset({"note", "noted", "notes"})
_MEASURES = frozenset({"usual", "平时", "least", "most", "更多", "更少"})
"""Words that say nothing without a number."""
_PLACES = frozenset({"first", "last", "followed", "later", "after", "最先", "之后", "随之"})
"""Places in an order, which somebody or something has."""
_IMPLIED = {"began": "first", "开始": "最先", "ended": "until", "结束": "为止"}
"""A beginning of which a statement says who was first; an end of which it says until when."""


@dataclasses.dataclass(frozen=True)
class Statement:
    """A sentence that was checked, and the ids of the lines that prove it."""

    id: str
    text: str
    citations: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Read:
    """A statement as it is read."""

    statement: Statement
    clauses: tuple[Clause, ...]
    free: tuple[Anchor, ...]
    """Numbers and times that are said of the whole."""
    stems: frozenset[str]
    han: str
    concepts: frozenset[str]
    roles: frozenset[str]
    noted: str
    """What a person noted, if it tells that."""
    written: frozenset[str]
    """Its words as they stand, in lower case, and those for that somebody noted it."""


def with_subjects(said: Sequence[Clause]) -> list[Clause]:
    """Where a clause says what was written and not by whom, it is of whom the clause before it spoke; where it says by
    whom and how often, and not what, it is what was quoted there.
    """
    told: list[Clause] = []
    subject: tuple[Anchor, ...] = ()
    quoted: tuple[Anchor, ...] = ()
    listed: tuple[Anchor, ...] = ()
    for place, clause in enumerate(said):
        names, quotes = (tuple(each for each in clause.anchors if each.kind == kind) for kind in ("name", "quote"))
        anchors = (*(each for each in listed if each not in names), *clause.anchors)
        listed = anchors if len(names) and _only_names(clause) and place + 1 < len(said) else ()
        if listed:
            continue
        if quotes and not any(each.kind == "name" for each in anchors):
            anchors = (*subject, *anchors)
        elif names and not quotes and clause.roles <= LIMITS and any(_is_count(each) for each in anchors):
            anchors = (*quoted, *anchors)
        told.append(dataclasses.replace(clause, anchors=anchors))
        subject, quoted = tuple(each for each in anchors if each.kind == "name") or subject, quotes or quoted
    return told


def _only_names(clause: Clause) -> bool:
    is_bare = not (clause.roles or clause.words or clause.covered or clause.is_denied)
    return is_bare and all(anchor.kind == "name" for anchor in clause.anchors)


def _is_count(anchor: Anchor) -> bool:
    return anchor.kind == "number" and anchor.text.partition(" ")[2] in _COUNTED | {"次", "行"}


def is_moment(anchor: Anchor) -> bool:
    """What is said of when goes with every part of a sentence, a count only with the whole."""
    return anchor.kind == "time" or anchor.text.partition(" ")[2] in _MOMENTS or anchor.text.endswith(" ago")


@functools.lru_cache(maxsize=512)
def read_statement(statement: Statement, names: frozenset[str]) -> Read:
    """Its clauses and what goes with each of them; remembered, as each sentence is held against all."""
    parts = tuple(with_subjects(clauses(statement_one_way(statement.text), names)))
    return Read(
        statement,
        parts,
        tuple(_free(parts)),
        frozenset().union(*(_stems_of(part) for part in parts)),
        "\n".join(word for part in parts for word in (*part.words, *(word for word, _ in part.covered))),
        _concepts(statement.text, names),
        frozenset().union(*(part.roles for part in parts)),
        noted_in(statement.text),
        _NOTED.union(word.lower() for part in parts for word in (*part.words, *(word for word, _ in part.covered))),
    )


def _free(parts: Sequence[Clause]) -> Iterator[Anchor]:
    for part in parts:
        if not part.is_bound or (
            part.roles <= FRAMES and not part.is_denied and all(is_moment(anchor) for anchor in part.anchors)
        ):
            yield from part.anchors


def _concepts(text: str, names: frozenset[str]) -> frozenset[str]:
    """What a statement names in its own words; what a service is called says nothing of it."""
    own = _NAME.sub(lambda found: " " if found[0].lower() in names else found[0], without_quotes(text))
    return frozenset(match.concept.id for side in _SIDES for match in own_glossary().matches(own, side))


@functools.lru_cache(maxsize=2048)
def _faults_in(quoted: str) -> frozenset[str]:
    """The faults that log text names. Of itself a line may say what it likes (“all services recovered”)."""
    found = {match.concept for side in _SIDES for match in own_glossary().matches(quoted, side)}
    return frozenset(concept.id for concept in found if concept.group == "faults" and concept.id != _REASSURING)


def _stems_of(clause: Clause) -> frozenset[str]:
    return stems([*clause.words, *(word for word, _ in clause.covered)])


def is_told(clause: Clause, one: Read) -> bool:
    """Whether any clause of the statement tells it."""
    return any(fits(clause, known, one) for known in one.clauses)


def fits(clause: Clause, known: Clause, one: Read) -> bool:
    """Whether `known`, a clause of `one`, tells it."""
    if clause.is_denied != known.is_denied or not _roles_of(clause, known) <= known.roles:
        return False
    if known.roles and _is_bare(clause):
        return False
    counts = any(anchor.kind == "number" for anchor in clause.anchors)
    if counts and (known.roles & LIMITS - clause.roles or _leaves_out(clause, known)):
        return False
    measures = any(anchor.kind == "number" and not is_moment(anchor) for anchor in clause.anchors)
    if clause.roles & _MEASURES and not counts:
        return False
    if (measures or clause.roles & _PLACES) and not _is_placed(clause, known):
        return False
    if any(_is_count(each) for each in clause.anchors) and not _counts_what_it_quotes(clause, known):
        return False
    free = [anchor for anchor in one.free if not clause.roles or is_moment(anchor)]
    return _in_order(clause.anchors, known.anchors, free) and not _missing(clause, known, one)


def _is_bare(clause: Clause) -> bool:
    """Somebody and a number or a moment, and nothing of what: “… and so did checkout 5 days ago”."""
    kinds = {anchor.kind for anchor in clause.anchors}
    return (
        not (clause.roles or clause.words or clause.covered)
        and "name" in kinds
        and "quote" not in kinds
        and len(kinds) > 1
    )


def _counts_what_it_quotes(clause: Clause, known: Clause) -> bool:
    """A number of lines is that of a pattern, which it names."""
    said, whole = ([each.text.strip(CUT) for each in part.anchors if each.kind == "quote"] for part in (clause, known))
    return all(any(stands_for(each, one) for one in whole) for each in said) and (bool(said) or not whole)


def _roles_of(clause: Clause, known: Clause) -> frozenset[str]:
    """Its words of order, those that another of the known clause implies put by that."""
    kinds = {anchor.kind for anchor in clause.anchors}
    roles = {
        _IMPLIED[role] if _IMPLIED.get(role) in known.roles and kinds - {"number"} else role for role in clause.roles
    }
    has_length = any(each.kind == "number" and not is_moment(each) for each in clause.anchors)
    if "until" in roles and not has_length:
        roles.discard("lasted")
    return frozenset(roles)


def _is_placed(clause: Clause, known: Clause) -> bool:
    """Whether it says of whom the known clause gives the place or the number."""
    said, all_of = ({each.text for each in part.anchors if each.kind in {"name", "quote"}} for part in (clause, known))
    return bool(said) or not all_of


def _leaves_out(clause: Clause, known: Clause) -> bool:
    """Whether a number that is said of several is told of some of them, or a count of lines without who wrote them."""
    said, all_of = (frozenset(each.text for each in part.anchors if each.kind == "name") for part in (clause, known))
    return said != all_of and (bool(said) or any(_is_count(each) for each in clause.anchors))


def _in_order(wanted: Iterable[Anchor], known: Sequence[Anchor], free: Sequence[Anchor]) -> bool:
    """Whether all are there, those of a kind in this order; what is said of the whole may stand anywhere."""
    reached: dict[str, int] = {}
    for anchor in wanted:
        # A day and a clock may be those of one moment.
        kind = f"{anchor.kind} {':' in anchor.text}" if anchor.kind == "time" else anchor.kind
        place = next((i for i in range(reached.get(kind, 0), len(known)) if is_same(anchor, known[i])), None)
        if place is not None:
            reached[kind] = place + 1
        elif not any(is_same(anchor, each) for each in free):
            return False
    return True


def is_same(said: Anchor, known: Anchor) -> bool:
    """Whether the one stands for the other: a quotation cut short, a time to fewer places."""
    if said.kind != known.kind:
        return False
    match said.kind:
        case "quote":
            return is_quotation(said.text.strip(CUT), known.text)
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


def _missing(clause: Clause, known: Clause, one: Read) -> list[str]:
    every = [*clause.words, *(word for word, _ in clause.covered)]
    if one.noted:
        # Who noted it and as what, in just these words: “Ada fixed it” is not “Fix, as noted by Ada”.
        return [word for word in every if word.lower() not in one.written]
    concepts = one.concepts.union(*(_faults_in(each.text) for each in known.anchors if each.kind == "quote"))
    covered = [word for word, told in clause.covered if not told & concepts]
    names_nobody = all(anchor.kind != "name" for anchor in clause.anchors)
    subjects = vocabulary().subjects if names_nobody or known.roles & _FAILING else frozenset()
    return [word for word in (*clause.words, *covered) if word not in subjects and not is_word_of(word, one)]


def is_word_of(word: str, one: Read) -> bool:
    """Whether the statement says this word, in whatever form."""
    return word in one.han if re.match(f"[{HAN}]", word) else bool(stems([word]) <= one.stems)


def why_not(clause: Clause, read: Sequence[Read]) -> Refusal:
    """The plainest reason."""
    known = [anchor for one in read for part in one.clauses for anchor in part.anchors]
    kinds: tuple[Refusal, ...] = ("number", "time", "name", "quote")
    for kind in kinds:
        if any(a.kind == kind and not any(is_same(a, each) for each in known) for a in clause.anchors):
            return kind
    if all(_missing(clause, known, one) for one in read for known in one.clauses):
        return "unsupported"
    if all(part.is_denied != clause.is_denied for one in read for part in one.clauses):
        return "denial"
    return "order"
