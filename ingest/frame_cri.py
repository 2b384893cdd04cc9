"""The container runtime interface's log: `TIME STREAM P|F[:tags] CONTENT` to columns."""

import re

import polars as pl

from ingest.frame_records import Records
from ingest.line import Mark

_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[^ ]*$"
_RECORD = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[^ ]* (?:stdout|stderr) [PF](?::[^ ]*)?(?: |$)"
)
_TAGS = r"^[PF](?::[^ ]*)?$"


def frame_cri(records: Records) -> pl.DataFrame:
    """Columns as `frame_docker` gives them. A record of another form is kept whole with Mark.UNPARSED."""
    raw = pl.col("_raw")
    parts = raw.str.splitn(" ", 4)
    time, stream, tags, content = (parts.struct.field(f"field_{number}") for number in range(4))
    is_cri = stream.is_in(["stdout", "stderr"]) & tags.str.contains(_TAGS) & time.str.contains(_TIME)
    unparsed = pl.col("marks") | pl.lit(int(Mark.UNPARSED), dtype=pl.UInt16)
    frame = pl.DataFrame([records.texts.alias("_raw"), records.marks])
    frame = frame.with_columns(is_cri.fill_null(value=False).alias("_is_cri"))
    return frame.select(
        pl.when("_is_cri").then(content.fill_null("")).otherwise(raw).alias("message"),
        pl.when("_is_cri").then(stream).otherwise(pl.lit("")).alias("stream"),
        pl.when("_is_cri").then(time).alias("time"),
        (~pl.col("_is_cri") | ~tags.str.starts_with("P").fill_null(value=False)).alias("final"),
        pl.when("_is_cri").then("marks").otherwise(unparsed).alias("marks"),
    )


def is_cri(record: bytes) -> bool:
    """Whether one record, without its line feed, has this form."""
    return _RECORD.match(record) is not None
