"""The ledger: exact counts of lines per minute, service, level, signature and shape, computed from the lines."""

import polars as pl

from index.line_store import LEDGER_WINDOW_NS
from ingest.signature import is_beyond_mask

LEDGER_SCHEMA = pl.Schema(
    {
        "window_ns": pl.Int64,
        "service": pl.String,
        "level": pl.String,
        "signature": pl.UInt64,
        "shape": pl.UInt64,
        "count": pl.Int64,
        "first_ns": pl.Int64,
        "last_ns": pl.Int64,
    }
)
LEDGER_KEYS = ["window_ns", "service", "level", "signature", "shape"]
LEDGER_LINE_COLUMNS = ("time_ns", "service", "level", "signature", "shape")
"""Columns of lines that a ledger is computed from."""
TALLY_SCHEMA = pl.Schema(
    {name: kind for name, kind in LEDGER_SCHEMA.items() if name != "window_ns"} | {"is_vague": pl.Boolean}
)
"""A ledger summed over all its windows. `is_vague`: some line of this signature says more than the signature tells."""
TALLY_KEYS = LEDGER_KEYS[1:]

SIGNATURE_SCHEMA = pl.Schema(
    {
        "signature": pl.UInt64,
        "shape": pl.UInt64,
        "service": pl.String,
        "level": pl.String,
        "first_ns": pl.Int64,
        "source": pl.String,
        "position": pl.Int64,
        "message": pl.String,
    }
)
SIGNATURE_MESSAGE_CHARACTERS = 4096
SIGNATURE_LINE_COLUMNS = ("signature", "shape", "service", "level", "time_ns", "source", "position", "message")


def ledger_of(lines: pl.DataFrame) -> pl.DataFrame:
    """The ledger of some lines, sorted by its keys."""
    window = (pl.col("time_ns") // LEDGER_WINDOW_NS * LEDGER_WINDOW_NS).alias("window_ns")
    return (
        lines.group_by([window, "service", "level", "signature", "shape"])
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("time_ns").min().alias("first_ns"),
            pl.col("time_ns").max().alias("last_ns"),
        )
        .sort(LEDGER_KEYS)
        .select(LEDGER_SCHEMA.names())
    )


def with_vagueness(ledger: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The ledger of the lines with the column `is_vague`, see TALLY_SCHEMA."""
    vague = lines.filter(is_beyond_mask(pl.col("message")))["signature"].unique()
    return ledger.with_columns(pl.col("signature").is_in(vague.implode()).alias("is_vague"))


def tally_of(ledger: pl.DataFrame) -> pl.DataFrame:
    """TALLY_SCHEMA, by its keys, of a ledger `with_vagueness`."""
    return _summed(ledger, TALLY_KEYS).select(TALLY_SCHEMA.names())


def summed_vague(ledger: pl.DataFrame) -> pl.DataFrame:
    """Rows of the same keys made one, in a ledger `with_vagueness`."""
    return _summed(ledger, LEDGER_KEYS).select(*LEDGER_SCHEMA.names(), "is_vague")


def _summed(ledger: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    sums = [pl.col("count").sum(), pl.col("first_ns").min(), pl.col("last_ns").max(), pl.col("is_vague").any()]
    return ledger.group_by(keys).agg(sums).sort(keys)


def joined_ledgers(ledgers: list[pl.DataFrame]) -> pl.DataFrame:
    """One ledger with the sums of several, sorted by its keys."""
    if not ledgers:
        return LEDGER_SCHEMA.to_frame()
    return summed(pl.concat(ledgers))


def summed(ledger: pl.DataFrame) -> pl.DataFrame:
    """Rows of the same keys made one."""
    return (
        ledger.group_by(LEDGER_KEYS)
        .agg(pl.col("count").sum(), pl.col("first_ns").min(), pl.col("last_ns").max())
        .sort(LEDGER_KEYS)
        .select(LEDGER_SCHEMA.names())
    )


def folded(ledger: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """Rows of signatures that are not among the `known` counted under their shape; sums stay the same.

    `known` is empty while no service is over its budget, which means: all are known.
    """
    return ledger if known.is_empty() else summed(folded_tally(ledger, known))


def folded_tally(rows: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """As `folded`, rows of the same keys left as they are."""
    if known.is_empty():
        return rows
    is_known = pl.col("signature").is_in(known.implode())
    return rows.with_columns(pl.when(is_known).then("signature").otherwise("shape").alias("signature"))


def first_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """The earliest line of each signature by (time_ns, source, position), by signature: SIGNATURE_SCHEMA."""
    return _earliest(
        lines.select(SIGNATURE_LINE_COLUMNS)
        .rename({"time_ns": "first_ns"})
        .sort("first_ns", "source", "position")
        .unique("signature", keep="first", maintain_order=True)
        .with_columns(pl.col("message").str.slice(0, SIGNATURE_MESSAGE_CHARACTERS))
    )


def joined_first_lines(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """The earliest rows of several results of `first_lines`."""
    if not parts:
        return SIGNATURE_SCHEMA.to_frame()
    return _earliest(pl.concat(parts))


def _earliest(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.sort("first_ns", "source", "position")
        .unique("signature", keep="first", maintain_order=True)
        .sort("signature")
        .select(SIGNATURE_SCHEMA.names())
    )


def admitted(known: pl.DataFrame, firsts: pl.DataFrame, budget: int) -> pl.DataFrame:
    """The table of signatures after `firsts` came, at most `budget` of one service; both as SIGNATURE_SCHEMA.

    What was known stays. Of a service over its budget the earliest new ones are taken; the others become one row per
    shape whose `signature` is the shape.
    """
    joined = joined_first_lines([known, firsts])
    is_single = pl.col("signature") != pl.col("shape")
    if joined.filter(is_single).group_by("service").len().filter(pl.col("len") > budget).is_empty():
        return joined
    is_new = ~pl.col("signature").is_in(known["signature"].implode())
    ranked = joined.sort(is_new, "first_ns", "source", "position").with_columns(
        pl.int_range(pl.len()).over("service").alias("rank")
    )
    is_kept = ~is_new | ~is_single | (pl.col("rank") < budget)
    kept, over = ranked.filter(is_kept), ranked.filter(~is_kept).with_columns(pl.col("shape").alias("signature"))
    return joined_first_lines([part.select(SIGNATURE_SCHEMA.names()) for part in (kept, over)])
