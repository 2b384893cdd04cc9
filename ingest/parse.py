"""Records to lines: time, level, service, message and attributes, as columns. What cannot be read stays as it came."""

import dataclasses

import polars as pl

from ingest.chunk import Chunk
from ingest.frame_records import with_mark
from ingest.line import LINE_SCHEMA, Mark
from ingest.parse_fields import FIELDS_SCHEMA, FieldNames, json_text
from ingest.parse_json import parse_json
from ingest.parse_level import text_level
from ingest.parse_logfmt import IS_LOGFMT, parse_logfmt
from ingest.parse_time import DAY_NS, EARLIEST_NS, Clock, text_ns

_JSON_OBJECT = r"(?s)^\s*\{.*\}\s*$"
_RENAMED = {"message": "text", "stream": "own_stream"}


_DEFAULT_NAMES = FieldNames()


def parse(chunk: Chunk, framed: pl.DataFrame, *, zone: str = "", names: FieldNames = _DEFAULT_NAMES) -> pl.DataFrame:
    """LINE_SCHEMA without `signature` and `shape`, as many rows as `framed` (FRAME_SCHEMA) and in its order.

    `zone` is that of clocks without one when the source names none. A line's fields depend on its record, the source
    and, where a clock has no year or date, on the chunk's read time.
    """
    source = chunk.source
    if source.service and source.is_file:  # what the path says counts: such a field is an attribute like any other
        names = dataclasses.replace(names, service=())
    if source.host:
        names = dataclasses.replace(names, host=())
    fields = _read_fields(framed, names)
    frame = framed.hstack(fields).with_columns(stream=pl.coalesce("own_stream", "stream"))
    if source.format == "ndjson":
        broken = frame["message"].str.contains(r"^\s*\{") & ~fields["is_json"]
        frame = frame.with_columns(with_mark("marks", Mark.UNPARSED, broken))
    frame = _with_times(frame, Clock(chunk.read_ns, source.zone or zone))
    frame = frame.with_columns_seq(_levels(frame))
    return _finish(_put_back_times(frame), chunk)


def parse_nothing(chunk: Chunk, framed: pl.DataFrame) -> pl.DataFrame:
    """As `parse`, with every record as it came at the read time: for a chunk on which the reading of it failed."""
    empty = pl.lit(None, dtype=pl.String)
    frame = framed.with_columns(
        *(empty.alias(name) for name in ("text", "attributes", "service", "host")),
        level=pl.lit(""),
        time_ns=pl.coalesce(_plausible(pl.col("time_ns"), chunk.read_ns), chunk.read_ns),
        marks=pl.when(_plausible(pl.col("time_ns"), chunk.read_ns).is_null())
        .then(pl.col("marks") | pl.lit(int(Mark.NO_TIME), dtype=pl.UInt16))
        .otherwise("marks"),
    )
    return _finish(frame, chunk)


def _finish(frame: pl.DataFrame, chunk: Chunk) -> pl.DataFrame:
    source = chunk.source
    columns = {
        "source": pl.lit(source.id),
        "arrival_ns": pl.lit(chunk.read_ns, dtype=pl.Int64),
        "service": pl.coalesce(pl.col("service"), pl.lit(source.service)),
        "host": pl.coalesce(pl.col("host"), pl.lit(source.host)),
        "namespace": pl.lit(source.namespace),
        "pod": pl.lit(source.pod),
        "container": pl.lit(source.container),
        "message": pl.coalesce(pl.col("text"), pl.col("message")),
    }
    names = [name for name in LINE_SCHEMA if name not in {"signature", "shape"}]
    return frame.select_seq(columns.get(name, pl.col(name)).alias(name) for name in names)


