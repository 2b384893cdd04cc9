"""From lines to documents: the text of bulk requests, made from whole columns."""

import binascii
import dataclasses
import functools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from index.elastic_template import DIMENSIONS, KEYWORD_CHARACTERS, MOST_DEPTH
from index.elastic_words import cjk_of, words_of
from index.line_store import LEDGER_WINDOW_NS

DAY_NS = 86_400_000_000_000
PLAUSIBLE_DAYS = 400
"""A line older than this when it arrives is kept with the day of its arrival, so that hostile times cannot open
thousands of indices. A guess: a year of history can be loaded into its own days.
"""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.9fZ"

_STRING = r'"(?:[^"\\]|\\.)*"'
_SCALAR = rf"({_STRING})\s*:\s*(?:{_STRING}|-?[0-9][-+.0-9eE]*|true|false)"
_ODD_NUMBER = r":\s*(?:-0|[0-9-][0-9.]{16}|-?[0-9.]+[eE]|-?[0-9]+\.[0-9]*0\s*[,}\]])"
"""Numbers that a JSON parser may write otherwise than they stand here."""
_SHAPES = 10_000
"""Shapes of attributes remembered. A guess: a few MB."""


@dataclasses.dataclass(frozen=True)
class Documents:
    """Documents of one day's index: `texts` are items of a bulk request, action line and all, no line end behind."""

    day: str
    texts: pl.Series

    def parts(self, most_bytes: int) -> Iterator[pl.Series]:
        """The texts in runs of at most `most_bytes`, or one text that alone is larger."""
        sizes = self.texts.str.len_bytes().to_numpy().astype(np.int64) + 1
        ends = np.cumsum(sizes)
        start = 0
        while start < len(sizes):
            before = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + most_bytes, side="right")))
            yield self.texts.slice(start, stop - start)
            start = stop


def body_of(texts: pl.Series) -> bytes:
    """A bulk request of these items."""
    return (str(texts.str.join("\n")[0]) + "\n").encode()


def documents(lines: pl.DataFrame, first_sequence: int) -> list[Documents]:
    """The documents of lines (LINE_SCHEMA), in their order, by day. Which index and id a line has depends on nothing
    but the line, so what is sent again is met there.
    """
    texts = pl.DataFrame({"day": days_of(lines), "text": _texts(lines, first_sequence)})
    parts = texts.partition_by("day", as_dict=True, maintain_order=True)
    return [Documents(str(day), part["text"]) for (day,), part in sorted(parts.items())]


