"""The line: the one shape in which log records travel from the frame step to the answer, always as columns."""

import enum

import polars as pl

from ingest.errors import InputError

LEVELS = ("fatal", "error", "warn", "info", "debug", "trace", "")
"""Levels from worst to least; the empty string is a line whose level is not known."""


class Mark(enum.IntFlag):
    """What had to be done to a record to keep it. Stored in the column `marks`."""

    PARTIAL = 1
    """A run of partial records that ended without its last part."""
    SPLIT = 2
    """A piece of a line longer than a chunk may be."""
    UNPARSED = 4
    """The container runtime's framing could not be read: the message is the raw record."""
    NO_TIME = 8
    """No time was found: `time_ns` is the read time."""
    IMPLAUSIBLE_TIME = 16
    """A time was found but lies before 1990 or over a day after the read time: `time_ns` is the read time."""
    INVALID_UTF8 = 32
    """Bytes that are not UTF-8 were kept as `\\xHH`."""
    FOLDED = 64
    """Several records (a stack trace, partial records) were joined to this one line."""


LINE_SCHEMA = pl.Schema(
    {
        "source": pl.String,  # 16 hex digits, see ingest.source
        "position": pl.Int64,  # bytes from the start of the source to the start of the record
        "time_ns": pl.Int64,  # UTC, nanoseconds since 1970
        "arrival_ns": pl.Int64,  # read time of the chunk that brought the line, same unit
        "service": pl.String,
        "host": pl.String,
        "namespace": pl.String,
        "pod": pl.String,
        "container": pl.String,
        "level": pl.String,  # one of LEVELS
        "stream": pl.String,  # "stdout" or "stderr"; where no runtime told it what the line says, else ""
        "message": pl.String,
        "attributes": pl.String,  # a JSON object, or null where there are none
        "signature": pl.UInt64,
        "shape": pl.UInt64,
        "marks": pl.UInt16,  # bits of Mark
    }
)
"""Columns of a frame of lines, in this order. No column but `attributes` holds nulls. (source, position) is unique."""


def line_id(source: str, position: int) -> str:
    """The line's id outside the store: `<source>-<position>`."""
    return f"{source}-{position}"


def split_line_id(text: str) -> tuple[str, int]:
    """Inverse of `line_id`. Raises InputError for anything else."""
    source, dash, position = text.rpartition("-")
    if not dash or not position.isascii() or not position.isdigit() or len(position) > 18:
        raise InputError(
            f"{text[:80]!r} is not a line id", hint="a line id is <source>-<position>, as search returns it"
        )
    return source, int(position)
