"""From the text of a query to terms and operators: everything that Lucene's grammar would stumble over is read here."""

import dataclasses
import re
from typing import Literal

from ingest.errors import QuerySyntaxError

MOST_CHARACTERS = 8_192
MOST_TERMS = 256
MOST_NESTING = 40
"""Bounds of a query: guesses, far above what people write and far below what hurts."""

FIELDS_BUILT_IN = ("service", "level", "host", "stream", "namespace", "pod", "container", "source", "message")
NAMES_BUILT_IN = (*FIELDS_BUILT_IN, "signature", "pattern", "time")

Kind = Literal["word", "phrase", "regex", "compare", "range", "selector"]


@dataclasses.dataclass(frozen=True)
class Term:
    """One leaf. `field` is None for the message, or inside `field:( … )` for the field of the group."""

    kind: Kind
    field: str | None
    text: str
    """The word or phrase with escapes removed; the body of the regex; the value compared with; the low end."""
    position: int
    operator: str = ""
    """`>=`, `>`, `<=`, `<`; for selectors `=`, `!=`, `=~`, `!~`; for ranges the brackets, like `[}`."""
    high: str = ""
    """The high end of a range."""
    wild: tuple[int, ...] = ()
    """Where in `text` unescaped asterisks stand."""


@dataclasses.dataclass(frozen=True)
class Operator:
    """`AND`, `OR`, `NOT`, `(` or `)`, or `name:` before a group."""

    text: str
    position: int
    field: str = ""


Item = Term | Operator

_OPERATORS = {"AND": "AND", "and": "AND", "&&": "AND", "OR": "OR", "or": "OR", "||": "OR", "NOT": "NOT", "not": "NOT"}
_NAME = re.compile(r"[^\W\d][\w.@\-]*:(?=[^\s:/\\]|/(?!/))")
_FIELD_ALONE = re.compile(r"[^\W\d][\w.@\-]*:")
_FIELD_LAST = re.compile(r"(?<![\w.@\-])([^\W\d][\w.@\-]*):\Z")
_COMPARE = re.compile(r">=|<=|>|<|=")
_SELECTOR = re.compile(r"""\{\s*(?:[^\W\d][\w.]*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"\s*,?\s*)*\}""")
_SELECTOR_BEGINNING = re.compile(r"\{\s*([^\W\d][\w.]*)\s*(?:=|!=|!~)")
_SELECTOR_ITEM = re.compile(r"""([^\W\d][\w.]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)\"""")
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/(?=[\s)]|$)")
_RANGE = re.compile(r"""([\[{])\s*("[^"]*"|[^\s"\]}]+)\s+(?:TO|to)\s+("[^"]*"|[^\s"\]}]+)\s*([\]}])""")
_ESCAPED = re.compile(r'\\([\\"*:()\[\]{}<>=/!\- ])')


@dataclasses.dataclass(frozen=True)
class Begun:
    """What stands last in a query that is still being written: the beginning of a word, or of a field's value."""

    field: str | None
    """None for the message."""
    text: str
    """As far as it is written, with escapes removed."""
    position: int
    """Where the word or value begins; its quotation mark where it has one."""
    is_quoted: bool = False
    words: tuple[Term, ...] = ()
    """The bare words that stand right before it, side by side with it and nothing else between them."""


def begun(text: str) -> Begun | None:
    """What the text ends with; None where that is nothing to be completed: a regex, a comparison, a fault before it."""
    scanner = _Scanner(text)
    try:
        scanner.walk()
    except QuerySyntaxError as fault:
        is_open_quote = fault.position < len(text) and text[fault.position] == '"'
        if not is_open_quote:
            return None
        field = _field_before(text, fault.position) or scanner.open_field()
        return Begun(field, _unescaped(text[fault.position + 1 :]), fault.position, is_quoted=True)
    last = scanner.items[-1] if scanner.items else None
    if last is None or text[-1].isspace() or isinstance(last, Operator):
        return Begun(scanner.open_field(), "", len(text))
    if last.kind != "word":
        return None
    if last.field is None and text.endswith(":"):  # a field whose value is not begun reads as a word
        return Begun(last.text[:-1], "", len(text)) if _FIELD_ALONE.fullmatch(last.text) else None
    field = last.field or scanner.open_field()
    position = last.position + (len(last.field) + 1 if last.field else 0)
    return Begun(field, last.text, position, words=scanner.words_before_last())


