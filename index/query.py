"""The query language (docs/reference/query.md): from text to a small tree that a store can turn into a filter.

Terms are read by `query_scan`; the grammar of AND, OR, NOT and groups is luqum's, which sees each term as a plain word
`t0`, `t1` … and so never meets text that it could misread. Terms that stand side by side are joined by AND.
"""

import dataclasses
import re

import luqum.exceptions
import luqum.thread
import luqum.tree
import polars as pl
import polars.exceptions

from index.query_scan import NAMES_BUILT_IN, Item, Operator, Term, scan
from index.query_words import GAP_MARK, Unit, units_of
from ingest.errors import QuerySyntaxError

MOST_REGEX_CHARACTERS = 1_000


@dataclasses.dataclass(frozen=True)
class Everything:
    """All lines."""


@dataclasses.dataclass(frozen=True)
class AllOf:
    """Lines that every part matches."""

    parts: tuple["Node", ...]


@dataclasses.dataclass(frozen=True)
class AnyOf:
    """Lines that some part matches."""

    parts: tuple["Node", ...]


@dataclasses.dataclass(frozen=True)
class NoneOf:
    """Lines that the part does not match."""

    part: "Node"


@dataclasses.dataclass(frozen=True)
class Words:
    """The field's text holds these tokens next to each other, see `query_words`."""

    field: str
    units: tuple[Unit, ...]


@dataclasses.dataclass(frozen=True)
class Holds:
    """The field's text holds this text somewhere, case-sensitively: for terms without any letter or digit."""

    field: str
    text: str


@dataclasses.dataclass(frozen=True)
class Same:
    """The field's whole text is this, in any case."""

    field: str
    text: str


@dataclasses.dataclass(frozen=True)
class Matches:
    """The field's text matches a Rust regex."""

    field: str
    regex: str


@dataclasses.dataclass(frozen=True)
class Compared:
    """The field is greater or less: by severity for level, by time for time, as numbers when both are, else as text."""

    field: str
    operator: str
    text: str
    position: int


@dataclasses.dataclass(frozen=True)
class Present:
    """The field is there and not empty."""

    field: str


Node = Everything | AllOf | AnyOf | NoneOf | Words | Holds | Same | Matches | Compared | Present


def parse(query: str) -> Node:
    """The tree of a query. Raises QuerySyntaxError, and nothing else, for any text."""
    if GAP_MARK in re.sub(r'"(?:[^"\\]|\\.)*"', "", query):
        return _pasted(query)
    return _parsed(query)


