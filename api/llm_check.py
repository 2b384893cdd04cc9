"""Whether a sentence of a language model says only what the statements that it cites say.

The statements were computed and checked before (api/check.py). A sentence may leave out and say in other words; a
number, a name, a time, a quotation or a word of order that its statements do not have, or have of something else,
refuses it, and so does any word that neither they nor the glossary account for. It errs on the side of refusing: what
is refused is told by the statement itself.
"""

import dataclasses
from collections.abc import Sequence

from api.llm_clause import Clause, clauses
from api.llm_fit import (
    CUT,
    FRAMES,
    Read,
    Refusal,
    Statement,
    fits,
    is_moment,
    is_same,
    is_told,
    is_word_of,
    read_statement,
    why_not,
    with_subjects,
)
from api.llm_forms import forms_one_way, noted_in
from api.llm_vocabulary import vocabulary

_OTHERS = frozenset({"another", "less", "like", "另一", "类似"})
"""What is said of another incident is not told without that, or when it was."""
_ORDERS = frozenset({"first", "last", "最先", "all", "全部"})
_THEN = frozenset({"followed", "later", "之后", "随之"})


def supported(
    text: str, cited: Sequence[Statement], names: frozenset[str]
) -> tuple[tuple[Statement, ...], Refusal | None]:
    """The statements that the sentence rests on, in the order in which it needs them; else why it is refused. `names`
    are the services that there are, in lower case.
    """
    if not cited:
        return (), "citation"
    said = with_subjects(_said(_notes_quoted(forms_one_way(text), cited), names))
    if not said:
        return (), "empty"
    read = [read_statement(statement, names) for statement in cited]
    used: dict[str, Statement] = {}
    reached: dict[str, int] = {}
    for group in _groups(said):
        found = next((one for one in read if _is_told_by(group, one, reached)), None)
        if found is None:
            return (), next(
                (why_not(clause, read) for clause in group if not any(is_told(clause, one) for one in read)), "order"
            )
        used[found.statement.id] = found.statement
    return tuple(used.values()), None


def _said(text: str, names: frozenset[str]) -> list[Clause]:
    return [clause for clause in clauses(text, names) if _says_something(clause)]


def _notes_quoted(text: str, cited: Sequence[Statement]) -> str:
    """What persons noted is told word for word: there it is a quotation, as in the statement."""
    for noted in filter(None, (noted_in(statement.text) for statement in cited)):
        for each in (f"“{noted}”", noted):
            if each.lower() in text.lower():
                at = text.lower().index(each.lower())
                text = f"{text[:at]}“{noted.replace('“', ' ').replace('”', ' ')}”{text[at + len(each) :]}"
                break
    return text


def _is_told_by(group: Sequence[Clause], one: Read, reached: dict[str, int]) -> bool:
    """Whether one statement tells all, and what follows is told in the order in which it was. `reached` is how far
    each statement was told in order before; it is kept up.
    """
    if not _keeps_apart(group, one):
        return False
    at = reached.get(one.statement.id, -1)
    for clause in group:
        places = [place for place, known in enumerate(one.clauses) if fits(clause, known, one)]
        if clause.roles & _THEN:
            places = [place for place in places if place >= at]
        if not places:
            return False
        at = max(at, places[0]) if clause.roles & (_THEN | FRAMES | {"最先"}) else at
    reached[one.statement.id] = at
    return True


def _keeps_apart(group: Sequence[Clause], one: Read) -> bool:
    """Whether it says that it speaks of another incident where the statement does, and tells a note word for word."""
    roles = frozenset().union(*(clause.roles for clause in group))
    anchors = [anchor for clause in group for anchor in clause.anchors]
    if one.noted and not any(anchor.kind == "quote" for anchor in anchors):
        return False
    if "less" in one.roles and "like" in roles and "less" not in roles:
        return False
    tells_which = any(is_moment(each) for each in anchors) and any(each.kind == "name" for each in anchors)
    return not one.roles & _OTHERS or bool(roles & _OTHERS) or tells_which


def _groups(said: Sequence[Clause]) -> list[list[Clause]]:
    """Clauses that one statement must tell together. One that says something of somebody stands by itself. A moment
    or a bare name goes with the next such clause; what is said of nobody, or is left over, with the one before.
    """
    groups: list[list[Clause]] = []
    loose: list[Clause] = []
    for clause in said:
        if clause.is_tied and groups and not loose:
            groups[-1].append(clause)
        elif _is_complete(clause):
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


def plausible(text: str, known: Sequence[Statement], names: frozenset[str]) -> bool:
    """Whether a supposition speaks of what is known: its numbers, times, names and quotations are the statements', its
    other words theirs, the glossary's, or words of cause. What it says of them is left open.
    """
    read = [read_statement(statement, names) for statement in known]
    anchors = [anchor for one in read for part in one.clauses for anchor in part.anchors]
    supposing = vocabulary().supposing
    said = _said(text, names)
    if any(each.kind == "quote" and _repeats(text, each.text) for each in anchors):
        return False
    for clause in said:
        if not _is_possible(clause, read):
            return False
        if not all(any(is_same(anchor, each) for each in anchors) for anchor in clause.anchors):
            return False
        if any(word not in supposing and not any(is_word_of(word, one) for one in read) for word in clause.words):
            return False
    return bool(said)


def _repeats(text: str, quoted: str) -> bool:
    """Whether a supposition is a piece of log text: that may say whatever somebody wants to have supposed."""
    return " ".join(text.strip(CUT).lower().split()) in quoted.lower()


def _is_possible(clause: Clause, read: Sequence[Read]) -> bool:
    """Whether it supposes no order that nothing says, and not the opposite of what is said."""
    opposite = dataclasses.replace(clause, is_denied=not clause.is_denied)
    if any(is_told(opposite, one) for one in read) and not any(is_told(clause, one) for one in read):
        return False
    return not clause.roles & _ORDERS or any(is_told(clause, one) for one in read)


def _says_something(clause: Clause) -> bool:
    return bool(clause.anchors or clause.roles or clause.words or clause.covered or clause.is_denied)
