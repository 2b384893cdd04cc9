"""JSON lines to columns: message, level, time, service, and the rest as one flat object of strings.

A nested object's names are joined by dots, arrays stay JSON text, null is the same as absent. Values are kept as
strings, as they were written but for the shortest form of numbers, so that what becomes of a line never depends on
the types that other lines of the chunk give the same name.
"""

import io
import itertools
import re
from typing import Any

import orjson
import polars as pl

from ingest.parse_fields import FIELDS_SCHEMA, FieldNames, json_text
from ingest.parse_json_row import MOST_DEPTH, parse_object
from ingest.parse_level import field_level

_ROW_BLOCK = 64
"""A block of at most this many lines that does not decode as columns is decoded one by one. A guess."""
_MOST_NAMES = 256
"""Beyond so many different names in a chunk columns would hold mostly nulls: decoded one by one. A guess."""
_LONE_SURROGATE = r"\\u[dD][89a-fA-F]"
_SURROGATE_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_NUL_NAME = r"\\u0000"
_RESULT_SCHEMA = pl.Schema({**FIELDS_SCHEMA, "is_json": pl.Boolean})
_CHOICE = "\x00chosen "
"""Prefix of the columns that hold which name plays a role. No flat name begins so: see `_needs_row`."""
_TEXT_COLUMN = {"time": "time_text"}


def parse_json(texts: pl.Series, names: FieldNames) -> pl.DataFrame:
    """FIELDS_SCHEMA and `is_json`, a row for each text; a text that is not a JSON object has `is_json` false."""
    texts = texts.str.replace_all(r"[\r\n]", " ")
    by_row = _needs_row(texts)
    if not by_row.any():
        return _blocks(texts, names)
    in_columns = _blocks(texts.filter(~by_row), names)
    return _merge(in_columns, ~by_row, _rows(texts.filter(by_row), names))


def _merge(some: pl.DataFrame, at: pl.Series, others: pl.DataFrame) -> pl.DataFrame:
    """Rows of `some` where `at` holds, rows of `others` elsewhere, each in its order."""
    order = pl.Series("_row", range(len(at)), dtype=pl.UInt32)
    parts = [some.with_columns(order.filter(at)), others.with_columns(order.filter(~at))]
    return pl.concat(parts).sort("_row").drop("_row")


def _needs_row(texts: pl.Series) -> pl.Series:
    """Texts that the column decoder would change (half of a surrogate pair), or that could nest too deep for it."""
    suspect = texts.str.contains(_LONE_SURROGATE)
    if suspect.any():
        suspect = texts.str.replace_all(_SURROGATE_PAIR, "").str.contains(_LONE_SURROGATE)
    return suspect | (texts.str.count_matches("{", literal=True) > MOST_DEPTH) | texts.str.contains(_NUL_NAME)


def _rows(texts: pl.Series, names: FieldNames) -> pl.DataFrame:
    rows = [parse_object(text, names) for text in texts]
    return pl.DataFrame(rows, schema=_RESULT_SCHEMA, orient="row")


def _blocks(texts: pl.Series, names: FieldNames) -> pl.DataFrame:
    if texts.is_empty():
        return pl.DataFrame(schema=_RESULT_SCHEMA)
    columns = _columns(texts, names)
    if columns is not None:
        return columns
    if len(texts) <= _ROW_BLOCK:
        return _rows(texts, names)
    half = len(texts) // 2
    return pl.concat([_blocks(part, names) for part in (texts[:half], texts[half:])])


def _columns(texts: pl.Series, names: FieldNames) -> pl.DataFrame | None:
    """All texts in one decode; None when one of them is not an object or their types contradict each other."""
    body = texts.str.join("\n").item().encode()
    try:
        schema = pl.scan_ndjson(io.BytesIO(body), infer_schema_length=None).collect_schema()
        if not schema or len(_leaves(schema)) > _MOST_NAMES:
            return _rows(texts, names)
        strings = {name: _as_strings(dtype) for name, dtype in schema.items()}
        decoded = pl.read_ndjson(io.BytesIO(body), schema=strings)
    except pl.exceptions.PolarsError:
        return None
    if decoded.height != len(texts):
        return None
    flat = _flatten(decoded)
    by_row = _holds_json(flat, texts, schema)
    if not by_row.any():
        return _fields(flat, names)
    exact = _rows(texts.filter(by_row), names)
    return _merge(_fields(flat.filter(~by_row), names), ~by_row, exact)


def _leaves(schema: pl.Schema) -> list[tuple[tuple[str, ...], Any]]:
    """Path and type of everything in the schema that is not an object with names."""
    leaves = []
    pending: list[tuple[tuple[str, ...], Any]] = [((name,), dtype) for name, dtype in schema.items()]
    while pending:
        path, dtype = pending.pop()
        if isinstance(dtype, pl.Struct) and dtype.fields:
            pending.extend(((*path, field.name), field.dtype) for field in dtype.fields)
        else:
            leaves.append((path, dtype))
    return leaves