def phrase(text: str) -> str:
    """The text as one phrase of the query language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _parsed(query: str) -> Node:
    items = scan(query)
    if not items:
        return Everything()
    skeleton, positions = _skeleton(items)
    try:
        tree = luqum.thread.parse(skeleton)
    except luqum.exceptions.ParseError as fault:
        raise _located(fault, positions, len(query)) from fault
    terms = [item for item in items if isinstance(item, Term)]
    fields = [item.field for item in items if isinstance(item, Operator)]
    return _node(tree, terms, fields, "message")


_LEADING = re.compile(rf'\s*(\{{[^}}]*\}}|-?(?:{"|".join(NAMES_BUILT_IN)}):(?:"(?:[^"\\]|\\.)*"|[^\s"(<]+)(?=\s|$))')


def _pasted(query: str) -> Node:
    """A pattern pasted as it is shown: its text in order; terms of built-in fields may stand before it."""
    position = 0
    while found := _LEADING.match(query, position):
        position = found.end()
    words = _words("message", query[position:].strip())
    if position == 0:
        return words
    return AllOf((_parsed(query[:position]), words))


def _skeleton(items: list[Item]) -> tuple[str, list[tuple[int, int]]]:
    """The query with terms as plain words and every AND written out; and (offset there, position in the query)."""
    text = ""
    positions = []
    terms = 0
    may_join = False
    for number, item in enumerate(items):
        starts_operand = isinstance(item, Term) or item.text in ("(", "field", "NOT")
        if may_join and starts_operand:
            text += "AND "
        positions.append((len(text), item.position))
        if isinstance(item, Term):
            text += f"t{terms} "
            terms += 1
        else:
            text += _operator_text(item, number - terms)
        may_join = isinstance(item, Term) or item.text == ")"
    return text, positions


def _operator_text(operator: Operator, number: int) -> str:
    return f"f{number}:( " if operator.text == "field" else f"{operator.text} "


def _located(fault: luqum.exceptions.ParseError, positions: list[tuple[int, int]], length: int) -> QuerySyntaxError:
    """Luqum tells an offset into the skeleton; the user wants the one in the query."""
    found = re.search(r"position (\d+)", str(fault))
    position = length
    if found:
        offset = int(found.group(1))
        position = max((original for start, original in positions if start <= offset), default=0)
    what = "the query ends where a term is expected" if position == length else "a term is expected"
    return QuerySyntaxError(
        f"{what}, at position {position}",
        position=position,
        hint="put words like and, or, not in quotes to look for them",
    )


def _node(tree: luqum.tree.Item, terms: list[Term], fields: list[str], field: str) -> Node:
    if isinstance(tree, luqum.tree.Word):
        return _leaf(terms[int(tree.value[1:])], field)
    if isinstance(tree, luqum.tree.SearchField):
        return _node(tree.expr, terms, fields, fields[int(tree.name[1:])])
    if isinstance(tree, luqum.tree.Not):
        return NoneOf(_node(tree.a, terms, fields, field))
    parts = tuple(dict.fromkeys(_node(child, terms, fields, field) for child in tree.children))
    if len(parts) == 1:
        return parts[0]
    return AnyOf(parts) if isinstance(tree, luqum.tree.OrOperation) else AllOf(parts)


def _leaf(term: Term, group_field: str) -> Node:
    field = term.field or group_field
    match term.kind:
        case "phrase":
            return _value(field, term.text) if field != "message" else _words(field, term.text)
        case "regex":
            return Matches(field, _checked_regex(term.text, term.position))
        case "compare" if term.operator == "=":
            return Same(field, term.text)
        case "compare":
            return Compared(field, term.operator, term.text, term.position)
        case "range":
            return _range(field, term)
        case "selector":
            return _selector(term)
        case _:
            return _word(field, term)


def _word(field: str, term: Term) -> Node:
    if term.wild and set(term.text) == {"*"}:
        return Everything() if term.field is None and field == "message" else Present(field)
    if not term.wild:
        return _value(field, term.text) if field != "message" else _words(field, term.text)
    if field == "message" and term.wild == (len(term.text) - 1,):
        units = units_of(term.text[:-1])
        if units:
            return Words(field, (*units[:-1], dataclasses.replace(units[-1], prefix=True)))
    return Matches(field, _wild_regex(term, is_text=field == "message"))


def _words(field: str, text: str) -> Node:
    """Tokens and gaps; a text without tokens is looked for as it stands."""
    units = units_of(text)
    if units:
        return Words(field, units)
    literal = text.replace(GAP_MARK, "").strip()
    return Holds(field, literal) if literal else Everything()


def _value(field: str, text: str) -> Node:
    """`field:value`: the whole value of built-in fields; words of it for keys of `attributes`."""
    if field in NAMES_BUILT_IN or not units_of(text):
        return Same(field, text)
    return Words(field, units_of(text))


def _wild_regex(term: Term, *, is_text: bool) -> str:
    """Asterisks stand for characters of the same word in a text, for any characters in a whole value."""
    gap = r"[\p{L}\p{N}_]*" if is_text else "(?s:.*)"
    body = "".join(gap if index in term.wild else re.escape(mark) for index, mark in enumerate(term.text))
    return rf"(?i)(?:^|[^\p{{L}}\p{{N}}_]){body}(?:[^\p{{L}}\p{{N}}_]|$)" if is_text else f"(?i)^{body}$"


def _range(field: str, term: Term) -> Node:
    bounds = []
    if term.text != "*":
        bounds.append(Compared(field, ">=" if term.operator[0] == "[" else ">", term.text, term.position))
    if term.high != "*":
        bounds.append(Compared(field, "<=" if term.operator[1] == "]" else "<", term.high, term.position))
    return AllOf(tuple(bounds)) if bounds else Present(field)


def _selector(term: Term) -> Node:
    """Loki's `{name="value"}`; its regexes match the whole value."""
    field = term.field or ""
    if term.operator in ("=~", "!~"):
        node: Node = Matches(field, _checked_regex(f"^(?:{term.text})$", term.position))
    else:
        node = Same(field, term.text)
    return NoneOf(node) if term.operator[0] == "!" else node


def _checked_regex(regex: str, position: int) -> str:
    """Raises QuerySyntaxError when the engine (Rust's, which takes linear time) refuses it."""
    if len(regex) > MOST_REGEX_CHARACTERS:
        raise QuerySyntaxError(
            f"the regex at position {position} has over {MOST_REGEX_CHARACTERS} characters", position=position
        )
    try:
        pl.Series([""]).str.contains(regex)
    except polars.exceptions.ComputeError as fault:
        reason = " ".join(str(fault).split())[:200]
        raise QuerySyntaxError(f"the regex at position {position} is not valid: {reason}", position=position) from fault
    return regex
