"""logfmt lines (`level=info msg="it works" user=7`) to the same columns as JSON lines."""

import polars as pl

from ingest.parse_fields import FIELDS_SCHEMA, FieldNames, json_text
from ingest.parse_level import field_level

_NAME = r"[A-Za-z_@][A-Za-z0-9_.@/-]*"
_PAIR = rf'{_NAME}=(?:"(?:[^"\\]|\\.)*"|[^\s"=]*)'
_SPLIT = rf'^({_NAME})=(?:"((?:[^"\\]|\\.)*)"|(.*))$'
IS_LOGFMT = rf"^\s*{_PAIR}(?:\s+{_PAIR})+\s*$"
"""Two pairs or more and nothing else. A text with pairs in it is a text."""


def parse_logfmt(texts: pl.Series, names: FieldNames) -> pl.DataFrame:
    """FIELDS_SCHEMA, a row for each text; every text matches IS_LOGFMT. Of equal names the first counts."""
    role_of = {name: role for role, of_role in names.by_role.items() for name in of_role}
    rank = {name: rank for of_role in names.by_role.values() for rank, name in enumerate(of_role)}
    role = pl.col("name").replace_strict(role_of, default=None, return_dtype=pl.String)
    is_good = pl.when(role == "level").then(field_level(pl.col("value")).is_not_null()).otherwise(pl.col("value") != "")
    pairs = _pairs(texts).with_columns(_role=pl.when(is_good).then(role))
    played = (
        pairs.filter(pl.col("_role").is_not_null())
        .sort("_row", "_role", pl.col("name").replace_strict(rank, default=None, return_dtype=pl.Int64))
        .unique(("_row", "_role"), keep="first", maintain_order=True)
    )
    rest = pairs.join(played.select("_row", "name"), on=("_row", "name"), how="anti", maintain_order="left")
    result = pl.DataFrame({"_row": pl.Series(range(len(texts)), dtype=pl.UInt32)})
    result = result.join(_attributes(rest), on="_row", how="left", maintain_order="left")
    for name in names.by_role:
        of_role = played.filter(pl.col("_role") == name)
        columns = of_role.select("_row", pl.col("name").alias(f"{name}_name"), _role_value(name).alias(name))
        result = result.join(columns, on="_row", how="left", maintain_order="left")
    return result.rename({"time": "time_text"}).select(*FIELDS_SCHEMA)


def _pairs(texts: pl.Series) -> pl.DataFrame:
    """Rows (`_row`, `name`, `value`), names unique in a row."""
    frame = pl.DataFrame({"pair": texts.str.extract_all(_PAIR)}).with_row_index("_row").explode("pair")
    split = pl.col("pair").str.extract_groups(_SPLIT)
    quoted, bare = split.struct.field("2"), split.struct.field("3")
    frame = frame.select("_row", split.struct.field("1").alias("name"), quoted.alias("quoted"), bare.alias("bare"))
    value = pl.when(pl.col("quoted").is_null()).then("bare").otherwise(_unescaped(pl.col("quoted")))
    return frame.select("_row", "name", value.alias("value")).unique(
        ("_row", "name"), keep="first", maintain_order=True
    )


def _unescaped(quoted: pl.Expr) -> pl.Expr:
    """The escapes that logfmt's writers use, all in one pass."""
    plain = quoted.str.replace_many(["\\\\", '\\"', "\\n", "\\t", "\\r"], ["\\", '"', "\n", "\t", "\r"])
    return pl.when(quoted.str.contains("\\", literal=True)).then(plain).otherwise(quoted)


def _role_value(role: str) -> pl.Expr:
    """The value as its role wants it."""
    return field_level(pl.col("value")) if role == "level" else pl.col("value")


def _attributes(rest: pl.DataFrame) -> pl.DataFrame:
    """Rows (`_row`, `attributes`), names sorted."""
    fragment = pl.concat_str(pl.lit('"'), pl.col("name"), pl.lit('":'), json_text(pl.col("value")))
    return (
        rest.sort("_row", "name")
        .group_by("_row", maintain_order=True)
        .agg(fragment.str.join(","))
        .select("_row", pl.concat_str(pl.lit("{"), pl.nth(1), pl.lit("}")).alias("attributes"))
    )
