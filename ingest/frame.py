"""A chunk as records: container framing read, parts and stack traces joined, every byte accounted for."""

import dataclasses

import polars as pl

from ingest.chunk import Chunk
from ingest.frame_cri import frame_cri, is_cri
from ingest.frame_docker import ATTRS, frame_docker, is_docker
from ingest.frame_join import fold_traces, join_parts
from ingest.frame_records import BYTE_ORDER_MARK, Records, records, restore_bytes
from ingest.line import Mark
from ingest.parse_time import runtime_ns

FRAME_SCHEMA = pl.Schema(
    {"position": pl.Int64, "message": pl.String, "stream": pl.String, "time_ns": pl.Int64, "marks": pl.UInt16}
)

_DETECTION_RECORDS = 64
"""How many records of a chunk `auto` looks at for one that a runtime wrote. A guess."""


@dataclasses.dataclass(frozen=True)
class Framed:
    """`frame`: FRAME_SCHEMA, by position; `time_ns` is the runtime's, null where it gave none. `blank`: how many
    records were left out because they hold nothing but white space; `dropped_attrs`: how many of Docker's records had
    labels (`attrs`) that are not kept.
    """

    frame: pl.DataFrame
    blank: int
    dropped_attrs: int = 0


def frame(chunk: Chunk) -> Framed:
    """Pure: cutting the chunk where `ingest.cut` may cut it gives the same rows."""
    found = records(chunk)
    if not len(found.starts):
        return Framed(pl.DataFrame(schema=FRAME_SCHEMA), 0)
    form = _format(chunk, found)
    decoded = _decode(found, form).with_columns(position=pl.Series(found.starts))
    framed = _finish(decoded, has_stand_ins=found.has_stand_ins)
    return dataclasses.replace(framed, dropped_attrs=found.body.count(ATTRS) if form == "docker" else 0)


def frame_raw(chunk: Chunk) -> Framed:
    """Every line as it is, with Mark.UNPARSED: for a chunk on which the reading of it failed."""
    found = records(chunk)
    if not len(found.starts):
        return Framed(pl.DataFrame(schema=FRAME_SCHEMA), 0)
    raw = _plain(found).with_columns(
        pl.col("marks") | pl.lit(int(Mark.UNPARSED), dtype=pl.UInt16), position=pl.Series(found.starts)
    )
    return _finish(raw, has_stand_ins=found.has_stand_ins, fold=False)


def _finish(decoded: pl.DataFrame, *, has_stand_ins: bool, fold: bool = True) -> Framed:
    joined = join_parts(_without_line_end(decoded))
    if has_stand_ins:
        joined = restore_bytes(joined)
    folded = fold_traces(joined) if fold else joined
    is_blank = ~folded["message"].str.contains(r"[^ \t\r\n]")
    kept = folded.filter(~is_blank) if is_blank.any() else folded
    time_ns = runtime_ns(kept["time"]).alias("time_ns")
    framed = kept.select_seq("position", "message", "stream", time_ns, "marks")
    return Framed(framed, folded.height - kept.height)


def _without_line_end(decoded: pl.DataFrame) -> pl.DataFrame:
    r"""Take `\n` or `\r\n` off whole records and the last parts of others, and a byte order mark off the front."""
    message = pl.col("message").str.strip_suffix("\n").str.strip_suffix("\r").str.strip_prefix(BYTE_ORDER_MARK)
    if not decoded["final"].all():
        message = pl.when("final").then(message).otherwise("message")
    return decoded.with_columns_seq(message)


def _decode(found: Records, form: str) -> pl.DataFrame:
    if form == "docker":
        return frame_docker(found)
    if form == "cri":
        return frame_cri(found)
    return _plain(found)


def _plain(found: Records) -> pl.DataFrame:
    return pl.DataFrame([found.texts.alias("message"), found.marks]).with_columns(
        stream=pl.lit(""), time=pl.lit(None, dtype=pl.String), final=pl.lit(value=True)
    )


def _format(chunk: Chunk, found: Records) -> str:
    """What the source says, else that of the first record that a runtime wrote, else `plain`."""
    if chunk.source.format != "auto":
        return chunk.source.format
    end = 0
    for number in range(min(_DETECTION_RECORDS, len(found.starts))):
        start, end = end, found.body.find(b"\n", end) + 1 or len(found.body)
        record = found.body[start:end].rstrip(b"\n")
        if number == 0 and chunk.starts_inside_line:
            continue
        if is_docker(record):
            return "docker"
        if is_cri(record):
            return "cri"
    return "plain"