def scan(query: str) -> list[Item]:
    """The terms and operators of a query, in order. Raises QuerySyntaxError."""
    if len(query) > MOST_CHARACTERS:
        raise QuerySyntaxError(
            f"the query has {len(query)} characters; at most {MOST_CHARACTERS} are accepted", position=MOST_CHARACTERS
        )
    scanner = _Scanner(query)
    scanner.run()
    return scanner.items


class _Scanner:
    """Walks once over the text; `groups` holds for each open parenthesis whether it is that of a field."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.position = 0
        self.items: list[Item] = []
        self.groups: list[bool] = []

    def run(self) -> None:
        self.walk()
        if self.groups:
            raise self._fault("a parenthesis is not closed", hint="add ) or put the text in quotes")

    def open_field(self) -> str | None:
        """The field of the innermost group that has one and is not closed yet."""
        depth = 0
        for item in reversed(self.items):
            if isinstance(item, Operator) and item.text in {")", "(", "field"}:
                depth += 1 if item.text == ")" else -1
                if depth < 0 and item.text == "field":
                    return item.field
        return None

    def words_before_last(self) -> tuple[Term, ...]:
        """The bare words that stand side by side before the last item."""
        found: list[Term] = []
        for item in reversed(self.items[:-1]):
            if isinstance(item, Operator) and item.text == "NOT":
                found = found[:-1]  # the first of them is excluded, not looked for
            if not isinstance(item, Term) or item.kind != "word" or item.field is not None or item.wild:
                break
            found.append(item)
        return tuple(reversed(found))

    def walk(self) -> None:
        """Over all of the text; groups may stay open."""
        while self.position < len(self.query):
            if self.query[self.position].isspace():
                self.position += 1
            else:
                self._item()
                if len(self.items) > MOST_TERMS:
                    raise self._fault(f"the query has more than {MOST_TERMS} terms")

    def _item(self) -> None:
        start, rest = self.position, self.query[self.position :]
        character = rest[0]
        if character == "(":
            self._open(Operator("(", start), 1)
        elif character == ")":
            self._close()
        elif character in "-!" and len(rest) > 1 and not rest[1].isspace() and rest[1] not in "-!=>)":
            self._add(Operator("NOT", start), 1)
        elif character == "{" and (selector := _SELECTOR.match(rest)):
            self._selector(selector)
        elif character == "{" and self._is_open_selector(rest):
            raise self._fault(
                "a selector is not closed, or a value in it is not in quotes", hint='write {service="cart"}'
            )
        elif self._in_field():
            self._value(None, start)
        elif name := _NAME.match(rest):
            self._field(name.group()[:-1], start)
        else:
            self._value(None, start)

    @staticmethod
    def _is_open_selector(rest: str) -> bool:
        """Whether this begins like a selector and is none. Closed braces may be text, but for our own names."""
        begun = _SELECTOR_BEGINNING.match(rest)
        return begun is not None and ("}" not in rest or begun.group(1) in NAMES_BUILT_IN)

    def _in_field(self) -> bool:
        return any(self.groups)

    def _field(self, name: str, start: int) -> None:
        self.position += len(name) + 1
        if self.query[self.position] == "(":
            self._open(Operator("field", start, field=name), 1)
        else:
            self._value(name, start)

    def _value(self, field: str | None, start: int) -> None:
        rest = self.query[self.position :]
        has_field = field is not None or self._in_field()
        if rest[0] == '"':
            self._phrase(field, start)
        elif regex := _REGEX.match(rest):
            self._add(Term("regex", field, regex.group(1).replace("\\/", "/"), start), regex.end())
        elif has_field and (found := _RANGE.match(rest)):
            low, high = found.group(2).strip('"'), found.group(3).strip('"')
            term = Term("range", field, low, start, operator=found.group(1) + found.group(4), high=high)
            self._add(term, found.end())
        elif has_field and (compare := _COMPARE.match(rest)):
            self._compare(field, start, compare.group())
        else:
            self._word(field, start)

    def _compare(self, field: str | None, start: int, operator: str) -> None:
        self.position += len(operator)
        while self.query[self.position : self.position + 1] == " ":
            self.position += 1
        rest = self.query[self.position :]
        quoted = _PHRASE.match(rest)
        length = quoted.end() if quoted else _word_length(rest)
        if length == 0:
            raise self._fault(f"a value is missing after {operator}")
        text = _unescaped(quoted.group(1) if quoted else rest[:length])
        self._add(Term("compare", field, text, start, operator=operator), length)

    def _phrase(self, field: str | None, start: int) -> None:
        found = _PHRASE.match(self.query, self.position)
        if found is None:
            raise self._fault("a quotation mark is not closed", hint='write \\" for a quotation mark in the text')
        self._add(Term("phrase", field, _unescaped(found.group(1)), start), found.end() - self.position)

    def _word(self, field: str | None, start: int) -> None:
        length = max(1, _word_length(self.query[self.position :]))
        raw = self.query[self.position : self.position + length]
        if field is None and raw in _OPERATORS:
            self._add(Operator(_OPERATORS[raw], start), length)
            return
        text, wild = _with_asterisks(raw)
        self._add(Term("word", field, text, start, wild=wild), length)

    def _selector(self, found: re.Match[str]) -> None:
        start = self.position
        self.items.append(Operator("(", start))
        for item in _SELECTOR_ITEM.finditer(found.group()):
            name, operator, text = item.groups()
            self.items.append(Term("selector", name, _unescaped(text), start + item.start(), operator=operator))
        if isinstance(self.items[-1], Operator):
            self.items.append(Term("word", None, "*", start, wild=(0,)))
        self.items.append(Operator(")", start + found.end() - 1))
        self.position += found.end()

    def _open(self, operator: Operator, length: int) -> None:
        self.groups.append(operator.text == "field")
        if len(self.groups) > MOST_NESTING:
            raise self._fault(f"parentheses are nested more than {MOST_NESTING} deep")
        self._add(operator, length)

    def _close(self) -> None:
        if not self.groups:
            raise self._fault("a parenthesis is closed that was not opened", hint="put the text in quotes")
        self.groups.pop()
        self._add(Operator(")", self.position), 1)

    def _add(self, item: Item, length: int) -> None:
        """Two NOTs in a row are none, so that no text nests them deeply."""
        is_not = isinstance(item, Operator) and item.text == "NOT"
        if is_not and self.items and isinstance(self.items[-1], Operator) and self.items[-1].text == "NOT":
            self.items.pop()
        else:
            self.items.append(item)
        self.position += length

    def _fault(self, message: str, *, hint: str = "") -> QuerySyntaxError:
        return QuerySyntaxError(f"{message}, at position {self.position}", position=self.position, hint=hint)


def _field_before(text: str, position: int) -> str | None:
    """The field whose value begins at the position, if one is named right before it."""
    found = _FIELD_LAST.search(text, 0, position)
    return found.group(1) if found else None


def _word_length(rest: str) -> int:
    """Characters up to the end of the word: a space, a parenthesis or a quotation mark that is not escaped."""
    index = 0
    while index < len(rest) and not rest[index].isspace() and rest[index] not in '()"':
        index += 2 if rest[index] == "\\" and index + 1 < len(rest) and not rest[index + 1].isspace() else 1
    return min(index, len(rest))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _with_asterisks(raw: str) -> tuple[str, tuple[int, ...]]:
    """The text without escapes, and where its unescaped asterisks stand. `<*>` is a gap, not an asterisk."""
    text, wild = "", []
    index = 0
    while index < len(raw):
        escaped = _ESCAPED.match(raw, index)
        if escaped:
            text += escaped.group(1)
            index += 2
        elif raw.startswith("<*>", index):
            text += "<*>"
            index += 3
        else:
            if raw[index] == "*":
                wild.append(len(text))
            text += raw[index]
            index += 1
    return text, tuple(wild)
