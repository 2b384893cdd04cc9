"""Counts of patterns over any filter: from the ledger where it can tell, else from a scan; the same answer either way.

Every line is counted under exactly one pattern, also those whose signature is not mined yet (they stand as a pattern
of their own), so the counts always sum to the lines that match.
"""

import dataclasses
from collections.abc import Callable

import polars as pl

from index.line_store import LineFilter, LineReader
from index.pattern import PatternSet

_COUNTED = {
    "signature": pl.UInt64,
    "service": pl.String,
    "level": pl.String,
    "count": pl.Int64,
    "first_ns": pl.Int64,
    "last_ns": pl.Int64,
}


@dataclasses.dataclass(frozen=True)
class PatternCounts:
    """`rows`: (`pattern_id`, `template`, `name`, `state`, `example`, `count`, `services` and `levels` as lists by
    falling count, `first_ns` ever, `last_ns` in the span), by falling count then pattern_id.
    """

    rows: pl.DataFrame
    total_lines: int
    partial: bool


def signature_hex(signature: int) -> str:
    """How a signature, and the id of the pattern it founded, is written outside."""
    return f"{signature:016x}"


def count_patterns(
    store: LineReader,
    patterns: PatternSet,
    where: LineFilter,
    *,
    deadline_s: float = 10.0,
    stop: Callable[[], bool] = lambda: False,
) -> PatternCounts:
    """Counts of the lines that `where` selects. `stop` is asked between frames of a scan; true ends it as partial."""
    known = store.signatures().select("signature", "message", pl.col("first_ns").alias("founded_ns"))
    if where.query.strip() in {"", "*"}:
        counted, partial = _from_ledger(store, where), False
    else:
        counted, partial = _from_scan(store, where, known["signature"], deadline_s, stop)
    with_pattern = with_pattern_ids(counted, patterns)
    rows = (
        with_pattern.join(known, on="signature", how="left")
        .group_by("pattern_id")
        .agg(
            pl.col("count").sum(),
            pl.min_horizontal("first_ns", "founded_ns").min().alias("first_ns"),
            pl.col("last_ns").max(),
            pl.col("message").sort_by("founded_ns", "signature").first(),
        )
        .join(_names_by_count(with_pattern, "service", "services"), on="pattern_id", how="left")
        .join(_names_by_count(with_pattern, "level", "levels"), on="pattern_id", how="left")
        .join(patterns.patterns, on="pattern_id", how="left")
        .with_columns(
            pl.coalesce("template", "message", pl.lit("")).alias("template"),
            pl.coalesce("name", "template", "message", pl.lit("")).alias("name"),
            pl.coalesce("state", pl.lit("active")).alias("state"),
            pl.coalesce("example", "message", pl.lit("")).alias("example"),
        )
        .drop("message")
        .sort("count", "pattern_id", descending=[True, False])
    )
    return PatternCounts(rows, int(counted["count"].sum()), partial)


def with_pattern_ids(counted: pl.DataFrame, patterns: PatternSet) -> pl.DataFrame:
    """`counted` with the column `pattern_id`; a signature that no pattern has yet is its own pattern."""
    joined = counted.join(patterns.members, on="signature", how="left")
    unknown = joined.filter(pl.col("pattern_id").is_null())["signature"].unique().sort()
    own = pl.DataFrame(
        {"signature": unknown, "own_id": [signature_hex(each) for each in unknown]},
        schema={"signature": pl.UInt64, "own_id": pl.String},
    )
    return (
        joined.join(own, on="signature", how="left")
        .with_columns(pl.coalesce("pattern_id", "own_id").alias("pattern_id"))
        .drop("own_id")
    )


def _from_ledger(store: LineReader, where: LineFilter) -> pl.DataFrame:
    rows = store.tally(start_ns=where.start_ns, end_ns=where.end_ns)
    if where.services:
        rows = rows.filter(pl.col("service").is_in(where.services))
    if where.levels:
        rows = rows.filter(pl.col("level").is_in(where.levels))
    if where.signatures is not None:
        wanted = pl.DataFrame({"signature": where.signatures}, schema={"signature": pl.UInt64}).unique()
        rows = rows.join(wanted, on="signature", how="semi")
    return _summed(rows)


def _from_scan(
    store: LineReader, where: LineFilter, known: pl.Series, deadline_s: float, stop: Callable[[], bool]
) -> tuple[pl.DataFrame, bool]:
    """As the ledger counts: a signature beyond its service's budget (the store does not list it) under its shape."""
    parts: list[pl.DataFrame] = []
    partial = False
    listed = known.implode()
    counted_as = pl.when(pl.col("signature").is_in(listed)).then("signature").otherwise("shape").alias("signature")
    try:
        for frame in store.scan(where, ["signature", "shape", "service", "level", "time_ns"], deadline_s=deadline_s):
            parts.append(
                frame.group_by(counted_as, "service", "level").agg(
                    pl.len().cast(pl.Int64).alias("count"),
                    pl.col("time_ns").min().alias("first_ns"),
                    pl.col("time_ns").max().alias("last_ns"),
                )
            )
            if stop():
                partial = True
                break
    except TimeoutError:
        partial = True
    return _summed(pl.concat(parts) if parts else pl.DataFrame(schema=_COUNTED)), partial


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("signature", "service", "level").agg(
        pl.col("count").cast(pl.Int64).sum(), pl.col("first_ns").min(), pl.col("last_ns").max()
    )


def _names_by_count(rows: pl.DataFrame, column: str, alias: str) -> pl.DataFrame:
    return (
        rows.group_by("pattern_id", column)
        .agg(pl.col("count").sum())
        .sort("pattern_id", "count", column, descending=[False, True, False])
        .group_by("pattern_id", maintain_order=True)
        .agg(pl.col(column).alias(alias))
    )