def _as_strings(dtype: Any) -> Any:
    if isinstance(dtype, pl.Struct) and dtype.fields:
        return pl.Struct({field.name: _as_strings(field.dtype) for field in dtype.fields})
    return pl.String


def _flatten(decoded: pl.DataFrame) -> pl.DataFrame:
    """Structs to columns with dotted names, sorted; of two equal names the shorter path counts, then the smaller."""
    columns: dict[str, dict[tuple[str, ...], pl.Series]] = {}
    pending = [((column.name,), column) for column in decoded.get_columns()]
    while pending:
        path, column = pending.pop()
        if isinstance(column.dtype, pl.Struct):
            pending.extend(((*path, part.name), part) for part in column.struct.unnest().get_columns())
        else:
            columns.setdefault(".".join(path), {})[path] = column
    flat = {}
    for name, same in sorted(columns.items()):
        ordered = [same[path] for path in sorted(same, key=lambda path: (len(path), path))]
        merged = ordered[0] if len(ordered) == 1 else pl.select(pl.coalesce(ordered)).to_series()
        flat[name] = merged
    return pl.DataFrame(flat)


def _holds_json(flat: pl.DataFrame, texts: pl.Series, schema: pl.Schema) -> pl.Series:
    """Lines with an array, or with an object where others have a plain value: the column decoder prints those in a form
    of its own. Strings that merely begin with a bracket are told from them by a look at the line itself.
    """
    found = pl.Series([False]).new_from_index(0, len(texts))
    opened = flat.select_seq(pl.all().str.contains(r"^[\[{]").fill_null(value=False))
    for path, dtype in _leaves(schema):
        opens = opened[".".join(path)]
        if not opens.any():
            continue
        if dtype == pl.String:
            name = re.escape(orjson.dumps(path[-1]).decode())
            opens &= texts.str.contains(rf"{name}\s*:\s*[\[{{]|\\u")
        found |= opens
    return found


def _fields(flat: pl.DataFrame, names: FieldNames) -> pl.DataFrame:
    roles = {role: [name for name in of_role if name in flat.columns] for role, of_role in names.by_role.items()}
    chosen = {role: _first_good(role, of_role) for role, of_role in roles.items()}
    with_choice = flat.with_columns(choice.alias(f"{_CHOICE}{role}") for role, choice in chosen.items())
    values = {role: _value(role, of_role) for role, of_role in roles.items()}
    values["level"] = field_level(values["level"])
    return with_choice.select(
        *(value.alias(_TEXT_COLUMN.get(role, role)) for role, value in values.items()),
        pl.col(f"{_CHOICE}time").alias("time_name"),
        _attributes(flat, roles).alias("attributes"),
        pl.lit(value=True).alias("is_json"),
    ).select(*FIELDS_SCHEMA, "is_json")


def _is_good(role: str, name: str) -> pl.Expr:
    """Whether the field can play its role in this line."""
    return field_level(pl.col(name)).is_not_null() if role == "level" else pl.col(name) != ""


def _first_good(role: str, names: list[str]) -> pl.Expr:
    choices = [pl.when(_is_good(role, name)).then(pl.lit(name)) for name in names]
    return pl.coalesce(*choices, pl.lit(None, dtype=pl.String))


def _value(role: str, names: list[str]) -> pl.Expr:
    picks = [pl.when(pl.col(f"{_CHOICE}{role}") == name).then(pl.col(name)) for name in names]
    return pl.coalesce(*picks, pl.lit(None, dtype=pl.String))


def _attributes(flat: pl.DataFrame, roles: dict[str, list[str]]) -> pl.Expr:
    """One JSON object a line of what plays no role; neighbours that every line has are encoded together."""
    role_of = {name: role for role, names in roles.items() for name in names}
    runs = itertools.groupby(flat.columns, lambda name: name not in role_of and not flat[name].null_count())
    fragments: list[pl.Expr] = []
    for everywhere, names in runs:
        if everywhere:
            fragments.append(pl.struct(list(names)).struct.json_encode().str.slice(1).str.strip_suffix("}"))
        else:
            fragments.extend(_attribute(name, role_of.get(name)) for name in names)
    if not fragments:
        return pl.lit(None, dtype=pl.String)
    inside = pl.concat_str(fragments, separator=",", ignore_nulls=True)
    return pl.when(inside != "").then(pl.concat_str(pl.lit("{"), inside, pl.lit("}")))


def _attribute(name: str, role: str | None) -> pl.Expr:
    """`"name":"value"`, null where the line has no such field, or where the field plays its role."""
    kept = pl.col(name)
    if role:
        kept = pl.when(pl.col(f"{_CHOICE}{role}").ne_missing(pl.lit(name))).then(kept)
    return pl.lit(orjson.dumps(name).decode() + ":") + json_text(kept)
