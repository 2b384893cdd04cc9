"""From a query to Elasticsearch's query language, as two filters: what surely matches, and what may.

Lines of the first match, lines outside the second do not; what lies between is decided by the code of the embedded
store (`query_polars`) on the lines themselves. Where both are the same, Elasticsearch decides alone.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from index.elastic_documents import TIME_FORMAT
from index.elastic_template import DIMENSIONS, KEYWORD_CHARACTERS
from index.elastic_words import is_cut, word
from index.line_store import LineFilter
from index.query import AllOf, AnyOf, Compared, Everything, Holds, Matches, Node, NoneOf, Present, Same, Words, parse
from index.query_polars import LEVEL_NAMES, Plan, make_plan
from index.query_scan import FIELDS_BUILT_IN
from index.query_time import time_ns
from index.query_words import Unit
from index.view import View
from ingest.line import LEVELS

Query = dict[str, Any]
ALL: Query = {"match_all": {}}
NONE: Query = {"match_none": {}}
MOST_TERMS = 65_536
"""Values of one `terms` query that Elasticsearch accepts."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Every line of `sure` matches, and no line outside `maybe`."""

    sure: Query
    maybe: Query

    @property
    def is_exact(self) -> bool:
        """Elasticsearch alone decides."""
        return self.sure == self.maybe

    @property
    def doubt(self) -> Query:
        """The lines between the two."""
        return both(self.maybe, negated(self.sure))


