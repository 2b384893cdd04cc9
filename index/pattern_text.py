"""The text a pattern is found by: its template as words, where it is written, and an example."""

import re

import polars as pl

from index.pattern import WILDCARD

_WORD_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./#:]+")


def split_words(text: str) -> str:
    """camelCase, snake_case, kebab-case and dotted names as separate words; placeholders left out."""
    return " ".join(_WORD_EDGE.sub(" ", text.replace(WILDCARD, " ")).split())


def pattern_documents(patterns: pl.DataFrame, counts: pl.DataFrame) -> list[str]:
    """One text a row of `patterns` (PatternSet.patterns), in its order; `counts` as Generation.counts."""
    services = dict(
        counts.filter(pl.col("pattern_id") != "")
        .group_by("pattern_id")
        .agg(pl.col("service").unique().sort().head(3).str.join(" "))
        .iter_rows()
    )
    return [
        f"{split_words(services.get(row['pattern_id'], ''))}: {split_words(row['name'])}. {row['template']}"[:1000]
        for row in patterns.iter_rows(named=True)
    ]
