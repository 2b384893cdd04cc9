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

_FEW = 16
"""So few lines are read one by one: setting up a decode into columns costs more. A guess."""
_ROUNDS = 3
"""How often names are learnt before what is left is read one by one. A guess."""
_SAMPLE = 24
"""From how many lines, about. The library's way to learn names takes time in the square of the names."""
_MOST_NAMES = 256
"""A line with more names than this is read by itself. A guess."""
_NAME_END = r'"\s*:'
_NULL_VALUE = r'"\s*:\s*null'
_LONE_SURROGATE = r"\\u[dD][89a-fA-F]"
_SURROGATE_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_NUL_NAME = r"\\u0000"
_RESULT_SCHEMA = pl.Schema([*FIELDS_SCHEMA.items(), ("is_json", pl.Boolean())])
_CHOICE = "\x00chosen "
"""Prefix of the columns that hold which name plays a role. No flat name begins so: see `_needs_row`."""
_TEXT_COLUMN = {"time": "time_text"}


def parse_json(texts: pl.Series, names: FieldNames) -> pl.DataFrame:
    """FIELDS_SCHEMA and `is_json`, a row for each text; a text that is not a JSON object has `is_json` false.

    Names are learnt from a few lines; lines that turn out to hold others are read again by what a few of those teach,
    and at last one by one. So the cost grows with the bytes only, whatever names a hostile sender invents.
    """
    texts = texts.str.replace_all(r"[\r\n]", " ")
    fields = texts.str.count_matches(_NAME_END)
    by_row = _needs_row(texts) | (fields > _MOST_NAMES)
    fields -= texts.str.count_matches(_NULL_VALUE)
    if not by_row.any():
        return _blocks(texts, fields, names, _ROUNDS)
    in_columns = _blocks(texts.filter(~by_row), fields.filter(~by_row), names, _ROUNDS)
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


def _blocks(texts: pl.Series, fields: pl.Series, names: FieldNames, rounds: int) -> pl.DataFrame:
    """`fields`: for each text, at least as many as it has names with a value other than null."""
    if len(texts) <= _FEW or not rounds:
        return _rows(texts, names)
    schema, decoded = _decode(texts)
    if decoded is not None and not schema:  # nothing but empty objects among the lines that were looked at
        return _rows(texts, names)
    if decoded is None:
        half = len(texts) // 2
        parts = ((texts[:half], fields[:half]), (texts[half:], fields[half:]))
        return pl.concat([_blocks(*part, names, rounds) for part in parts])
    flat, found = _flatten(decoded)
    is_whole = (found == fields) & ~_holds_json(flat, texts, schema)
    if is_whole.all():
        return _fields(flat, names)
    rest = _blocks(texts.filter(~is_whole), fields.filter(~is_whole), names, rounds - 1)
    return _merge(_fields(flat.filter(is_whole), names), is_whole, rest)


def _decode(texts: pl.Series) -> tuple[pl.Schema, pl.DataFrame | None]:
    """The names and types of some of the texts, and all texts decoded by these names, values as strings. No frame when
    one of them is not an object, or when types contradict each other.
    """
    sample = texts.gather_every(max(1, len(texts) // _SAMPLE))
    schema = pl.Schema()
    try:
        schema = pl.scan_ndjson(_body(sample), infer_schema_length=None).collect_schema()
        strings = {name: _as_strings(dtype) for name, dtype in schema.items()}
        decoded = pl.read_ndjson(_body(texts), schema=strings)
    except pl.exceptions.PolarsError:
        return schema, None
    return schema, decoded if decoded.height == len(texts) else None


def _body(texts: pl.Series) -> io.BytesIO:
    return io.BytesIO(texts.str.join("\n").item().encode())


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


def _flatten(decoded: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Structs to columns with dotted names, sorted; of two equal names the shorter path counts, then the smaller. And
    how many names of each line hold something, those of objects included.
    """
    present: list[pl.Series] = []
    columns: dict[str, dict[tuple[str, ...], pl.Series]] = {}
    pending: list[tuple[tuple[str, ...], pl.Series]] = [((column.name,), column) for column in decoded.get_columns()]
    while pending:
        path, column = pending.pop()
        present.append(column.is_not_null().alias(str(len(present))))
        if isinstance(column.dtype, pl.Struct):
            pending.extend(((*path, part.name), part) for part in column.struct.unnest().get_columns())
        else:
            columns.setdefault(".".join(path), {})[path] = column
    flat = {}
    for name, same in sorted(columns.items()):
        ordered = [same[path] for path in sorted(same, key=lambda path: (len(path), path))]
        merged = ordered[0] if len(ordered) == 1 else pl.select(pl.coalesce(ordered)).to_series()
        flat[name] = merged
    found = pl.DataFrame(present).select_seq(pl.sum_horizontal(pl.all().cast(pl.UInt32))).to_series()
    return pl.DataFrame(flat), found


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
        if not isinstance(dtype, pl.List):
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