@dataclasses.dataclass(frozen=True)
class Asked:
    """A filter made ready: its bounds, and the plan that decides where they differ."""

    bounds: Bounds
    plan: Plan

    @property
    def columns(self) -> list[str]:
        """Columns of lines that the plan reads."""
        return sorted(self.plan.columns)

    def decide(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Those of some lines between the bounds that match."""
        return lines if self.plan.predicate is None else lines.filter(self.plan.predicate)


def asked(where: LineFilter, signatures: Callable[[], pl.DataFrame]) -> Asked:
    """The filter made ready. `signatures` is the table of them, asked only when the filter names some. Raises
    QuerySyntaxError and InputError.
    """
    view = View(flushed_signatures=signatures()) if where.signatures else View()
    plan = make_plan(where, view)
    if plan.impossible:
        return Asked(exactly(NONE), plan)
    known = [_time_span(plan)]
    known += [exactly(_one_of("service", where.services))] if where.services else []
    known += [exactly(_one_of("level", [_level(level) for level in where.levels]))] if where.levels else []
    if where.signatures is not None:
        known.append(_of_signatures(where.signatures, view))
    return Asked(_all_of([*known, bounds(parse(where.query))]), plan)


def exactly(query: Query) -> Bounds:
    """What Elasticsearch decides."""
    return Bounds(query, query)


def both(*queries: Query) -> Query:
    """Lines that all of the queries find."""
    kept = [query for query in queries if query != ALL]
    if NONE in kept:
        return NONE
    if len(kept) < 2:
        return kept[0] if kept else ALL
    return {"bool": {"filter": kept}}


def either(*queries: Query) -> Query:
    """Lines that one of the queries finds."""
    kept = [query for query in queries if query != NONE]
    if ALL in kept:
        return ALL
    if len(kept) < 2:
        return kept[0] if kept else NONE
    return {"bool": {"should": kept, "minimum_should_match": 1}}


def negated(query: Query) -> Query:
    """Lines that the query does not find."""
    if query in (ALL, NONE):
        return NONE if query == ALL else ALL
    return {"bool": {"must_not": [query]}}


def span_query(start_ns: int | None, end_ns: int | None, field: str = "@timestamp") -> Query:
    """Lines with `start_ns <= time_ns < end_ns`."""
    limits = {"gte": start_ns, "lt": end_ns}
    wanted = {name: shown_time(bound) for name, bound in limits.items() if bound is not None}
    return {"range": {field: wanted}} if wanted else ALL


def holds_key(field: str) -> Query:
    """Lines whose attributes may have a value of this name: all that have are among them."""
    return {"terms": {"keys": list(dict.fromkeys((field, field.split(".", maxsplit=1)[0])))}}


def is_plain(field: str) -> Query:
    """Lines whose value of an attribute stands in the index as queries see it."""
    plain = {"bool": {"must_not": [{"term": {"odd": True}}]}}
    return both({"exists": {"field": f"attributes.{field}"}}, plain)


def bounds(node: Node) -> Bounds:
    """The bounds of a tree."""
    match node:
        case Everything():
            return exactly(ALL)
        case AllOf(parts):
            return _all_of([bounds(part) for part in parts])
        case AnyOf(parts):
            found = [bounds(part) for part in parts]
            return Bounds(either(*(part.sure for part in found)), either(*(part.maybe for part in found)))
        case NoneOf(part):
            inner = bounds(part)
            return Bounds(negated(inner.maybe), negated(inner.sure))
        case Words("message", units):
            return _message_words(units)
        case Holds("message", _) | Matches("message", _) | Compared("message", _, _, _):
            return Bounds(NONE, ALL)
        case Same("message", text):
            return Bounds(NONE, _found_words(text))
        case Present("message"):
            return Bounds({"exists": {"field": "words"}}, ALL)
        case _:
            return _field(node)


def _field(node: Words | Holds | Matches | Same | Compared | Present) -> Bounds:
    if node.field == "time":
        return _time(node)
    if node.field in ("signature", "pattern"):
        return _signature(node)
    if node.field in FIELDS_BUILT_IN:
        return _dimension(node)
    return _attribute(node)


def _all_of(parts: Sequence[Bounds]) -> Bounds:
    return Bounds(both(*(part.sure for part in parts)), both(*(part.maybe for part in parts)))


# ---- words of the message ------------------------------------------------------------------------------------------


def _message_words(units: tuple[Unit, ...]) -> Bounds:
    texts = [unit.text for unit in units]
    has_gap = any(text is None or is_cut(text) for text in texts)
    is_mixed = len(units) > 1 and any(unit.is_cjk for unit in units)
    found = both(*(_phrase(run) for run in _runs(units)))
    last = units[-1]
    if has_gap or is_mixed or (last.prefix and not last.is_cjk and len(units) > 1):
        return Bounds(NONE, found)
    return exactly(found)


def _runs(units: tuple[Unit, ...]) -> list[list[Unit]]:
    """Units that stand next to each other in every message that matches, of one script. A word next to a gap it is
    glued to may be part of a longer one, so it tells nothing.
    """
    runs: list[list[Unit]] = [[]]
    for number, unit in enumerate(units):
        after = units[number + 1] if number + 1 < len(units) else None
        before = units[number - 1] if number else None
        is_open = after is not None and after.text is None and after.glued
        is_open = is_open or (before is not None and before.text is None and unit.glued)
        if unit.text is None or (is_open and not unit.is_cjk):
            runs.append([])
        elif unit.is_cjk or unit.prefix:
            runs += [[unit], []]
        else:
            runs[-1].append(unit)
    return [run for run in runs if run]


def _phrase(run: Sequence[Unit]) -> Query:
    texts = [unit.text or "" for unit in run]
    if run[0].is_cjk:
        return _next_to_each_other("cjk", " ".join(texts[0]), len(texts[0]))
    if run[0].prefix and is_cut(texts[0]):
        return ALL
    if run[0].prefix:
        return {"prefix": {"words": {"value": word(texts[0])}}}
    return _next_to_each_other("words", " ".join(word(text) for text in texts), len(texts))


def _next_to_each_other(field: str, terms: str, count: int) -> Query:
    return {"match_phrase": {field: terms}} if count > 1 else {"term": {field: terms}}


def _found_words(text: str) -> Query:
    """Lines that hold the words of a whole value."""
    node = parse('"' + re.sub(r'(["\\])', r"\\\1", text) + '"') if text.strip() else Everything()
    return bounds(node).maybe if isinstance(node, Words) else ALL


# ---- time, signature, fields -----------------------------------------------------------------------------------------


def _time_span(plan: Plan) -> Bounds:
    return exactly(span_query(plan.start_ns, plan.end_ns))


def shown_time(bound_ns: int) -> str:
    """A time that Elasticsearch's nanoseconds can hold: those before 1970 are moved there, which no line is."""
    moment = pl.Series([max(bound_ns, 0)], dtype=pl.Int64)
    return str(pl.from_epoch(moment, time_unit="ns").dt.to_string(TIME_FORMAT)[0])


def _time(node: Words | Holds | Matches | Same | Compared | Present) -> Bounds:
    """`make_plan` has checked that the text is a time."""
    if isinstance(node, Present):
        return exactly(ALL)
    if not isinstance(node, Same | Compared):
        return Bounds(NONE, ALL)
    bound = time_ns(node.text) or 0
    operator = node.operator if isinstance(node, Compared) else "="
    match operator:
        case ">=":
            return exactly(span_query(bound, None))
        case ">":
            return exactly(span_query(bound + 1, None))
        case "<=":
            return exactly(_before(bound + 1))
        case "<":
            return exactly(_before(bound))
        case _:
            return exactly(both(span_query(bound, None), _before(bound + 1)))


def _before(bound_ns: int) -> Query:
    return NONE if bound_ns <= 0 else span_query(None, bound_ns)


def _signature(node: Words | Holds | Matches | Same | Compared | Present) -> Bounds:
    if isinstance(node, Present):
        return exactly(ALL)
    if not isinstance(node, Same):
        return Bounds(NONE, ALL)
    is_hex = re.fullmatch(r"[0-9a-fA-F]{1,16}", node.text) is not None
    return exactly({"term": {"signature": node.text.lower().rjust(16, "0")}} if is_hex else NONE)


def _of_signatures(signatures: Sequence[int], view: View) -> Bounds:
    """As `query_polars`: a signature that equals a shape stands for all lines of that shape that are not counted by
    their own.
    """
    wanted = [f"{signature:016x}" for signature in signatures]
    of_shapes = pl.col("shape").is_in(pl.Series(signatures, dtype=pl.UInt64).implode())
    known = view.signatures.filter(of_shapes)["signature"] if view.known.len() else view.known
    counted = [f"{signature:016x}" for signature in known]
    if max(len(wanted), len(counted)) > MOST_TERMS:
        return Bounds(NONE, ALL)
    exact = {"terms": {"signature": wanted}}
    if not counted:
        return exactly(exact)
    folded = both({"terms": {"shape": wanted}}, negated({"terms": {"signature": counted}}))
    return exactly(either(exact, folded))


def _one_of(field: str, values: Sequence[str]) -> Query:
    """Lines whose field is one of these; an empty value is a field that is not there."""
    named = [value for value in values if value]
    found: Query = {"terms": {field: named}} if named else NONE
    return either(found, _absent(field)) if "" in values else found


def _absent(field: str) -> Query:
    return {"bool": {"must_not": [{"exists": {"field": field}}]}}


def _level(text: str) -> str:
    return LEVEL_NAMES.get(text.lower(), text.lower())


def _dimension(node: Words | Holds | Matches | Same | Compared | Present) -> Bounds:
    """A column that is indexed as it is. What cannot be decided may be anywhere."""
    match node:
        case Present(field):
            return exactly({"exists": {"field": field}})
        case Same("level", text):
            return exactly(_one_of("level", [_level(text)]))
        case Same(field, ""):
            return exactly(_absent(field))
        case Same(field, text) if text.isascii() and len(text) <= KEYWORD_CHARACTERS:
            return exactly({"term": {field: {"value": text, "case_insensitive": True}}})
        case Compared("level", operator, text, _):
            return exactly(_one_of("level", _levels(operator, text)))
        case _:
            return Bounds(NONE, ALL)


def _levels(operator: str, text: str) -> list[str]:
    """As `query_polars`, which has checked the level."""
    named = [level for level in LEVELS if level]
    place = named.index(_level(text))
    chosen = {">=": named[: place + 1], ">": named[:place], "<=": named[place:], "<": named[place + 1 :]}
    return chosen[operator]


def _attribute(node: Words | Holds | Matches | Same | Compared | Present) -> Bounds:
    """A key of the attributes. Surely found is a value that equals the text; the others are read."""
    field = node.field
    there = holds_key(field)
    match node:
        case Present():
            filled = negated({"term": {f"attributes.{field}": ""}})
            return Bounds(both(is_plain(field), filled), there)
        case Same(_, text) if text:
            return Bounds(_equal(field, text), there)
        case Words(_, units):
            words = both(*(_attribute_phrase(run) for run in _runs(units)))
            maybe = both(there, either(words, {"term": {"escaped": True}}))
            whole = units[0].text if len(units) == 1 and not units[0].prefix else None
            return Bounds(_equal(field, whole) if whole else NONE, maybe)
        case _:
            return Bounds(NONE, there)


def _equal(field: str, text: str) -> Query:
    return both({"term": {f"attributes.{field}": text}}, is_plain(field))


def _attribute_phrase(run: Sequence[Unit]) -> Query:
    """Runs of Chinese, Japanese and Korean are not indexed for attributes."""
    if run[0].is_cjk:
        return ALL
    texts = [unit.text or "" for unit in run]
    return _next_to_each_other("attribute_words", " ".join(word(text) for text in texts), len(texts))


DIMENSION_FIELDS = frozenset((*DIMENSIONS, "source"))