def _read_fields(framed: pl.DataFrame, names: FieldNames) -> pl.DataFrame:
    """FIELDS_SCHEMA with `message` called `text`, `stream` called `own_stream`, and `is_json`: what such lines say
    of themselves, null for the others. Where the runtime told the stream such a field is an attribute.
    """
    message = framed["message"]
    readable = framed["marks"].to_numpy() & (Mark.UNPARSED | Mark.SPLIT) == 0
    is_object = message.str.contains(_JSON_OBJECT) & pl.Series(readable)
    is_logfmt = ~is_object & pl.Series(readable) & message.str.contains(IS_LOGFMT)
    parts = []
    order = pl.Series("_row", range(len(message)), dtype=pl.UInt32)
    told = framed["stream"] != ""
    for rows, known in ((told, dataclasses.replace(names, stream=())), (~told, names)):
        objects, pairs = rows & is_object, rows & is_logfmt
        if objects.any():
            parts.append(parse_json(message.filter(objects), known).with_columns(order.filter(objects)))
        if pairs.any():
            read = parse_logfmt(message.filter(pairs), known)
            parts.append(read.with_columns(pl.lit(value=False).alias("is_json"), order.filter(pairs)))
    if not parts:
        none = pl.Series([None], dtype=pl.String).new_from_index(0, len(message))
        columns = [none.alias(_RENAMED.get(name, name)) for name in FIELDS_SCHEMA]
        return pl.DataFrame([*columns, none.cast(pl.Boolean).fill_null(value=False).alias("is_json")])
    fields = order.to_frame().join(pl.concat(parts), on="_row", how="left", maintain_order="left").drop("_row")
    fields = fields.with_columns(pl.col("is_json").fill_null(value=False))
    return fields.rename(_RENAMED)


def _with_times(frame: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    """`time_ns` and `marks` decided, and `_time_used`: whether the field `time_name` became the line's time."""
    runtime = frame["time_ns"]
    if not runtime.null_count() and runtime.is_between(EARLIEST_NS, clock.arrival_ns + DAY_NS).all():
        return frame.with_columns_seq(pl.lit(value=False).alias("_time_used"))
    found = _written_times(frame, runtime.is_null(), clock)
    written = pl.coalesce("runtime", "field", "text")
    is_plausible = _plausible(written, clock.arrival_ns).is_not_null()
    times = found.select(
        pl.when(is_plausible).then(written).otherwise(clock.arrival_ns).alias("time_ns"),
        written.is_null().alias("none"),
        (written.is_not_null() & ~is_plausible).alias("implausible"),
        (pl.col("runtime").is_null() & _plausible(pl.col("field"), clock.arrival_ns).is_not_null()).alias("used"),
    )
    frame = frame.with_columns(times["time_ns"], times["used"].alias("_time_used"))
    frame = frame.with_columns(with_mark("marks", Mark.NO_TIME, times["none"]))
    return frame.with_columns(with_mark("marks", Mark.IMPLAUSIBLE_TIME, times["implausible"]))


def _written_times(frame: pl.DataFrame, open_rows: pl.Series, clock: Clock) -> pl.DataFrame:
    """Times from the time field, else from the head of the message, for the rows whose runtime gave none."""
    rows = frame.with_row_index("_row").filter(open_rows)
    from_field = text_ns(rows["time_text"], clock)
    head = rows.select(pl.when(from_field.is_null()).then(pl.coalesce("text", "message"))).to_series()
    found = rows.select("_row").with_columns(from_field.alias("field"), text_ns(head, clock).alias("text"))
    columns = frame.with_row_index("_row").select("_row", pl.col("time_ns").alias("runtime"))
    return columns.join(found, on="_row", how="left", maintain_order="left").drop("_row")


def _plausible(time_ns: pl.Expr, arrival_ns: int) -> pl.Expr:
    return pl.when(time_ns.is_between(EARLIEST_NS, arrival_ns + DAY_NS)).then(time_ns)


def _levels(frame: pl.DataFrame) -> pl.Series:
    if not frame["level"].null_count():
        return frame["level"]
    if frame["level"].null_count() == frame.height:
        return text_level(frame.select(pl.coalesce("text", "message")).to_series()).alias("level")
    head = frame.select(pl.when(pl.col("level").is_null()).then(pl.coalesce("text", "message"))).to_series()
    return frame.select(pl.coalesce("level", text_level(head))).to_series().alias("level")


def _put_back_times(frame: pl.DataFrame) -> pl.DataFrame:
    """A time field that did not become the line's time (the runtime's counts first) is an attribute like any other."""
    if frame["time_name"].null_count() == frame.height:
        return frame
    unused = pl.col("time_name").is_not_null() & ~pl.col("_time_used")
    if not frame.select(unused.any()).item():
        return frame
    field = pl.concat_str(json_text(pl.col("time_name")), pl.lit(":"), json_text(pl.col("time_text")))
    others = pl.col("attributes").str.slice(1)
    joined = pl.when(others.is_null()).then(pl.concat_str(pl.lit("{"), field, pl.lit("}")))
    return frame.with_columns(
        attributes=pl.when(unused)
        .then(joined.otherwise(pl.concat_str(pl.lit("{"), field, pl.lit(","), others)))
        .otherwise("attributes")
    )
