"""Words whose presence a signature tells: they are looked for in one line of each signature, not in all lines.

Lines of one signature differ only in their masked runs of digits and hex (`ingest/signature.py`), but for lines that
are vague (`View.vague`). A word that can be no part of a run is therefore in all of them or in none. So a query of such
words and of columns that the ledger has falls into two: lines of other signatures, found and counted without a message,
and vague ones, whose messages are read.
"""

import dataclasses
import functools
import re

import polars as pl

from index.line_store import LineFilter
from index.query import AllOf, AnyOf, Node, NoneOf, Words, parse
from index.query_polars import LEDGER_COLUMNS, Plan, expression, make_plan
from index.query_words import words_regex
from index.view import View

_MAY_BE_MASKED = re.compile(r"[0-9]|[a-fA-F]{8}|^[a-fA-F]{4}$")
"""Tokens that may overlap a run: with a digit, or letters that may be a hex word or a group of a UUID."""
_MAY_BEGIN_RUN = re.compile(r"[a-fA-F]$")
"""Beginnings of tokens whose end may lie in a run."""


def make_plans(where: LineFilter, view: View) -> tuple[Plan, ...]:
    """Plans of which each matching line fulfils exactly one. Raises QuerySyntaxError."""
    whole = make_plan(where, view)
    if whole.impossible or whole.is_counted or whole.needles or not view.known.is_empty():
        return (whole,)
    node = parse(where.query)
    words = [leaf for leaf in _words(node) if _is_decided(leaf)]
    if not words:
        return (whole,)
    columns: set[str] = set()
    told = expression(node, columns, decided=_signatures_with(words, view))
    if not columns <= LEDGER_COLUMNS:
        return (whole,)
    is_vague = pl.col("signature").is_in(view.vague.implode())
    others = make_plan(dataclasses.replace(where, query="*"), view).predicate
    told = told if others is None else told & others
    clear = dataclasses.replace(
        whole, predicate=~is_vague & told, ascii_predicate=None, columns=whole.columns - {"message"} | columns
    )
    if view.vague.is_empty():
        return (clear,)
    first = is_vague if others is None else is_vague & others
    held = functools.partial(view.vague_lines.of, vague=view.vague)
    return clear, dataclasses.replace(whole, first=first, held=held)


def _words(node: Node) -> list[Words]:
    """The leaves of a tree that look for words in the message."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            return [leaf for part in parts for leaf in _words(part)]
        case NoneOf(part):
            return _words(part)
        case _:
            return [node] if isinstance(node, Words) and node.field == "message" else []


def _is_decided(words: Words) -> bool:
    """Whether all lines of a signature that is not vague hold these words, or none does."""
    for unit in words.units:
        if unit.text is None or unit.glued or _MAY_BE_MASKED.search(unit.text):
            return False
        if unit.prefix and _MAY_BEGIN_RUN.search(unit.text):
            return False
    return True


def _signatures_with(words: list[Words], view: View) -> dict[Words, pl.Expr]:
    """For each what tells, by the signature alone, whether a line holds it."""
    table = view.signatures
    holds = table.select(
        pl.col("message").str.contains(words_regex(leaf.units)).alias(str(number)) for number, leaf in enumerate(words)
    )
    found = [table.filter(column)["signature"].implode() for column in holds.get_columns()]
    return {leaf: pl.col("signature").is_in(signatures) for leaf, signatures in zip(words, found, strict=True)}