def days_of(lines: pl.DataFrame) -> pl.Series:
    """The day whose index keeps each line, `2026.03.01`."""
    is_old = pl.col("time_ns") < pl.col("arrival_ns") - PLAUSIBLE_DAYS * DAY_NS
    moment = pl.when(is_old).then("arrival_ns").otherwise("time_ns")
    days = lines.select((moment // DAY_NS).cast(pl.Int32).cast(pl.Date).alias("day"))["day"]
    names = days.unique().to_frame().with_columns(pl.col("day").dt.to_string("%Y.%m.%d").alias("name"))
    return days.to_frame().join(names, on="day", how="left", maintain_order="left")["name"]


def _texts(lines: pl.DataFrame, first_sequence: int) -> pl.Series:
    columns = lines.select(
        _time("time_ns").alias("@timestamp"),
        _time("arrival_ns").alias("arrival"),
        "source",
        "position",
        *(pl.when(pl.col(name) != "").then(name).alias(name) for name in DIMENSIONS),
        "message",
        pl.col("attributes").alias("attribute_text"),
        "marks",
        (pl.col("time_ns") % LEDGER_WINDOW_NS).alias("offset"),
        pl.int_range(first_sequence, first_sequence + lines.height).alias("sequence"),
    ).with_columns(
        hex_of(lines["signature"]),
        hex_of(lines["shape"]),
        words_of(lines["message"]).alias("words"),
        cjk_of(lines["message"]).alias("cjk"),
        *_attribute_columns(lines["attributes"]),
    )
    flattened = columns["flattened"]
    frame = columns.drop("flattened").select(
        pl.struct(pl.all()).struct.json_encode().alias("json"), "source", "position", flattened
    )
    spliced = pl.concat_str(pl.col("json").str.head(-1), pl.lit(',"attributes":'), "flattened", pl.lit("}"))
    return frame.select(
        pl.concat_str(
            pl.lit('{"create":{"_id":"'),
            "source",
            pl.lit("-"),
            "position",
            pl.lit('"}}\n'),
            pl.when(pl.col("flattened").is_null()).then("json").otherwise(spliced),
        ).alias("text")
    ).to_series()


def _time(name: str) -> pl.Expr:
    return pl.from_epoch(name, time_unit="ns").dt.to_string(TIME_FORMAT)


def hex_of(numbers: pl.Series) -> pl.Series:
    """Each number as 16 hex digits."""
    digits = binascii.hexlify(numbers.to_numpy().astype(">u8").tobytes())
    return pl.Series(numbers.name, np.frombuffer(digits, dtype="S16").astype(str), dtype=pl.String)


def _attribute_columns(attributes: pl.Series) -> list[pl.Series]:
    """`flattened`: what is indexed of them, null where Elasticsearch would refuse the line for it. `keys`: those of the
    top. `odd`: it may see another value under a name than queries do, see `_shape`. `escaped`: `attribute_words`, the
    words of the text, may not be those of the values.
    """
    if attributes.null_count() == len(attributes):
        return [pl.repeat(None, len(attributes), dtype=pl.String, eager=True).alias("flattened")]
    shapes = attributes.str.replace_all(_SCALAR, "$1:0").alias("shape")
    known = shapes.drop_nulls().unique()
    table = pl.DataFrame(
        [(shape, *_shape(shape)) for shape in known],
        schema={"shape": pl.String, "keys": pl.List(pl.String), "is_odd": pl.Boolean, "is_deep": pl.Boolean},
        orient="row",
    )
    text = pl.col("attributes")
    is_unfit = text.str.contains("\\", literal=True) | pl.col("is_deep") | (text.str.len_bytes() > KEYWORD_CHARACTERS)
    is_escaped = is_unfit | text.str.contains(_ODD_NUMBER)
    found = (
        pl.DataFrame([attributes.alias("attributes"), shapes])
        .join(table, on="shape", how="left", maintain_order="left")
        .with_columns(
            pl.when(~is_unfit).then(text).alias("flattened"),
            is_escaped.alias("is_escaped"),
            (pl.col("is_odd") | is_escaped).alias("is_odd"),
        )
    )
    return [
        found["flattened"],
        words_of(found["flattened"]).alias("attribute_words"),
        found["keys"],
        _flag(found["is_odd"]).alias("odd"),
        _flag(found["is_escaped"]).alias("escaped"),
    ]


def _flag(values: pl.Series) -> pl.Series:
    """True or null: what is not said costs nothing."""
    return values.to_frame("flag").select(pl.when("flag").then(pl.lit(value=True))).to_series()


@functools.lru_cache(maxsize=_SHAPES)
def _shape(shape: str) -> tuple[list[str], bool, bool]:
    """Of an object whose scalars are blanked: its keys; whether Elasticsearch may see other values under a name than
    queries do (arrays, nulls, keys with dots below the top, names that two ways lead to); whether it would refuse it.
    """
    try:
        pairs: list[tuple[str, Any]] = json.loads(shape, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return [], True, True
    names = [key for key, _ in pairs]
    leaves = list(_leaves(pairs, ()))
    paths = [".".join(path) for path, _ in leaves]
    is_odd = (
        len(set(paths)) != len(paths)
        or any(value != 0 for _, value in leaves)
        or any(len(path) > 1 and any("." in key for key in path) for path, _ in leaves)
    )
    is_deep = _has_doubles(pairs) or any(len(path) >= MOST_DEPTH for path, _ in leaves)
    return list(dict.fromkeys(names)), is_odd, is_deep


class _Pairs(list[tuple[str, Any]]):
    """An object as its members, doubles and all."""


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Paths to what is no object; an empty object is one too, since it has a value but no member."""
    if not isinstance(value, _Pairs) or not value:
        yield path, value
        return
    for key, member in value:
        yield from _leaves(member, (*path, key))


def _has_doubles(value: object) -> bool:
    if isinstance(value, _Pairs):
        keys = [key for key, _ in value]
        return len(set(keys)) != len(keys) or any(_has_doubles(member) for _, member in value)
    return isinstance(value, list) and any(_has_doubles(member) for member in value)
