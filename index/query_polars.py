"""From a filter to Polars: the expression that its lines fulfil, and what may be skipped without reading it."""

import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import polars as pl

from index.ledger import LEDGER_KEYS
from index.line_store import LineFilter
from index.query import (
    AllOf,
    AnyOf,
    Compared,
    Everything,
    Holds,
    Matches,
    Node,
    NoneOf,
    Present,
    Same,
    Words,
    parse,
)
from index.query_scan import FIELDS_BUILT_IN
from index.query_time import time_ns
from index.query_words import words_regex
from index.segment import Segment
from index.tokens import is_needle
from index.view import View
from ingest.errors import InputError, QuerySyntaxError
from ingest.line import LEVELS

LEVEL_NAMES = {
    "warning": "warn",
    "err": "error",
    "critical": "fatal",
    "crit": "fatal",
    "panic": "fatal",
    "emergency": "fatal",
    "information": "info",
    "notice": "info",
    "verbose": "trace",
    "unknown": "",
    "none": "",
}
"""Other names of levels that people write in queries."""
LEDGER_COLUMNS = frozenset(LEDGER_KEYS) - {"window_ns"}
_HEX = re.compile(r"[0-9a-fA-F]{1,16}")
TRUE = pl.lit(value=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A filter made ready for one view."""

    predicate: pl.Expr | None
    """What lines fulfil, its times excluded; None when all do."""
    columns: frozenset[str]
    """Columns that `predicate` reads."""
    start_ns: int | None
    end_ns: int | None
    """Lines outside `[start_ns, end_ns)` do not match."""
    impossible: bool
    """No line can match."""
    ascii_predicate: pl.Expr | None = None
    """The same for lines whose messages are all ASCII, cheaper; None when there is no difference."""
    first: pl.Expr | None = None
    """What lines fulfil too, by columns of the ledger alone: applied before `predicate`, which costs more."""
    held: Callable[[Segment], pl.DataFrame | None] | None = None
    """Gives, of a segment, the only lines that can match, from memory; None when they must be read."""
    needles: tuple[str, ...] = ()
    """Ids and the like that every matching message holds, see `index.tokens`."""

    @property
    def is_counted(self) -> bool:
        """The ledger alone can tell how many lines match."""
        return self.columns <= LEDGER_COLUMNS

    @property
    def coarse(self) -> pl.Expr | None:
        """What a row of the ledger fulfils when one of its lines may match; None when nothing is known."""
        return self.predicate if self.is_counted else self.first

    def may_hold(self, min_time_ns: int, max_time_ns: int) -> bool:
        """Whether lines between these times (inclusive) can match."""
        if self.impossible or (self.start_ns is not None and max_time_ns < self.start_ns):
            return False
        return self.end_ns is None or min_time_ns < self.end_ns

    def whole(self, min_time_ns: int, max_time_ns: int) -> bool:
        """Whether the times of the plan include all lines between these (inclusive)."""
        starts_before = self.start_ns is None or self.start_ns <= min_time_ns
        return starts_before and (self.end_ns is None or max_time_ns < self.end_ns)

    def for_piece(self, piece: "Piece", *, is_ascii: bool | None = None) -> pl.Expr | None:
        """What the lines of a piece must fulfil, or those of its lines that are ASCII; None when all of them match."""
        is_cheaper = (piece.is_ascii if is_ascii is None else is_ascii) and self.ascii_predicate is not None
        predicate = self.ascii_predicate if is_cheaper else self.predicate
        if self.whole(piece.min_time_ns, piece.max_time_ns):
            return predicate
        bounds = TRUE
        if self.start_ns is not None:
            bounds = bounds & (pl.col("time_ns") >= self.start_ns)
        if self.end_ns is not None:
            bounds = bounds & (pl.col("time_ns") < self.end_ns)
        return bounds if predicate is None else bounds & predicate


class Piece(Protocol):
    """What a plan asks of the lines it is applied to (`index.piece` has them)."""

    @property
    def min_time_ns(self) -> int:
        """Least time."""

    @property
    def max_time_ns(self) -> int:
        """Greatest time, inclusive."""

    @property
    def is_ascii(self) -> bool:
        """Whether every message is ASCII."""


EVERYTHING = Plan(predicate=None, columns=frozenset(), start_ns=None, end_ns=None, impossible=False)
"""All lines."""


def make_plan(where: LineFilter, view: View) -> Plan:
    """The plan of a filter. Raises QuerySyntaxError."""
    node = parse(where.query)
    columns: set[str] = set()
    parts: list[pl.Expr] = []
    for name, values in (("service", where.services), ("level", [_level(level) for level in where.levels])):
        if values:
            parts.append(_any_of(name, list(values)))
            columns.add(name)
    if where.signatures is not None:
        parts.append(_of_signatures(where.signatures, view))
        columns.update(("signature",) if view.known.is_empty() else ("signature", "shape"))
    start_ns, end_ns = _span(where, node)
    return Plan(
        predicate=_all_of(parts if isinstance(node, Everything) else [*parts, expression(node, columns)]),
        ascii_predicate=_all_of([*parts, expression(node, columns, is_ascii=True)]) if _has_words(node) else None,
        columns=frozenset(columns),
        start_ns=start_ns,
        end_ns=end_ns,
        impossible=(start_ns is not None and end_ns is not None and start_ns >= end_ns) or where.signatures == (),
        needles=_needles(node),
    )


def _all_of(parts: Sequence[pl.Expr]) -> pl.Expr | None:
    return functools.reduce(operator.and_, parts) if parts else None


def _has_words(node: Node) -> bool:
    """Whether tokens of the message matter: only they are matched in a cheaper way where all is ASCII."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            return any(_has_words(part) for part in parts)
        case NoneOf(part):
            return _has_words(part)
        case _:
            return isinstance(node, Words) and node.field == "message"


def _needles(node: Node) -> tuple[str, ...]:
    """Whole tokens that the message must hold. A token next to a gap, or cut off by an asterisk, may be part of a
    longer one in the message, so it tells nothing.
    """
    found = []
    for part in node.parts if isinstance(node, AllOf) else (node,):
        if not isinstance(part, Words) or part.field != "message":
            continue
        for index, unit in enumerate(part.units):
            after = part.units[index + 1] if index + 1 < len(part.units) else None
            is_cut = unit.prefix or unit.glued or (after is not None and after.glued)
            if unit.text is not None and not is_cut and is_needle(unit.text):
                found.append(unit.text)
    return tuple(dict.fromkeys(found))


def _any_of(name: str, values: list[str]) -> pl.Expr:
    return pl.col(name).is_in(pl.Series(values, dtype=pl.String).implode())


def _of_signatures(signatures: tuple[int, ...], view: View) -> pl.Expr:
    """Lines counted under these signatures. One that equals a shape stands for all lines of that shape whose own
    signature is not counted by itself (see `ledger.folded`).
    """
    if any(not 0 <= signature < 2**64 for signature in signatures):
        raise InputError("a signature is a number of 64 bits", hint="patterns and signatures list them")
    wanted = pl.Series(signatures, dtype=pl.UInt64)
    exact = pl.col("signature").is_in(wanted.implode())
    if view.known.is_empty():
        return exact
    return exact | (pl.col("shape").is_in(wanted.implode()) & ~pl.col("signature").is_in(view.known.implode()))


def _span(where: LineFilter, node: Node) -> tuple[int | None, int | None]:
    """The narrowest span that the filter and the times required by its query leave."""
    starts, ends = [where.start_ns], [where.end_ns]
    for part in node.parts if isinstance(node, AllOf) else (node,):
        if isinstance(part, Compared) and part.field == "time":
            bound = _time_bound(part)
            if part.operator in (">=", ">"):
                starts.append(bound + (part.operator == ">"))
            else:
                ends.append(bound + (part.operator == "<="))
    known_starts = [start for start in starts if start is not None]
    known_ends = [end for end in ends if end is not None]
    return max(known_starts, default=None), min(known_ends, default=None)


def expression(
    node: Node, columns: set[str], *, is_ascii: bool = False, decided: Mapping[Words, pl.Expr] | None = None
) -> pl.Expr:
    """What the lines of a tree fulfil; the columns that it reads are added to `columns`. `is_ascii`: all messages are.
    `decided`: words that the signature tells.
    """

    def of(part: Node) -> pl.Expr:
        return expression(part, columns, is_ascii=is_ascii, decided=decided)

    match node:
        case Everything():
            return TRUE
        case AllOf(parts):
            return functools.reduce(operator.and_, [of(part) for part in parts])
        case AnyOf(parts):
            return functools.reduce(operator.or_, [of(part) for part in parts])
        case NoneOf(part):
            return ~of(part)
        case Words() if decided is not None and node in decided:
            columns.add("signature")
            return decided[node]
        case Words("message", units):
            columns.add("message")
            return pl.col("message").str.contains(words_regex(units, is_ascii=is_ascii))
        case _:
            return _leaf(node, columns).fill_null(value=False)


def _leaf(node: Words | Holds | Matches | Same | Compared | Present, columns: set[str]) -> pl.Expr:
    """True, false or null for a line that lacks the field."""
    match node:
        case Words(field, units):
            return value_of(field, columns).str.contains(words_regex(units))
        case Holds(field, text):
            return value_of(field, columns).str.contains(text, literal=True)
        case Matches(field, regex):
            return value_of(field, columns).str.contains(regex)
        case Same(field, text):
            return _same(field, text, columns)
        case Compared():
            return _compared(node, columns)
        case Present(field):
            return value_of(field, columns) != ""


def value_of(field: str, columns: set[str]) -> pl.Expr:
    """The field's value as text; null where `attributes` lacks it."""
    if field in FIELDS_BUILT_IN:
        columns.add(field)
        return pl.col(field)
    if field in ("signature", "pattern"):
        columns.add("signature")
        return pl.col("signature").cast(pl.String)
    if field == "time":
        columns.add("time_ns")
        return pl.from_epoch("time_ns", time_unit="ns").dt.to_string("%Y-%m-%dT%H:%M:%S%.9fZ")
    columns.add("attributes")
    return _attribute(field)


def _attribute(name: str) -> pl.Expr:
    """The value of a key of `attributes`; a name with dots is one key or a path through nested objects."""
    found = pl.col("attributes").str.json_path_match(f'$["{name}"]')
    if "." not in name:
        return found
    path = "".join(f'["{part}"]' for part in name.split("."))
    return pl.coalesce(found, pl.col("attributes").str.json_path_match(f"${path}"))


def _same(field: str, text: str, columns: set[str]) -> pl.Expr:
    if field in ("signature", "pattern"):
        columns.add("signature")
        return pl.col("signature") == _signature(text)
    if field == "time":
        columns.add("time_ns")
        return pl.col("time_ns") == _known_time(text, 0)
    if field == "level":
        columns.add("level")
        return pl.col("level") == _level(text)
    return value_of(field, columns).str.to_lowercase() == text.lower()


def _signature(text: str) -> pl.Expr:
    """Sixteen hex digits as they are shown outside; nothing has any other signature."""
    value = int(text, 16) if _HEX.fullmatch(text) else None
    return pl.lit(value, dtype=pl.UInt64)


def _level(text: str) -> str:
    lowered = text.lower()
    return LEVEL_NAMES.get(lowered, lowered)


def _compared(node: Compared, columns: set[str]) -> pl.Expr:
    if node.field == "time":
        columns.add("time_ns")
        return _ordered(pl.col("time_ns"), node.operator, pl.lit(_time_bound(node), dtype=pl.Int64))
    if node.field == "level":
        return _level_compared(node, columns)
    text = value_of(node.field, columns)
    as_text = _ordered(text, node.operator, pl.lit(node.text))
    number = _number(node.text)
    if number is None:
        return as_text
    value = text.cast(pl.Float64, strict=False)
    return pl.when(value.is_not_null()).then(_ordered(value, node.operator, pl.lit(number))).otherwise(as_text)


def _ordered(left: pl.Expr, sign: str, right: pl.Expr) -> pl.Expr:
    match sign:
        case ">=":
            return left >= right
        case ">":
            return left > right
        case "<=":
            return left <= right
        case _:
            return left < right


def _level_compared(node: Compared, columns: set[str]) -> pl.Expr:
    """`level:>=warn` is warn and worse; lines without a level are neither above nor below any."""
    columns.add("level")
    named = [level for level in LEVELS if level]
    asked = _level(node.text)
    if asked not in named:
        raise QuerySyntaxError(
            f"{node.text!r} at position {node.position} is not a level; levels are {', '.join(named)}",
            position=node.position,
        )
    place = named.index(asked)
    chosen = {
        ">=": named[: place + 1],
        ">": named[:place],
        "<=": named[place:],
        "<": named[place + 1 :],
    }[node.operator]
    return _any_of("level", chosen)


def _time_bound(node: Compared) -> int:
    return _known_time(node.text, node.position)


def _known_time(text: str, position: int) -> int:
    found = time_ns(text)
    if found is None:
        raise QuerySyntaxError(
            f"{text!r} at position {position} is not a time",
            position=position,
            hint="write RFC 3339 like 2026-11-22T08:00:00Z or a unix time; relative times go into start and end",
        )
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
