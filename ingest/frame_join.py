"""Records that belong together made one: parts of a long message, and the lines of a stack trace, per stream."""

import polars as pl

from ingest.continuation import AFTER, CONTINUES, continuation_expression
from ingest.frame_records import with_mark
from ingest.line import Mark

_MAY_CONTINUE = "|".join((CONTINUES, *(this for this, _ in AFTER)))


def join_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """Join each run of records that are not `final` with the record that ends it, in the same stream.

    A run without an end is one record with Mark.PARTIAL. `frame` is ordered by `position`, and so is the result. Adds
    `first_part` and `last_part`, the message itself where there was one part.
    """
    parts = frame.with_columns_seq(pl.col("message").alias("first_part"), pl.col("message").alias("last_part"))
    if frame["final"].all():
        return parts
    follows = ~pl.col("final").shift(1, fill_value=True).over("stream")
    joined = _join(parts.with_columns(_follows=follows), separator="")
    return joined.with_columns(marks=with_mark("marks", Mark.PARTIAL, ~pl.col("final")))


def fold_traces(frame: pl.DataFrame) -> pl.DataFrame:
    """Join each record with the ones that continue it (ingest/continuation.py) in the same stream, by line feeds.

    The parts next to each other decide, as they do for the collector's cut, which never sees a joined message.
    """
    candidate = frame["first_part"].str.contains(_MAY_CONTINUE)
    if not candidate.any():
        return frame
    previous = pl.col("last_part").shift(1).over("stream")
    marked = frame.with_row_index("_row").with_columns(previous.alias("_previous"))
    following = marked.filter(candidate).filter(continuation_expression(pl.col("first_part"), pl.col("_previous")))
    follows = pl.col("_row").is_in(following["_row"].implode())
    joined = _join(marked.with_columns(_follows=follows).drop("_row", "_previous"), separator="\n")
    return joined.with_columns(  # blank records at the ends of a trace
        pl.when(pl.col("marks") & int(Mark.FOLDED) != 0)
        .then(pl.col("message").str.strip_chars("\n"))
        .otherwise("message")
    )


def _join(frame: pl.DataFrame, *, separator: str) -> pl.DataFrame:
    """Join rows with `_follows` to the row before them in their stream. Rows that stand alone are not touched."""
    joins_next = pl.col("_follows").shift(-1, fill_value=False).over("stream")
    frame = frame.with_columns(_run=(~pl.col("_follows")).cum_sum().over("stream"), _member=joins_next)
    member = pl.col("_follows") | pl.col("_member")
    columns = [name for name in frame.columns if not name.startswith("_")]
    runs = (
        frame.filter(member)
        .group_by("stream", "_run", maintain_order=True)
        .agg(
            pl.col("position", "time", "first_part").first(),
            pl.col("final", "last_part").last(),
            pl.col("message").str.join(separator),
            pl.col("marks").bitwise_or() | pl.lit(int(Mark.FOLDED), dtype=pl.UInt16),
        )
    )
    return pl.concat([frame.filter(~member).select(columns), runs.select(columns)]).sort("position")
