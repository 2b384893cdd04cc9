"""What every store asks of an append before it takes it."""

import dataclasses
from collections.abc import Sequence

import polars as pl

from ingest.errors import ChunkError, RangeConflictError
from ingest.line import LINE_SCHEMA
from ingest.line_sink import SourceRange


def check_lines(lines: pl.DataFrame, covers: Sequence[SourceRange]) -> None:
    """Raises ChunkError for lines that are not LINE_SCHEMA or start outside what is covered."""
    if lines.schema != LINE_SCHEMA:
        raise ChunkError("the columns of the lines are not LINE_SCHEMA", hint="see ingest/line.py")
    if not lines.height:
        return
    bounds = pl.DataFrame(
        [dataclasses.astuple(covered) for covered in covers],
        schema={"source": pl.String, "start": pl.Int64, "end": pl.Int64},
        orient="row",
    )
    inside = (
        lines.select("source", "position")
        .join(bounds, on="source")
        .filter(pl.col("position").is_between("start", "end", closed="left"))
    )
    if inside.height != lines.height:
        raise ChunkError(
            f"{lines.height - inside.height} of {lines.height} lines start outside the bytes they are appended with",
            hint="every line starts inside `covers`",
        )


def overlap(one: SourceRange, other: SourceRange) -> bool:
    """Whether two ranges share a byte."""
    return one.source == other.source and one.start < other.end and other.start < one.end


def conflict(covered: SourceRange) -> RangeConflictError:
    """What an append is told of a range that is stored already, or that it holds twice."""
    return RangeConflictError(
        f"bytes of [{covered.start}, {covered.end}) of source {covered.source} are stored already"
    )
